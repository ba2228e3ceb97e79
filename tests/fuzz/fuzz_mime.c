/* SPDX-License-Identifier: MIT
 * Fuzz target: any one-line text as subject, name, address and file name. Each field is one field:
 * ASCII, without control characters but for CR LF before a blank, never an empty line, no line
 * beyond 998 characters (RFC 5322 2.1.1), and within 78 where the text is not one word. What an
 * encoded field says is the text itself. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/out/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const char *field, size_t most)
{
	size_t line = 0;

	for (; *field; field++, line++) {
		if (field[0] == '\r') {
			assert(field[1] == '\n' && field[2] == ' ' && field[3] != '\r' &&
				field[3] != '\0' && line > 0 && line <= most);
			field++;
			line = (size_t)-1;
			continue;
		}
		assert((unsigned char)*field >= ' ' && (unsigned char)*field < 0x7f);
	}
	assert(line <= most);
}

/* Where a value was encoded, its words in a row are the text, and each is of whole characters. */
static void check_words(struct tg_arena *arena, const char *field, const char *text)
{
	const char *s = strstr(field, "=?UTF-8?B?"), *end;
	struct tg_buf b;

	if (s == NULL || strstr(text, "=?") != NULL)
		return;
	tg_buf_init(&b, arena);
	for (; s != NULL; s = strstr(end, "=?UTF-8?B?")) {
		const uint8_t *word;
		size_t n;

		end = strstr(s + 10, "?=");
		assert(end != NULL && end + 2 - s <= 75);
		word = tg_unbase64(arena, s + 10, (size_t)(end - s - 10), &n);
		assert(word != NULL && n > 0 && tg_utf8_valid((const char *)word, n));
		tg_buf_put(&b, (const char *)word, n);
	}
	assert(strcmp(b.data, text) == 0);
}

static void check_field(struct tg_arena *arena, const char *text)
{
	const char *const list[] = { "a@example.com", text, "b@example.com", NULL };
	const char *subject = tg_mime_field(arena, "Subject", text),
		   *from = tg_mime_mailbox(arena, "From", text, "a@example.com");
	size_t n = strlen(text);

	check_lines(subject, 78);
	check_words(arena, subject, text);
	check_lines(from, 160);
	check_words(arena, from, text);
	check_lines(tg_mime_disposition(arena, text), 160);
	/* Addresses come from a stricter table: short, ASCII, without blanks. */
	for (const char *s = text; *s; s++)
		if ((unsigned char)*s >= 0x80 || *s == ' ')
			return;
	if (n > 0 && n <= 254)
		check_lines(tg_mime_addresses(arena, "To", list), 260);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);
	const char *text = tg_arena_strndup(arena, (const char *)data, size), *lines;
	bool line = tg_utf8_valid(text, strlen(text));

	lines = tg_mime_lines(arena, text);
	for (const char *s = lines; *s; s++)
		assert((*s == '\n') == (s > lines && s[-1] == '\r') &&
			(*s != '\r' || s[1] == '\n'));
	for (const char *s = text; *s; s++)
		line &= (unsigned char)*s >= ' ' && *s != 0x7f;
	if (line)
		check_field(arena, text);
	tg_arena_free(arena);
	return 0;
}
