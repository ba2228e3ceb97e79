/* SPDX-License-Identifier: MIT
 * taskgate-fcgi: the server program. Joins proc (processes) with dispatch (requests); owns the
 * worker's connection and arena, and where an operator wants audio URLs to be asked for, what asks.
 */
#include <stdlib.h>

#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/serve/dispatch.h"
#include "taskgate/base/log.h"
#include "taskgate/out/out.h"
#include "taskgate/proc/proc.h"
#include "taskgate/serve/route.h"

static struct tg_server server;
static struct tg_slot *slot;
static uint64_t reconnects;
static struct tg_guard guard;
static struct tg_out *out;

/* Once, by the master, before it says that it is ready; closes what it opened. */
static enum tg_rc check(struct tg_error *err)
{
	struct tg_db *db;
	enum tg_rc rc;

	if (tg_conf_text(TG_CONF_TASKGATE_DATABASE)[0] == '\0')
		return tg_fail(
			err, TG_E_CONFIG, "TASKGATE_DATABASE", "TASKGATE_DATABASE is not set");
	rc = tg_guard_parse(&guard, tg_conf_text(TG_CONF_TASKGATE_OUTBOUND_ALLOW), err);
	if (rc != TG_OK)
		return rc;
	if (tg_conf_celery()[0] != '\0')
		tg_log(TG_LOG_INFO, "settings.ignored",
			"names=%s why=\"the queue and its results are in the database\"",
			tg_conf_celery());
	db = tg_db_new(tg_conf_text(TG_CONF_TASKGATE_DATABASE), "taskgate-fcgi");
	rc = tg_db_check_role(db, "taskgate_api", tg_clock_ms() + 5000, err);
	tg_db_free(db);
	return rc == TG_OK
		? rc
		: tg_fail(err, rc, "TASKGATE_DATABASE", "TASKGATE_DATABASE: %s", err->message);
}

static void entered(int route)
{
	slot->route = route;
}

static void ended(int route, int status, int64_t us)
{
	if (route >= 0)
		tg_scoreboard_count(server.board, route, status, us);
	slot->route = -1;
	server.board->reconnects += tg_db_reconnects(server.db) - reconnects;
	reconnects = tg_db_reconnects(server.db);
}

static const char *probe(struct tg_arena *arena, const char *url, int timeout_ms)
{
	return tg_out_probe(out, arena, url, timeout_ms);
}

/* Only where it is asked for: libcurl and its TLS library cost each worker memory. */
static enum tg_rc probe_init(struct tg_error *err)
{
	const struct tg_out_options o = { .pool = 1,
		.running = 1,
		.agent = "taskgate/" TG_VERSION,
		.proxy = tg_conf_text(TG_CONF_TASKGATE_OUTBOUND_PROXY),
		.ca_file = tg_conf_text(TG_CONF_TASKGATE_CA_FILE),
		.guard = &guard };
	enum tg_rc rc;

	if (tg_conf_int(TG_CONF_TASKGATE_AUDIO_PROBE) == 0)
		return TG_OK;
	rc = tg_guard_parse(&guard, tg_conf_text(TG_CONF_TASKGATE_OUTBOUND_ALLOW), err);
	if (rc != TG_OK)
		return rc;
	out = tg_out_new(&o);
	server.probe = probe;
	return TG_OK;
}

static enum tg_rc worker_init(
	struct tg_scoreboard *board, struct tg_slot *mine, struct tg_error *err)
{
	struct tg_error ignored;
	enum tg_rc rc;

	slot = mine;
	server = (struct tg_server){ .board = board,
		.mount = "",
		.entered = entered,
		.ended = ended,
		.db = tg_db_new(tg_conf_text(TG_CONF_TASKGATE_DATABASE), "taskgate-fcgi"),
		.arena = tg_arena_new(16 * 1024) };
	tg_db_statement_timeout(
		server.db, (tg_conf_int(TG_CONF_TASKGATE_REQUEST_TIMEOUT) + 1) * 1000);
	rc = probe_init(err);
	if (rc != TG_OK)
		return rc;
	/* A database that is away now will be back: the worker serves, and says 503 until then. */
	if (tg_db_open(server.db, tg_clock_ms() + 2000, &ignored) != TG_OK)
		tg_log_error(TG_LOG_WARNING, "database.away", &ignored);
	return TG_OK;
}

static void serve(struct tg_io *io)
{
	tg_dispatch(&server, io);
}

static void worker_fini(void)
{
	tg_db_free(server.db);
	tg_arena_free(server.arena);
	tg_out_free(out);
}

int main(int argc, char **argv)
{
	static const struct tg_app app = { .program = "taskgate-fcgi",
		.check = check,
		.worker_init = worker_init,
		.serve = serve,
		.worker_fini = worker_fini,
		.route_name = tg_route_name };

	return tg_proc_main(&app, argc, argv);
}
