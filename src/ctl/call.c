/* SPDX-License-Identifier: MIT
 * call: what an operator does about calls: quiet hours, a look at what is under way, the settling
 * by hand of what nobody could tell, and an end to all of it. Promises that nothing here dials
 * anybody, and that an unknown call is settled only by a person who says which way. */
#include <string.h>

#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"
#include "taskgate/base/nudge.h"

#define LIST_MOST "1000"

static const struct tg_ctl_column quiet_columns[] = { { "quiet_from", TG_CTL_TEXT, "from" },
	{ "quiet_until", TG_CTL_TEXT, "until" }, { "time_zone", TG_CTL_TEXT, "zone" }, { 0 } };

/* HH:MI of a day of 24 hours. */
static bool is_clock(const char *s)
{
	return strlen(s) == 5 && s[2] == ':' && strspn(s, "0123456789") == 2 &&
		strspn(s + 3, "0123456789") == 2 && strncmp(s, "24", 2) < 0 && s[3] < '6';
}

static enum tg_rc quiet_show(struct tg_ctl *ctl)
{
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_QUIET_SHOW(), &rows) != TG_OK)
		return ctl->err->rc;
	if (!ctl->json && tg_rows_text(rows, 0, TG_QUIET_SHOW_QUIET_FROM) == NULL)
		tg_buf_puts(&ctl->out, "no quiet hours\n");
	else
		tg_ctl_print_record(ctl, rows, 0, quiet_columns);
	return TG_OK;
}

static enum tg_rc quiet_set(
	struct tg_ctl *ctl, const char *from, const char *until, const char *zone)
{
	struct tg_rows rows;

	if (tg_ctl_query(ctl,
		    TG_BIND_QUIET_SET(.quiet_from = from, .quiet_until = until, .time_zone = zone),
		    &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"--zone: `%s` is no time zone; an IANA name such as Europe/Berlin is "
			"expected",
			zone);
	tg_ctl_print_record(ctl, rows, 0, quiet_columns);
	if (tg_ctl_write_audit(ctl, "quiet", "from", from, "until", until, "zone", zone, NULL) !=
		TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc quiet(struct tg_ctl *ctl)
{
	const char *from = tg_ctl_value(ctl, "--from"), *until = tg_ctl_value(ctl, "--until"),
		   *zone = tg_ctl_value(ctl, "--zone");
	const char *const clocks[] = { from, until };

	if (tg_ctl_flag(ctl, "--off")) {
		if (from || until || zone)
			return tg_fail(ctl->err, TG_E_INVALID, NULL, "--off stands alone");
		return quiet_set(ctl, NULL, NULL, NULL);
	}
	if (!from && !until && !zone)
		return quiet_show(ctl);
	if (!from || !until)
		return tg_ctl_missing(ctl, from ? "--until" : "--from");
	for (size_t i = 0; i < 2; i++)
		if (!is_clock(clocks[i]))
			return tg_fail(ctl->err, TG_E_INVALID, NULL,
				"%s: `%s` is no time of day; HH:MI such as 21:00 is expected",
				i ? "--until" : "--from", clocks[i]);
	if (strcmp(from, until) == 0)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"--from and --until are the same: is it never or always? (`taskgatectl "
			"lane pause call` stops all calls)");
	return quiet_set(ctl, from, until, zone);
}

static enum tg_rc list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "CALL" },
		{ "task_id", TG_CTL_TEXT, "TASK" }, { "number", TG_CTL_TEXT, "NUMBER" },
		{ "state", TG_CTL_TEXT, "STATE" }, { "status", TG_CTL_TEXT, "STATUS" },
		{ "sid", TG_CTL_TEXT, NULL }, { "attempts", TG_CTL_INT, "TRIES" },
		{ "granted_at", TG_CTL_TIME, "DIALLED" }, { "lane", TG_CTL_TEXT, "LANE" },
		{ "run_at", TG_CTL_TIME, "DUE" }, { "reason", TG_CTL_TEXT, "REASON" }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl,
		    TG_BIND_CALL_LIST(.unknown_only = tg_ctl_flag(ctl, "--unknown") ? "t" : "f",
			    .page_rows = LIST_MOST),
		    &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

static enum tg_rc settle(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "call" },
		{ "was", TG_CTL_TEXT, "was" }, { "state", TG_CTL_TEXT, "state" }, { 0 } };
	bool dialled = tg_ctl_flag(ctl, "--dialled");
	struct tg_rows rows;
	const char *was;

	if (dialled == tg_ctl_flag(ctl, "--not-dialled"))
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"say --dialled or --not-dialled, whichever Twilio's console shows");
	if (!tg_uuid_valid(ctl->arg[0]))
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"`%s` is not the id of a call; `taskgatectl call list --unknown` shows "
			"them",
			ctl->arg[0]);
	if (tg_ctl_query(ctl,
		    TG_BIND_CALL_SETTLE_BY_HAND(.id = ctl->arg[0], .dialled = dialled ? "t" : "f"),
		    &rows) != TG_OK)
		return ctl->err->rc;
	if ((was = tg_rows_text(rows, 0, TG_CALL_SETTLE_BY_HAND_WAS)) == NULL)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL, "there is no call %s", ctl->arg[0]);
	if (strcmp(was, "unknown") != 0)
		return tg_fail(ctl->err, TG_E_CONFLICT, NULL,
			"the call %s is %s, not unknown; there is nothing to settle", ctl->arg[0],
			was);
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, ctl->arg[0], "dialled", dialled ? "true" : "false", NULL) !=
		TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc stop_all(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "stopped", TG_CTL_INT, "stopped" },
		{ 0 } };
	struct tg_rows rows;
	char *count;

	if (tg_ctl_begin(ctl) != TG_OK || tg_ctl_call(ctl, TG_BIND_CTL_PATIENCE(), NULL) != TG_OK ||
		tg_ctl_call(ctl,
			TG_BIND_CALL_STOP_ALL(.reason = "all calls were stopped by an operator"),
			&rows) != TG_OK)
		return ctl->err->rc;
	count = tg_arena_strdup(ctl->arena, tg_rows_text(rows, 0, TG_CALL_STOP_ALL_STOPPED));
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, "calls", "stopped", count, NULL) != TG_OK ||
		tg_ctl_commit(ctl) != TG_OK)
		return ctl->err->rc;
	tg_nudge(tg_conf_text(TG_CONF_TASKGATE_RUN_DIR));
	return TG_OK;
}

#define TENANT .args = "", .flags = TG_CTL_DATABASE | TG_CTL_TENANT

const struct tg_ctl_command tg_ctl_calls[] = {
	{ .words = "calls quiet",
		TENANT,
		.run = quiet,
		.help = "show or set the hours in which nobody is called",
		.options = { { "--from", "HH:MI", "first minute in which nobody is called" },
			{ "--until", "HH:MI",
				"first minute in which calls go on; may be of the next day" },
			{ "--zone", "NAME",
				"time zone of numbers that do not tell theirs; without it they are "
				"refused" },
			{ "--off", NULL, "no quiet hours" } } },
	{ .words = "call list",
		TENANT,
		.run = list,
		.help = "list the numbers that have not ended, those under way first",
		.options = { { "--unknown", NULL,
			"only those of which nobody knows whether they were dialled" } } },
	{ .words = "call settle",
		.args = "ID",
		.min_args = 1,
		.max_args = 1,
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = settle,
		.help = "end an unknown call, as a person has found it to be",
		.options = { { "--dialled", NULL, "Twilio has it: the call counts as completed" },
			{ "--not-dialled", NULL, "Twilio has it not: the call has failed" } } },
	{ .words = "call stop-all",
		TENANT,
		.run = stop_all,
		.help = "cancel every call and campaign that has not ended, and hang up what is "
			"under way" },
	{ 0 }
};
