/* SPDX-License-Identifier: MIT
 * task: looks at one task and moves it by hand. The moves are the API's own statements, so that
 * they obey the same guards; the history names taskgatectl as the request and nobody as the
 * principal. */
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"
#include "taskgate/base/nudge.h"
#include "taskgate/core/task.h"

#define WAIT_MS 60000

/* The API's functions run inside the transaction that the command has begun. */
static struct tg_tx inside(struct tg_ctl *ctl)
{
	return (struct tg_tx){ .db = ctl->db,
		.arena = ctl->arena,
		.err = ctl->err,
		.deadline = tg_clock_ms() + WAIT_MS,
		.several = true,
		.runs = 1 };
}

static enum tg_rc move(
	struct tg_ctl *ctl, enum tg_rc (*verb)(struct tg_tx *, const char *, struct tg_rows *))
{
	static const struct tg_ctl_column columns[] = { { "public_id", TG_CTL_TEXT, "task" },
		{ "entity", TG_CTL_TEXT, "entity" }, { "state", TG_CTL_TEXT, "state" },
		{ "updated_at", TG_CTL_TIME, "at" }, { 0 } };
	struct tg_tx tx = inside(ctl);
	struct tg_rows rows;
	char *id;

	if (tg_ctl_begin(ctl) != TG_OK)
		return ctl->err->rc;
	if (verb(&tx, ctl->arg[0], &rows) != TG_OK)
		return tg_ctl_explain(ctl->err);
	tg_ctl_print_record(ctl, rows, 0, columns);
	id = tg_arena_strdup(ctl->arena, tg_rows_get(rows, 0, "public_id"));
	if (tg_ctl_write_audit(ctl, id, NULL) != TG_OK || tg_ctl_commit(ctl) != TG_OK)
		return ctl->err->rc;
	if (tx.nudge)
		tg_nudge(tg_conf_text(TG_CONF_TASKGATE_RUN_DIR));
	return TG_OK;
}

static enum tg_rc retry(struct tg_ctl *ctl)
{
	return move(ctl, tg_task_revive);
}

static enum tg_rc cancel(struct tg_ctl *ctl)
{
	return move(ctl, tg_task_cancel);
}

static enum tg_rc why(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "public_id", TG_CTL_TEXT, "task" },
		{ "entity", TG_CTL_TEXT, "entity" }, { "type", TG_CTL_TEXT, "type" },
		{ "state", TG_CTL_TEXT, "state" }, { "why", TG_CTL_TEXT, "why" },
		{ "attempts", TG_CTL_INT, "attempts" }, { "retry_count", TG_CTL_INT, "retries" },
		{ "lane", TG_CTL_TEXT, "lane" }, { "run_at", TG_CTL_TIME, "due" },
		{ "claimed_by", TG_CTL_TEXT, "held by" },
		{ "lease_until", TG_CTL_TIME, "held until" },
		{ "paused_at", TG_CTL_TIME, "lane paused" },
		{ "pause_reason", TG_CTL_TEXT, "pause's reason" },
		{ "parked_until", TG_CTL_TIME, "host parked to" },
		{ "polled_at", TG_CTL_TIME, "last asked for" },
		{ "last_error", TG_CTL_TEXT, "last error" }, { 0 } };
	struct tg_tx tx = inside(ctl);
	struct tg_rows rows;

	if (tg_ctl_begin(ctl) != TG_OK)
		return ctl->err->rc;
	if (tg_task_why(&tx, ctl->arg[0], &rows) != TG_OK)
		return tg_ctl_explain(ctl->err);
	if (!ctl->json)
		tg_buf_printf(
			&ctl->out, "%s\n\n", tg_why_text(tg_rows_text(rows, 0, TG_TASK_WHY_WHY)));
	tg_ctl_print_record(ctl, rows, 0, columns);
	return TG_OK;
}

static const struct tg_ctl_column task_columns[] = { { "public_id", TG_CTL_TEXT, "task" },
	{ "id", TG_CTL_TEXT, "internal id" }, { "entity", TG_CTL_TEXT, "entity" },
	{ "api", TG_CTL_TEXT, "api" }, { "kind", TG_CTL_TEXT, "kind" },
	{ "type", TG_CTL_TEXT, "type" }, { "action", TG_CTL_TEXT, "action" },
	{ "target_id", TG_CTL_TEXT, "target" }, { "state", TG_CTL_TEXT, "state" },
	{ "reason", TG_CTL_TEXT, "reason" }, { "priority", TG_CTL_INT, "priority" },
	{ "tags", TG_CTL_LIST, "tags" }, { "attempts", TG_CTL_INT, "attempts" },
	{ "retry_count", TG_CTL_INT, "retries" }, { "timeout_s", TG_CTL_INT, "timeout" },
	{ "progress", TG_CTL_INT, "progress" }, { "progress_message", TG_CTL_TEXT, "message" },
	{ "created_by", TG_CTL_TEXT, "created by" }, { "created_at", TG_CTL_TIME, "created" },
	{ "scheduled_at", TG_CTL_TIME, "scheduled" }, { "started_at", TG_CTL_TIME, "started" },
	{ "finished_at", TG_CTL_TIME, "finished" }, { "updated_at", TG_CTL_TIME, "updated" },
	{ "callback_url", TG_CTL_TEXT, "callback" }, { "lane", TG_CTL_TEXT, "lane" },
	{ "run_at", TG_CTL_TIME, "due" }, { "claimed_by", TG_CTL_TEXT, "held by" },
	{ "lease_until", TG_CTL_TIME, "held until" }, { "fence", TG_CTL_INT, "fence" },
	{ "last_error", TG_CTL_TEXT, "last error" }, { "input", TG_CTL_JSON, "payload" },
	{ "output", TG_CTL_JSON, "result" }, { 0 } };

static const struct tg_ctl_column history_columns[] = { { "seq", TG_CTL_INT, "SEQ" },
	{ "at", TG_CTL_TIME, "AT" }, { "event", TG_CTL_TEXT, "EVENT" },
	{ "from_state", TG_CTL_TEXT, NULL }, { "to_state", TG_CTL_TEXT, "STATE" },
	{ "principal", TG_CTL_TEXT, "BY" }, { "remote", TG_CTL_TEXT, NULL },
	{ "request_id", TG_CTL_TEXT, "REQUEST" }, { "reason", TG_CTL_TEXT, "REASON" }, { 0 } };

static const struct tg_ctl_column delivery_columns[] = { { "id", TG_CTL_TEXT, "DELIVERY" },
	{ "event", TG_CTL_TEXT, "EVENT" }, { "state", TG_CTL_TEXT, "STATE" },
	{ "attempts", TG_CTL_INT, "TRIES" }, { "last_status", TG_CTL_INT, "STATUS" },
	{ "last_error", TG_CTL_TEXT, "ERROR" }, { "url", TG_CTL_TEXT, "URL" },
	{ "created_at", TG_CTL_TIME, NULL }, { "finished_at", TG_CTL_TIME, NULL }, { 0 } };

/* One of the lists that belong to the task; left out of the text where it is empty. */
static enum tg_rc show_list(struct tg_ctl *ctl, struct tg_bind bind, const char *name,
	const struct tg_ctl_column *columns)
{
	struct tg_rows rows;

	if (tg_ctl_call(ctl, bind, &rows) != TG_OK)
		return ctl->err->rc;
	if (ctl->json) {
		tg_buf_printf(&ctl->out, ",\n\"%s\": ", name);
		tg_ctl_json_rows(&ctl->out, ctl->arena, rows, columns);
	} else if (tg_rows_count(rows) > 0) {
		tg_buf_puts(&ctl->out, "\n");
		tg_ctl_print_text_table(&ctl->out, ctl->arena, rows, columns);
	}
	return TG_OK;
}

static enum tg_rc show(struct tg_ctl *ctl)
{
	struct tg_rows rows;
	char *id;

	if (tg_ctl_query(ctl, TG_BIND_TASK_SHOW(.entity = ctl->arg[0]), &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL, "there is no task %s", ctl->arg[0]);
	id = tg_arena_strdup(ctl->arena, tg_rows_text(rows, 0, TG_TASK_SHOW_ID));
	if (ctl->json)
		tg_buf_puts(&ctl->out, "{\"task\": ");
	tg_ctl_print_record(ctl, rows, 0, task_columns);
	if (show_list(ctl, TG_BIND_TASK_SHOW_HISTORY(.id = id), "history", history_columns) !=
			TG_OK ||
		show_list(ctl, TG_BIND_TASK_SHOW_DELIVERIES(.id = id), "deliveries",
			delivery_columns) != TG_OK)
		return ctl->err->rc;
	if (ctl->json)
		tg_buf_puts(&ctl->out, "}\n");
	return TG_OK;
}

#define TASK \
	.args = "ENTITY|ID", .min_args = 1, .max_args = 1, .flags = TG_CTL_DATABASE | TG_CTL_TENANT

const struct tg_ctl_command tg_ctl_task[] = {
	{ .words = "task show",
		TASK,
		.run = show,
		.help = "print all that is known of a task, payload and history included" },
	{ .words = "task why", TASK, .run = why, .help = "say why a task has not run" },
	{ .words = "task retry",
		TASK,
		.run = retry,
		.help = "queue a failed task again, with all its attempts" },
	{ .words = "task cancel", TASK, .run = cancel, .help = "cancel a task that has not ended" },
	{ 0 }
};
