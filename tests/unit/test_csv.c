/* SPDX-License-Identifier: MIT
 * Tests of csv.h against RFC 4180, case by case, and what is beyond it: a byte order mark, empty
 * lines, limits. Texts stand in memory of exactly their size, so that a step too far is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/ctl/csv.h"

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

/* Reads a text of n bytes; gives it as "line:field|field;line:field", or the message of its
 * refusal. */
static const char *read_bytes(const char *text, size_t n)
{
	struct tg_error err = { .rc = TG_OK };
	struct tg_csv_record record;
	struct tg_csv csv;
	struct tg_buf out;
	char *copy = malloc(n + 1);
	int i;

	assert_non_null(copy);
	memcpy(copy, text, n);
	copy[n] = '#';
	tg_buf_init(&out, arena);
	tg_buf_puts(&out, "");
	tg_csv_open(&csv, copy, n);
	for (;;) {
		if (tg_csv_read(&csv, &record, &err) != TG_OK) {
			assert_int_equal(err.rc, TG_E_INVALID);
			free(copy);
			return tg_arena_strdup(arena, err.message);
		}
		if (record.n == 0)
			break;
		tg_buf_printf(&out, "%s%ld:", out.len ? ";" : "", record.line);
		for (i = 0; i < record.n; i++)
			tg_buf_printf(&out, "%s%s", i ? "|" : "", record.field[i]);
	}
	free(copy);
	return out.data;
}

static const char *read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void reads_what_rfc_4180_shows(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", "1:aaa|bbb|ccc;2:zzz|yyy|xxx" },
		{ "aaa,bbb,ccc\r\nzzz,yyy,xxx", "1:aaa|bbb|ccc;2:zzz|yyy|xxx" },
		{ "\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
			"1:aaa|b \r\nbb|ccc;3:zzz|yyy|xxx" },
		{ "\"aaa\",\"b\"\"bb\",\"ccc\"", "1:aaa|b\"bb|ccc" },
		{ " a , b ", "1: a | b " },
		{ "\",\"", "1:," },
		{ "\"\"\"\"", "1:\"" },
		{ "\"\"\"\"\"\"", "1:\"\"" },
		{ "a\nb\n", "1:a;2:b" },
		{ ",", "1:|" },
		{ "a,", "1:a|" },
		{ "a,\r\n,b", "1:a|;2:|b" },
		{ "\"\"", "1:" },
		{ "\"\",\"\"\n", "1:|" },
		{ "", "" },
		{ "\n\r\n\n", "" },
		{ "a\n\n\r\nb", "1:a;4:b" },
		{ "\"a\n\n\nb\"\nc", "1:a\n\n\nb;5:c" },
		{ "\"a\rb\"", "1:a\rb" },
		{ "\xEF\xBB\xBF"
		  "a,b",
			"1:a|b" },
		{ "\xEF\xBB\xBF\"a\"", "1:a" },
		{ "a,\xEF\xBB\xBF"
		  "b",
			"1:a|\xEF\xBB\xBF"
			"b" },
		{ "\xC3\xA4,\xF0\x9F\x98\x80", "1:\xC3\xA4|\xF0\x9F\x98\x80" },
		{ "=1+1,@x", "1:=1+1|@x" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(read_text(cases[i].text), cases[i].want);
}

static void refuses_with_the_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "a\n\"b\nc\nd", "line 2: a quote is opened and never closed" },
		{ "\"", "line 1: a quote is opened and never closed" },
		{ "\"a\"\"", "line 1: a quote is opened and never closed" },
		{ "a,b\nc,d\"e", "line 2: a quote inside a field that does not begin with one" },
		{ "a \"b\"", "line 1: a quote inside a field that does not begin with one" },
		{ "\"a\"b", "line 1: behind a closing quote comes a comma or the end of the line" },
		{ "\"a\" ,b",
			"line 1: behind a closing quote comes a comma or the end of the line" },
		{ "a\rb", "line 1: a carriage return that no line feed follows" },
		{ "a\r", "line 1: a carriage return that no line feed follows" },
		{ "x\n\"a\"\r", "line 2: a carriage return that no line feed follows" },
		{ "a,\xFF", "line 1: field 2 is not UTF-8" },
		{ "a\n\"\xC0\x80\"", "line 2: field 1 is not UTF-8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(read_text(cases[i].text), cases[i].why);
	assert_string_equal(read_bytes("a\0b", 3), "line 1: field 1 holds a NUL");
	assert_string_equal(read_bytes("a,\"\0\"", 5), "line 1: field 2 holds a NUL");
}

static void counts_fields(void **state)
{
	char text[2 * TG_CSV_FIELDS + 1];
	int i;

	(void)state;
	for (i = 0; i < TG_CSV_FIELDS; i++)
		memcpy(text + 2 * i, "x,", 2);
	text[2 * TG_CSV_FIELDS - 1] = '\0';
	assert_int_equal(strlen(read_text(text)), 2 + 2 * TG_CSV_FIELDS - 1);
	text[2 * TG_CSV_FIELDS - 1] = ',';
	text[2 * TG_CSV_FIELDS] = '\0';
	assert_string_equal(read_text(text), "line 1: more than 32 fields");
}

static void writes_and_quotes_where_it_must(void **state)
{
	static const struct {
		const char *field[3];
		int n;
		const char *want;
	} cases[] = {
		{ { "a", "b c", NULL }, 3, "a,b c,\r\n" },
		{ { "a,b", "c\"d", "e\r\nf" }, 3, "\"a,b\",\"c\"\"d\",\"e\r\nf\"\r\n" },
		{ { "\"", "\n", "" }, 3, "\"\"\"\",\"\n\",\r\n" },
		{ { NULL }, 1, "\"\"\r\n" },
		{ { "" }, 1, "\"\"\r\n" },
		{ { NULL, NULL }, 2, ",\r\n" },
		{ { "\xEF\xBB\xBF"
		    "a",
			  "\xEF\xBB\xBF", "=1" },
			3,
			"\"\xEF\xBB\xBF"
			"a\",\xEF\xBB\xBF,=1\r\n" },
	};
	struct tg_buf out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		tg_buf_init(&out, arena);
		tg_csv_write(&out, cases[i].field, cases[i].n);
		assert_string_equal(out.data, cases[i].want);
	}
}

/* Every text of four letters of an alphabet that holds all that matters: what is read and written
 * is read the same. */
static void what_is_written_is_read_again(void **state)
{
	static const char alphabet[] = "a,\"\r\n";
	char text[5] = "";
	int n;

	(void)state;
	for (n = 0; n < 5 * 5 * 5 * 5; n++) {
		struct tg_error err = { .rc = TG_OK };
		struct tg_csv_record record;
		struct tg_csv csv;
		struct tg_buf out;
		const char *field[2] = { text, "b" };

		text[0] = alphabet[n % 5], text[1] = alphabet[n / 5 % 5],
		text[2] = alphabet[n / 25 % 5], text[3] = alphabet[n / 125];
		tg_buf_init(&out, arena);
		tg_csv_write(&out, field, 2);
		tg_csv_open(&csv, out.data, out.len);
		assert_int_equal(tg_csv_read(&csv, &record, &err), TG_OK);
		assert_int_equal(record.n, 2);
		assert_string_equal(record.field[0], text);
		assert_string_equal(record.field[1], "b");
		assert_int_equal(tg_csv_read(&csv, &record, &err), TG_OK);
		assert_int_equal(record.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_rfc_4180_shows, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(refuses_with_the_line, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(counts_fields, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			writes_and_quotes_where_it_must, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			what_is_written_is_read_again, make_arena, drop_arena),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
