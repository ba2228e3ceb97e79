/* SPDX-License-Identifier: MIT
 * Fuzz target: a decoded text is UTF-8 without NUL, no longer than its escapes, and comes back from
 * escapes of each byte. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "taskgate/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct tg_arena *arena, const char *text, size_t size, bool plus)
{
	const char *plain = tg_percent_decode(arena, text, size, plus), *again;
	struct tg_buf coded;
	size_t i, n;

	if (!plain)
		return;
	n = strlen(plain);
	assert(n <= size && tg_utf8_valid(plain, n) && tg_utf8_length(plain, n) <= n);
	assert(memchr(text, '%', size) || (plus && memchr(text, '+', size)) ||
		(n == size && memcmp(text, plain, n) == 0));
	tg_buf_init(&coded, arena);
	tg_buf_puts(&coded, "");
	for (i = 0; i < n; i++)
		tg_buf_printf(&coded, i % 2 ? "%%%02x" : "%%%02X", (unsigned char)plain[i]);
	again = tg_percent_decode(arena, coded.data, coded.len, !plus);
	assert(again && strcmp(again, plain) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);

	check(arena, (const char *)data, size, false);
	check(arena, (const char *)data, size, true);
	tg_arena_free(arena);
	return 0;
}
