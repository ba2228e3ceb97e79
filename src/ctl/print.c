/* SPDX-License-Identifier: MIT
 * print: owns what taskgatectl's results look like, as aligned text and as JSON. Promises valid
 * JSON whatever is stored, and that no stored control character reaches a terminal. Never writes by
 * itself: it fills buffers. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/ctl/ctl.h"

#define MAX_COLUMNS 40

void tg_ctl_plain(struct tg_buf *out, const char *s)
{
	for (; *s; s++)
		tg_buf_put(out, (unsigned char)*s < 0x20 || *s == 0x7F ? "?" : s, 1);
}

void tg_ctl_json_string(struct tg_buf *out, const char *s)
{
	if (!s) {
		tg_buf_puts(out, "null");
		return;
	}
	tg_buf_puts(out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			tg_buf_printf(out, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			tg_buf_printf(out, "\\u%04x", (unsigned)*s);
		else
			tg_buf_put(out, s, 1);
	}
	tg_buf_puts(out, "\"");
}

static void json_value(
	struct tg_buf *out, struct tg_arena *arena, const char *s, enum tg_ctl_kind kind)
{
	if (s && kind == TG_CTL_BOOL)
		tg_buf_puts(out, *s == 't' ? "true" : "false");
	else if (s && (kind == TG_CTL_INT || kind == TG_CTL_JSON || kind == TG_CTL_LIST))
		tg_buf_puts(out, s);
	else
		tg_ctl_json_string(out, kind == TG_CTL_TIME ? tg_time_seconds(arena, s) : s);
}

void tg_ctl_json_row(struct tg_buf *out, struct tg_arena *arena, struct tg_rows rows, int row,
	const struct tg_ctl_column *columns)
{
	const struct tg_ctl_column *c;

	for (c = columns; c->name; c++) {
		tg_buf_puts(out, c == columns ? "{" : ", ");
		tg_ctl_json_string(out, c->name);
		tg_buf_puts(out, ": ");
		json_value(out, arena, tg_rows_get(rows, row, c->name), c->kind);
	}
	tg_buf_puts(out, "}");
}

void tg_ctl_json_rows(struct tg_buf *out, struct tg_arena *arena, struct tg_rows rows,
	const struct tg_ctl_column *columns)
{
	int i, n = tg_rows_count(rows);

	tg_buf_puts(out, "[");
	for (i = 0; i < n; i++) {
		if (i)
			tg_buf_puts(out, ",\n ");
		tg_ctl_json_row(out, arena, rows, i, columns);
	}
	tg_buf_puts(out, "]");
}

/* ["a","b"] as a,b */
static const char *bare_list(struct tg_arena *arena, const char *json)
{
	struct tg_buf out;

	tg_buf_init(&out, arena);
	for (; *json; json++)
		if (!strchr("[]\" ", *json))
			tg_buf_put(&out, json, 1);
	return out.len ? out.data : "-";
}

static bool is_plain(const char *s)
{
	while ((unsigned char)*s >= 0x20 && *s != 0x7F)
		s++;
	return *s == '\0';
}

/* A cell as people read it: the stored text itself, or in the arena. */
static const char *cell(
	struct tg_arena *arena, struct tg_rows rows, int row, const struct tg_ctl_column *c)
{
	const char *s = tg_rows_get(rows, row, c->name);
	struct tg_buf plain;

	if (!s || !*s)
		return "-";
	if (c->kind == TG_CTL_BOOL)
		return *s == 't' ? "yes" : "no";
	if (c->kind == TG_CTL_LIST)
		s = bare_list(arena, s);
	if (c->kind == TG_CTL_TIME)
		return tg_time_seconds(arena, s);
	/* A list may have a million rows, and most cells need no copy. */
	if (is_plain(s))
		return s;
	tg_buf_init(&plain, arena);
	tg_ctl_plain(&plain, s);
	return plain.data;
}

static size_t width(const char *s)
{
	return tg_utf8_length(s, strlen(s));
}

static void pad(struct tg_buf *out, const char *s, size_t to, bool right, bool last)
{
	size_t n = width(s);

	for (; right && n < to; n++)
		tg_buf_puts(out, " ");
	tg_buf_puts(out, s);
	for (; !last && n < to; n++)
		tg_buf_puts(out, " ");
	tg_buf_puts(out, last ? "\n" : "  ");
}

void tg_ctl_print_text_table(struct tg_buf *out, struct tg_arena *arena, struct tg_rows rows,
	const struct tg_ctl_column *columns)
{
	const struct tg_ctl_column *shown[MAX_COLUMNS], *c;
	size_t wide[MAX_COLUMNS], n = 0, k;
	int row, count = tg_rows_count(rows);

	for (c = columns; c->name && n < MAX_COLUMNS; c++) {
		if (!c->heading)
			continue;
		shown[n] = c;
		wide[n] = width(c->heading);
		for (row = 0; row < count; row++)
			if (width(cell(arena, rows, row, c)) > wide[n])
				wide[n] = width(cell(arena, rows, row, c));
		n++;
	}
	for (k = 0; k < n; k++)
		pad(out, shown[k]->heading, wide[k], shown[k]->kind == TG_CTL_INT, k + 1 == n);
	for (row = 0; row < count; row++)
		for (k = 0; k < n; k++)
			pad(out, cell(arena, rows, row, shown[k]), wide[k],
				shown[k]->kind == TG_CTL_INT, k + 1 == n);
}

void tg_ctl_print_table(
	struct tg_ctl *ctl, struct tg_rows rows, const struct tg_ctl_column *columns)
{
	if (!ctl->json) {
		tg_ctl_print_text_table(&ctl->out, ctl->arena, rows, columns);
		return;
	}
	tg_ctl_json_rows(&ctl->out, ctl->arena, rows, columns);
	tg_buf_puts(&ctl->out, "\n");
}

void tg_ctl_print_record(
	struct tg_ctl *ctl, struct tg_rows rows, int row, const struct tg_ctl_column *columns)
{
	const struct tg_ctl_column *c;
	char name[32];
	size_t i;

	if (ctl->json) {
		tg_ctl_json_row(&ctl->out, ctl->arena, rows, row, columns);
		tg_buf_puts(&ctl->out, "\n");
		return;
	}
	for (c = columns; c->name; c++) {
		if (!c->heading || !tg_rows_get(rows, row, c->name))
			continue;
		snprintf(name, sizeof name, "%s", c->heading);
		for (i = 0; name[i]; i++)
			name[i] = (char)tolower((unsigned char)name[i]);
		tg_buf_printf(&ctl->out, "%-16s  %s\n", name, cell(ctl->arena, rows, row, c));
	}
}
