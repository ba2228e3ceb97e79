/* SPDX-License-Identifier: MIT
 * value: how a command reads what was given to it. Promises that an option's name that the
 * command's row does not have is found by the first run (an assert), and that a text that means
 * nothing is refused by name. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/ctl/ctl.h"

#define LONGEST (100LL * 366 * 86400) /* seconds */

const char *tg_ctl_value(const struct tg_ctl *ctl, const char *name)
{
	int i;

	for (i = 0; i < TG_CTL_OPTIONS && ctl->command->options[i].name; i++)
		if (strcmp(ctl->command->options[i].name, name) == 0)
			return ctl->value[i];
	assert(!"an option of the command's row");
	return NULL;
}

bool tg_ctl_flag(const struct tg_ctl *ctl, const char *name)
{
	return tg_ctl_value(ctl, name) != NULL;
}

enum tg_rc tg_ctl_missing(struct tg_ctl *ctl, const char *option)
{
	return tg_fail(ctl->err, TG_E_INVALID, NULL, "%s is needed", option);
}

enum tg_rc tg_ctl_seconds(struct tg_ctl *ctl, const char *option, const char **seconds)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {
		{ '\0', 1 },
		{ 's', 1 },
		{ 'm', 60 },
		{ 'h', 3600 },
		{ 'd', 86400 },
		{ 'w', 7 * 86400 },
	};
	const char *text = tg_ctl_value(ctl, option);
	size_t digits, i;
	long long n;

	*seconds = NULL;
	if (!text)
		return TG_OK;
	digits = strspn(text, "0123456789");
	for (i = 0; i < sizeof units / sizeof *units; i++) {
		if (digits == 0 || digits > 10 || text[digits] != units[i].unit ||
			(units[i].unit && text[digits + 1]))
			continue;
		n = strtoll(text, NULL, 10) * units[i].seconds;
		if (n > LONGEST)
			break;
		*seconds = tg_arena_printf(ctl->arena, "%lld", n);
		return TG_OK;
	}
	return tg_fail(ctl->err, TG_E_INVALID, NULL,
		"%s: `%s` is not a time like 90d, 12h, 30m or 45s, of at most a hundred years",
		option, text);
}

const char *tg_ctl_list(struct tg_ctl *ctl, const char *commas)
{
	struct tg_buf b;
	size_t n;

	tg_buf_init(&b, ctl->arena);
	tg_buf_puts(&b, "{");
	for (;;) {
		n = strcspn(commas, ",");
		if (n == 0)
			return NULL;
		tg_buf_array_item(&b, commas, n);
		if (!commas[n])
			break;
		tg_buf_puts(&b, ",");
		commas += n + 1;
	}
	tg_buf_puts(&b, "}");
	return b.data;
}

/* All of f, in pieces that grow: standard input does not say how much it has. */
static void read_all(FILE *f, size_t most, struct tg_buf *text)
{
	char piece[64 * 1024];
	size_t n;

	tg_buf_puts(text, "");
	while (text->len <= most && (n = fread(piece, 1, sizeof piece, f)) > 0)
		tg_buf_put(text, piece, n);
}

enum tg_rc tg_ctl_read_file(
	struct tg_ctl *ctl, const char *name, size_t most, char **text, size_t *n)
{
	bool piped = strcmp(name, "-") == 0;
	FILE *f = piped ? stdin : fopen(name, "re");
	struct tg_buf read;

	if (!f)
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "%s: %s", name, strerror(errno));
	tg_buf_init(&read, ctl->arena);
	errno = 0;
	read_all(f, most, &read);
	if (ferror(f))
		tg_fail(ctl->err, TG_E_INVALID, NULL, "%s: %s", piped ? "standard input" : name,
			strerror(errno));
	else if (read.len > most)
		tg_fail(ctl->err, TG_E_INVALID, NULL, "%s: larger than %zu KiB",
			piped ? "standard input" : name, most / 1024);
	if (!piped)
		fclose(f);
	*text = read.data;
	*n = read.len;
	return ctl->err->rc;
}
