/* SPDX-License-Identifier: MIT
 * db: one connection to PostgreSQL in pipeline mode, named statements, rows. src/db is the only
 * user of libpq. Nothing waits for ever: each wait is a poll with the caller's deadline, after
 * which the connection is closed. A connection that died while idle is noticed before anything is
 * sent on it; a lost one is opened again with backoff. Statements are prepared at first use, in the
 * same flush. */
#ifndef TASKGATE_DB_H
#define TASKGATE_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "taskgate/base/arena.h"
#include "taskgate/base/error.h"
#include "taskgate/db/stmt_gen.h" /* made from sql/queries by src/sqlgen.awk */

struct tg_db;

/* A statement is bound by name: TG_BIND_GENERIC_GET(.entity = entity, .include_logs = "t") is its
 * struct tg_bind; a parameter that is left out is null. */

/* Result of one statement; borrowed until the next tg_db_start() of its connection. All columns are
 * text; a column is a constant of the statement's enum (TG_GENERIC_GET_STATE). */
struct tg_rows {
	const void *result;
};

/* Both borrowed for the life of the connection. Opens nothing yet. Given; never NULL. */
struct tg_db *tg_db_new(const char *conninfo, const char *application);
void tg_db_free(struct tg_db *);
/* How long the server lets a statement run (30 s unless said), in force from the next connection
 * on. */
void tg_db_statement_timeout(struct tg_db *, int64_t ms);
/* Makes sure of a live connection until deadline (tg_clock_ms). TG_E_UNAVAILABLE; within the
 * backoff pause it fails at once. */
enum tg_rc tg_db_open(struct tg_db *, int64_t deadline, struct tg_error *) TG_MUSTCHECK;
void tg_db_close(struct tg_db *);
bool tg_db_is_open(const struct tg_db *);
uint64_t tg_db_reconnects(const struct tg_db *);

/* A round trip: start, queue any number of statements with a sync behind each transaction, run. A
 * statement's error aborts the rest up to the next sync. Between two syncs all is one implicit
 * transaction, unless `begin` was queued. */
void tg_db_start(struct tg_db *); /* forgets the rows of the last round trip */
void tg_db_queue(struct tg_db *, struct tg_bind); /* the texts are copied */
void tg_db_queue_sync(struct tg_db *);
/* Flushes what is queued (a sync is added where the last item is none) and reads all answers.
 * writes: a connection lost after the sync left is TG_E_INDOUBT, else TG_E_UNAVAILABLE. The first
 * error is told; SQLSTATE is turned into rc by the table in db/sqlstate.c, with the constraint's
 * name as reason. TG_E_RETRY where the transaction may simply be run again (40001, 40P01, 26000,
 * 0A000). */
enum tg_rc tg_db_run(struct tg_db *, int64_t deadline, bool writes, struct tg_error *) TG_MUSTCHECK;
/* For a program with other work to do: sends what is queued (with its last sync) as far as the
 * socket takes it, without waiting. tg_db_run() then ends the round trip as ever; it hardly waits
 * once tg_db_answers() is true, since the server answers at a sync. In between the program waits
 * for events on the socket: for room in it too, while a part has not left. */
void tg_db_send(struct tg_db *);
bool tg_db_answers(struct tg_db
		*); /* sends what has not left yet; true where the connection is lost as well */
int tg_db_socket(const struct tg_db *, short *events); /* -1 where there is none to wait for */
/* Rows of the i-th statement queued since tg_db_start; an empty result where it failed or was
 * aborted. */
struct tg_rows tg_db_rows(struct tg_db *, int i);
/* start, queue, run, rows in one. */
enum tg_rc tg_db_call(struct tg_db *, struct tg_bind, int64_t deadline, bool writes,
	struct tg_rows *, struct tg_error *) TG_MUSTCHECK;

int tg_rows_count(struct tg_rows);
const char *tg_rows_text(struct tg_rows, int row, int column); /* NULL for null */
long long tg_rows_int_at(struct tg_rows, int row, int column); /* 0 for null */
bool tg_rows_bool_at(struct tg_rows, int row, int column); /* false for null */
/* By name, for those who print any result. */
int tg_rows_column(struct tg_rows,
	const char *name); /* a name that the statement does not give is a bug: aborts */
bool tg_rows_has_column(struct tg_rows, const char *name);
const char *tg_rows_get(struct tg_rows, int row, const char *name);
long long tg_rows_int(struct tg_rows, int row, const char *name); /* 0 for null */
bool tg_rows_bool(struct tg_rows, int row, const char *name); /* false for null */

/* Statements outside the table, for migrate and bootstrap alone: text may hold several commands;
 * runs in its own simple-protocol transaction. */
enum tg_rc tg_db_script(
	struct tg_db *, const char *text, int64_t deadline, struct tg_error *) TG_MUSTCHECK;

/* Applies, as taskgate_owner, the embedded migrations that are missing, one transaction each, then
 * in one transaction the texts (functions, states, grants) that have changed since they were
 * applied. Twenty at once are fine: an advisory lock orders them. *applied and *texts say how many
 * migrations and texts this call applied. */
enum tg_rc tg_migrate(struct tg_db *, int *applied, int *texts, struct tg_error *) TG_MUSTCHECK;
int tg_migrate_newest(void); /* number of the newest embedded migration */

/* Refuses (TG_E_CONFIG) a connection whose role is owner, superuser or BYPASSRLS, or, where role is
 * named, any other role. */
enum tg_rc tg_db_check_role(
	struct tg_db *, const char *role, int64_t deadline, struct tg_error *) TG_MUSTCHECK;

#endif
