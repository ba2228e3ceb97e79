/* SPDX-License-Identifier: MIT
 * Fuzz target: a text is either refused with a line, or read into records which, when written, are
 * read as the same records again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/ctl/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All records, written anew; NULL where the text is refused. */
static struct tg_buf *rewrite(struct tg_arena *arena, char *text, size_t n, long *records)
{
	struct tg_buf *out = tg_arena_alloc(arena, sizeof *out);
	struct tg_error err = { .rc = TG_OK };
	struct tg_csv_record record;
	struct tg_csv csv;
	long line = 0;
	int i;

	tg_buf_init(out, arena);
	tg_buf_puts(out, "");
	tg_csv_open(&csv, text, n);
	for (*records = 0;; ++*records) {
		if (tg_csv_read(&csv, &record, &err) != TG_OK) {
			assert(err.rc == TG_E_INVALID && strncmp(err.message, "line ", 5) == 0);
			return NULL;
		}
		if (record.n == 0)
			return out;
		assert(record.n <= TG_CSV_FIELDS && record.line > line);
		line = record.line;
		for (i = 0; i < record.n; i++)
			assert(tg_utf8_valid(record.field[i], strlen(record.field[i])));
		tg_csv_write(out, (const char *const *)record.field, record.n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);
	struct tg_buf *first, *again;
	long records, same;
	char *text = malloc(size + 1);

	assert(text);
	memcpy(text, data, size);
	first = rewrite(arena, text, size, &records);
	if (first) {
		again = rewrite(
			arena, tg_arena_strndup(arena, first->data, first->len), first->len, &same);
		assert(again && same == records && again->len == first->len &&
			memcmp(again->data, first->data, first->len) == 0);
	}
	free(text);
	tg_arena_free(arena);
	return 0;
}
