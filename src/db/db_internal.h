/* SPDX-License-Identifier: MIT
 * db_internal: what the files of src/db share and nobody else sees. */
#ifndef TASKGATE_DB_INTERNAL_H
#define TASKGATE_DB_INTERNAL_H

#include <libpq-fe.h>

#include "taskgate/db/db.h"

#define TG_DB_ITEMS 64 /* of one round trip */

enum tg_db_item_kind { TG_DB_PREPARE, TG_DB_STATEMENT, TG_DB_SYNC };

struct tg_db_item {
	enum tg_db_item_kind kind;
	enum tg_sql id;
	PGresult *result; /* of a statement; owned */
};

struct tg_db {
	const char *conninfo, *application;
	PGconn *conn;
	bool prepared[TG_SQL__MAX];
	struct tg_db_item item[TG_DB_ITEMS];
	int items, statements;
	bool broken; /* something could not be queued or sent */
	bool unrun; /* something is queued that nobody has run yet */
	bool unsent; /* a part of what tg_db_send() sends has not left yet */
	bool unreplicated; /* a commit's wait for its standby was cancelled */
	bool was_open;
	int pause_ms; /* between attempts to connect */
	int64_t statement_ms;
	int64_t retry_at;
	uint64_t reconnects;
};

/* False where deadline passed or the wait failed. */
bool tg_db_wait(struct tg_db *, short events, int64_t deadline);

/* Fills err from a failed result by the table of SQLSTATEs. */
enum tg_rc tg_sqlstate_error(const PGresult *, struct tg_error *err);

#endif
