/* SPDX-License-Identifier: MIT
 * handler: the lane that POSTs a task to the handler of its type. The body is what /work/claim
 * gives out, so that a worker does not care which way its work came. Promises that only a whole,
 * strictly valid JSON answer (or none at all) completes a task. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/http/json_scan.h"

#define ANSWER_MAX (1024 * 1024)

static void member(
	struct tg_buf *b, const char *name, struct tg_rows rows, int row, const char *column)
{
	tg_buf_printf(b, ",\"%s\":", name);
	sweep_json_text(b, tg_rows_get(rows, row, column));
}

static void raw_member(
	struct tg_buf *b, const char *name, struct tg_rows rows, int row, const char *column)
{
	const char *json = tg_rows_get(rows, row, column);

	tg_buf_printf(b, ",\"%s\":", name);
	tg_buf_puts(b, json != NULL ? json : "null");
}

static void put_body(struct sweep_job *j, struct tg_rows rows, int row)
{
	struct tg_transfer *t = j->transfer;
	struct tg_buf b;

	tg_buf_init(&b, t->arena);
	tg_buf_printf(&b, "{\"id\":\"%s\",\"fence\":%s,\"lease_expires_at\":", j->id, j->fence);
	sweep_json_text(&b, tg_time_seconds(t->arena, tg_rows_get(rows, row, "lease_until")));
	raw_member(&b, "attempt", rows, row, "attempt");
	member(&b, "task_id", rows, row, "public_id");
	member(&b, "entity", rows, row, "entity");
	member(&b, "task_type", rows, row, "type");
	member(&b, "action", rows, row, "action");
	member(&b, "target_id", rows, row, "target_id");
	raw_member(&b, "payload", rows, row, "payload");
	raw_member(&b, "priority", rows, row, "priority");
	raw_member(&b, "tags", rows, row, "tags");
	tg_buf_put(&b, "}", 1);
	t->body = b.data;
	t->body_len = b.len;
}

const char *sweep_handler_prepare(
	struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row)
{
	struct tg_transfer *t = j->transfer;
	const char *url = tg_rows_get(rows, row, "url");

	/* The task's own timeout began at the claim. */
	j->deadline_ms = j->claimed_ms + tg_rows_int(rows, row, "timeout_s") * 1000;
	if (url == NULL) {
		j->reason = "its type has no handler any more";
		return "release"; /* which takes it to the pull lane */
	}
	put_body(j, rows, row);
	t->url = tg_arena_strdup(t->arena, url);
	t->answer_max = ANSWER_MAX;
	if (!sweep_sign(s, j, rows, row, tg_arena_printf(t->arena, "msg_%s_%s", j->id, j->fence))) {
		j->reason = "the tenant has no live signing key";
		return "fail";
	}
	return NULL;
}

static void judge_success(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	struct tg_json_scan scan;

	if (t->status == 202) {
		sweep_job_done(s, j, "hold", NULL);
		return;
	}
	if (t->answer.len == 0) {
		sweep_job_done(s, j, "complete", NULL);
		return;
	}
	if (!tg_json_scan(t->arena, t->answer.data, t->answer.len, TG_JSON_STRICT, &scan)) {
		sweep_job_done(s, j, "fail",
			tg_arena_printf(t->arena,
				"the handler's answer is not JSON: %s at line %zu, column %zu",
				scan.why, scan.line, scan.column));
		return;
	}
	j->detail = t->answer.data;
	sweep_job_done(s, j, "complete", NULL);
}

static void judge_answer(struct sweep *s, struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;

	if (t->status >= 200 && t->status < 300) {
		judge_success(s, j);
		return;
	}
	if (t->status == 429 || t->status == 503)
		j->wait_s = t->retry_after;
	sweep_job_done(
		s, j, "fail", tg_arena_printf(t->arena, "the handler answered %d", t->status));
}

void sweep_handler_judge(struct sweep *s, struct sweep_job *j)
{
	const struct tg_transfer *t = j->transfer;

	switch (t->result) {
	case TG_OUT_ANSWERED:
		judge_answer(s, j);
		return;
	case TG_OUT_TOO_LARGE:
		sweep_job_done(s, j, "fail", "the handler's answer is larger than 1 MiB");
		return;
	case TG_OUT_UNSENT:
		sweep_job_done(s, j, "unsent", t->why);
		return;
	case TG_OUT_LOST:
	case TG_OUT_TIMEOUT:
	case TG_OUT_REFUSED:
		break;
	}
	/* Cut off by the task's own timeout, not by ours: that is how a task expires. */
	sweep_job_done(s, j,
		t->result == TG_OUT_TIMEOUT && tg_clock_ms() >= j->deadline_ms - 5 ? "timeout"
										   : "fail",
		t->why);
}
