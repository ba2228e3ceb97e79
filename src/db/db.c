/* SPDX-License-Identifier: MIT
 * db: the connection and its pipeline. Owns the PGconn and the results of the last round trip;
 * promises that no call waits beyond its deadline and that a connection in an unknown state is
 * closed, never used again. It never looks at what a statement means. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/log.h"

/* Seconds as in design 3: a dead peer is noticed by TCP itself within five seconds. */
static const char *const keywords[] = { "dbname", "fallback_application_name", "client_encoding",
	"connect_timeout", "tcp_user_timeout", "keepalives_idle", NULL };

struct tg_db *tg_db_new(const char *conninfo, const char *application)
{
	struct tg_db *db = calloc(1, sizeof *db);

	if (db == NULL)
		abort();
	db->conninfo = conninfo;
	db->application = application;
	db->statement_ms = 30000;
	return db;
}

void tg_db_statement_timeout(struct tg_db *db, int64_t ms)
{
	db->statement_ms = ms;
}

void tg_db_close(struct tg_db *db)
{
	tg_db_start(db);
	if (db->conn != NULL)
		PQfinish(db->conn);
	db->conn = NULL;
	memset(db->prepared, 0, sizeof db->prepared);
}

void tg_db_free(struct tg_db *db)
{
	if (db == NULL)
		return;
	tg_db_close(db);
	free(db);
}

bool tg_db_is_open(const struct tg_db *db)
{
	return db->conn != NULL;
}

uint64_t tg_db_reconnects(const struct tg_db *db)
{
	return db->reconnects;
}

bool tg_db_wait(struct tg_db *db, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = PQsocket(db->conn), .events = events };
		int64_t left = deadline - tg_clock_ms();
		int n;

		/* Past the deadline too it looks once: what has arrived while the caller was busy
		 * elsewhere is not lost. */
		n = poll(&p, 1, left > 60000 ? 60000 : left > 0 ? (int)left : 0);
		if (n > 0)
			return true;
		if ((n == 0 && left <= 0) || (n < 0 && errno != EINTR))
			return false;
	}
}

/* "canceling wait for synchronous replication": the commit is local, and may be lost with this
 * server. */
static void note(void *arg, const PGresult *r)
{
	struct tg_db *db = arg;
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	if (severity != NULL && text != NULL && strcmp(severity, "WARNING") == 0 &&
		strstr(text, "synchronous replication") != NULL)
		db->unreplicated = true;
}

static enum tg_rc refuse(struct tg_db *db, struct tg_error *err, const char *why)
{
	char text[256];
	size_t n;

	snprintf(text, sizeof text, "%s", why);
	n = strcspn(text, "\n");
	text[n] = '\0';
	tg_db_close(db);
	db->pause_ms = db->pause_ms == 0 ? 50 : db->pause_ms * 2 > 2000 ? 2000 : db->pause_ms * 2;
	db->retry_at = tg_clock_ms() + db->pause_ms;
	tg_fail(err, TG_E_UNAVAILABLE, NULL, "%s", text);
	err->retry_after = 1;
	return TG_E_UNAVAILABLE;
}

static bool handshake(struct tg_db *db, int64_t deadline)
{
	PostgresPollingStatusType s = PGRES_POLLING_WRITING;

	while (s == PGRES_POLLING_READING || s == PGRES_POLLING_WRITING) {
		if (!tg_db_wait(db, s == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
			return false;
		s = PQconnectPoll(db->conn);
	}
	return s == PGRES_POLLING_OK;
}

/* libpq's own words are not passed on: they may quote the password. A text that is neither is a
 * database's name to libpq. */
static bool is_readable(const char *conninfo)
{
	PQconninfoOption *options;
	bool ok;

	if (strchr(conninfo, '=') == NULL && strstr(conninfo, "://") == NULL)
		return true;
	options = PQconninfoParse(conninfo, NULL);
	ok = options != NULL;
	PQconninfoFree(options);
	return ok;
}

static enum tg_rc connect_now(struct tg_db *db, int64_t deadline, struct tg_error *err)
{
	const char *const values[] = { db->conninfo, db->application, "UTF8", "2", "5000", "10",
		NULL };
	int64_t now = tg_clock_ms();
	char ms[24];

	if (now < db->retry_at) {
		tg_fail(err, TG_E_UNAVAILABLE, NULL,
			"the database could not be reached a moment ago");
		err->retry_after = 1;
		return TG_E_UNAVAILABLE;
	}
	db->conn = PQconnectStartParams(keywords, values, 1);
	if (db->conn == NULL || PQstatus(db->conn) == CONNECTION_BAD) {
		refuse(db, err, db->conn == NULL ? "out of memory" : PQerrorMessage(db->conn));
		return is_readable(db->conninfo)
			? err->rc
			: tg_fail(err, TG_E_CONFIG, NULL,
				  "this is no connection string: libpq takes `keyword=value ...` "
				  "and `postgresql://...`");
	}
	if (!handshake(db, deadline < now + 2000 ? deadline : now + 2000))
		return refuse(db, err,
			PQstatus(db->conn) == CONNECTION_BAD
				? PQerrorMessage(db->conn)
				: "the database did not answer in time");
	PQsetNoticeReceiver(db->conn, note, db);
	if (PQsetnonblocking(db->conn, 1) != 0 || PQenterPipelineMode(db->conn) != 1)
		return refuse(db, err, PQerrorMessage(db->conn));
	snprintf(ms, sizeof ms, "%lld", (long long)db->statement_ms);
	tg_db_start(db);
	tg_db_queue(db, TG_BIND_SESSION_SETUP(.timeout_ms = ms));
	if (tg_db_run(db, deadline, false, err) != TG_OK)
		return refuse(db, err, err->message);
	db->pause_ms = 0;
	db->retry_at = 0;
	if (db->was_open)
		db->reconnects++;
	db->was_open = true;
	return TG_OK;
}

/* Nobody asked, so what there is to read is a farewell or its end of file. The farewell may have
 * come alone: the server says it a moment before it closes, and until then libpq calls the
 * connection good. (A changed setting is told here too, and is worth a new connection.) */
static bool still_alive(struct tg_db *db)
{
	struct pollfd p = { .fd = PQsocket(db->conn), .events = POLLIN };

	return PQstatus(db->conn) == CONNECTION_OK && poll(&p, 1, 0) <= 0;
}

enum tg_rc tg_db_open(struct tg_db *db, int64_t deadline, struct tg_error *err)
{
	if (db->conn != NULL && still_alive(db))
		return TG_OK;
	tg_db_close(db);
	return connect_now(db, deadline, err);
}

void tg_db_start(struct tg_db *db)
{
	/* What was queued and never run cannot be taken back from libpq, and would answer in place
	 * of what comes next. */
	if (db->unrun) {
		db->unrun = false;
		tg_db_close(db);
	}
	for (int i = 0; i < db->items; i++)
		PQclear(db->item[i].result);
	db->items = 0;
	db->statements = 0;
}

static struct tg_db_item *push(struct tg_db *db, enum tg_db_item_kind kind, enum tg_sql id)
{
	struct tg_db_item *item;

	assert(db->items < TG_DB_ITEMS);
	db->unrun = true;
	item = &db->item[db->items++];
	*item = (struct tg_db_item){ .kind = kind, .id = id };
	return item;
}

/* What libpq cannot queue (out of memory, connection gone) shows when run() asks for the answer
 * that will not come. */
void tg_db_queue(struct tg_db *db, struct tg_bind bind)
{
	const struct tg_sql_text *s = &tg_sql_texts[bind.id];

	assert(bind.params != NULL || s->params == 0);
	if (!db->prepared[bind.id]) {
		push(db, TG_DB_PREPARE, bind.id);
		db->prepared[bind.id] = true;
		db->broken |= PQsendPrepare(db->conn, s->name, s->text, 0, NULL) != 1;
	}
	push(db, TG_DB_STATEMENT, bind.id);
	db->statements++;
	db->broken |=
		PQsendQueryPrepared(db->conn, s->name, s->params, bind.params, NULL, NULL, 0) != 1;
}

void tg_db_queue_sync(struct tg_db *db)
{
	push(db, TG_DB_SYNC, TG_SQL__MAX);
	db->broken |= PQpipelineSync(db->conn) != 1;
}
