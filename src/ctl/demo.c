/* SPDX-License-Identifier: MIT
 * demo: puts the demonstration directory of the first tenant back as it was. Touches its own rows
 * alone: nothing that somebody added is lost. */
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"
#include "taskgate/db/migrate_files.h"

#define WAIT_MS 60000

/* Task types of the demonstration whose handler is a location of the demonstration's nginx. */
static const char *const handled[] = { "lead_followup" };

static enum tg_rc set_handlers(struct tg_ctl *ctl, const char *base)
{
	size_t i, n = strlen(base);
	struct tg_rows rows;

	while (n && base[n - 1] == '/')
		n--;
	for (i = 0; i < sizeof handled / sizeof *handled; i++) {
		const char *url = tg_arena_printf(ctl->arena, "%.*s/%s", (int)n, base, handled[i]);

		if (tg_ctl_call(ctl, TG_BIND_DEMO_HANDLER(.name = handled[i], .handler_url = url),
			    &rows) != TG_OK)
			return ctl->err->rc;
	}
	return TG_OK;
}

static enum tg_rc load(struct tg_ctl *ctl)
{
	const char *base = tg_ctl_value(ctl, "--handler-base"),
		   *url = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL);

	if (!base && !*url)
		return tg_fail(ctl->err, TG_E_CONFIG, NULL,
			"TASKGATE_PUBLIC_URL is not set; say --handler-base URL instead");
	if (!base)
		base = tg_arena_printf(ctl->arena, "%s/demo/handler", url);
	if (tg_ctl_begin(ctl) != TG_OK)
		return ctl->err->rc;
	if (tg_db_script(ctl->db, tg_demo_sql, tg_clock_ms() + WAIT_MS, ctl->err) != TG_OK)
		return tg_ctl_explain(ctl->err);
	if (set_handlers(ctl, base) != TG_OK ||
		tg_ctl_write_audit(ctl, NULL, "handler_base", base, NULL) != TG_OK ||
		tg_ctl_commit(ctl) != TG_OK)
		return ctl->err->rc;
	tg_buf_puts(&ctl->out,
		ctl->json ? "{\"loaded\": true}\n" : "the demonstration directory is loaded\n");
	return TG_OK;
}

/* It enters the first tenant, which is the demonstration's; --tenant is not taken. */
static enum tg_rc load_first(struct tg_ctl *ctl)
{
	if (ctl->tenant)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"the demonstration directory belongs to the first tenant");
	return load(ctl);
}

const struct tg_ctl_command tg_ctl_demo[] = {
	{ .words = "demo load",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = load_first,
		.help = "put the demonstration directory of the first tenant back; not for "
			"production",
		.options = { { "--handler-base", "URL",
			"where its handlers are: TASKGATE_PUBLIC_URL/demo/handler unless "
			"told" } } },
	{ 0 }
};
