/* SPDX-License-Identifier: MIT
 * delivery: what was told to callbacks, and the dead letters that can be sent again. A delivery
 * keeps its webhook-id, so a receiver that got it after all can drop it. */
#include <stdlib.h>
#include <string.h>

#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"
#include "taskgate/base/nudge.h"

static enum tg_rc list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "task_id", TG_CTL_TEXT, "TASK" }, { "event", TG_CTL_TEXT, "EVENT" },
		{ "state", TG_CTL_TEXT, "STATE" }, { "attempts", TG_CTL_INT, "TRIES" },
		{ "last_status", TG_CTL_INT, "STATUS" }, { "created_at", TG_CTL_TIME, "CREATED" },
		{ "finished_at", TG_CTL_TIME, NULL }, { "url", TG_CTL_TEXT, "URL" },
		{ "last_error", TG_CTL_TEXT, "ERROR" }, { 0 } };
	const char *limit = tg_ctl_value(ctl, "--limit") ? tg_ctl_value(ctl, "--limit") : "100";
	struct tg_rows rows;

	if (!*limit || strlen(limit) > 6 || strspn(limit, "0123456789") != strlen(limit))
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"--limit: `%s` is not a number of rows", limit);
	if (tg_ctl_query(ctl,
		    TG_BIND_DELIVERY_LIST(.dead_only =
						  tg_ctl_flag(ctl, "--dead") ? "true" : "false",
			    .page_rows = limit),
		    &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

/* One delivery, or every dead one where id is NULL. */
static enum tg_rc resend_some(struct tg_ctl *ctl, const char *id)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "was", TG_CTL_TEXT, "WAS" }, { "resent", TG_CTL_BOOL, "RESENT" }, { 0 } };
	struct tg_rows rows;
	char *count;

	if (tg_ctl_query(ctl, TG_BIND_DELIVERY_RESEND(.id = id), &rows) != TG_OK)
		return ctl->err->rc;
	if (id && tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL, "the tenant has no delivery %s", id);
	if (id && !tg_rows_bool_at(rows, 0, TG_DELIVERY_RESEND_RESENT))
		return tg_fail(ctl->err, TG_E_CONFLICT, NULL,
			"delivery %s is %s; only a dead one is sent again", id,
			tg_rows_text(rows, 0, TG_DELIVERY_RESEND_WAS));
	count = tg_arena_printf(ctl->arena, "%d", tg_rows_count(rows));
	tg_ctl_print_table(ctl, rows, columns);
	if (tg_ctl_write_audit(ctl, id ? id : "all-dead", "resent", count, NULL) != TG_OK ||
		tg_ctl_commit(ctl) != TG_OK)
		return ctl->err->rc;
	tg_nudge(tg_conf_text(TG_CONF_TASKGATE_RUN_DIR));
	return TG_OK;
}

static enum tg_rc resend(struct tg_ctl *ctl)
{
	bool all = tg_ctl_flag(ctl, "--all-dead");

	if (all == (ctl->args == 1))
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"give either the id of a delivery or --all-dead");
	if (!all && !tg_uuid_valid(ctl->arg[0]))
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"`%s` is not the id of a delivery; `taskgatectl delivery list --dead` "
			"shows them",
			ctl->arg[0]);
	return resend_some(ctl, all ? NULL : ctl->arg[0]);
}

const struct tg_ctl_command tg_ctl_delivery[] = {
	{ .words = "delivery list",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = list,
		.help = "list webhooks, the newest first",
		.options = { { "--dead", NULL, "only those that were given up" },
			{ "--limit", "N", "at most so many: 100 unless told" } } },
	{ .words = "delivery resend",
		.args = "[ID]",
		.max_args = 1,
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = resend,
		.help = "send a dead letter again, with all its attempts",
		.options = { { "--all-dead", NULL, "all dead letters of the tenant" } } },
	{ 0 }
};
