/* SPDX-License-Identifier: MIT
 * call: the lanes that dial and that follow what was dialled. A dial leaves at most once: its grant
 * is committed before, it never leaves when its lease has run out, libcurl may not repeat it, and
 * whatever is not a clear yes or no from Twilio leaves the call unknown; only a request of which no
 * byte left, or that Twilio put off (408, 429), is dialled again. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/form.h"

#define ANSWER_MAX (64 * 1024)
#define LIST_MAX (1024 * 1024)
#define URL_MAX 4000
#define LEASE_MORE_MS \
	10000 /* a grant's lease is that much longer than its timeout (sweep_call_claim) */

static void put_options(struct tg_buf *form)
{
	static const char *const events[] = { "initiated", "ringing", "answered", "completed" };
	const char *detection = tg_conf_text(TG_CONF_TASKGATE_CALL_MACHINE_DETECTION);

	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		tg_form_put(form, "StatusCallbackEvent", events[i]);
	if (strcmp(detection, "off") != 0)
		tg_form_put(form, "MachineDetection", detection);
	if (tg_conf_int(TG_CONF_TASKGATE_CALL_RECORD) != 0)
		tg_form_put(form, "Record", "true");
}

/* The caller's own address gets his words as a query, as the service that this replaces gave them
 * (spec/facts.md 3.1.2 and 3.4, 10): behind what is there already, before a fragment, and those
 * alone that fit: an address that Twilio finds too long would cost the call. */
static const char *with_words(struct tg_arena *a, const char *url, struct tg_rows rows, int row)
{
	static const char *const words[] = { "voice", "language", "gather_input", "message",
		"custom_data" };
	size_t n = strcspn(url, "#");
	char mark = memchr(url, '?', n) == NULL ? '?' : '&';
	struct tg_buf query;

	tg_buf_init(&query, a);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t before = query.len;

		tg_form_put(&query, words[i], tg_rows_get(rows, row, words[i]));
		if (query.len > before && strlen(url) + 1 + query.len > URL_MAX) {
			query.len = before;
			query.data[before] = '\0';
		}
	}
	return query.len == 0
		? url
		: tg_arena_printf(a, "%.*s%c%s%s", (int)n, url, mark, query.data, url + n);
}

const char *sweep_call_prepare(struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	const char *from = tg_rows_get(rows, row, "from_number"),
		   *url = tg_rows_get(rows, row, "webhook_url"),
		   *outcome = sweep_twilio_need(j, from), *status;
	struct tg_transfer *t = j->transfer;
	struct tg_buf form;

	(void)s;
	if (outcome == NULL && url == NULL)
		outcome = sweep_need(j, TG_CONF_TASKGATE_PUBLIC_URL);
	if (outcome != NULL)
		return outcome;
	tg_buf_init(&form, t->arena);
	tg_form_put(&form, "To", tg_rows_get(rows, row, "number"));
	tg_form_put(&form, "From", from != NULL ? from : tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER));
	tg_form_put(&form, "Url",
		url != NULL ? with_words(t->arena, url, rows, row)
			    : sweep_twilio_callback(j, "incoming-call", "call"));
	tg_form_put(&form, "Timeout",
		tg_arena_printf(t->arena, "%lld", tg_conf_int(TG_CONF_TASKGATE_CALL_RING)));
	/* Where Twilio cannot reach this service it tells the caller himself. */
	status = sweep_twilio_callback(j, "call-status", "call");
	tg_form_put(&form, "StatusCallback",
		status != NULL ? status : tg_rows_get(rows, row, "status_url"));
	put_options(&form);
	sweep_twilio_form(j, &form);
	t->url = sweep_twilio_url(j, "Calls", NULL);
	t->headers = sweep_twilio_authorization(j);
	t->answer_max = ANSWER_MAX;
	/* Behind its lease others take the call for dialled, and count on it: the lease began after
	 * the claim was sent. */
	j->deadline_ms = j->claimed_ms + j->timeout_ms + LEASE_MORE_MS;
	return NULL;
}

static void judge_dial(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;

	j->wait_s = t->retry_after;
	switch (sweep_twilio_answer(t)) {
	case TWILIO_YES:
		if (!sweep_twilio_has(t, "sid", 's'))
			break;
		j->detail = t->answer.data;
		sweep_job_done(s, j, "accepted", NULL);
		return;
	case TWILIO_NO:
		if (sweep_twilio_has(t, "message", 's'))
			j->detail = t->answer.data;
		sweep_job_done(s, j, "refuse",
			tg_arena_printf(t->arena, "Twilio refused it with %d", t->status));
		return;
	case TWILIO_LATER:
		sweep_job_done(
			s, j, "again", tg_arena_printf(t->arena, "Twilio answered %d", t->status));
		return;
	case TWILIO_UNCLEAR:
		break;
	}
	sweep_job_done(s, j, "fail",
		tg_arena_printf(t->arena, "Twilio answered %d and no call", t->status));
}

void sweep_call_judge(struct sweep *s, struct sweep_job *j)
{
	const struct tg_transfer *t = j->transfer;

	if (t->result == TG_OUT_ANSWERED)
		judge_dial(s, j);
	else if (t->result == TG_OUT_UNSENT)
		sweep_job_done(s, j, "unsent", t->why);
	else
		sweep_job_done(s, j, "fail", t->why[0] != '\0' ? t->why : "no whole answer came");
}

const char *sweep_follow_prepare(struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	const char *sid = tg_rows_get(rows, row, "sid"), *outcome = sweep_twilio_need(j, "");
	struct tg_transfer *t = j->transfer;
	struct tg_buf form, query;

	(void)s;
	if (outcome != NULL)
		return "release";
	j->type = tg_arena_strdup(t->arena, sid == NULL ? "find" : tg_rows_get(rows, row, "type"));
	t->headers = sweep_twilio_authorization(j);
	t->answer_max = sid == NULL ? LIST_MAX : ANSWER_MAX;
	t->url = sweep_twilio_url(j, "Calls", sid);
	t->method = TG_OUT_GET;
	if (sid == NULL) {
		/* The newest come first; which of them is ours is for the statement to say. */
		tg_buf_init(&query, t->arena);
		tg_form_put(&query, "To", tg_rows_get(rows, row, "number"));
		tg_form_put(&query, "PageSize", "50");
		t->url = tg_arena_printf(t->arena, "%s?%s", t->url, query.data);
	} else if (strcmp(j->type, "hangup") == 0) {
		t->method = TG_OUT_POST;
		tg_buf_init(&form, t->arena);
		tg_form_put(&form, "Status", "completed");
		sweep_twilio_form(j, &form);
		t->once = false; /* hanging up twice does no harm */
	}
	return NULL;
}

void sweep_follow_judge(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	bool list = strcmp(j->type, "find") == 0;

	j->wait_s = t->retry_after;
	if (t->result != TG_OUT_ANSWERED) {
		sweep_job_done(s, j, t->result == TG_OUT_UNSENT ? "unsent" : "fail", t->why);
	} else if (sweep_twilio_answer(t) == TWILIO_YES &&
		sweep_twilio_has(t, list ? "calls" : "sid", list ? 'a' : 's')) {
		j->detail = t->answer.data;
		sweep_job_done(s, j, list ? "listed" : "asked", NULL);
	} else if (t->status == 404 && !list) {
		sweep_job_done(s, j, "gone", NULL);
	} else {
		sweep_job_done(
			s, j, "fail", tg_arena_printf(t->arena, "Twilio answered %d", t->status));
	}
}
