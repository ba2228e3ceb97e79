/* SPDX-License-Identifier: MIT
 * run: one round trip. Owns the order in which answers are matched with what was queued; promises
 * that after an error the connection is either at rest (its last sync was read) or closed. It never
 * runs anything twice: that is the caller's decision, by TG_E_RETRY. */
#include <assert.h>
#include <poll.h>
#include <string.h>

#include "db_internal.h"
#include "taskgate/base/clock.h"

/* The connection is of no use any more. Between the sync's leaving and its answer nobody knows
 * whether the commit happened. */
static enum tg_rc lost(struct tg_db *db, bool doubt, struct tg_error *err, const char *why)
{
	tg_fail(err, doubt ? TG_E_INDOUBT : TG_E_UNAVAILABLE, NULL, "%s", why);
	err->retry_after = 1;
	tg_db_close(db);
	return err->rc;
}

static bool flush(struct tg_db *db, int64_t deadline)
{
	for (;;) {
		int n = PQflush(db->conn);

		if (n <= 0)
			return n == 0;
		/* Reading as well, lest both sides wait with full buffers. */
		if (!tg_db_wait(db, POLLIN | POLLOUT, deadline) || PQconsumeInput(db->conn) != 1)
			return false;
	}
}

static bool next_result(struct tg_db *db, int64_t deadline, PGresult **r)
{
	while (PQisBusy(db->conn))
		if (!tg_db_wait(db, POLLIN, deadline) || PQconsumeInput(db->conn) != 1)
			return false;
	*r = PQgetResult(db->conn);
	return true;
}

static bool is_good(ExecStatusType s)
{
	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_PIPELINE_SYNC;
}

/* Keeps the first error of the round trip; what was aborted behind it says nothing of its own. */
static void judge(
	struct tg_db *db, const struct tg_db_item *item, const PGresult *r, struct tg_error *err)
{
	ExecStatusType s = PQresultStatus(r);

	if (is_good(s))
		return;
	if (item->kind == TG_DB_PREPARE)
		db->prepared[item->id] = false;
	if (s != PGRES_PIPELINE_ABORTED && err->rc == TG_OK)
		tg_sqlstate_error(r, err);
}

/* One statement's answer is a result and a null; a sync's is one result, before which a failed
 * commit tells its error. */
static bool read_item(
	struct tg_db *db, struct tg_db_item *item, int64_t deadline, struct tg_error *err)
{
	PGresult *r = NULL;

	for (;;) {
		if (!next_result(db, deadline, &r))
			return false;
		if (r == NULL) {
			if (item->kind != TG_DB_SYNC)
				return true;
			if (PQstatus(db->conn) == CONNECTION_BAD)
				return false;
			continue;
		}
		judge(db, item, r, err);
		if (PQstatus(db->conn) == CONNECTION_BAD) {
			PQclear(r);
			return false;
		}
		if (item->kind == TG_DB_SYNC && PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			return true;
		}
		if (item->kind == TG_DB_STATEMENT && item->result == NULL)
			item->result = r;
		else
			PQclear(r);
	}
}

/* A changed table or a pooler that forgot: every statement is prepared anew. */
static void forget_statements(struct tg_db *db, const struct tg_error *err)
{
	if (strcmp(err->sqlstate, "26000") == 0 || strcmp(err->sqlstate, "0A000") == 0)
		tg_db_close(db);
}

enum tg_rc tg_db_run(struct tg_db *db, int64_t deadline, bool writes, struct tg_error *err)
{
	bool broken = db->broken;

	memset(err, 0, sizeof *err);
	if (db->items == 0 || db->item[db->items - 1].kind != TG_DB_SYNC)
		tg_db_queue_sync(db);
	db->broken = db->unsent = db->unrun = false;
	db->unreplicated = false;
	if (broken)
		return lost(db, false, err, "the request could not be sent to the database");
	if (!flush(db, deadline))
		return lost(
			db, writes, err, "the connection to the database was lost while sending");
	for (int i = 0; i < db->items; i++) {
		/* An error told before the sync's own answer means that nothing was committed. */
		if (!read_item(db, &db->item[i], deadline, err)) {
			bool refused = err->rc != TG_OK && db->item[i].kind != TG_DB_SYNC;

			return lost(db, writes && !refused, err,
				tg_clock_ms() >= deadline
					? "the database did not answer in time"
					: "the connection to the database was lost");
		}
	}
	if (err->rc != TG_OK) {
		if (err->rc == TG_E_RETRY)
			forget_statements(db, err);
		return err->rc;
	}
	if (writes && db->unreplicated) {
		tg_fail(err, TG_E_INDOUBT, NULL, "the commit was not confirmed by the standby");
		err->retry_after = 1;
		return err->rc;
	}
	return TG_OK;
}

enum tg_rc tg_db_call(struct tg_db *db, struct tg_bind bind, int64_t deadline, bool writes,
	struct tg_rows *rows, struct tg_error *err)
{
	enum tg_rc rc = tg_db_open(db, deadline, err);

	if (rc != TG_OK)
		return rc;
	tg_db_start(db);
	tg_db_queue(db, bind);
	rc = tg_db_run(db, deadline, writes, err);
	if (rows != NULL)
		*rows = rc == TG_OK ? tg_db_rows(db, 0) : (struct tg_rows){ NULL };
	return rc;
}

/* The simple protocol knows no pipeline, so it is left for the time of the script. */
enum tg_rc tg_db_script(struct tg_db *db, const char *text, int64_t deadline, struct tg_error *err)
{
	PGresult *r = NULL;

	memset(err, 0, sizeof *err);
	tg_db_start(db);
	if (PQexitPipelineMode(db->conn) != 1 || PQsendQuery(db->conn, text) != 1)
		return lost(db, false, err, PQerrorMessage(db->conn));
	if (!flush(db, deadline))
		return lost(db, true, err, "the connection to the database was lost while sending");
	do {
		if (!next_result(db, deadline, &r))
			return lost(db, true, err, "the database did not answer in time");
		if (r != NULL && !is_good(PQresultStatus(r)) && err->rc == TG_OK)
			tg_sqlstate_error(r, err);
		PQclear(r);
	} while (r != NULL);
	if (PQstatus(db->conn) == CONNECTION_BAD)
		return lost(db, true, err, "the connection to the database was lost");
	if (PQenterPipelineMode(db->conn) != 1)
		tg_db_close(db);
	return err->rc;
}
