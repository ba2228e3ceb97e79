/* SPDX-License-Identifier: MIT
 * tx: the order of statements in a request's transaction. Owns nothing beyond its struct; promises
 * that enter() goes before everything of the handler's, that a key's answer is stored in the
 * transaction that did the work, and that nothing is told before the commit is known. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/db/tx.h"

static void queue(struct tg_tx *tx, struct tg_bind bind)
{
	tg_db_queue(tx->db, bind);
	tx->queued++;
}

static void queue_rate(
	struct tg_tx *tx, const struct tg_caller *caller, const struct tg_limit *limit)
{
	char grants[16], seconds[16];

	snprintf(grants, sizeof grants, "%d", limit->grants);
	snprintf(seconds, sizeof seconds, "%d", limit->seconds);
	tx->rate_at = tx->queued;
	queue(tx,
		TG_BIND_RATE(.token_hash = caller->token_hash, .limit_name = limit->name,
			.grants = grants, .seconds = seconds, .ticket = tx->ticket));
	tg_db_queue_sync(tx->db);
}

static void queue_timeout(struct tg_tx *tx)
{
	char ms[24];

	snprintf(ms, sizeof ms, "%lld", (long long)tx->statement_ms);
	queue(tx, TG_BIND_STATEMENT_TIMEOUT(.timeout_ms = ms));
}

/* Of this process: a verdict that an earlier request left in the session is never taken for this
 * one's. */
static unsigned long long tickets;

void tg_tx_begin(struct tg_tx *tx, const struct tg_caller *caller, const struct tg_limit *limit)
{
	tx->queued = tx->runs = 0;
	tx->rate_at = -1;
	tx->nudge = false;
	tx->several = tx->several || tx->key.key != NULL;
	tg_db_start(tx->db);
	/* The anonymous principal has no window of its own: it is everybody. */
	if (limit != NULL && limit->grants > 0 && caller != NULL && caller->token_hash != NULL) {
		snprintf(tx->ticket, sizeof tx->ticket, "%llu", ++tickets);
		queue_rate(tx, caller, limit);
	}
	if (tx->several)
		queue(tx, TG_BIND_BEGIN());
	if (tx->statement_ms > 0)
		queue_timeout(tx);
	if (caller != NULL)
		queue(tx,
			TG_BIND_ENTER(.token_hash = caller->token_hash, .scope = caller->scope,
				.request_id = caller->request_id, .remote = caller->remote,
				.ticket = tx->rate_at >= 0 ? tx->ticket : NULL));
	if (tx->key.key != NULL)
		queue(tx,
			TG_BIND_IDEMPOTENCY_BEGIN(.method = tx->key.method, .path = tx->key.path,
				.key = tx->key.key, .body_hash = tx->key.body_hash));
}

static enum tg_rc round_trip(struct tg_tx *tx)
{
	enum tg_rc rc = tg_db_run(tx->db, tx->deadline, tx->writes && !tx->several, tx->err);

	if (tx->rate_at >= 0 && tx->runs == 0) {
		struct tg_rows r = tg_db_rows(tx->db, tx->rate_at);

		if (tg_rows_count(r) == 1) {
			tx->remaining = (int)tg_rows_int_at(r, 0, TG_RATE_REMAINING);
			tx->reset_seconds = (int)tg_rows_int_at(r, 0, TG_RATE_RESET_SECONDS);
			tx->granted = !tg_rows_bool_at(r, 0, TG_RATE_REFUSED);
		}
	}
	tx->runs++;
	return rc;
}

enum tg_rc tg_tx_run(struct tg_tx *tx, struct tg_bind bind, struct tg_rows *rows)
{
	enum tg_rc rc;
	int at;

	assert(tx->several || tx->runs == 0);
	if (tx->runs > 0) {
		tg_db_start(tx->db);
		tx->queued = 0;
	}
	at = tx->queued;
	queue(tx, bind);
	rc = round_trip(tx);
	*rows = rc == TG_OK ? tg_db_rows(tx->db, at) : (struct tg_rows){ NULL };
	return rc;
}

enum tg_rc tg_tx_enter_alone(struct tg_tx *tx)
{
	return round_trip(tx);
}

enum tg_rc tg_tx_commit(struct tg_tx *tx, int status, const char *headers, const char *body)
{
	enum tg_rc rc;

	if (!tx->several)
		return TG_OK;
	tg_db_start(tx->db);
	if (tx->key.key != NULL) {
		char code[16];

		snprintf(code, sizeof code, "%d", status);
		tg_db_queue(tx->db,
			TG_BIND_IDEMPOTENCY_STORE(.method = tx->key.method, .path = tx->key.path,
				.key = tx->key.key, .status = code, .headers = headers,
				.body = body));
	}
	tg_db_queue(tx->db, TG_BIND_COMMIT());
	rc = tg_db_run(tx->db, tx->deadline, tx->writes, tx->err);
	/* What failed before the commit is still open, and is rolled back by the caller. */
	tx->several = rc != TG_OK;
	return rc;
}

void tg_tx_rollback(struct tg_tx *tx)
{
	struct tg_error ignored;

	if (!tx->several || !tg_db_is_open(tx->db))
		return;
	tx->several = false;
	tg_db_start(tx->db);
	tg_db_queue(tx->db, TG_BIND_ROLLBACK());
	if (tg_db_run(tx->db, tg_clock_ms() + 1000, false, &ignored) != TG_OK)
		tg_db_close(tx->db);
}
