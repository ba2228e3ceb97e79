/* SPDX-License-Identifier: MIT
 * sms: the lane that sends SMS through Twilio's Messages resource, and asks Twilio what became of one of which nothing was reported. At least once: an answer that was
 * lost is an attempt that failed, unless Twilio's report has come meanwhile. What an answer says is read by the settle statement; here only its status counts. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/conf.h"
#include "taskgate/form.h"
#include "taskgate/json_scan.h"

#define ANSWER_MAX (64 * 1024)

static const char *messages(struct sweep_job *j, const char *sid)
{
	const char *base = tg_conf_text(TG_CONF_TWILIO_API_BASE);
	size_t n = strlen(base);

	while (n > 0 && base[n - 1] == '/')
		n--;
	return tg_arena_printf(j->transfer->arena, "%.*s/2010-04-01/Accounts/%s/Messages%s%s.json", (int)n, base, tg_conf_text(TG_CONF_TWILIO_ACCOUNT_SID),
	    sid != NULL ? "/" : "", sid != NULL ? sid : "");
}

/* RFC 7617. */
static const char *const *authorization(struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	const char **lines = tg_arena_zalloc(t->arena, 2 * sizeof *lines);
	const char *pair = tg_arena_printf(t->arena, "%s:%s", tg_conf_text(TG_CONF_TWILIO_ACCOUNT_SID), tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN));

	lines[0] = tg_arena_printf(t->arena, "Authorization: Basic %s", tg_base64(t->arena, (const uint8_t *)pair, strlen(pair)));
	return lines;
}

/* The address names the task, so that a report which overtakes the answer, or makes up for a lost one, finds it. */
static const char *status_callback(struct sweep_job *j)
{
	const char *base = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL);
	size_t n = strlen(base);

	if (n == 0)
		return NULL;
	while (n > 0 && base[n - 1] == '/')
		n--;
	return tg_arena_printf(j->transfer->arena, "%.*s/api/v1/twilio/message-status?task=%s", (int)n, base, j->id);
}

static const char *need(struct sweep_job *j, enum tg_conf setting)
{
	j->reason = tg_arena_printf(j->transfer->arena, "%s is not set", tg_conf_row(setting)->name);
	return "refuse";
}

const char *sweep_sms_prepare(struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	const char *sid = tg_rows_get(rows, row, "provider_id"), *from = tg_rows_get(rows, row, "sender");
	struct tg_transfer *t = j->transfer;
	struct tg_buf form;

	(void)s;
	if (from == NULL)
		from = tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER);
	for (size_t i = 0; i < 2; i++)
		if (tg_conf_text(i == 0 ? TG_CONF_TWILIO_ACCOUNT_SID : TG_CONF_TWILIO_AUTH_TOKEN)[0] == '\0')
			return need(j, i == 0 ? TG_CONF_TWILIO_ACCOUNT_SID : TG_CONF_TWILIO_AUTH_TOKEN);
	if (from[0] == '\0')
		return need(j, TG_CONF_TWILIO_PHONE_NUMBER);
	t->url = messages(j, sid);
	t->headers = authorization(j);
	t->answer_max = ANSWER_MAX;
	if (sid != NULL) {
		j->asks = true;
		t->method = TG_OUT_GET;
		return NULL;
	}
	tg_buf_init(&form, t->arena);
	tg_form_put(&form, "To", tg_rows_get(rows, row, "recipient"));
	tg_form_put(&form, "From", from);
	tg_form_put(&form, "Body", tg_rows_get(rows, row, "text"));
	tg_form_put(&form, "StatusCallback", status_callback(j));
	t->type = "application/x-www-form-urlencoded";
	t->body = form.data;
	t->body_len = form.len;
	t->once = true;
	return NULL;
}

/* A resource of which the ledger can remember the id. */
static bool is_message(const struct tg_transfer *t, struct tg_json_scan *scan)
{
	const struct tg_json_member *sid;

	if (t->answer.len == 0 || !tg_json_scan(t->arena, t->answer.data, t->answer.len, TG_JSON_STRICT, scan) || scan->type != 'o')
		return false;
	sid = tg_json_member(scan, "sid");
	return sid != NULL && sid->type == 's' && sid->len > 2;
}

static void judge_answer(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	struct tg_json_scan scan;

	j->wait_s = t->retry_after;
	if (t->status >= 200 && t->status < 300 && is_message(t, &scan)) {
		j->detail = t->answer.data;
		sweep_job_done(s, j, j->asks ? "asked" : "accepted", NULL);
		return;
	}
	if (t->status >= 200 && t->status < 300) {
		sweep_job_done(s, j, "fail", "Twilio's answer is not a message");
		return;
	}
	/* 408 and 429 ask for another try; any other 4xx says that none will do better. */
	if (t->status < 400 || t->status >= 500 || t->status == 408 || t->status == 429) {
		sweep_job_done(s, j, "fail", tg_arena_printf(t->arena, "Twilio answered %d", t->status));
		return;
	}
	if (t->answer.len > 0 && tg_json_scan(t->arena, t->answer.data, t->answer.len, TG_JSON_STRICT, &scan) && scan.type == 'o')
		j->detail = t->answer.data;
	sweep_job_done(s, j, "refuse", tg_arena_printf(t->arena, "Twilio refused it with %d", t->status));
}

void sweep_sms_judge(struct sweep *s, struct sweep_job *j)
{
	const struct tg_transfer *t = j->transfer;

	switch (t->result) {
	case TG_OUT_ANSWERED:
		judge_answer(s, j);
		return;
	case TG_OUT_TOO_LARGE:
		sweep_job_done(s, j, "fail", "Twilio's answer is larger than 64 KiB");
		return;
	case TG_OUT_UNSENT:
		sweep_job_done(s, j, "unsent", t->why);
		return;
	case TG_OUT_LOST:
	case TG_OUT_TIMEOUT:
	case TG_OUT_REFUSED:
		break;
	}
	sweep_job_done(s, j, "fail", t->why);
}
