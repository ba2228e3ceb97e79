/* SPDX-License-Identifier: MIT
 * start: what must be true before a sweep begins: settings that make sense, a database that
 * answers, its own role, the schema that this program knows, the same cluster as last time. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sweep_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/log.h"
#include "taskgate/base/nudge.h"

#define START_MS 10000

/* A comma list of seconds becomes PostgreSQL's array. */
static enum tg_rc read_pauses(struct sweep *s, struct tg_error *err)
{
	const char *list = tg_conf_text(TG_CONF_TASKGATE_WEBHOOK_RETRIES);

	if (list[strspn(list, "0123456789, ")] != '\0' || strstr(list, ",,") != NULL ||
		list[0] == ',' || list[strlen(list) - 1] == ',')
		return tg_fail(err, TG_E_CONFIG, "TASKGATE_WEBHOOK_RETRIES",
			"TASKGATE_WEBHOOK_RETRIES: seconds, separated by commas");
	for (const char *p = list; *p != '\0'; p += strspn(p, ", ")) {
		size_t digits = strspn(p, "0123456789");

		if (digits == 0 || digits > 7)
			return tg_fail(err, TG_E_CONFIG, "TASKGATE_WEBHOOK_RETRIES",
				"TASKGATE_WEBHOOK_RETRIES: each pause is at most 9999999 seconds");
		p += digits;
	}
	snprintf(s->pauses, sizeof s->pauses, "{%s}", list);
	return TG_OK;
}

static enum tg_rc read_secret(struct sweep *s, struct tg_arena *keep, struct tg_error *err)
{
	const char *text = tg_conf_text(TG_CONF_TASKGATE_WEBHOOK_SECRET);

	if (text[0] == '\0')
		return TG_OK;
	s->first_key = tg_webhook_key_parse(keep, text, &s->first_key_len);
	if (s->first_key == NULL)
		return tg_fail(err, TG_E_CONFIG, "TASKGATE_WEBHOOK_SECRET",
			"TASKGATE_WEBHOOK_SECRET: must be whsec_ and the base64 of 24 to 64 bytes");
	return TG_OK;
}

/* A schema that is not there yet shows as an undefined table, column or function. */
static enum tg_rc explain(struct tg_error *err)
{
	if (strcmp(err->sqlstate, "42P01") == 0 || strcmp(err->sqlstate, "42703") == 0 ||
		strcmp(err->sqlstate, "42883") == 0)
		return tg_fail(err, TG_E_UNAVAILABLE, NULL,
			"migrations are missing: run `taskgatectl migrate`");
	return err->rc;
}

static enum tg_rc check_cluster(struct sweep *s, struct tg_error *err)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_db_call(s->link[LINK_SETTLE].db, TG_BIND_SWEEP_CLUSTER_MARK(),
		tg_clock_ms() + START_MS, true, &rows, err);

	if (rc == TG_OK && tg_rows_bool_at(rows, 0, TG_SWEEP_CLUSTER_MARK_CHANGED)) {
		const char *lanes = tg_rows_text(rows, 0, TG_SWEEP_CLUSTER_MARK_LANES);

		tg_log(TG_LOG_WARNING, "sweep.restored", "why=\"%s\" paused=%s",
			tg_rows_text(rows, 0, TG_SWEEP_CLUSTER_MARK_WHY),
			lanes != NULL ? lanes : "-");
	}
	return rc;
}

/* A connection is opened by whoever needs one; its first statement is ours. */
enum tg_rc sweep_open(struct sweep_link *link, struct tg_error *err)
{
	enum tg_rc rc = tg_db_open(link->db, tg_clock_ms() + 2000, err);

	if (rc != TG_OK || (link->set_up && link->set_up_at == tg_db_reconnects(link->db)))
		return rc;
	link->set_up_at = tg_db_reconnects(link->db);
	rc = tg_db_call(
		link->db, TG_BIND_SWEEP_SETUP(), tg_clock_ms() + START_MS, false, NULL, err);
	link->set_up = rc == TG_OK;
	return rc;
}

enum tg_rc sweep_hello(struct sweep *s, struct tg_error *err)
{
	struct tg_rows rows;
	struct tg_db *db = s->link[LINK_SETTLE].db;
	enum tg_rc rc = sweep_open(&s->link[LINK_SETTLE], err);

	if (rc == TG_OK)
		rc = tg_db_check_role(db, "taskgate_sweep", tg_clock_ms() + START_MS, err);
	if (rc == TG_E_CONFIG)
		return tg_fail(err, rc, "TASKGATE_SWEEP_DATABASE", "TASKGATE_SWEEP_DATABASE: %s",
			err->message);
	if (rc != TG_OK || s->opt->preview)
		return rc;
	rc = tg_db_call(db,
		TG_BIND_SWEEP_HELLO(.host = s->host, .pid = s->pid,
			.lingers = s->opt->once ? "f" : "t"),
		tg_clock_ms() + START_MS, true, &rows, err);
	if (rc != TG_OK)
		return explain(err);
	if (tg_rows_int_at(rows, 0, TG_SWEEP_HELLO_MIGRATION) < tg_migrate_newest())
		return tg_fail(err, TG_E_UNAVAILABLE, NULL,
			"migrations are missing: run `taskgatectl migrate`");
	snprintf(s->started_at, sizeof s->started_at, "%s",
		tg_rows_text(rows, 0, TG_SWEEP_HELLO_STARTED_AT));
	snprintf(s->first_tenant, sizeof s->first_tenant, "%s",
		tg_rows_text(rows, 0, TG_SWEEP_HELLO_FIRST_TENANT));
	return check_cluster(s, err);
}

enum tg_rc sweep_preview(struct sweep *s, struct tg_error *err)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_db_call(s->link[LINK_SETTLE].db, TG_BIND_SWEEP_PREVIEW(),
		tg_clock_ms() + START_MS, false, &rows, err);

	if (rc != TG_OK)
		return explain(err);
	printf("%-10s %9s %9s %9s %9s  %s\n", "lane", "would do", "later", "running", "parked",
		"paused");
	for (int i = 0; i < tg_rows_count(rows); i++) {
		const char *paused = tg_rows_text(rows, i, TG_SWEEP_PREVIEW_PAUSED);

		printf("%-10s %9lld %9lld %9lld %9lld  %s\n",
			tg_rows_text(rows, i, TG_SWEEP_PREVIEW_LANE),
			paused != NULL ? 0 : tg_rows_int_at(rows, i, TG_SWEEP_PREVIEW_DUE),
			tg_rows_int_at(rows, i, TG_SWEEP_PREVIEW_LATER),
			tg_rows_int_at(rows, i, TG_SWEEP_PREVIEW_RUNNING),
			tg_rows_int_at(rows, i, TG_SWEEP_PREVIEW_PARKED),
			paused != NULL ? paused : "-");
	}
	return fflush(stdout) == 0
		? TG_OK
		: tg_fail(err, TG_E_INTERNAL, NULL, "standard output cannot be written");
}

/* TERM and INT come as something to read, so that none is lost between a test and a wait. */
static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		abort();
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum tg_rc prepare(struct sweep *s, struct tg_arena *keep, struct tg_error *err)
{
	enum tg_rc rc =
		tg_guard_parse(&s->guard, tg_conf_text(TG_CONF_TASKGATE_OUTBOUND_ALLOW), err);

	if (rc == TG_OK && tg_conf_text(TG_CONF_TASKGATE_SWEEP_DATABASE)[0] == '\0')
		rc = tg_fail(err, TG_E_CONFIG, "TASKGATE_SWEEP_DATABASE",
			"TASKGATE_SWEEP_DATABASE is not set");
	if (rc == TG_OK)
		rc = read_secret(s, keep, err);
	if (rc == TG_OK)
		rc = read_pauses(s, err);
	if (rc != TG_OK)
		return rc;
	s->signal_fd = signals_open();
	if (!s->opt->once && !s->opt->preview) {
		s->nudge_fd = tg_nudge_bind(tg_conf_text(TG_CONF_TASKGATE_RUN_DIR), err);
		if (s->nudge_fd < 0)
			return err->rc;
	}
	s->transfers = (int)tg_conf_int(TG_CONF_TASKGATE_TRANSFERS);
	s->host_transfers = (int)tg_conf_int(TG_CONF_TASKGATE_HOST_TRANSFERS);
	if (gethostname(s->host, sizeof s->host) != 0)
		snprintf(s->host, sizeof s->host, "unknown");
	s->host[sizeof s->host - 1] = '\0';
	snprintf(s->pid, sizeof s->pid, "%ld", (long)getpid());
	snprintf(s->name, sizeof s->name, "sweep %s %s", s->host, s->pid);
	s->leave_at = tg_clock_ms() + tg_conf_int(TG_CONF_TASKGATE_LINGER) * 1000;
	return TG_OK;
}

static void init(struct sweep *s, const struct tg_sweep_options *opt)
{
	memset(s, 0, sizeof *s);
	s->opt = opt;
	s->nudge_fd = s->signal_fd = s->purge_step = -1;
	sweep_list_init(&s->waiting);
	for (int lane = 0; lane < LANE__MAX; lane++) {
		sweep_list_init(&s->done[lane]);
		sweep_list_init(&s->settling.jobs[lane]);
	}
}

enum tg_rc tg_sweep_run(const struct tg_sweep_options *opt, struct tg_error *err)
{
	static const char *const agent = "taskgate/" TG_VERSION;
	struct tg_arena *keep = tg_arena_new(512);
	struct sweep s;
	enum tg_rc rc;

	init(&s, opt);
	rc = prepare(&s, keep, err);
	if (rc == TG_OK) {
		struct tg_out_options o = { .pool = 2 * LANE__MAX * s.transfers,
			.running = s.transfers,
			.agent = agent,
			.proxy = tg_conf_text(TG_CONF_TASKGATE_OUTBOUND_PROXY),
			.ca_file = tg_conf_text(TG_CONF_TASKGATE_CA_FILE),
			.guard = &s.guard };

		s.arena = tg_arena_new(65536);
		for (int i = 0; i < LINK__MAX; i++)
			s.link[i].db = tg_db_new(
				tg_conf_text(TG_CONF_TASKGATE_SWEEP_DATABASE), "taskgate-sweep");
		s.out = tg_out_new(&o);
		rc = sweep_loop(&s, err);
		tg_out_free(s.out);
		sweep_hosts_free(&s);
		for (int i = 0; i < LINK__MAX; i++)
			tg_db_free(s.link[i].db);
		tg_arena_free(s.arena);
	}
	tg_nudge_unbind(tg_conf_text(TG_CONF_TASKGATE_RUN_DIR), s.nudge_fd);
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	tg_arena_free(keep);
	return rc;
}
