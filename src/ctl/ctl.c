/* SPDX-License-Identifier: MIT
 * ctl: the frame around every command. Owns arena, settings and connection of the one run; promises
 * that standard output holds a command's result alone, whole or not at all, that everything else
 * goes to standard error, and that the exit code says what happened. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"

#define FIRST_CHUNK (64 * 1024)

static enum tg_rc print(struct tg_ctl *ctl)
{
	if ((ctl->out.len && fwrite(ctl->out.data, 1, ctl->out.len, stdout) != ctl->out.len) ||
		fflush(stdout) != 0)
		return tg_fail(
			ctl->err, TG_E_UNAVAILABLE, NULL, "standard output: %s", strerror(errno));
	return TG_OK;
}

static enum tg_rc run(struct tg_ctl *ctl)
{
	const struct tg_ctl_command *c = ctl->command;

	if ((c->flags & (TG_CTL_DATABASE | TG_CTL_SETTINGS)) &&
		tg_conf_load(ctl->config, ctl->err) != TG_OK)
		return ctl->err->rc;
	if ((c->flags & TG_CTL_DATABASE) && tg_ctl_connect(ctl) != TG_OK)
		return ctl->err->rc;
	return c->run(ctl);
}

static int complain(const struct tg_ctl *ctl)
{
	const struct tg_error_row *row = tg_error_row(ctl->err->rc);
	struct tg_buf text;

	tg_buf_init(&text, ctl->arena);
	if (ctl->command)
		tg_buf_printf(&text, "%s: ", ctl->command->words);
	tg_ctl_plain(&text, ctl->err->message[0] ? ctl->err->message : row->text);
	if (ctl->err->rc == TG_E_INDOUBT)
		tg_buf_puts(&text, " (whether it was done is not known)");
	fprintf(stderr, "taskgatectl: %s\n", text.data);
	return row->exit_code;
}

static int with(struct tg_ctl *ctl, int argc, char **argv)
{
	bool help = false;
	int code;

	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		tg_buf_puts(&ctl->out, "taskgatectl " TG_VERSION "\n");
	else if (tg_ctl_parse(ctl, argc, argv, &help) != TG_OK || (!help && run(ctl) != TG_OK)) {
		/* A refusal may still have something to show: `audit verify` names the broken link.
		 */
		code = complain(ctl);
		return print(ctl) == TG_OK ? code : complain(ctl);
	}
	return print(ctl) == TG_OK ? 0 : complain(ctl);
}

int tg_ctl_main(int argc, char **argv)
{
	struct tg_error err = { .rc = TG_OK };
	struct tg_ctl ctl = { .arena = tg_arena_new(FIRST_CHUNK), .err = &err };
	int code;

	tg_buf_init(&ctl.out, ctl.arena);
	code = with(&ctl, argc, argv);
	tg_db_free(ctl.db);
	tg_arena_free(ctl.arena);
	return code;
}
