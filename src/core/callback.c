/* SPDX-License-Identifier: MIT
 * callback: voicemails and finished callbacks, one statement each. Promises that a callback is
 * finished once, with everything that follows from it or with nothing. */
#include "statement.h"
#include "taskgate/core/callback.h"

enum tg_rc tg_voicemail_create(struct tg_tx *tx, const struct tg_voicemail *v, struct tg_rows *rows)
{
	const char *params[] = { v->entity, v->voicemail_id, v->caller_id, v->recipient_id,
		v->duration, v->timestamp, v->audio_url, v->transcription, v->priority,
		v->callback_url, v->metadata, v->entities_closed ? "t" : "f" };

	return statement_make(tx, (struct tg_bind){ TG_SQL_VOICEMAIL_CREATE, params }, rows);
}

enum tg_rc tg_voicemail_get(
	struct tg_tx *tx, const char *name, bool metadata, bool history, struct tg_rows *rows)
{
	return statement_find(tx,
		(struct tg_bind){ TG_SQL_VOICEMAIL_GET,
			(const char *[]){ name, metadata ? "t" : "f", history ? "t" : "f" } },
		"voicemail", rows);
}

enum tg_rc tg_callback_finish(
	struct tg_tx *tx, const struct tg_callback_finish *f, struct tg_rows *rows)
{
	const char *params[] = { f->entity, f->callback_id, f->agent_id, f->disposition_code,
		f->body, f->next_type, f->next_at, f->next_template, f->next_attempt,
		f->customer_data, f->callbacks_closed ? "t" : "f", f->agents_closed ? "t" : "f" };

	return statement_make(tx, (struct tg_bind){ TG_SQL_CALLBACK_FINISH, params }, rows);
}
