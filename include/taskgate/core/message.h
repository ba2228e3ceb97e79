/* SPDX-License-Identifier: MIT
 * message: SMS and email as the disposition API makes and shows them (spec/facts.md 1.2), and what
 * Twilio reports of them. Every function runs one named statement of the same name
 * (sql/queries/message.sql); params are texts or NULL, borrowed; rows are borrowed until the
 * connection's next round trip. */
#ifndef TASKGATE_MESSAGE_H
#define TASKGATE_MESSAGE_H

#include "taskgate/db/tx.h"

struct tg_sms {
	const char *entity, *to, *from, *text, *priority, *callback_url, *metadata;
	size_t characters, segments;
};

struct tg_email {
	const char *to, *cc, *bcc; /* array literals; cc and bcc may be NULL */
	const char *from, *from_name, *reply_to, *subject, *template_name, *data, *headers,
		*metadata, *priority, *callback_url;
	const char *file_names, *file_types, *files; /* array literals of the same length, contents
							in base64; NULL where there are none */
};

struct tg_report {
	const char *task, *sid, *status, *error_code, *params, *request_id, *remote;
};

/* TG_E_CONFLICT task_entity_taken. */
enum tg_rc tg_sms_create(struct tg_tx *, const struct tg_sms *, struct tg_rows *) TG_MUSTCHECK;
/* TG_E_INVALID template_unknown, template_error. */
enum tg_rc tg_email_create(struct tg_tx *, const struct tg_email *, struct tg_rows *) TG_MUSTCHECK;
/* TG_E_NOTFOUND where no such message is visible. sender: shown where the message names none. */
enum tg_rc tg_sms_get(struct tg_tx *, const char *name, bool log, const char *sender,
	struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_email_get(struct tg_tx *, const char *id, bool events, bool content,
	const char *sender, struct tg_rows *) TG_MUSTCHECK;
/* Runs without a tenant: the report names what it is about. What is not ours is kept and changes
 * nothing. */
enum tg_rc tg_message_report(struct tg_tx *, const struct tg_report *) TG_MUSTCHECK;

#endif
