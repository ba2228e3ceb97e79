/* SPDX-License-Identifier: MIT
 * sms: the lane that sends SMS through Twilio's Messages resource, and asks Twilio what became of
 * one of which nothing was reported. At least once: an answer that was lost is an attempt that
 * failed, unless Twilio's report has come meanwhile. What an answer says is read by the settle
 * statement; here only its status counts. */
#include "sweep_internal.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/form.h"

#define ANSWER_MAX (64 * 1024)

const char *sweep_sms_prepare(struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	const char *sid = tg_rows_get(rows, row, "provider_id"),
		   *from = tg_rows_get(rows, row, "sender");
	struct tg_transfer *t = j->transfer;
	const char *outcome;
	struct tg_buf form;

	(void)s;
	outcome = sweep_twilio_need(j, from);
	if (outcome != NULL)
		return outcome;
	if (from == NULL)
		from = tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER);
	t->url = sweep_twilio_url(j, "Messages", sid);
	t->headers = sweep_twilio_authorization(j);
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
	/* The address names the task, so that a report which overtakes the answer, or makes up for
	 * a lost one, finds it. */
	tg_form_put(&form, "StatusCallback", sweep_twilio_callback(j, "message-status", "task"));
	sweep_twilio_form(j, &form);
	return NULL;
}

static void judge_answer(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;

	j->wait_s = t->retry_after;
	switch (sweep_twilio_answer(t)) {
	case TWILIO_YES:
		/* Without its id nothing can be followed. */
		if (!sweep_twilio_has(t, "sid", 's')) {
			sweep_job_done(s, j, "fail", "Twilio's answer is not a message");
			return;
		}
		j->detail = t->answer.data;
		sweep_job_done(s, j, j->asks ? "asked" : "accepted", NULL);
		return;
	case TWILIO_NO:
		if (sweep_twilio_has(t, "message", 's'))
			j->detail = t->answer.data;
		sweep_job_done(s, j, "refuse",
			tg_arena_printf(t->arena, "Twilio refused it with %d", t->status));
		return;
	case TWILIO_LATER:
	case TWILIO_UNCLEAR:
		break;
	}
	sweep_job_done(s, j, "fail", tg_arena_printf(t->arena, "Twilio answered %d", t->status));
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
