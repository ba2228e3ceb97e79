/* SPDX-License-Identifier: MIT
 * csv: reads and writes RFC 4180. Owns nothing: fields are unquoted in the text that the caller
 * lends. Promises that each byte is looked at a fixed number of times, that what is not RFC 4180 is
 * refused with its line and never guessed at, and that what it writes it reads again. Never knows
 * what a field means, and never bends a field for a spreadsheet: a text that begins with "=" stays
 * one. */
#include "taskgate/ctl/csv.h"

#include <assert.h>
#include <string.h>

static const char mark[] = "\xEF\xBB\xBF";

void tg_csv_open(struct tg_csv *csv, char *text, size_t len)
{
	*csv = (struct tg_csv){ .at = text, .end = text + len, .line = 1 };
	if (len >= 3 && memcmp(text, mark, 3) == 0)
		csv->at += 3;
}

/* How many bytes end a line here: 0 where none do. At the end of the text the line has ended. */
static int line_end(const struct tg_csv *csv)
{
	if (csv->at < csv->end && *csv->at == '\n')
		return 1;
	return csv->end - csv->at >= 2 && csv->at[0] == '\r' && csv->at[1] == '\n' ? 2 : 0;
}

static void skip_empty_lines(struct tg_csv *csv)
{
	int n;

	while ((n = line_end(csv)) > 0) {
		csv->at += n;
		csv->line++;
	}
}

/* A field in quotes; csv->at is behind its closing quote afterwards. *len bytes of it are left at
 * *field. */
static enum tg_rc read_quoted(struct tg_csv *csv, char **field, size_t *len, struct tg_error *err)
{
	long began = csv->line;
	char *to = csv->at, *next;

	*field = to;
	for (csv->at++;; csv->at++) {
		next = csv->at;
		while (next < csv->end && *next != '"') {
			csv->line += *next == '\n';
			next++;
		}
		memmove(to, csv->at, (size_t)(next - csv->at));
		to += next - csv->at;
		csv->at = next;
		if (next == csv->end)
			return tg_fail(err, TG_E_INVALID, NULL,
				"line %ld: a quote is opened and never closed", began);
		csv->at++;
		if (csv->at == csv->end || *csv->at != '"')
			break;
		*to++ = '"';
	}
	*len = (size_t)(to - *field);
	return TG_OK;
}

static enum tg_rc read_plain(struct tg_csv *csv, char **field, size_t *len, struct tg_error *err)
{
	*field = csv->at;
	while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\r' && *csv->at != '\n' &&
		*csv->at != '"')
		csv->at++;
	if (csv->at < csv->end && *csv->at == '"')
		return tg_fail(err, TG_E_INVALID, NULL,
			"line %ld: a quote inside a field that does not begin with one", csv->line);
	*len = (size_t)(csv->at - *field);
	return TG_OK;
}

/* What stands behind a field: a comma (*more), a line's end or the end of the text; it is passed.
 */
static enum tg_rc pass_end(struct tg_csv *csv, bool *more, struct tg_error *err)
{
	int n = line_end(csv);

	*more = csv->at < csv->end && *csv->at == ',';
	if (csv->at == csv->end)
		return TG_OK;
	if (!*more && n == 0)
		return tg_fail(err, TG_E_INVALID, NULL,
			*csv->at == '\r' ? "line %ld: a carriage return that no line feed follows"
					 : "line %ld: behind a closing quote comes a comma or the "
					   "end of the line",
			csv->line);
	csv->at += *more ? 1 : n;
	csv->line += !*more;
	return TG_OK;
}

enum tg_rc tg_csv_read(struct tg_csv *csv, struct tg_csv_record *record, struct tg_error *err)
{
	bool more = true;
	long line;
	size_t len;
	char *field;

	skip_empty_lines(csv);
	record->line = csv->line;
	record->n = 0;
	if (csv->at == csv->end)
		return TG_OK;
	while (more) {
		if (record->n == TG_CSV_FIELDS)
			return tg_fail(err, TG_E_INVALID, NULL, "line %ld: more than %d fields",
				record->line, TG_CSV_FIELDS);
		line = csv->line;
		if ((csv->at < csv->end && *csv->at == '"' ? read_quoted : read_plain)(
			    csv, &field, &len, err) != TG_OK ||
			pass_end(csv, &more, err) != TG_OK)
			return err->rc;
		/* Only now: the field may have ended where its comma was. */
		field[len] = '\0';
		record->field[record->n++] = field;
		if (strlen(field) != len || !tg_utf8_valid(field, len))
			return tg_fail(err, TG_E_INVALID, NULL, "line %ld: field %d %s", line,
				record->n, strlen(field) != len ? "holds a NUL" : "is not UTF-8");
	}
	return TG_OK;
}

static void write_field(struct tg_buf *out, const char *field, bool first)
{
	const char *next;

	/* A mark at the very start would be taken for the file's own. */
	if (!field[strcspn(field, "\",\r\n")] && !(first && strncmp(field, mark, 3) == 0)) {
		tg_buf_puts(out, field);
		return;
	}
	tg_buf_put(out, "\"", 1);
	for (; (next = strchr(field, '"')) != NULL; field = next + 1) {
		tg_buf_put(out, field, (size_t)(next + 1 - field));
		tg_buf_put(out, "\"", 1);
	}
	tg_buf_puts(out, field);
	tg_buf_put(out, "\"", 1);
}

void tg_csv_write(struct tg_buf *out, const char *const *field, int n)
{
	int i;

	assert(n > 0);
	/* A line that is empty would be none. */
	if (n == 1 && (!field[0] || !*field[0]))
		tg_buf_puts(out, "\"\"");
	for (i = 0; i < n; i++) {
		if (i)
			tg_buf_put(out, ",", 1);
		if (field[i])
			write_field(out, field[i], i == 0);
	}
	tg_buf_put(out, "\r\n", 2);
}
