/* SPDX-License-Identifier: MIT
 * deliver: the lane that tells a callback_url how a task ended. Promises a signature on every body
 * and the same webhook-id on every retry, so that a receiver can tell a repeat; seq says the order,
 * which is not promised. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/twilio.h"

#define ANSWER_MAX (64 * 1024) /* what a receiver says beyond its status is dropped */

static void put_outcome(struct tg_buf *b, struct tg_rows rows, int row)
{
	const char *status = tg_rows_get(rows, row, "status"),
		   *result = tg_rows_get(rows, row, "result");

	if (strcmp(status, "completed") == 0) {
		tg_buf_puts(b, ",\"result\":");
		tg_buf_puts(b, result != NULL ? result : "null");
	} else if (strcmp(status, "cancelled") != 0) {
		tg_buf_printf(b, ",\"error\":{\"code\":\"%s\",\"message\":",
			strcmp(status, "expired") == 0 ? "TASK_EXPIRED" : "TASK_FAILED");
		sweep_json_text(b, tg_rows_get(rows, row, "reason"));
		tg_buf_put(b, "}", 1);
	}
}

static void put_body(struct sweep_job *j, struct tg_rows rows, int row)
{
	struct tg_transfer *t = j->transfer;
	const char *entity = tg_rows_get(rows, row, "entity");
	struct tg_buf b;

	tg_buf_init(&b, t->arena);
	tg_buf_puts(&b, "{\"event\":");
	sweep_json_text(&b, tg_rows_get(rows, row, "event"));
	tg_buf_puts(&b, ",\"task_id\":");
	sweep_json_text(&b, tg_rows_get(rows, row, "public_id"));
	tg_buf_puts(&b, ",\"entity\":");
	sweep_json_text(&b, entity != NULL ? entity : tg_rows_get(rows, row, "public_id"));
	tg_buf_puts(&b, ",\"type\":");
	sweep_json_text(&b, tg_rows_get(rows, row, "kind"));
	tg_buf_puts(&b, ",\"status\":");
	sweep_json_text(&b, tg_rows_get(rows, row, "status"));
	tg_buf_printf(&b, ",\"seq\":%s,\"timestamp\":", tg_rows_get(rows, row, "seq"));
	sweep_json_text(&b, tg_time_seconds(t->arena, tg_rows_get(rows, row, "created_at")));
	put_outcome(&b, rows, row);
	tg_buf_put(&b, "}", 1);
	t->body = b.data;
	t->body_len = b.len;
}

/* A client's own status callback gets what Twilio sent us (spec README decision 14). */
static void put_form(struct sweep_job *j, const char *form)
{
	struct tg_transfer *t = j->transfer;

	t->type = "application/x-www-form-urlencoded";
	t->body = tg_arena_strdup(t->arena, form);
	t->body_len = strlen(form);
}

/* As Twilio would have signed it for that address, beside our own signature. */
static void sign_as_twilio(struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	const char *token = tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN),
		   **lines = tg_arena_zalloc(t->arena, 8 * sizeof *lines);
	struct tg_form form;
	size_t n = 0;

	for (; t->headers[n] != NULL; n++)
		lines[n] = t->headers[n];
	if (token[0] != '\0' && tg_form_parse(t->arena, t->body, t->body_len, &form))
		lines[n] = tg_arena_printf(t->arena, "X-Twilio-Signature: %s",
			tg_twilio_signature(t->arena, token, t->url, &form));
	t->headers = lines;
}

const char *sweep_webhook_prepare(
	struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	struct tg_transfer *t = j->transfer;

	t->url = tg_arena_strdup(t->arena, tg_rows_get(rows, row, "url"));
	t->answer_max = ANSWER_MAX;
	if (tg_rows_get(rows, row, "form") != NULL)
		put_form(j, tg_rows_get(rows, row, "form"));
	else
		put_body(j, rows, row);
	if (!sweep_sign(s, j, rows, row, tg_arena_printf(t->arena, "msg_%s", j->id))) {
		j->reason = "the tenant has no live signing key";
		return "fail";
	}
	if (tg_rows_get(rows, row, "form") != NULL)
		sign_as_twilio(j);
	return NULL;
}

void sweep_webhook_judge(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	const char *outcome = "fail";

	if (t->status != 0)
		j->detail = tg_arena_printf(t->arena, "%d", t->status);
	switch (t->result) {
	case TG_OUT_ANSWERED:
	case TG_OUT_TOO_LARGE:
		j->wait_s = t->retry_after;
		if (t->status >= 200 && t->status < 300)
			sweep_job_done(s, j, "delivered", NULL);
		else
			sweep_job_done(s, j, t->status == 410 ? "dead" : "fail",
				tg_arena_printf(t->arena, "the receiver answered %d", t->status));
		return;
	case TG_OUT_REFUSED:
		outcome = "dead";
		break;
	case TG_OUT_UNSENT:
		outcome = "unsent";
		break;
	case TG_OUT_LOST:
	case TG_OUT_TIMEOUT:
		break;
	}
	sweep_job_done(s, j, outcome, t->why);
}
