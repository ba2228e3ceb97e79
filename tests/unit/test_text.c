/* SPDX-License-Identifier: MIT
 * Tests of text.h: buffers and encodings. Lists of cases; each says what a reader of the standard
 * would expect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct tg_arena *arena;

static int make_arena(void **state)
{
	(void)state;
	arena = tg_arena_new(4096);
	return 0;
}

static int drop_arena(void **state)
{
	(void)state;
	tg_arena_free(arena);
	return 0;
}

/* A copy of exactly n bytes on the heap, so that a read past the end is seen by the sanitizer and
 * by valgrind. */
static char *exact(const char *s, size_t n)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, s, n);
	return copy;
}

static void buf_grows_and_stays_terminated(void **state)
{
	struct tg_buf buf;
	size_t i;

	(void)state;
	tg_buf_init(&buf, arena);
	assert_int_equal(buf.len, 0);
	tg_buf_put(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	for (i = 0; i < 10000; i++) {
		tg_buf_printf(&buf, "%zu,", i);
		assert_int_equal(buf.data[buf.len], 0);
	}
	assert_int_equal(buf.len, 48890);
	assert_string_equal(buf.data + buf.len - 10, "9998,9999,");
	tg_buf_puts(&buf, "end");
	tg_buf_put(&buf, "a\0b", 3);
	assert_memory_equal(buf.data + buf.len - 6, "enda\0b", 7);
}

static void buf_printf_fits_exactly_at_each_length(void **state)
{
	char text[700];
	struct tg_buf buf;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof text; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		tg_buf_init(&buf, arena);
		tg_buf_printf(&buf, "%s", text);
		assert_int_equal(buf.len, n);
		assert_string_equal(buf.data, text);
		tg_arena_reset(arena);
	}
}

static void utf8_valid_is_rfc_3629(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		bool valid;
	} cases[] = {
		{ "", 0, true },
		{ "a", 1, true },
		{ "\0", 1, true },
		{ "\x7F", 1, true },
		{ "\xC2\x80", 2, true },
		{ "\xDF\xBF", 2, true },
		{ "\xE0\xA0\x80", 3, true },
		{ "\xED\x9F\xBF", 3, true },
		{ "\xEE\x80\x80", 3, true },
		{ "\xEF\xBF\xBF", 3, true },
		{ "\xF0\x90\x80\x80", 4, true },
		{ "\xF4\x8F\xBF\xBF", 4, true },
		{ "\xEF\xBB\xBF", 3, true },
		{ "abcdefgh\xC3\xA4ijklmnopq\xE2\x82\xAC", 22, true },
		{ "\x80", 1, false },
		{ "\xBF", 1, false },
		{ "\xC2", 1, false },
		{ "\xC2\x41", 2, false },
		{ "\xC0\x80", 2, false },
		{ "\xC1\xBF", 2, false }, /* overlong, two bytes */
		{ "\xE0\x80\x80", 3, false },
		{ "\xE0\x9F\xBF", 3, false }, /* three */
		{ "\xF0\x80\x80\x80", 4, false },
		{ "\xF0\x8F\xBF\xBF", 4, false }, /* four */
		{ "\xED\xA0\x80", 3, false },
		{ "\xED\xBF\xBF", 3, false }, /* surrogates */
		{ "\xF4\x90\x80\x80", 4, false },
		{ "\xF5\x80\x80\x80", 4, false }, /* beyond U+10FFFF */
		{ "\xF8\x88\x80\x80\x80", 5, false },
		{ "\xFE", 1, false },
		{ "\xFF", 1, false },
		{ "\xE2\x82", 2, false },
		{ "\xF0\x9F\x98", 3, false },
		{ "\xE2\x82\x41", 3, false },
		{ "\xF0\x9F\x98\x41", 4, false },
		{ "\xF0\x9F\x41\x80", 4, false },
		{ "abcdefgh\xFF", 9, false },
		{ "abcdefghi\xE2\x82", 11, false },
	};
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		copy = exact(cases[i].text, cases[i].n);
		if (tg_utf8_valid(copy, cases[i].n) != cases[i].valid)
			fail_msg("case %zu", i);
		free(copy);
	}
}

static void utf8_length_counts_characters(void **state)
{
	(void)state;
	assert_int_equal(tg_utf8_length("", 0), 0);
	assert_int_equal(tg_utf8_length("abc", 3), 3);
	assert_int_equal(tg_utf8_length("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z", 10), 4);
}

static void hex_goes_there_and_back(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0x7F, 0x80, 0xAB, 0xFF };
	char text[2 * sizeof bytes + 1];
	uint8_t back[sizeof bytes];

	(void)state;
	tg_hex(text, bytes, sizeof bytes);
	assert_string_equal(text, "00017f80abff");
	assert_true(tg_unhex(back, text, sizeof bytes));
	assert_memory_equal(back, bytes, sizeof bytes);
	assert_true(tg_unhex(back, "aBFf", 2));
	assert_int_equal(back[0], 0xAB);
	tg_hex(text, bytes, 0);
	assert_string_equal(text, "");
}

static void unhex_refuses_any_other_digit(void **state)
{
	static const char *const cases[] = { "0g", "g0", "0 ", " 0", "0x", "-1", "0", "",
		"\xC3\xA4" };
	uint8_t out[2];
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		copy = exact(cases[i], strlen(cases[i]) + 1);
		assert_false(tg_unhex(out, copy, 1));
		free(copy);
	}
}

static void base64_is_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xFB\xEF\xBE\xFF", "++++/w==" },
	};
	uint8_t all[256], *back;
	char *coded;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		coded = tg_base64(arena, (const uint8_t *)cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(coded, cases[i].coded);
		back = tg_unbase64(arena, coded, strlen(coded), &n);
		assert_non_null(back);
		assert_int_equal(n, strlen(cases[i].plain));
		assert_memory_equal(back, cases[i].plain, n);
	}
	for (i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)i;
	for (i = 0; i <= sizeof all; i++) {
		coded = tg_base64(arena, all, i);
		back = tg_unbase64(arena, coded, strlen(coded), &n);
		assert_non_null(back);
		assert_int_equal(n, i);
		assert_memory_equal(back, all, i);
	}
}

static void unbase64_refuses_what_is_malformed(void **state)
{
	static const char *const cases[] = {
		"Z",
		"Zg",
		"Zg=",
		"Zg===",
		"=",
		"==",
		"===",
		"====",
		"Z===",
		"Zm9v=",
		"Zm9v====",
		"Zg==Zg==",
		"Zm8=Zm8=",
		"Zm=v",
		"Zm9v\n",
		"Zm9\n",
		" Zm9",
		"Zm9-",
		"Zm9_",
		"Zm9\x80",
		"Z\xC3\xA4v",
		"Zh==",
		"Zm9=",
		"Zm9vYmF=",
		"=Zg=",
		"Z=g=",
	};
	char *copy;
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		copy = exact(cases[i], strlen(cases[i]));
		if (tg_unbase64(arena, copy, strlen(cases[i]), &n))
			fail_msg("accepted: %s", cases[i]);
		free(copy);
	}
	assert_null(tg_unbase64(arena, "Zm9\0", 4, &n));
}

static void percent_decoding_happens_once(void **state)
{
	static const struct {
		const char *coded;
		size_t n;
		bool plus;
		const char *plain; /* NULL: refused */
	} cases[] = {
		{ "", 0, false, "" },
		{ "abc", 3, false, "abc" },
		{ "a%20b", 5, false, "a b" },
		{ "a%2fb%2Fc", 9, false, "a/b/c" },
		{ "%2541", 5, false, "%41" },
		{ "a+b", 3, false, "a+b" },
		{ "a+b%2B", 6, true, "a b+" },
		{ "%C3%A4", 6, false, "\xC3\xA4" },
		{ "\xC3%A4", 4, false, "\xC3\xA4" },
		{ "%e2%82%ac", 9, false, "\xE2\x82\xAC" },
		{ "%7F", 3, false, "\x7F" },
		{ "%0A", 3, false, "\n" },
		{ "%", 1, false, NULL },
		{ "%4", 2, false, NULL },
		{ "a%4", 3, false, NULL },
		{ "%zz", 3, false, NULL },
		{ "%4g", 3, false, NULL },
		{ "%%41", 4, false, NULL },
		{ "% 41", 4, false, NULL },
		{ "%+1", 3, false, NULL },
		{ "%-1", 3, true, NULL },
		{ "%00", 3, false, NULL },
		{ "a%00b", 5, false, NULL },
		{ "a\0b", 3, false, NULL },
		{ "%C3", 3, false, NULL },
		{ "%C0%80", 6, false, NULL },
		{ "%ED%A0%80", 9, false, NULL },
		{ "%FF", 3, false, NULL },
		{ "\xFF", 1, false, NULL },
		{ "%u0041", 6, false, NULL },
	};
	char *copy, *plain;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		copy = exact(cases[i].coded, cases[i].n);
		plain = tg_percent_decode(arena, copy, cases[i].n, cases[i].plus);
		free(copy);
		if (!plain != !cases[i].plain)
			fail_msg("case %zu: %s", i, cases[i].coded);
		if (plain)
			assert_string_equal(plain, cases[i].plain);
	}
}

static void array_items_are_quoted_and_escaped(void **state)
{
	static const struct {
		const char *item, *quoted;
	} cases[] = {
		{ "", "\"\"" },
		{ "NULL", "\"NULL\"" },
		{ "a,b", "\"a,b\"" },
		{ "{}", "\"{}\"" },
		{ " a ", "\" a \"" },
		{ "\"", "\"\\\"\"" },
		{ "\\", "\"\\\\\"" },
		{ "a\\\"b", "\"a\\\\\\\"b\"" },
		{ "'", "\"'\"" },
		{ "\xC3\xA4", "\"\xC3\xA4\"" },
		{ "\\\\x", "\"\\\\\\\\x\"" },
	};
	struct tg_buf buf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		tg_buf_init(&buf, arena);
		tg_buf_array_item(&buf, cases[i].item, strlen(cases[i].item));
		assert_string_equal(buf.data, cases[i].quoted);
	}
}

static void uuid_valid_takes_the_one_form(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "550e8400-e29b-41d4-a716-446655440000", true },
		{ "550E8400-E29B-41D4-A716-44665544000f", true },
		{ "00000000-0000-0000-0000-000000000000", true },
		{ "", false },
		{ "550e8400", false },
		{ "550e8400-e29b-41d4-a716-44665544000", false },
		{ "550e8400-e29b-41d4-a716-4466554400000", false },
		{ "550e8400e29b41d4a716446655440000", false },
		{ "{550e8400-e29b-41d4-a716-446655440000}", false },
		{ "550e8400-e29b-41d4-a716-44665544000g", false },
		{ "550e8400-e29b-41d4-a716-446655440000 ", false },
		{ " 550e8400-e29b-41d4-a716-44665544000", false },
		{ "550e84-00e29b-41d4-a716-446655440000", false },
		{ "550e8400-e29b-41d4-a716_446655440000", false },
	};
	char *copy;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		copy = exact(cases[i].text, strlen(cases[i].text) + 1);
		if (tg_uuid_valid(copy) != cases[i].valid)
			fail_msg("%s", cases[i].text);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			buf_grows_and_stays_terminated, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			buf_printf_fits_exactly_at_each_length, make_arena, drop_arena),
		cmocka_unit_test(utf8_valid_is_rfc_3629),
		cmocka_unit_test(utf8_length_counts_characters),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(unhex_refuses_any_other_digit),
		cmocka_unit_test_setup_teardown(base64_is_rfc_4648, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			unbase64_refuses_what_is_malformed, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			percent_decoding_happens_once, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			array_items_are_quoted_and_escaped, make_arena, drop_arena),
		cmocka_unit_test(uuid_valid_takes_the_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
