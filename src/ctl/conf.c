/* SPDX-License-Identifier: MIT
 * conf: prints the settings as the programs would read them, and where each value comes from. Never
 * prints a secret: neither a setting that is one, nor the password inside a connection string or
 * URL. */
#include <string.h>

#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"

static const char *const origins[] = { [TG_CONF_DEFAULT] = "default",
	[TG_CONF_FILE] = "file",
	[TG_CONF_ENVIRONMENT] = "environment" };

/* user:password@ of a URL. */
static const char *mask_url(struct tg_arena *arena, const char *text)
{
	const char *start = strstr(text, "://"), *colon, *at;

	if (!start)
		return text;
	start += 3;
	at = memchr(start, '@', strcspn(start, "/ ?"));
	colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
	if (!colon)
		return text;
	return tg_arena_printf(arena, "%.*s:***%s", (int)(colon - text), text, at);
}

/* password=... of a connection string, quoted or not, or of a URL's query. */
static const char *mask_word(struct tg_arena *arena, const char *text)
{
	const char *start = strstr(text, "password"), *value, *end;

	if (!start)
		return text;
	value = start + strlen("password");
	value += strspn(value, " ");
	if (*value != '=')
		return text;
	value++;
	value += strspn(value, " ");
	if (*value == '\'') {
		for (end = value + 1; *end && *end != '\''; end++)
			if (*end == '\\' && end[1])
				end++;
		end += *end == '\'';
	} else {
		end = value + strcspn(value, " &");
	}
	return tg_arena_printf(arena, "%.*s***%s", (int)(value - text), text, end);
}

static const char *shown(struct tg_ctl *ctl, enum tg_conf c)
{
	const char *text = tg_conf_text(c);

	if (tg_conf_row(c)->secret)
		return *text ? "(set)" : "";
	return mask_word(ctl->arena, mask_url(ctl->arena, text));
}

static enum tg_rc conf(struct tg_ctl *ctl)
{
	enum tg_conf c;

	for (c = 0; c < TG_CONF__MAX; c++) {
		if (!ctl->json) {
			tg_buf_printf(&ctl->out, "%-24s  %-11s  ", tg_conf_row(c)->name,
				origins[tg_conf_origin(c)]);
			tg_ctl_plain(&ctl->out, shown(ctl, c));
			tg_buf_puts(&ctl->out, "\n");
			continue;
		}
		tg_buf_printf(&ctl->out, "%s{\"name\": \"%s\", \"value\": ", c ? ",\n " : "[",
			tg_conf_row(c)->name);
		tg_ctl_json_string(&ctl->out, shown(ctl, c));
		tg_buf_printf(&ctl->out,
			", \"origin\": \"%s\", \"default\": ", origins[tg_conf_origin(c)]);
		tg_ctl_json_string(&ctl->out, tg_conf_row(c)->def);
		tg_buf_puts(&ctl->out, ", \"help\": ");
		tg_ctl_json_string(&ctl->out, tg_conf_row(c)->help);
		tg_buf_puts(&ctl->out, "}");
	}
	if (ctl->json)
		tg_buf_puts(&ctl->out, "]\n");
	return TG_OK;
}

const struct tg_ctl_command tg_ctl_conf[] = {
	{ .words = "conf",
		.args = "",
		.flags = TG_CTL_SETTINGS,
		.run = conf,
		.help = "print the settings and where each comes from; secrets only as (set)" },
	{ 0 }
};
