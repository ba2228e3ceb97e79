/* SPDX-License-Identifier: MIT
 * migrate: the command around tg_migrate, and the demand that the database has what this program
 * needs. */
#include "taskgate/ctl/ctl.h"

static enum tg_rc migrate(struct tg_ctl *ctl)
{
	char *count, *newest;
	int applied;

	if (tg_migrate(ctl->db, &applied, ctl->err) != TG_OK)
		return ctl->err->rc;
	count = tg_arena_printf(ctl->arena, "%d", applied);
	newest = tg_arena_printf(ctl->arena, "%d", tg_migrate_newest());
	if (applied > 0 &&
		(tg_ctl_begin(ctl) != TG_OK ||
			tg_ctl_write_audit(ctl, newest, "applied", count, NULL) != TG_OK ||
			tg_ctl_commit(ctl) != TG_OK))
		return ctl->err->rc;
	if (ctl->json)
		tg_buf_printf(&ctl->out, "{\"applied\": %d, \"newest\": %d}\n", applied,
			tg_migrate_newest());
	else if (applied > 0)
		tg_buf_printf(&ctl->out, "%d migration%s applied; the newest is %d\n", applied,
			applied == 1 ? "" : "s", tg_migrate_newest());
	else
		tg_buf_printf(&ctl->out, "nothing to do; the newest migration is %d\n",
			tg_migrate_newest());
	return TG_OK;
}

const struct tg_ctl_command tg_ctl_migrate[] = {
	{ .words = "migrate",
		.args = "",
		.flags = TG_CTL_DATABASE,
		.run = migrate,
		.help = "bring the database up to this program's schema; safe to run again" },
	{ 0 }
};
