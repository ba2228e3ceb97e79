/* SPDX-License-Identifier: MIT
 * message: SMS and email, one statement each. Owns the meaning of their rows; promises that a
 * message is durable and due when it is answered for. It knows neither HTTP nor JSON shapes, and
 * sends nothing: that is the sweeper's. */
#include <stdio.h>

#include "statement.h"
#include "taskgate/core/message.h"

enum tg_rc tg_sms_create(struct tg_tx *tx, const struct tg_sms *m, struct tg_rows *rows)
{
	char characters[24], segments[24];
	const char *params[] = { m->entity, m->to, m->from, m->text, characters, segments,
		m->priority, m->callback_url, m->metadata };

	snprintf(characters, sizeof characters, "%zu", m->characters);
	snprintf(segments, sizeof segments, "%zu", m->segments);
	return statement_make(tx, (struct tg_bind){ TG_SQL_SMS_CREATE, params }, rows);
}

enum tg_rc tg_email_create(struct tg_tx *tx, const struct tg_email *m, struct tg_rows *rows)
{
	const char *params[] = { m->to, m->cc, m->bcc, m->from, m->from_name, m->reply_to,
		m->subject, m->template_name, m->data, m->headers, m->metadata, m->priority,
		m->callback_url, m->file_names, m->file_types, m->files };

	return statement_make(tx, (struct tg_bind){ TG_SQL_EMAIL_CREATE, params }, rows);
}

enum tg_rc tg_sms_get(
	struct tg_tx *tx, const char *name, bool log, const char *sender, struct tg_rows *rows)
{
	return statement_find(tx,
		(struct tg_bind){
			TG_SQL_SMS_GET, (const char *[]){ name, log ? "t" : "f", sender } },
		"SMS", rows);
}

enum tg_rc tg_email_get(struct tg_tx *tx, const char *id, bool events, bool content,
	const char *sender, struct tg_rows *rows)
{
	return statement_find(tx,
		(struct tg_bind){ TG_SQL_EMAIL_GET,
			(const char *[]){ id, events ? "t" : "f", content ? "t" : "f", sender } },
		"email", rows);
}

enum tg_rc tg_message_report(struct tg_tx *tx, const struct tg_report *r)
{
	const char *params[] = { r->task, r->sid, r->status, r->error_code, r->params,
		r->request_id, r->remote };
	struct tg_rows rows;

	return statement_make(tx, (struct tg_bind){ TG_SQL_MESSAGE_REPORT, params }, &rows);
}
