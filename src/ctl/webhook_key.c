/* SPDX-License-Identifier: MIT
 * webhook_key: the keys that sign what leaves. While two keys live both sign, so that receivers can
 * change over; a key is printed once, when it is made. */
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"
#include "taskgate/base/digest.h"

#define KEY_SIZE 32
#define OVERLAP "86400" /* seconds */

static enum tg_rc list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "state", TG_CTL_TEXT, "STATE" }, { "active_from", TG_CTL_TIME, "FROM" },
		{ "retire_at", TG_CTL_TIME, "UNTIL" }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_WEBHOOK_KEY_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	if (!ctl->json && ctl->first_tenant && *tg_conf_text(TG_CONF_TASKGATE_WEBHOOK_SECRET))
		tg_buf_puts(&ctl->out, "TASKGATE_WEBHOOK_SECRET is set as well\n");
	return TG_OK;
}

static enum tg_rc rotate(struct tg_ctl *ctl)
{
	char hex[2 + 2 * KEY_SIZE + 1] = "\\x";
	const char *overlap, *secret, *id, *until;
	uint8_t key[KEY_SIZE];
	struct tg_rows rows;

	if (tg_ctl_seconds(ctl, "--overlap", &overlap) != TG_OK)
		return ctl->err->rc;
	tg_random(key, sizeof key);
	tg_hex(hex + 2, key, sizeof key);
	secret = tg_arena_printf(ctl->arena, "whsec_%s", tg_base64(ctl->arena, key, sizeof key));
	if (tg_ctl_query(ctl,
		    TG_BIND_WEBHOOK_KEY_ROTATE(.secret = hex,
			    .overlap_s = overlap ? overlap : OVERLAP),
		    &rows) != TG_OK)
		return ctl->err->rc;
	id = tg_arena_strdup(ctl->arena, tg_rows_text(rows, 0, TG_WEBHOOK_KEY_ROTATE_ID));
	until = tg_time_seconds(ctl->arena, tg_rows_text(rows, 0, TG_WEBHOOK_KEY_ROTATE_RETIRE_AT));
	if (tg_ctl_write_audit(ctl, id, "old_until", until, NULL) != TG_OK ||
		tg_ctl_commit(ctl) != TG_OK)
		return ctl->err->rc;
	if (ctl->json)
		tg_buf_printf(&ctl->out,
			"{\"secret\": \"%s\", \"id\": \"%s\", \"old_until\": \"%s\"}\n", secret, id,
			until);
	else
		tg_buf_printf(&ctl->out, "%s\n", secret);
	return TG_OK;
}

const struct tg_ctl_command tg_ctl_webhook_key[] = {
	{ .words = "webhook-key list",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = list,
		.help = "list the signing keys of a tenant, never the secret" },
	{ .words = "webhook-key rotate",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = rotate,
		.help = "make a new signing key and print it, this once; the old ones retire",
		.options = { { "--overlap", "TIME",
			"how long the old keys go on signing beside it: 24h unless told" } } },
	{ 0 }
};
