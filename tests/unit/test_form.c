/* SPDX-License-Identifier: MIT
 * Tests of form.h: what a browser, Twilio and Python's urllib would send, what is broken, and that
 * what is written reads back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/form.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct tg_arena *arena;
static struct tg_form form;

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

/* From a copy without a byte to spare, so that a read past the end is seen by the sanitizer and by
 * valgrind. */
static bool parse_exact(const char *s, size_t n)
{
	char *copy = malloc(n ? n : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, s, n);
	ok = tg_form_parse(arena, copy, n, &form);
	free(copy);
	return ok;
}

static void form_is_read_in_the_order_sent(void **state)
{
	static const struct {
		const char *text;
		struct tg_form_pair pairs[4];
		size_t n;
	} cases[] = {
		{ "", { { NULL, NULL } }, 0 },
		{ "&", { { NULL, NULL } }, 0 },
		{ "&&&", { { NULL, NULL } }, 0 },
		{ "a=1", { { "a", "1" } }, 1 },
		{ "b=2&a=1&b=3", { { "b", "2" }, { "a", "1" }, { "b", "3" } }, 3 },
		{ "&a=1&&b=2&", { { "a", "1" }, { "b", "2" } }, 2 },
		{ "a", { { "a", "" } }, 1 },
		{ "a=", { { "a", "" } }, 1 },
		{ "=", { { "", "" } }, 1 },
		{ "=v", { { "", "v" } }, 1 },
		{ "a=b=c", { { "a", "b=c" } }, 1 },
		{ "a+b=c+d", { { "a b", "c d" } }, 1 },
		{ "a%2Bb=c%2bd%26%3D", { { "a+b", "c+d&=" } }, 1 },
		{ "Body=Gr%C3%BC%C3%9Fe+%F0%9F%98%80",
			{ { "Body",
				"Gr\xC3\xBC\xC3\x9F"
				"e \xF0\x9F\x98\x80" } },
			1 },
		{ "Body=Gr\xC3\xBC\xC3\x9F"
		  "e",
			{ { "Body",
				"Gr\xC3\xBC\xC3\x9F"
				"e" } },
			1 },
		{ "a=%2525", { { "a", "%25" } }, 1 },
		{ "a=1;b=2", { { "a", "1;b=2" } }, 1 },
		{ "a=%0D%0A%09", { { "a", "\r\n\t" } }, 1 },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (!parse_exact(cases[i].text, strlen(cases[i].text)) || form.n != cases[i].n)
			fail_msg("%s: %zu pairs", cases[i].text, form.n);
		for (k = 0; k < form.n; k++) {
			assert_string_equal(form.pairs[k].name, cases[i].pairs[k].name);
			assert_string_equal(form.pairs[k].value, cases[i].pairs[k].value);
		}
	}
}

static void form_that_is_broken_is_refused(void **state)
{
	static const char *const cases[] = {
		"a=%",
		"a=%2",
		"a=%zz",
		"a=%2g",
		"%=1",
		"a%4=1",
		"a=%00",
		"%00=1",
		"a=1&b=%",
		"a=%ff",
		"a=%C3",
		"a=%C0%AF",
		"a=%ED%A0%80",
		"a=%F4%90%80%80",
		"a=\xFF",
		"a=\xC3",
		"\xE2\x82=1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (parse_exact(cases[i], strlen(cases[i])))
			fail_msg("taken: %s", cases[i]);
	assert_false(parse_exact("a=\0", 3));
	assert_false(parse_exact("a\0=1", 4));
}

static void form_reads_no_further_than_its_length(void **state)
{
	(void)state;
	assert_true(parse_exact("a=1&b=2", 3));
	assert_int_equal(form.n, 1);
	assert_string_equal(form.pairs[0].value, "1");
	assert_true(parse_exact("a=1&b=2", 4));
	assert_int_equal(form.n, 1);
	assert_true(parse_exact("a=1&b=2", 5));
	assert_int_equal(form.n, 2);
	assert_string_equal(tg_form_get(&form, "b"), "");
}

static void form_holds_as_many_pairs_as_it_says(void **state)
{
	struct tg_buf b;
	int i;

	(void)state;
	tg_buf_init(&b, arena);
	for (i = 0; i < TG_FORM_MAX; i++)
		tg_buf_printf(&b, "n%d=%d&&", i, i);
	assert_true(parse_exact(b.data, b.len));
	assert_int_equal(form.n, TG_FORM_MAX);
	assert_string_equal(tg_form_get(&form, "n255"), "255");
	tg_buf_puts(&b, "x");
	assert_false(parse_exact(b.data, b.len));
}

static void form_gives_the_first_of_a_name(void **state)
{
	(void)state;
	assert_true(parse_exact("a=1&A=2&a=3&e=", 14));
	assert_string_equal(tg_form_get(&form, "a"), "1");
	assert_string_equal(tg_form_get(&form, "A"), "2");
	assert_string_equal(tg_form_get(&form, "e"), "");
	assert_null(tg_form_get(&form, "b"));
	assert_null(tg_form_get(&form, ""));
}

/* WHATWG's set: letters, digits and *-._ stand as they are, a blank is a plus sign, all else is
 * escaped by its bytes. */
static void form_is_written_as_a_browser_writes_it(void **state)
{
	struct tg_buf b;

	(void)state;
	tg_buf_init(&b, arena);
	tg_form_put(&b, "nothing", NULL);
	assert_int_equal(b.len, 0);
	tg_form_put(&b, "To", "+15551234567");
	tg_form_put(&b, "Body",
		"Gr\xC3\xBC\xC3\x9F"
		"e, 100 % & ~more*-._=\r\n");
	tg_form_put(&b, "nothing", NULL);
	tg_form_put(&b, "a b", "");
	assert_string_equal(b.data,
		"To=%2B15551234567&Body=Gr%C3%BC%C3%9Fe%2C+100+%25+%26+%7Emore*-._%3D%0D%0A&a+b=");
}

static void form_that_was_written_reads_back_the_same(void **state)
{
	char name[200], value[200];
	struct tg_buf b;
	size_t n = 0;
	int c;

	(void)state;
	tg_buf_init(&b, arena);
	for (c = 1; c < 128; c++) {
		name[n] = (char)c;
		value[n++] = (char)(128 - c);
		name[n] = value[n] = '\0';
		tg_form_put(&b, name, value);
	}
	assert_true(parse_exact(b.data, b.len));
	assert_int_equal(form.n, 127);
	assert_string_equal(form.pairs[126].name, name);
	assert_string_equal(form.pairs[126].value, value);
	for (c = 0; c < 127; c++)
		assert_int_equal(strncmp(form.pairs[c].name, name, (size_t)c + 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			form_is_read_in_the_order_sent, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			form_that_is_broken_is_refused, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			form_reads_no_further_than_its_length, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			form_holds_as_many_pairs_as_it_says, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			form_gives_the_first_of_a_name, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			form_is_written_as_a_browser_writes_it, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			form_that_was_written_reads_back_the_same, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
