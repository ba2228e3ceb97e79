/* SPDX-License-Identifier: MIT
 * status: what the system is doing, in one look; --watch redraws it each second until Ctrl-C.
 * Promises that each look reads a few index ranges, however large the ledger. In a dumb terminal,
 * or where the output is a file, the looks follow each other. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "taskgate/base/clock.h"
#include "taskgate/ctl/ctl.h"

#define BAR 30 /* characters of the longest bar */
#define HOME "\033[H\033[J"

static const struct tg_ctl_column lane_columns[] = { { "name", TG_CTL_TEXT, "LANE" },
	{ "waiting", TG_CTL_INT, "WAITING" }, { "scheduled", TG_CTL_INT, "SCHEDULED" },
	{ "leased", TG_CTL_INT, "LEASED" }, { "oldest_seconds", TG_CTL_INT, "OLDEST" },
	{ "paused_at", TG_CTL_TIME, "PAUSED" }, { "paused_by", TG_CTL_TEXT, "BY" },
	{ "reason", TG_CTL_TEXT, "REASON" }, { 0 } };
static const struct tg_ctl_column sweeper_columns[] = { { "host", TG_CTL_TEXT, "HOST" },
	{ "pid", TG_CTL_INT, "PID" }, { "age_seconds", TG_CTL_INT, "AGE" },
	{ "beat_seconds", TG_CTL_INT, "BEAT" }, { "done", TG_CTL_INT, "DONE" }, { 0 } };
static const struct tg_ctl_column host_columns[] = { { "host", TG_CTL_TEXT, "HOST" },
	{ "failures", TG_CTL_INT, "FAILURES" }, { "parked_seconds", TG_CTL_INT, "SECONDS" },
	{ "last_error", TG_CTL_TEXT, "ERROR" }, { 0 } };
static const struct tg_ctl_column state_columns[] = { { "api", TG_CTL_TEXT, "API" },
	{ "state", TG_CTL_TEXT, "STATE" }, { "tasks", TG_CTL_INT, "TASKS" }, { 0 } };

static const struct tg_ctl_column campaign_columns[] = { { "task_id", TG_CTL_TEXT, "TASK" },
	{ "tenant", TG_CTL_TEXT, "TENANT" }, { "state", TG_CTL_TEXT, "STATE" },
	{ "total", TG_CTL_INT, "TOTAL" }, { "completed", TG_CTL_INT, "COMPLETED" },
	{ "failed", TG_CTL_INT, "FAILED" }, { "cancelled", TG_CTL_INT, "CANCELLED" },
	{ "in_flight", TG_CTL_INT, "IN_FLIGHT" }, { 0 } };

static void bar(struct tg_buf *out, long long n, long long most)
{
	long long length = most > 0 ? (n * BAR + most - 1) / most : 0;

	while (length-- > 0)
		tg_buf_puts(out, "#");
	tg_buf_puts(out, "\n");
}

static void draw_lanes(struct tg_ctl *ctl, struct tg_rows rows)
{
	int i, n = tg_rows_count(rows);
	long long most = 0, due;

	for (i = 0; i < n; i++) {
		due = tg_rows_int_at(rows, i, TG_LANE_LIST_WAITING) +
			tg_rows_int_at(rows, i, TG_LANE_LIST_LEASED);
		most = due > most ? due : most;
	}
	tg_buf_printf(&ctl->out, "%-8s  %8s  %9s  %7s  %7s\n", "LANE", "WAITING", "SCHEDULED",
		"LEASED", "OLDEST");
	for (i = 0; i < n; i++) {
		tg_buf_printf(&ctl->out, "%-8s  %8lld  %9lld  %7lld  %6llds  ",
			tg_rows_text(rows, i, TG_LANE_LIST_NAME),
			tg_rows_int_at(rows, i, TG_LANE_LIST_WAITING),
			tg_rows_int_at(rows, i, TG_LANE_LIST_SCHEDULED),
			tg_rows_int_at(rows, i, TG_LANE_LIST_LEASED),
			tg_rows_int_at(rows, i, TG_LANE_LIST_OLDEST_SECONDS));
		if (tg_rows_text(rows, i, TG_LANE_LIST_PAUSED_AT)) {
			const char *by = tg_rows_text(rows, i, TG_LANE_LIST_PAUSED_BY),
				   *reason = tg_rows_text(rows, i, TG_LANE_LIST_REASON);

			tg_buf_puts(&ctl->out, "paused by ");
			tg_ctl_plain(&ctl->out, by ? by : "somebody");
			tg_buf_puts(&ctl->out, reason ? ": " : "  ");
			tg_ctl_plain(&ctl->out, reason ? reason : "");
			tg_buf_puts(&ctl->out, "  ");
		}
		bar(&ctl->out,
			tg_rows_int_at(rows, i, TG_LANE_LIST_WAITING) +
				tg_rows_int_at(rows, i, TG_LANE_LIST_LEASED),
			most);
	}
}

static void draw_states(struct tg_ctl *ctl, struct tg_rows rows)
{
	int i, n = tg_rows_count(rows);
	long long most = 0, tasks;

	tg_buf_puts(&ctl->out,
		n ? "\ntasks created in the last hour\n"
		  : "\nno task was created in the last hour\n");
	for (i = 0; i < n; i++)
		most = tg_rows_int_at(rows, i, TG_STATUS_STATES_TASKS) > most
			? tg_rows_int_at(rows, i, TG_STATUS_STATES_TASKS)
			: most;
	for (i = 0; i < n; i++) {
		tasks = tg_rows_int_at(rows, i, TG_STATUS_STATES_TASKS);
		tg_buf_printf(&ctl->out, "%-11s  %-10s  %8lld  ",
			tg_rows_text(rows, i, TG_STATUS_STATES_API),
			tg_rows_text(rows, i, TG_STATUS_STATES_STATE), tasks);
		bar(&ctl->out, tasks, most);
	}
}

/* How far each campaign is: what has ended, what is under way, what waits. */
static void draw_campaigns(struct tg_ctl *ctl, struct tg_rows rows)
{
	if (tg_rows_count(rows) > 0)
		tg_buf_puts(&ctl->out, "\ncampaigns\n");
	for (int i = 0; i < tg_rows_count(rows); i++) {
		long long total = tg_rows_int_at(rows, i, TG_STATUS_CAMPAIGNS_TOTAL),
			  under_way = tg_rows_int_at(rows, i, TG_STATUS_CAMPAIGNS_IN_FLIGHT),
			  failed = tg_rows_int_at(rows, i, TG_STATUS_CAMPAIGNS_FAILED);
		long long ended = tg_rows_int_at(rows, i, TG_STATUS_CAMPAIGNS_COMPLETED) + failed +
			tg_rows_int_at(rows, i, TG_STATUS_CAMPAIGNS_CANCELLED);

		tg_buf_printf(
			&ctl->out, "%s  [", tg_rows_text(rows, i, TG_STATUS_CAMPAIGNS_TASK_ID));
		for (long long n = 0; n < BAR; n++)
			tg_buf_puts(&ctl->out,
				n * total < ended * BAR                         ? "#"
					: n * total < (ended + under_way) * BAR ? ">"
										: ".");
		tg_buf_printf(&ctl->out, "]  %lld/%lld ended, %lld failed, %lld under way\n", ended,
			total, failed, under_way);
	}
}

static void draw_table(struct tg_ctl *ctl, struct tg_rows rows, const char *title, const char *none,
	const struct tg_ctl_column *columns)
{
	tg_buf_printf(&ctl->out, "\n%s\n", tg_rows_count(rows) ? title : none);
	if (tg_rows_count(rows))
		tg_ctl_print_text_table(&ctl->out, ctl->arena, rows, columns);
}

static void draw(struct tg_ctl *ctl, struct tg_rows lanes, struct tg_rows sweepers,
	struct tg_rows hosts, struct tg_rows states, struct tg_rows campaigns)
{
	draw_lanes(ctl, lanes);
	draw_table(ctl, sweepers, "sweepers", "no sweeper is alive", sweeper_columns);
	if (tg_rows_count(hosts))
		draw_table(ctl, hosts, "hosts that rest after failures", "", host_columns);
	draw_campaigns(ctl, campaigns);
	draw_states(ctl, states);
}

static void draw_json(struct tg_ctl *ctl, struct tg_rows lanes, struct tg_rows sweepers,
	struct tg_rows hosts, struct tg_rows states, struct tg_rows campaigns)
{
	tg_buf_puts(&ctl->out, "{\"lanes\": ");
	tg_ctl_json_rows(&ctl->out, ctl->arena, lanes, lane_columns);
	tg_buf_puts(&ctl->out, ",\n\"sweepers\": ");
	tg_ctl_json_rows(&ctl->out, ctl->arena, sweepers, sweeper_columns);
	tg_buf_puts(&ctl->out, ",\n\"hosts\": ");
	tg_ctl_json_rows(&ctl->out, ctl->arena, hosts, host_columns);
	tg_buf_puts(&ctl->out, ",\n\"tasks\": ");
	tg_ctl_json_rows(&ctl->out, ctl->arena, states, state_columns);
	tg_buf_puts(&ctl->out, ",\n\"campaigns\": ");
	tg_ctl_json_rows(&ctl->out, ctl->arena, campaigns, campaign_columns);
	tg_buf_puts(&ctl->out, "}\n");
}

/* One look: its statements in one round trip. */
static enum tg_rc look(struct tg_ctl *ctl)
{
	const struct tg_bind parts[] = { TG_BIND_LANE_LIST(), TG_BIND_STATUS_SWEEPERS(),
		TG_BIND_STATUS_HOSTS(), TG_BIND_STATUS_STATES(), TG_BIND_STATUS_CAMPAIGNS() };
	size_t i;

	if (tg_db_open(ctl->db, tg_clock_ms() + 5000, ctl->err) != TG_OK)
		return ctl->err->rc;
	tg_db_start(ctl->db);
	for (i = 0; i < sizeof parts / sizeof *parts; i++)
		tg_db_queue(ctl->db, parts[i]);
	if (tg_db_run(ctl->db, tg_clock_ms() + 30000, false, ctl->err) != TG_OK)
		return tg_ctl_explain(ctl->err);
	(ctl->json ? draw_json : draw)(ctl, tg_db_rows(ctl->db, 0), tg_db_rows(ctl->db, 1),
		tg_db_rows(ctl->db, 2), tg_db_rows(ctl->db, 3), tg_db_rows(ctl->db, 4));
	return TG_OK;
}

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static bool can_redraw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

/* A database that is away is shown and waited for, since that is when somebody watches. */
static enum tg_rc watch(struct tg_ctl *ctl)
{
	bool redraw = can_redraw() && !ctl->json;
	struct timespec second = { .tv_sec = 1 };
	struct sigaction act = { .sa_handler = stop };
	time_t now;
	struct tm tm;
	char text[40];

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	while (!stopped) {
		tg_arena_reset(ctl->arena);
		tg_buf_init(&ctl->out, ctl->arena);
		now = time(NULL);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
		if (!ctl->json)
			tg_buf_printf(&ctl->out, "%staskgate  %s\n\n", redraw ? HOME : "", text);
		if (look(ctl) != TG_OK) {
			if (!tg_error_row(ctl->err->rc)->retryable)
				return ctl->err->rc;
			tg_buf_printf(&ctl->out, ctl->json ? "{\"error\": \"%s\"}\n" : "%s\n",
				tg_error_row(ctl->err->rc)->text);
		}
		if (!ctl->json && !redraw)
			tg_buf_puts(&ctl->out, "\n");
		if (fwrite(ctl->out.data, 1, ctl->out.len, stdout) != ctl->out.len ||
			fflush(stdout) != 0)
			return tg_fail(ctl->err, TG_E_UNAVAILABLE, NULL, "standard output: %s",
				strerror(errno));
		ctl->out.len = 0;
		if (!stopped)
			nanosleep(&second, NULL);
	}
	return TG_OK;
}

static enum tg_rc status(struct tg_ctl *ctl)
{
	return tg_ctl_flag(ctl, "--watch") ? watch(ctl) : look(ctl);
}

const struct tg_ctl_command tg_ctl_status[] = {
	{ .words = "status",
		.args = "",
		.flags = TG_CTL_DATABASE,
		.run = status,
		.help = "show the queue by lane, sweepers, pauses and the last hour's tasks",
		.options = { { "--watch", NULL, "show it again each second until Ctrl-C" } } },
	{ 0 }
};
