/* SPDX-License-Identifier: MIT
 * ops: /health, /ready, /info, /metrics. /health is about the process alone and always 200; /ready
 * is 503 with the reason where the database is away, migrations are missing or no sweeper was seen
 * for 150 seconds. */
#include <json-c/json.h>
#include <stdio.h>

#include "taskgate/serve/shape.h"
#include "taskgate/base/clock.h"
#include "taskgate/proc/proc.h"

#define SWEEPER_SILENT 150 /* seconds; cron starts one each minute */

static void add(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static enum tg_rc health(struct tg_exchange *c)
{
	json_object *o = json_object_new_object();

	add(o, "status", "ok");
	add(o, "service", "taskgate");
	add(o, "version", TG_VERSION);
	return tg_shape_bare(c, 200, o);
}

/* What stands in the way of work, or NULL. */
static const char *not_ready(
	struct tg_exchange *c, struct tg_rows rows, const char **migrations, const char **sweeper)
{
	long long number = tg_rows_int(rows, 0, "migration");
	const char *age = tg_rows_get(rows, 0, "beat_age");
	const char *why = NULL;

	*migrations = number < tg_migrate_newest() ? "missing" : "ok";
	*sweeper = age == NULL                                      ? "never seen"
		: tg_rows_int(rows, 0, "beat_age") > SWEEPER_SILENT ? "silent"
								    : "ok";
	if (age == NULL)
		why = "no sweeper has been seen; is cron running taskgate-sweep?";
	else if ((*sweeper)[0] == 's')
		why = tg_arena_printf(c->arena, "no sweeper heartbeat for %s seconds", age);
	if ((*migrations)[0] == 'm')
		why = tg_arena_printf(c->arena,
			"migration %lld is applied, %d is needed; run taskgatectl migrate", number,
			tg_migrate_newest());
	return why;
}

static enum tg_rc ready(struct tg_exchange *c)
{
	const char *migrations, *sweeper, *why;
	json_object *o, *checks;
	struct tg_rows rows;
	enum tg_rc rc = tg_tx_run(c->tx, TG_BIND_READY(), &rows);

	if (rc != TG_OK)
		return rc;
	why = not_ready(c, rows, &migrations, &sweeper);
	o = json_object_new_object();
	checks = json_object_new_object();
	add(o, "status", why == NULL ? "ready" : "not_ready");
	if (why != NULL)
		add(o, "reason", why);
	add(checks, "database", "ok");
	add(checks, "migrations", migrations);
	add(checks, "sweeper", sweeper);
	json_object_object_add(o, "checks", checks);
	if (why != NULL)
		tg_response_header(c->rs, "Retry-After", "5");
	return tg_shape_bare(c, why == NULL ? 200 : 503, o);
}

/* The short form is open, the full one is for callers with a token (facts 1.3, row 10). */
static enum tg_rc info(struct tg_exchange *c)
{
	const char *migrations = NULL, *sweeper = NULL;
	json_object *o, *parts;
	struct tg_rows rows;
	enum tg_rc rc = tg_tx_run(c->tx, TG_BIND_READY(), &rows);

	if (rc != TG_OK)
		return rc;
	o = json_object_new_object();
	add(o, "status", "ok");
	add(o, "timestamp", tg_time_wall(c->arena));
	if (!c->authorised)
		return tg_shape_bare(c, 200, o);
	not_ready(c, rows, &migrations, &sweeper);
	add(o, "service", "taskgate");
	add(o, "version", TG_VERSION);
	if (c->server->board != NULL)
		json_object_object_add(o, "uptime",
			json_object_new_int64(
				(tg_clock_ms() - c->server->board->started_ms) / 1000));
	parts = json_object_new_object();
	add(parts, "database", "connected");
	add(parts, "migrations", migrations);
	add(parts, "sweeper", sweeper);
	json_object_object_add(o, "components", parts);
	return tg_shape_bare(c, 200, o);
}

static void route_metrics(struct tg_buf *b, const struct tg_scoreboard *s)
{
	tg_buf_puts(b,
		"# HELP taskgate_requests_total Requests by route and class of status.\n# TYPE "
		"taskgate_requests_total counter\n");
	for (int r = 0; r < tg_route_count(); r++)
		for (int k = 1; k < 6; k++)
			if (s->route[r].by_class[k] > 0)
				tg_buf_printf(b,
					"taskgate_requests_total{route=\"%s\",status=\"%dxx\"} "
					"%llu\n",
					tg_route_name(r), k,
					(unsigned long long)s->route[r].by_class[k]);
	tg_buf_puts(b,
		"# HELP taskgate_request_seconds Time to the answer by route.\n# TYPE "
		"taskgate_request_seconds histogram\n");
	for (int r = 0; r < tg_route_count(); r++) {
		unsigned long long sum = 0;

		if (s->route[r].count == 0)
			continue;
		for (int k = 0; k < TG_BUCKETS; k++) {
			char bound[32] = "+Inf";

			sum += s->route[r].bucket[k];
			if (k < TG_BUCKETS - 1)
				snprintf(bound, sizeof bound, "%g", tg_bucket_bounds_ms[k] / 1000);
			tg_buf_printf(b,
				"taskgate_request_seconds_bucket{route=\"%s\",le=\"%s\"} %llu\n",
				tg_route_name(r), bound, sum);
		}
		tg_buf_printf(b, "taskgate_request_seconds_sum{route=\"%s\"} %.6f\n",
			tg_route_name(r), (double)s->route[r].sum_us / 1e6);
		tg_buf_printf(b, "taskgate_request_seconds_count{route=\"%s\"} %llu\n",
			tg_route_name(r), (unsigned long long)s->route[r].count);
	}
}

static void gauge(struct tg_buf *b, const char *name, const char *type, const char *help)
{
	tg_buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void process_metrics(struct tg_buf *b, const struct tg_scoreboard *s)
{
	int idle = 0, busy = 0;

	for (uint32_t i = 0; i < s->slots; i++) {
		idle += s->slot[i].state == TG_SLOT_IDLE;
		busy += s->slot[i].state == TG_SLOT_BUSY;
	}
	gauge(b, "taskgate_workers", "gauge", "Workers by what they do.");
	tg_buf_printf(b,
		"taskgate_workers{state=\"busy\"} %d\ntaskgate_workers{state=\"idle\"} %d\n", busy,
		idle);
	gauge(b, "taskgate_reconnects_total", "counter",
		"Lost connections to the database that were opened again.");
	tg_buf_printf(b, "taskgate_reconnects_total %llu\n", (unsigned long long)s->reconnects);
	gauge(b, "taskgate_worker_crashes_total", "counter",
		"Workers that died of a signal or a bug.");
	tg_buf_printf(b, "taskgate_worker_crashes_total %llu\n", (unsigned long long)s->crashes);
}

static void lane_metrics(struct tg_buf *b, struct tg_rows rows)
{
	static const struct {
		const char *column, *name, *help;
	} gauges[] = {
		{ "waiting", "taskgate_work_waiting", "Work that is due and not claimed." },
		{ "scheduled", "taskgate_work_scheduled", "Work that will be due later." },
		{ "leased", "taskgate_work_leased", "Work that is being done." },
		{ "oldest_seconds", "taskgate_work_oldest_seconds",
			"How long the oldest due work has waited." },
	};

	for (size_t g = 0; g < COUNT(gauges); g++) {
		gauge(b, gauges[g].name, "gauge", gauges[g].help);
		for (int i = 0; i < tg_rows_count(rows); i++)
			tg_buf_printf(b, "%s{lane=\"%s\"} %s\n", gauges[g].name,
				tg_rows_get(rows, i, "lane"),
				tg_rows_get(rows, i, gauges[g].column));
	}
	gauge(b, "taskgate_lane_paused", "gauge", "1 where the lane is paused.");
	for (int i = 0; i < tg_rows_count(rows); i++)
		tg_buf_printf(b, "taskgate_lane_paused{lane=\"%s\"} %d\n",
			tg_rows_get(rows, i, "lane"), tg_rows_bool(rows, i, "paused"));
}

static enum tg_rc metrics(struct tg_exchange *c)
{
	struct tg_buf *b = &c->rs->body;
	struct tg_rows rows;
	const char *age;
	enum tg_rc rc = tg_tx_run(c->tx, TG_BIND_BACKLOG(), &rows);

	if (rc != TG_OK)
		return rc;
	if (c->server->board != NULL) {
		route_metrics(b, c->server->board);
		process_metrics(b, c->server->board);
	}
	lane_metrics(b, rows);
	rc = tg_tx_run(c->tx, TG_BIND_READY(), &rows);
	if (rc != TG_OK)
		return rc;
	age = tg_rows_get(rows, 0, "beat_age");
	gauge(b, "taskgate_sweeper_silent_seconds", "gauge",
		"Seconds since the last heartbeat of a sweeper.");
	tg_buf_printf(b, "taskgate_sweeper_silent_seconds %s\n", age != NULL ? age : "+Inf");
	c->rs->status = 200;
	c->rs->content_type = "text/plain; version=0.0.4; charset=utf-8";
	return TG_OK;
}

static const struct tg_route routes[] = {
	{ .name = "ops.health",
		.method = TG_GET,
		.path = "/health",
		.handler = health,
		.flags = TG_ROUTE_NO_DB,
		.doc = "Is the process there? Always 200." },
	{ .name = "ops.ready",
		.method = TG_GET,
		.path = "/ready",
		.handler = ready,
		.doc = "Can work be done? 503 with the reason where not." },
	{ .name = "ops.info",
		.method = TG_GET,
		.path = "/info",
		.handler = info,
		.doc = "Version and components; short without a token." },
	{ .name = "ops.metrics",
		.method = TG_GET,
		.path = "/metrics",
		.scope = "metrics",
		.handler = metrics,
		.flags = TG_ROUTE_SEVERAL,
		.doc = "Prometheus text." },
};

static const char *const prefixes[] = { "", "/taskgate", NULL };

extern const struct tg_api tg_api_ops;
const struct tg_api tg_api_ops = { .name = "ops",
	.prefixes = prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_codes,
	.limit = TG_CONF__MAX,
	.error = tg_shape_error };
