/* SPDX-License-Identifier: MIT
 * registry_import: a CSV file into a directory. The whole file is read and judged before the
 * database hears of it; then it goes there in batches, in one transaction. Promises that all of it
 * is taken or nothing, and that a refusal names the line and, where that can be told, the column: a
 * batch that is refused is halved until one line is left. Never takes two lines that say different
 * things of one key. */
#include <stdlib.h>
#include <string.h>

#include "registry.h"
#include "taskgate/ctl/csv.h"

#define FILE_MAX (64 * 1024 * 1024)
#define ROWS_MAX 1000000
#define BATCH 500

struct import {
	struct tg_ctl *ctl;
	const struct registry *registry;
	struct tg_arena *scratch; /* of one batch */
	const char *name; /* of the file, for messages */
	const struct registry_field *column[TG_CSV_FIELDS]; /* of the header */
	int columns, width; /* width: fields of a row */
	const char **values; /* width of them a row */
	long *line;
	int rows, repeated;
	long long added, changed;
};

static const char *const *row_of(const struct import *im, int row)
{
	return im->values + (size_t)row * (size_t)im->width;
}

/* Puts the place before what was said; line 0: none, column NULL: none. */
static enum tg_rc at(struct import *im, long line, const char *column)
{
	struct tg_error *err = im->ctl->err;
	const char *said = tg_arena_strdup(im->ctl->arena, err->message);

	if (line == 0)
		return tg_fail(err, err->rc, NULL, "%s: %s", im->name, said);
	return tg_fail(err, err->rc, NULL, "%s: line %ld%s%s: %s", im->name, line,
		column ? ", column " : "", column ? column : "", said);
}

static enum tg_rc refuse(struct import *im, long line, const char *column, const char *why)
{
	tg_fail(im->ctl->err, TG_E_INVALID, NULL, "%s", why);
	return at(im, line, column);
}

static bool has_column(const struct import *im, const struct registry_field *f)
{
	int i;

	for (i = 0; i < im->columns; i++)
		if (im->column[i] == f)
			return true;
	return false;
}

static enum tg_rc read_header(struct import *im, const struct tg_csv_record *header)
{
	const struct registry_field *f;
	int i;

	if (header->n == 0)
		return refuse(im, 0, NULL, "the file is empty; its first line names the columns");
	for (i = 0; i < header->n; i++) {
		for (f = im->registry->fields; f->name &&
			((f->flags & FIELD_SHOWN) || strcmp(f->name, header->field[i]) != 0);
			f++)
			continue;
		if (!f->name)
			return refuse(
				im, header->line, header->field[i], "there is no such column");
		if (has_column(im, f))
			return refuse(im, header->line, f->name, "comes twice");
		im->column[im->columns++] = f;
	}
	for (f = im->registry->fields; f->name; f++)
		if ((f == im->registry->fields || (f->flags & FIELD_NEEDED)) && !has_column(im, f))
			return refuse(im, header->line, f->name, "is missing");
	return TG_OK;
}

static enum tg_rc read_row(struct import *im, const struct tg_csv_record *record)
{
	const char **row = im->values + (size_t)im->rows * (size_t)im->width;
	int i;

	if (record->n != im->columns) {
		tg_fail(im->ctl->err, TG_E_INVALID, NULL, "%d field%s, where the header has %d",
			record->n, record->n == 1 ? "" : "s", im->columns);
		return at(im, record->line, NULL);
	}
	memset(row, 0, (size_t)im->width * sizeof *row);
	for (i = 0; i < im->columns; i++) {
		const struct registry_field *f = im->column[i];
		const char **value = &row[f - im->registry->fields];

		if (f->flags & FIELD_IGNORED)
			continue;
		*value = record->field[i];
		if (registry_judge(im->ctl->arena, f, value, im->ctl->err) != TG_OK)
			return at(im, record->line, f->name);
	}
	if (!row[0])
		return refuse(im, record->line, im->registry->fields[0].name, "must not be empty");
	im->line[im->rows++] = record->line;
	return TG_OK;
}

/* No more rows than lines. */
static void make_room(struct import *im, const char *text, size_t n)
{
	const char *p = text, *end = text + n;
	size_t most = 1;

	for (im->width = 0; im->registry->fields[im->width].name; im->width++)
		continue;
	while (most < ROWS_MAX && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		most++;
	}
	im->values = tg_arena_alloc(im->ctl->arena, most * (size_t)im->width * sizeof *im->values);
	im->line = tg_arena_alloc(im->ctl->arena, most * sizeof *im->line);
}

static enum tg_rc read_text(struct import *im, char *text, size_t n)
{
	struct tg_csv_record record;
	struct tg_csv csv;

	make_room(im, text, n);
	tg_csv_open(&csv, text, n);
	if (tg_csv_read(&csv, &record, im->ctl->err) != TG_OK)
		return at(im, 0, NULL);
	if (read_header(im, &record) != TG_OK)
		return im->ctl->err->rc;
	for (;;) {
		if (tg_csv_read(&csv, &record, im->ctl->err) != TG_OK)
			return at(im, 0, NULL);
		if (record.n == 0)
			return TG_OK;
		if (im->rows == ROWS_MAX)
			return refuse(im, record.line, NULL, "more than a million rows");
		if (read_row(im, &record) != TG_OK)
			return im->ctl->err->rc;
	}
}

static int by_key(const void *a, const void *b, void *arg)
{
	int x = *(const int *)a, y = *(const int *)b;
	int order = strcmp(row_of(arg, x)[0], row_of(arg, y)[0]);

	return order ? order : (x > y) - (x < y);
}

static bool is_same(const struct import *im, int a, int b)
{
	const char *const *x = row_of(im, a), *const *y = row_of(im, b);
	int i;

	for (i = 0; i < im->width; i++)
		if (!x[i] != !y[i] || (x[i] && strcmp(x[i], y[i]) != 0))
			return false;
	return true;
}

/* Takes the marked rows out; the others keep their order. */
static void drop(struct import *im, const bool *dropped)
{
	int from, to = 0;

	for (from = 0; from < im->rows; from++) {
		if (dropped[from])
			continue;
		memmove(im->values + (size_t)to * (size_t)im->width, row_of(im, from),
			(size_t)im->width * sizeof *im->values);
		im->line[to++] = im->line[from];
	}
	im->repeated = im->rows - to;
	im->rows = to;
}

/* A line that says again what another has said is passed over; one that says something else of the
 * same key is a mistake somebody should look at. */
static enum tg_rc drop_repeated(struct import *im)
{
	int *order = tg_arena_alloc(im->ctl->arena, (size_t)im->rows * sizeof *order), i, first = 0,
	    wrong = -1, right = -1;
	bool *dropped = tg_arena_zalloc(im->ctl->arena, (size_t)im->rows * sizeof *dropped);

	for (i = 0; i < im->rows; i++)
		order[i] = i;
	qsort_r(order, (size_t)im->rows, sizeof *order, by_key, im);
	for (i = 1; i < im->rows; i++) {
		if (strcmp(row_of(im, order[i])[0], row_of(im, order[first])[0]) != 0) {
			first = i;
		} else if (is_same(im, order[i], order[first])) {
			dropped[order[i]] = true;
		} else if (wrong < 0 || order[i] < wrong) {
			wrong = order[i];
			right = order[first];
		}
	}
	if (wrong >= 0) {
		tg_fail(im->ctl->err, TG_E_INVALID, NULL,
			"`%.64s` stands in line %ld too, with other values", row_of(im, wrong)[0],
			im->line[right]);
		return at(im, im->line[wrong], im->registry->fields[0].name);
	}
	drop(im, dropped);
	return TG_OK;
}

/* The rows from..to-1, behind a savepoint that is left where they are refused. */
static enum tg_rc put(struct import *im, int from, int to)
{
	struct tg_ctl *ctl = im->ctl;
	struct tg_rows rows;
	struct tg_buf json;
	int i;

	tg_arena_reset(im->scratch);
	tg_buf_init(&json, im->scratch);
	for (i = from; i < to; i++) {
		tg_buf_puts(&json, i == from ? "[" : ",");
		registry_put_json(&json, im->registry, row_of(im, i));
	}
	tg_buf_puts(&json, "]");
	if (tg_ctl_call(ctl, TG_BIND_DIRECTORY_SAVEPOINT(), NULL) != TG_OK ||
		tg_ctl_call(ctl,
			(struct tg_bind){ im->registry->put, (const char *[]){ json.data } },
			&rows) != TG_OK)
		return ctl->err->rc;
	im->added += tg_rows_int_at(rows, 0, TG_AGENT_PUT_ADDED);
	im->changed += tg_rows_int_at(rows, 0, TG_AGENT_PUT_CHANGED);
	return tg_ctl_call(ctl, TG_BIND_DIRECTORY_KEEP(), NULL);
}

/* Finds the first line at fault of a batch that was refused. Whatever goes in on the way does not
 * stay: the command has failed. */
static enum tg_rc find_fault(struct import *im, int from, int to)
{
	struct tg_error first = *im->ctl->err;
	const struct registry_field *f;
	bool refused = true;
	int middle;

	while (to - from > 1) {
		if (refused && tg_ctl_call(im->ctl, TG_BIND_DIRECTORY_UNDO(), NULL) != TG_OK)
			return im->ctl->err->rc;
		middle = from + (to - from) / 2;
		refused = put(im, from, middle) != TG_OK;
		if (refused && tg_error_row(im->ctl->err->rc)->http >= 500)
			return im->ctl->err->rc;
		*(refused ? &to : &from) = middle;
	}
	if (!refused && put(im, from, to) == TG_OK) {
		*im->ctl->err = first;
		return at(im, 0, NULL);
	}
	f = registry_blame(im->registry, row_of(im, from), im->ctl->err);
	return at(im, im->line[from], f ? f->name : NULL);
}

static enum tg_rc put_all(struct import *im)
{
	int from, to;

	for (from = 0; from < im->rows; from = to) {
		to = im->rows - from > BATCH ? from + BATCH : im->rows;
		if (put(im, from, to) != TG_OK)
			return tg_error_row(im->ctl->err->rc)->http < 500 ? find_fault(im, from, to)
									  : im->ctl->err->rc;
	}
	return TG_OK;
}

static enum tg_rc report(struct import *im)
{
	struct tg_ctl *ctl = im->ctl;
	char *added = tg_arena_printf(ctl->arena, "%lld", im->added),
	     *changed = tg_arena_printf(ctl->arena, "%lld", im->changed);

	if (ctl->json) {
		tg_buf_printf(&ctl->out, "{\"added\": %s, \"changed\": %s, \"repeated\": %d}\n",
			added, changed, im->repeated);
	} else {
		tg_buf_printf(&ctl->out, "%d %s: %s added, %s changed", im->rows,
			im->rows == 1 ? im->registry->one : im->registry->many, added, changed);
		tg_buf_printf(&ctl->out, im->repeated ? "; repeated lines passed over: %d\n" : "\n",
			im->repeated);
	}
	if (tg_ctl_write_audit(
		    ctl, NULL, "file", im->name, "added", added, "changed", changed, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

enum tg_rc registry_import(struct tg_ctl *ctl)
{
	struct import im = { .ctl = ctl,
		.registry = registry_of(ctl),
		.name = strcmp(ctl->arg[0], "-") == 0 ? "standard input" : ctl->arg[0] };
	char *text;
	size_t n;

	if (tg_ctl_read_file(ctl, ctl->arg[0], FILE_MAX, &text, &n) != TG_OK ||
		read_text(&im, text, n) != TG_OK || drop_repeated(&im) != TG_OK ||
		tg_ctl_begin(ctl) != TG_OK)
		return ctl->err->rc;
	/* Plans are made once, maybe for an empty table, which this import fills: they must walk
	 * indexes all the same. */
	if (tg_ctl_call(ctl, TG_BIND_CTL_PATIENCE(), NULL) != TG_OK)
		return ctl->err->rc;
	im.scratch = tg_arena_new(BATCH * 1024);
	if (put_all(&im) == TG_OK)
		report(&im);
	tg_arena_free(im.scratch);
	return ctl->err->rc;
}
