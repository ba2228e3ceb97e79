/* SPDX-License-Identifier: MIT
 * Tests of arena.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/arena.h"

static void arena_gives_aligned_blocks_that_do_not_overlap(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 7, 8, 15, 16, 17, 100, 255, 256, 257, 1000, 4096,
		70000 };
	enum { COUNT = 400 };
	struct tg_arena *arena = tg_arena_new(1024);
	unsigned char *blocks[COUNT];
	size_t i, j, n;

	(void)state;
	for (i = 0; i < COUNT; i++) {
		n = sizes[i % (sizeof sizes / sizeof *sizes)];
		blocks[i] = tg_arena_alloc(arena, n);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		memset(blocks[i], (int)(i & 0xFF), n);
	}
	for (i = 0; i < COUNT; i++)
		for (j = 0; j < sizes[i % (sizeof sizes / sizeof *sizes)]; j++)
			assert_int_equal(blocks[i][j], i & 0xFF);
	tg_arena_free(arena);
}

static void arena_counts_what_it_hands_out(void **state)
{
	struct tg_arena *arena = tg_arena_new(0);

	(void)state;
	assert_int_equal(tg_arena_used(arena), 0);
	tg_arena_alloc(arena, 100);
	assert_in_range(tg_arena_used(arena), 100, 100 + _Alignof(max_align_t));
	tg_arena_alloc(arena, 1000000);
	assert_in_range(tg_arena_used(arena), 1000100, 1000100 + 2 * _Alignof(max_align_t));
	tg_arena_reset(arena);
	assert_int_equal(tg_arena_used(arena), 0);
	tg_arena_free(arena);
}

static void arena_can_be_reset_and_used_again(void **state)
{
	struct tg_arena *arena = tg_arena_new(4096);
	size_t round, i;

	(void)state;
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 300; i++)
			memset(tg_arena_alloc(arena, i * 7), 1, i * 7);
		tg_arena_reset(arena);
	}
	tg_arena_reset(arena);
	tg_arena_free(arena);
	tg_arena_free(NULL);
}

static void arena_zalloc_gives_zeros_in_used_memory_too(void **state)
{
	struct tg_arena *arena = tg_arena_new(4096);
	unsigned char *p;
	size_t i;

	(void)state;
	memset(tg_arena_alloc(arena, 1000), 0xFF, 1000);
	tg_arena_reset(arena);
	p = tg_arena_zalloc(arena, 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	tg_arena_free(arena);
}

static void arena_copies_end_with_nul(void **state)
{
	static const char bytes[] = { 'a', '\0', 'b', 'c' };
	struct tg_arena *arena = tg_arena_new(4096);
	char *s;

	(void)state;
	s = tg_arena_strndup(arena, bytes, sizeof bytes);
	assert_memory_equal(s, "a\0bc", 5);
	assert_string_equal(tg_arena_strndup(arena, NULL, 0), "");
	assert_string_equal(tg_arena_strdup(arena, "text"), "text");
	assert_string_equal(tg_arena_strdup(arena, ""), "");
	assert_null(tg_arena_strdup(arena, NULL));
	tg_arena_free(arena);
}

static void arena_printf_takes_texts_of_any_length(void **state)
{
	struct tg_arena *arena = tg_arena_new(512);
	char text[3000], *s;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof text - 1; n += n < 240 || n > 270 ? 37 : 1) {
		memset(text, 'x', n);
		text[n] = '\0';
		s = tg_arena_printf(arena, "%s", text);
		assert_string_equal(s, text);
	}
	assert_string_equal(tg_arena_printf(arena, "%d-%s", 42, "b"), "42-b");
	tg_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_gives_aligned_blocks_that_do_not_overlap),
		cmocka_unit_test(arena_counts_what_it_hands_out),
		cmocka_unit_test(arena_can_be_reset_and_used_again),
		cmocka_unit_test(arena_zalloc_gives_zeros_in_used_memory_too),
		cmocka_unit_test(arena_copies_end_with_nul),
		cmocka_unit_test(arena_printf_takes_texts_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
