/* SPDX-License-Identifier: MIT
 * call: calls and campaigns, one statement each. Promises that what was queued is durable when it
 * is answered for, however many numbers it has. It dials nobody: that is the sweeper's. */
#include <stdio.h>

#include "statement.h"
#include "taskgate/core/call.h"
#include "taskgate/base/clock.h"

#define ACTIVE_MOST "1000"

enum tg_rc tg_call_queue(struct tg_tx *tx, const char *number, const char *delay,
	const struct tg_dial *d, struct tg_rows *rows)
{
	return statement_make(tx,
		(struct tg_bind){ TG_SQL_CALL_QUEUE,
			(const char *[]){ number, d->from, d->webhook_url, d->status_url,
				d->metadata, delay, d->callback_url } },
		rows);
}

enum tg_rc tg_call_queue_bulk(struct tg_tx *tx, const char *numbers, const char *delay,
	const char *most, const struct tg_dial *d, struct tg_rows *rows)
{
	return statement_make(tx,
		(struct tg_bind){ TG_SQL_CALL_QUEUE_BULK,
			(const char *[]){ numbers, d->from, d->webhook_url, d->status_url,
				d->metadata, delay, most, d->callback_url } },
		rows);
}

enum tg_rc tg_call_schedule(struct tg_tx *tx, const char *number, const char *time, bool wall,
	const char *zone, const struct tg_dial *d, struct tg_rows *rows)
{
	return statement_make(tx,
		(struct tg_bind){ TG_SQL_CALL_SCHEDULE,
			(const char *[]){ number, d->from, d->webhook_url, d->status_url,
				d->metadata, time, wall ? "t" : "f", zone, d->callback_url } },
		rows);
}

enum tg_rc tg_call_get(struct tg_tx *tx, const char *task, struct tg_rows *rows)
{
	return statement_find(tx, (struct tg_bind){ TG_SQL_CALL_GET, &task }, "task", rows);
}

enum tg_rc tg_call_cancel(struct tg_tx *tx, const char *task)
{
	struct tg_rows rows;
	enum tg_rc rc = statement_make(tx, (struct tg_bind){ TG_SQL_CALL_CANCEL, &task }, &rows);

	if (rc == TG_OK && !tg_rows_bool(rows, 0, "cancelled"))
		return tg_fail(tx->err, TG_E_NOTFOUND, NULL,
			"there is no task %s that has not ended", task);
	return rc;
}

enum tg_rc tg_call_active(struct tg_tx *tx, struct tg_rows *rows)
{
	return tg_tx_run(
		tx, (struct tg_bind){ TG_SQL_CALL_ACTIVE, (const char *[]){ ACTIVE_MOST } }, rows);
}

enum tg_rc tg_campaign_calls(
	struct tg_tx *tx, const char *task, long long limit, long long offset, struct tg_rows *rows)
{
	char most[24], skip[24];

	snprintf(most, sizeof most, "%lld", limit);
	snprintf(skip, sizeof skip, "%lld", offset);
	return statement_find(tx,
		(struct tg_bind){ TG_SQL_CAMPAIGN_CALLS, (const char *[]){ task, most, skip } },
		"campaign", rows);
}

bool tg_call_is_served(struct tg_db *db)
{
	int64_t deadline = tg_clock_ms() + 1000;
	struct tg_error ignored;
	struct tg_rows rows;

	return tg_db_open(db, deadline, &ignored) == TG_OK &&
		tg_db_call(db, TG_BIND_CALL_HEALTH(), deadline, false, &rows, &ignored) == TG_OK &&
		tg_rows_bool(rows, 0, "sweeper");
}

enum tg_rc tg_call_report(struct tg_tx *tx, const struct tg_call_report *r)
{
	char ask[24];
	struct tg_rows rows;

	snprintf(ask, sizeof ask, "%lld", r->ask_s);
	return statement_make(tx,
		(struct tg_bind){ TG_SQL_CALL_REPORT,
			(const char *[]){ r->call, r->sid, r->status, r->sequence, r->duration,
				r->error_code, r->params, r->form, ask, r->request_id,
				r->remote } },
		&rows);
}

enum tg_rc tg_call_script(struct tg_tx *tx, const char *call, const char *sid, struct tg_rows *rows)
{
	return tg_tx_run(
		tx, (struct tg_bind){ TG_SQL_CALL_SCRIPT, (const char *[]){ call, sid } }, rows);
}

enum tg_rc tg_call_gather(struct tg_tx *tx, const char *sid, const char *speech, const char *digits,
	const char *params)
{
	struct tg_rows rows;

	tx->writes = true;
	return tg_tx_run(tx,
		(struct tg_bind){
			TG_SQL_CALL_GATHER, (const char *[]){ sid, speech, digits, params } },
		&rows);
}
