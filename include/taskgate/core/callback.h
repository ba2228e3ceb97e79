/* SPDX-License-Identifier: MIT
 * callback: voicemails and finished callbacks (spec/disposition.md; decision 8). Every function
 * runs one named statement of the same name (sql/queries/callback.sql); params are texts or NULL,
 * borrowed; rows are borrowed until the connection's next round trip. */
#ifndef TASKGATE_CALLBACK_H
#define TASKGATE_CALLBACK_H

#include "taskgate/db/tx.h"

struct tg_voicemail {
	const char *entity, *voicemail_id, *caller_id, *recipient_id, *duration, *timestamp,
		*audio_url, *transcription, *priority, *callback_url, *metadata;
	bool entities_closed;
};

struct tg_callback_finish {
	const char *entity, *callback_id, *agent_id, *disposition_code;
	const char *body; /* JSON: the fields that are only kept */
	const char *next_type, *next_at, *next_template, *next_attempt; /* of next_action */
	const char *customer_data;
	bool callbacks_closed, agents_closed;
};

/* TG_E_CONFLICT task_entity_taken, voicemail_taken; TG_E_NOTFOUND entity_unknown. */
enum tg_rc tg_voicemail_create(
	struct tg_tx *, const struct tg_voicemail *, struct tg_rows *) TG_MUSTCHECK;
/* TG_E_NOTFOUND where no such voicemail is visible. */
enum tg_rc tg_voicemail_get(struct tg_tx *, const char *name, bool metadata, bool history,
	struct tg_rows *) TG_MUSTCHECK;
/* TG_E_INVALID disposition_unknown, template_unknown; TG_E_NOTFOUND callback_unknown; TG_E_CONFLICT
 * callback_finished, task_entity_taken; TG_E_UNPROCESSABLE agent_invalid. All that it sets going is
 * in the same commit. */
enum tg_rc tg_callback_finish(
	struct tg_tx *, const struct tg_callback_finish *, struct tg_rows *) TG_MUSTCHECK;

#endif
