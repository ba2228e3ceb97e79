/* SPDX-License-Identifier: MIT
 * migrate: the command around tg_migrate, and the demand that the database has what this program
 * needs. */
#include "taskgate/ctl/ctl.h"

static const char *counted(struct tg_ctl *ctl, int n, const char *what)
{
	return tg_arena_printf(ctl->arena, "%d %s%s", n, what, n == 1 ? "" : "s");
}

static enum tg_rc migrate(struct tg_ctl *ctl)
{
	int applied, texts, newest = tg_migrate_newest();
	const char *done;

	if (tg_migrate(ctl->db, &applied, &texts, ctl->err) != TG_OK)
		return ctl->err->rc;
	done = tg_arena_printf(ctl->arena, "%s and %s of functions, states and grants",
		counted(ctl, applied, "migration"), counted(ctl, texts, "file"));
	if (applied + texts > 0 &&
		(tg_ctl_begin(ctl) != TG_OK ||
			tg_ctl_write_audit(ctl, tg_arena_printf(ctl->arena, "%d", newest),
				"applied", done, NULL) != TG_OK ||
			tg_ctl_commit(ctl) != TG_OK))
		return ctl->err->rc;
	if (ctl->json)
		tg_buf_printf(&ctl->out, "{\"applied\": %d, \"texts\": %d, \"newest\": %d}\n",
			applied, texts, newest);
	else if (applied + texts > 0)
		tg_buf_printf(&ctl->out, "%s applied; the newest migration is %d\n", done, newest);
	else
		tg_buf_printf(&ctl->out, "nothing to do; the newest migration is %d\n", newest);
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
