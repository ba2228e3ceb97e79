/* SPDX-License-Identifier: MIT
 * registry_verbs: add, list, show, remove and export of any directory. Promises that an `add` runs
 * the statement of an import, so that both take and refuse the same; that an export is read by an
 * import; and that each change leaves its row in `audit`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry.h"
#include "taskgate/base/clock.h"
#include "taskgate/ctl/csv.h"

#define TEXT_MAX (1024 * 1024) /* of a file that an option names */
#define CHUNK (64 * 1024) /* of an export */

/* What the command line says of a field. */
static enum tg_rc given(struct tg_ctl *ctl, const struct registry_field *f, const char **value)
{
	const char *text = f->option ? tg_ctl_value(ctl, f->option) : NULL;
	char *content;
	size_t n;

	*value = text;
	if (!text)
		return f->flags & FIELD_NEEDED ? tg_ctl_missing(ctl, f->option) : TG_OK;
	if (f->flags & FIELD_NOT) {
		*value = "false";
	} else if (f->flags & FIELD_FILE) {
		if (tg_ctl_read_file(ctl, text, TEXT_MAX, &content, &n) != TG_OK)
			return ctl->err->rc;
		if (strlen(content) != n || !tg_utf8_valid(content, n))
			return tg_fail(ctl->err, TG_E_INVALID, NULL,
				"%s: `%s` is not a text in UTF-8", f->option, text);
		*value = content;
	}
	if (registry_judge(ctl->arena, f, value, ctl->err) != TG_OK)
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "%s %s", f->option,
			tg_arena_strdup(ctl->arena, ctl->err->message));
	return TG_OK;
}

static enum tg_rc read_options(struct tg_ctl *ctl, const struct registry *r, const char **row)
{
	int i, piped = 0;

	row[0] = ctl->arg[0];
	for (i = 1; r->fields[i].name; i++) {
		const struct registry_field *f = &r->fields[i];

		if ((f->flags & FIELD_FILE) && tg_ctl_value(ctl, f->option) &&
			strcmp(tg_ctl_value(ctl, f->option), "-") == 0 && piped++)
			return tg_fail(ctl->err, TG_E_INVALID, NULL,
				"standard input can be read once only");
		if (given(ctl, f, &row[i]) != TG_OK)
			return ctl->err->rc;
	}
	return TG_OK;
}

static enum tg_rc refused(struct tg_ctl *ctl, const struct registry *r, const char *const *row)
{
	const struct registry_field *f = registry_blame(r, row, ctl->err);

	if (!f || !f->option)
		return ctl->err->rc;
	return tg_fail(ctl->err, ctl->err->rc, NULL, "%s: %s", f->option,
		tg_arena_strdup(ctl->arena, ctl->err->message));
}

/* One change that was made to the thing named on the command line: said, written down, committed.
 */
static enum tg_rc changed(struct tg_ctl *ctl, const struct registry *r, const char *done)
{
	if (ctl->json) {
		tg_buf_printf(&ctl->out, "{\"%s\": ", r->fields[0].name);
		tg_ctl_json_string(&ctl->out, ctl->arg[0]);
		tg_buf_printf(&ctl->out, ", \"done\": \"%s\"}\n", done);
	} else {
		tg_buf_printf(&ctl->out, "%s ", r->one);
		tg_ctl_plain(&ctl->out, ctl->arg[0]);
		tg_buf_printf(&ctl->out, " %s\n", done);
	}
	if (tg_ctl_write_audit(ctl, ctl->arg[0], "done", done, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

enum tg_rc registry_add(struct tg_ctl *ctl)
{
	const struct registry *r = registry_of(ctl);
	const char *row[REGISTRY_FIELDS] = { NULL };
	struct tg_rows rows;
	struct tg_buf json;

	if (!*ctl->arg[0])
		return tg_fail(
			ctl->err, TG_E_INVALID, NULL, "%s must not be empty", ctl->command->args);
	if (read_options(ctl, r, row) != TG_OK)
		return ctl->err->rc;
	tg_buf_init(&json, ctl->arena);
	tg_buf_puts(&json, "[");
	registry_put_json(&json, r, row);
	tg_buf_puts(&json, "]");
	if (tg_ctl_query(ctl, (struct tg_bind){ r->put, (const char *[]){ json.data } }, &rows) !=
		TG_OK)
		return refused(ctl, r, row);
	return changed(
		ctl, r, tg_rows_int_at(rows, 0, TG_AGENT_PUT_ADDED) > 0 ? "added" : "changed");
}

enum tg_rc registry_list(struct tg_ctl *ctl)
{
	const struct registry *r = registry_of(ctl);
	struct tg_ctl_column columns[REGISTRY_FIELDS + 1] = { { 0 } };
	struct tg_rows rows;
	int i;

	for (i = 0; r->fields[i].name; i++)
		columns[i] = (struct tg_ctl_column){ r->fields[i].name, r->fields[i].kind,
			r->fields[i].heading };
	if (tg_ctl_query(ctl, (struct tg_bind){ r->list, (const char *[]){ NULL } }, &rows) !=
		TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

/* A text of many lines, with its lines. */
static void show_text(struct tg_ctl *ctl, const char *name, const char *text)
{
	size_t n;

	tg_buf_printf(&ctl->out, "\n%s:\n", name);
	while (*text) {
		n = strcspn(text, "\n");
		tg_ctl_plain(&ctl->out,
			tg_arena_strndup(ctl->arena, text, n && text[n - 1] == '\r' ? n - 1 : n));
		tg_buf_puts(&ctl->out, "\n");
		text += n + (text[n] == '\n');
	}
}

enum tg_rc registry_show(struct tg_ctl *ctl)
{
	const struct registry *r = registry_of(ctl);
	struct tg_ctl_column columns[REGISTRY_FIELDS + 1] = { { 0 } };
	const struct registry_field *f;
	struct tg_rows rows;

	for (f = r->fields; f->name; f++)
		columns[f - r->fields] = (struct tg_ctl_column){ f->name, f->kind,
			f->flags & FIELD_FILE ? NULL : f->name };
	if (tg_ctl_query(ctl, (struct tg_bind){ r->list, ctl->arg }, &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(
			ctl->err, TG_E_NOTFOUND, NULL, "there is no %s %s", r->one, ctl->arg[0]);
	tg_ctl_print_record(ctl, rows, 0, columns);
	for (f = r->fields; !ctl->json && f->name; f++)
		if ((f->flags & FIELD_FILE) && tg_rows_get(rows, 0, f->name))
			show_text(ctl, f->name, tg_rows_get(rows, 0, f->name));
	return TG_OK;
}

enum tg_rc registry_remove(struct tg_ctl *ctl)
{
	const struct registry *r = registry_of(ctl);
	struct tg_rows rows;

	if (tg_ctl_query(ctl, (struct tg_bind){ r->remove, ctl->arg }, &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(
			ctl->err, TG_E_NOTFOUND, NULL, "there is no %s %s", r->one, ctl->arg[0]);
	if (!tg_rows_bool_at(rows, 0, TG_AGENT_REMOVE_REMOVED))
		return tg_fail(ctl->err, TG_E_CONFLICT, NULL, "the %s %s %s", r->one, ctl->arg[0],
			r->stays);
	return changed(ctl, r, "removed");
}

/* A stored value as an import reads it; times with all their digits. */
static const char *exported(
	struct tg_arena *arena, const struct registry_field *f, const char *value)
{
	if (value && f->kind == TG_CTL_BOOL)
		return *value == 't' ? "true" : "false";
	return f->kind == TG_CTL_TIME ? tg_time_micros(arena, value) : value;
}

/* Writes what there is, piece by piece: it may be more than fits in memory twice. */
static enum tg_rc write_csv(struct tg_ctl *ctl, struct tg_rows rows,
	const struct registry_field *const *field, int n, struct tg_arena *arena)
{
	const char *cell[REGISTRY_FIELDS];
	struct tg_buf out;
	int row, i;

	tg_buf_init(&out, arena);
	for (i = 0; i < n; i++)
		cell[i] = field[i]->name;
	tg_csv_write(&out, cell, n);
	for (row = 0; row <= tg_rows_count(rows); row++) {
		if (out.len >= CHUNK || row == tg_rows_count(rows)) {
			if (fwrite(out.data, 1, out.len, stdout) != out.len)
				return tg_fail(ctl->err, TG_E_UNAVAILABLE, NULL,
					"standard output: %s", strerror(errno));
			tg_arena_reset(arena);
			tg_buf_init(&out, arena);
		}
		if (row == tg_rows_count(rows))
			break;
		for (i = 0; i < n; i++)
			cell[i] = exported(arena, field[i], tg_rows_get(rows, row, field[i]->name));
		tg_csv_write(&out, cell, n);
	}
	return TG_OK;
}

enum tg_rc registry_export(struct tg_ctl *ctl)
{
	const struct registry *r = registry_of(ctl);
	const struct registry_field *field[REGISTRY_FIELDS], *f;
	struct tg_ctl_column columns[REGISTRY_FIELDS + 1] = { { 0 } };
	struct tg_arena *arena;
	struct tg_rows rows;
	int n = 0;

	for (f = r->fields; f->name; f++) {
		if (f->flags & FIELD_SHOWN)
			continue;
		columns[n] = (struct tg_ctl_column){ f->name, f->kind, f->name };
		field[n++] = f;
	}
	if (tg_ctl_query(ctl, (struct tg_bind){ r->list, (const char *[]){ NULL } }, &rows) !=
		TG_OK)
		return ctl->err->rc;
	if (ctl->json) {
		tg_ctl_print_table(ctl, rows, columns);
		return TG_OK;
	}
	arena = tg_arena_new(2 * CHUNK);
	write_csv(ctl, rows, field, n, arena);
	tg_arena_free(arena);
	return ctl->err->rc;
}
