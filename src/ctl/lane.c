/* SPDX-License-Identifier: MIT
 * lane: stops and starts the lanes of the sweeper ("stop all calls now"). A pause is stored, shown
 * and kept over restarts; a lane that was stopped because the database was restored starts again
 * only where that is said. */
#include <pwd.h>
#include <unistd.h>

#include "taskgate/ctl/ctl.h"

static enum tg_rc unknown(struct tg_ctl *ctl)
{
	return tg_fail(ctl->err, TG_E_NOTFOUND, NULL,
		"there is no lane %s; `taskgatectl lane list` shows them", ctl->arg[0]);
}

static enum tg_rc pause_lane(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "name", TG_CTL_TEXT, "lane" },
		{ "paused_at", TG_CTL_TIME, "paused" }, { 0 } };
	const char *reason = tg_ctl_value(ctl, "--reason");
	const struct passwd *user = getpwuid(geteuid());
	struct tg_rows rows;

	if (tg_ctl_query(ctl,
		    TG_BIND_LANE_PAUSE(.name = ctl->arg[0],
			    .who = user ? user->pw_name : "taskgatectl", .reason = reason),
		    &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return unknown(ctl);
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, ctl->arg[0], "reason", reason, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc resume_lane(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "name", TG_CTL_TEXT, "lane" },
		{ "resumed", TG_CTL_BOOL, "resumed" }, { "unknown", TG_CTL_INT, "calls unknown" },
		{ 0 } };
	const char *restored = tg_ctl_flag(ctl, "--after-restore") ? "true" : "false";
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_LANE_RESUME(.name = ctl->arg[0], .after_restore = restored),
		    &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return unknown(ctl);
	if (!tg_rows_bool_at(rows, 0, TG_LANE_RESUME_RESUMED))
		return tg_fail(ctl->err, TG_E_CONFLICT, NULL,
			"%s was stopped because the database was restored or failed over; when "
			"what may have left since the "
			"backup is known, say --after-restore",
			ctl->arg[0]);
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, ctl->arg[0], "after_restore", restored, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "name", TG_CTL_TEXT, "LANE" },
		{ "waiting", TG_CTL_INT, "WAITING" }, { "scheduled", TG_CTL_INT, "SCHEDULED" },
		{ "leased", TG_CTL_INT, "LEASED" }, { "oldest_seconds", TG_CTL_INT, "OLDEST" },
		{ "paused_at", TG_CTL_TIME, "PAUSED" }, { "paused_by", TG_CTL_TEXT, "BY" },
		{ "reason", TG_CTL_TEXT, "REASON" }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_LANE_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

#define NAMED .args = "NAME", .min_args = 1, .max_args = 1, .flags = TG_CTL_DATABASE

const struct tg_ctl_command tg_ctl_lane[] = {
	{ .words = "lane pause",
		NAMED,
		.run = pause_lane,
		.help = "start nothing of a lane until it is resumed",
		.options = { { "--reason", "TEXT", "shown by lane list, status and why" } } },
	{ .words = "lane resume",
		NAMED,
		.run = resume_lane,
		.help = "let a lane go on",
		.options = { { "--after-restore", NULL,
			"also where it was stopped because the database was restored" } } },
	{ .words = "lane list",
		.args = "",
		.flags = TG_CTL_DATABASE,
		.run = list,
		.help = "list the lanes, their backlog and their pauses" },
	{ 0 }
};
