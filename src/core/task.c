/* SPDX-License-Identifier: MIT
 * task: what the disposition API does with tasks, one statement each. Owns the meaning of their
 * rows ("none" is not found, "not moved" is a conflict); promises that a task moves only along its
 * machine's edges, since the statement's guard and the ledger's trigger both say so. It knows
 * neither HTTP nor JSON shapes. */
#include <stdio.h>
#include <string.h>

#include "statement.h"
#include "taskgate/core/task.h"

static const char *sql_bool(bool b)
{
	return b ? "t" : "f";
}

enum tg_rc tg_generic_create(struct tg_tx *tx, const struct tg_generic *g, struct tg_rows *rows)
{
	const char *params[] = { g->entity, g->type, g->action, g->target_id, g->payload,
		g->priority, g->scheduled_at, g->timeout, g->retry_count, g->callback_url, g->tags,
		sql_bool(g->types_closed) };
	enum tg_rc rc;

	tx->writes = true;
	rc = tg_tx_run(tx, (struct tg_bind){ TG_SQL_GENERIC_CREATE, params }, rows);
	if (rc == TG_OK)
		tx->nudge = tg_rows_bool(*rows, 0, "nudge");
	return rc;
}

enum tg_rc tg_generic_get(struct tg_tx *tx, const char *entity, bool payload, bool result,
	bool logs, struct tg_rows *rows)
{
	const char *params[] = { entity, sql_bool(payload), sql_bool(result), sql_bool(logs) };

	return statement_find(tx, (struct tg_bind){ TG_SQL_GENERIC_GET, params }, "task", rows);
}

enum tg_rc tg_task_get(struct tg_tx *tx, const char *entity, bool details, bool history,
	const char *kind, struct tg_rows *rows)
{
	const char *params[] = { entity, sql_bool(details), sql_bool(history), kind };

	return statement_find(
		tx, (struct tg_bind){ TG_SQL_DISPOSITION_TASK_GET, params }, "task", rows);
}

enum tg_rc tg_task_list(struct tg_tx *tx, const char *state, const char *kind, const char *tag,
	long long limit, long long offset, struct tg_rows *rows)
{
	char most[24], skip[24];
	const char *params[] = { state, kind, most, skip, tag };

	snprintf(most, sizeof most, "%lld", limit);
	snprintf(skip, sizeof skip, "%lld", offset);
	if (tag != NULL)
		return tg_tx_run(
			tx, (struct tg_bind){ TG_SQL_DISPOSITION_TASK_LIST_BY_TAG, params }, rows);
	return tg_tx_run(tx, (struct tg_bind){ TG_SQL_DISPOSITION_TASK_LIST, params }, rows);
}

/* A guarded move: the row says whether the guard held. */
static enum tg_rc move(
	struct tg_tx *tx, struct tg_bind bind, const char *verb, struct tg_rows *rows)
{
	enum tg_rc rc;

	tx->writes = true;
	rc = statement_find(tx, bind, "task", rows);
	if (rc != TG_OK || tg_rows_bool(*rows, 0, "moved"))
		return rc;
	return tg_fail_reason(tx->err, TG_E_CONFLICT, "state_edge", NULL,
		"a task that is %s cannot be %s", tg_rows_get(*rows, 0, "state"), verb);
}

enum tg_rc tg_task_cancel(struct tg_tx *tx, const char *entity, struct tg_rows *rows)
{
	enum tg_rc rc = move(tx, TG_BIND_DISPOSITION_TASK_CANCEL(entity), "cancelled", rows);

	tx->nudge = rc == TG_OK;
	return rc;
}

enum tg_rc tg_task_revive(struct tg_tx *tx, const char *entity, struct tg_rows *rows)
{
	enum tg_rc rc = move(tx, TG_BIND_DISPOSITION_TASK_REVIVE(entity), "retried", rows);

	tx->nudge = rc == TG_OK && tg_rows_bool(*rows, 0, "nudge");
	return rc;
}

enum tg_rc tg_task_why(struct tg_tx *tx, const char *entity, struct tg_rows *rows)
{
	const char *params[] = { entity };

	return statement_find(tx, (struct tg_bind){ TG_SQL_TASK_WHY, params }, "task", rows);
}

const char *tg_why_text(const char *why)
{
	static const struct {
		const char *why, *text;
	} texts[] = {
		{ "finished", "The task has ended." },
		{ "no_work", "Nothing is queued for this task; it waits for a person." },
		{ "leased", "It is running: a worker holds its lease." },
		{ "retry_wait",
			"The last attempt failed or could not be sent; it waits for the next "
			"one." },
		{ "not_due", "It is scheduled for later." },
		{ "lane_paused", "Its lane is paused." },
		{ "host_parked",
			"The host of its handler failed several times running and rests." },
		{ "no_worker",
			"It has no handler, and no worker has asked for its type in the last five "
			"minutes." },
		{ "no_sweeper",
			"No sweeper has been seen for 150 seconds: is cron running "
			"taskgate-sweep?" },
		{ "paced", "It waits for its pace." },
		{ "due", "It is due and will be taken next." },
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strcmp(texts[i].why, why) == 0)
			return texts[i].text;
	return "";
}
