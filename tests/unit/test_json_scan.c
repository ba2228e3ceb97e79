/* SPDX-License-Identifier: MIT
 * Tests of json_scan.h: grammar in the categories of the public JSONTestSuite, then what is stricter here than RFC 8259
 * asks, then what the scanner tells about what it accepted or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* clang-format off: the tables read by column. */

#include "taskgate/http/json_scan.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(literal) { literal, sizeof(literal) - 1 }

struct text {
	const char *text;
	size_t n;
};

static struct tg_arena *arena;
static struct tg_json_scan scan;

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

/* From a copy without a byte to spare, so that a read past the end is seen by the sanitizer and by valgrind. */
static bool scan_exact(const char *s, size_t n, unsigned flags)
{
	char *copy = malloc(n ? n : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, s, n);
	ok = tg_json_scan(arena, copy, n, flags, &scan);
	free(copy);
	return ok;
}

static void json_scan_accepts_what_rfc_8259_means(void **state)
{
	static const struct text cases[] = {
		TEXT("[]"), TEXT("{}"), TEXT("[[]   ]"), TEXT("[\"\"]"), TEXT("[]\n"), TEXT(" []"), TEXT("\t[\r\n1 , 2 ]\n "),
		TEXT("null"), TEXT("true"), TEXT("false"), TEXT("42"), TEXT("-0.1"), TEXT("\"asd\""), TEXT("\"\""), TEXT(" 4 "),
		TEXT("[false]"), TEXT("[null, 1, \"1\", {}]"), TEXT("[null]"), TEXT("[1\n]"), TEXT("[1,null,null,null,2]"),
		TEXT("[2] "),
		/* numbers */
		TEXT("[123e65]"), TEXT("[0e+1]"), TEXT("[0e1]"), TEXT("[ 4]"), TEXT("[-0.000000000000000000000000000000000000001]"),
		TEXT("[20e1]"), TEXT("[-0]"), TEXT("[-123]"), TEXT("[-1]"), TEXT("[-0.0]"), TEXT("[1E22]"), TEXT("[1E-2]"), TEXT("[1E+2]"),
		TEXT("[123e45]"), TEXT("[123.456e78]"), TEXT("[1e-2]"), TEXT("[1e+2]"), TEXT("[123]"), TEXT("[123.456789]"), TEXT("0"),
		TEXT("[0.0]"), TEXT("[1e-400]"), TEXT("[0e1000000]"), TEXT("[1e-16383]"), TEXT("[1.5e-16382]"), TEXT("[0e-16383]"), TEXT("[0.000e400]"), TEXT("[1e00000000000000000001]"),
		/* integers to the ends of int64 */
		TEXT("[9223372036854775807]"), TEXT("[-9223372036854775808]"), TEXT("[999999999999999999]"),
		/* doubles to the ends of theirs */
		TEXT("[1.7976931348623157e308]"), TEXT("[-1.7976931348623157e+308]"), TEXT("[0.00017976931348623157e312]"),
		TEXT("[179769313486231570000000e285]"), TEXT("[1.7976931348623158e308]"), TEXT("[100000000000000000000.5]"),
		TEXT("[12345678901234567890e-5]"),
		/* objects */
		TEXT("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"), TEXT("{\"asd\":\"sdf\"}"), TEXT("{\"\":0}"), TEXT("{\"foo\\nbar\": 42}"),
		TEXT("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"), TEXT("{\"a\":[]}"), TEXT("{\n\"a\": \"b\"\n}"),
		TEXT("{\"x\":[{\"id\": \"xxxx\"}], \"id\": \"xxxx\"}"), TEXT("{\"a\":{\"a\":{\"a\":1}}}"), TEXT("[{\"a\":1},{\"a\":2}]"),
		TEXT("{\"a\":1,\"A\":2,\"a \":3,\"\":4}"), TEXT("{\"title\":\"\\u041f\\u043e\\u043b\"}"),
		/* strings */
		TEXT("[\"\\u0060\\u012a\\u12AB\"]"), TEXT("[\"\\uD801\\udc37\"]"), TEXT("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
		TEXT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), TEXT("[\"\\\\u0000\"]"), TEXT("[\"\\\"\"]"), TEXT("[\"a/*b*/c/*d//e\"]"),
		TEXT("[\"\\\\a\"]"), TEXT("[\"\\\\n\"]"), TEXT("[\"\\u0012\"]"), TEXT("[\"\\uFFFF\"]"), TEXT("[\"asd \"]"),
		TEXT("[\"\xF4\x8F\xBF\xBF\"]"), TEXT("[\"\xEF\xBF\xBF\"]"), TEXT("[\"\xE2\x80\xA8\xE2\x80\xA9\"]"), TEXT("[\"\x7F\"]"),
		TEXT("[\"\\u002c\"]"), TEXT("[\"\xCF\x80\"]"), TEXT("[\"\xF0\x9B\xBF\xBF\"]"), TEXT("\" \""), TEXT("[\"\\uDBFF\\uDFFF\"]"),
		TEXT("[\"new\\u00A0line\"]"), TEXT("[\"\\u200B\"]"), TEXT("[\"\\uFDD0\"]"), TEXT("[\"\\uA66D\"]"), TEXT("[\"\xEF\xBB\xBF\"]"),
		TEXT("[\"abcdefgh\xC3\xA4ijklmnop\xE2\x82\xACqrstuvwx\\nyz\"]"),
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (!scan_exact(cases[i].text, cases[i].n, TG_JSON_STRICT))
			fail_msg("%s: %s", cases[i].text, scan.why);
		assert_true(scan_exact(cases[i].text, cases[i].n, TG_JSON_TRAILING_COMMA));
		assert_null(scan.why);
	}
}

static const struct text refused[] = {
	/* structure */
	TEXT(""), TEXT(" "), TEXT("\n"), TEXT("["), TEXT("{"), TEXT("]"), TEXT("}"), TEXT("[["), TEXT("[1"), TEXT("[1 true]"),
	TEXT("[a\xE5]"), TEXT("[\"\": 1]"), TEXT("[\"\"]," ), TEXT("[,1]"), TEXT("[1,,2]"), TEXT("[\"x\",,]"), TEXT("[\"x\"]]"), TEXT("[1}"),
	TEXT("[\"x\""), TEXT("[x"), TEXT("[3[4]]"), TEXT("[\xFF]"), TEXT("[1:2]"), TEXT("[,]"), TEXT("[-]"), TEXT("[   , \"\"]"),
	TEXT("[1,\n1\n,1"), TEXT("[*]"), TEXT("[\"\""), TEXT("[{}"), TEXT("[]{}"), TEXT("{}{}"), TEXT("1 2"), TEXT("{}x"), TEXT("[]#"),
	TEXT("<.>"), TEXT("[<null>]"), TEXT("[True]"), TEXT("[nul]"), TEXT("[tru]"), TEXT("[fals]"), TEXT("[nulll]"), TEXT("TRUE"), TEXT("nil"),
	TEXT("[1]x"), TEXT("[\"asd]"), TEXT("[True]"), TEXT("{\"x\": true,"), TEXT("{\"\":"), TEXT("{\"a\""), TEXT("{\"a"),
	TEXT("{\"a\":\"a"), TEXT("*"), TEXT("[\\u000A\"\"]"), TEXT("\xE2\x81\xA0"), TEXT("[\x0C]"), TEXT("[\x0B]"), TEXT("[\xC2\xA0]"),
	TEXT("\0"), TEXT("[1]\0"), TEXT("[\0]"), TEXT("1\0"), TEXT("/**/[]"), TEXT("[]/**/"), TEXT("[] // x"), TEXT("{\"a\":/*c*/1}"),
	TEXT("\xEF\xBB\xBF"), TEXT("\xEF\xBB\xBF{}"), TEXT("\xFF\xFE[\0]\0"), TEXT("\xFE\xFF\0[\0]"), TEXT("\x1E[]"),
	/* numbers */
	TEXT("[++1234]"), TEXT("[+1]"), TEXT("[+Inf]"), TEXT("[-01]"), TEXT("[-1.0.]"), TEXT("[-2.]"), TEXT("[-NaN]"), TEXT("[.-1]"),
	TEXT("[.2e-3]"), TEXT("[0.1.2]"), TEXT("[0.3e+]"), TEXT("[0.3e]"), TEXT("[0.e1]"), TEXT("[0E+]"), TEXT("[0E]"), TEXT("[0e]"),
	TEXT("[0e+]"), TEXT("[1.0e+]"), TEXT("[1.0e-]"), TEXT("[1.0e]"), TEXT("[1 000.0]"), TEXT("[1eE2]"), TEXT("[2.e+3]"), TEXT("[2.e-3]"),
	TEXT("[2.e3]"), TEXT("[9.e+]"), TEXT("[Inf]"), TEXT("[NaN]"), TEXT("[Infinity]"), TEXT("[-Infinity]"), TEXT("[0x1]"), TEXT("[0x42]"),
	TEXT("[0+1]"), TEXT("[1+2]"), TEXT("[0e+-1]"), TEXT("[-foo]"), TEXT("[- 1]"), TEXT("[-012]"), TEXT("[-.123]"), TEXT("[-1x]"),
	TEXT("[1ea]"), TEXT("[1.]"), TEXT("[.123]"), TEXT("[1.2a-3]"), TEXT("[1.8011670033376514H-308]"), TEXT("[012]"), TEXT("[00]"),
	TEXT("[\xEF\xBC\x91]"), TEXT("1."), TEXT("1e"), TEXT("1e+"), TEXT("-"), TEXT("[1_000]"), TEXT("[1,5.]"), TEXT("[1e1.5]"), TEXT("[0b1]"),
	/* beyond int64, beyond double */
	TEXT("[9223372036854775808]"), TEXT("[-9223372036854775809]"), TEXT("[18446744073709551615]"), TEXT("[18446744073709551616]"),
	TEXT("[100000000000000000000]"), TEXT("[-99999999999999999999999]"), TEXT("[1e309]"), TEXT("[-1e309]"), TEXT("[1e999999999999999999999]"),
	TEXT("[0.1e310]"), TEXT("[123e307]"), TEXT("[1.7976931348623159e308]"), TEXT("[1.8e308]"), TEXT("[17976931348623159e292]"),
	TEXT("[0.4e00669999999999999999999999999999999999999999999]"), TEXT("[1.5e+9999]"), TEXT("[-123123e100000]"),
	TEXT("[0e1000001]"), TEXT("[0e999999999999999999999]"),
	/* more decimal places than jsonb takes */
	TEXT("[1e-16384]"), TEXT("[1.5e-16383]"), TEXT("[0e-16384]"), TEXT("[1e-99999999999999999999]"), TEXT("[0.0e-16383]"),
	/* objects */
	TEXT("[\"x\", truth]"), TEXT("{[: \"x\"}\n"), TEXT("{\"x\", null}"), TEXT("{\"x\"::\"b\"}"), TEXT("{\"a\":\"a\" 123}"), TEXT("{key: 'value'}"),
	TEXT("{\"a\" b}"), TEXT("{:\"b\"}"), TEXT("{\"a\" \"b\"}"), TEXT("{\"a\":"), TEXT("{\"a\"}"), TEXT("{1:1}"), TEXT("{9999E9999:1}"),
	TEXT("{null:null,null:null}"), TEXT("{\"id\":0,,,,,}"), TEXT("{'a':0}"), TEXT("{'a':'b'}"), TEXT("{\"a\":'b'}"), TEXT("{\"a\":\"b\"}/**/"),
	TEXT("{\"a\":\"b\",,\"c\":\"d\"}"), TEXT("{a: \"b\"}"), TEXT("{\"a\":\"a"), TEXT("{ \"foo\" : \"bar\", \"a\" }"), TEXT("{\"a\":\"b\"}#"),
	TEXT("{,}"), TEXT("{\"a\":1]"), TEXT("{\"a\":1 \"b\":2}"), TEXT("{\"a\":}"), TEXT("{\"a\":1:2}"), TEXT("{{}}"), TEXT("{[]}"), TEXT("{\"a\"=1}"),
	/* strings */
	TEXT("[\"\\uD800\\\"]"), TEXT("[\"\\uD800\\u\"]"), TEXT("[\"\\uD800\\u1\"]"), TEXT("[\"\\uD800\\u1x\"]"), TEXT("[\xC3\xA9]"),
	TEXT("[\"\\\0\"]"), TEXT("[\"\\x00\"]"), TEXT("[\"\\\\\\\"]"), TEXT("[\"\\\t\"]"), TEXT("[\"\\\xF0\x9F\x8C\x80\"]"), TEXT("[\"\\\"]"),
	TEXT("[\"\\u00A\"]"), TEXT("[\"\\uD834\\uDd\"]"), TEXT("[\"\\uD800\\uD800\\x\"]"), TEXT("[\"\\u\xE5\"]"), TEXT("[\"\\a\"]"), TEXT("[\"\\uqqqq\"]"),
	TEXT("[\"\\\xE5\"]"), TEXT("[\\u0020\"asd\"]"), TEXT("[\\n]"), TEXT("\""), TEXT("['single quote']"), TEXT("abc"), TEXT("[\"\\"), TEXT("\"\\u"),
	TEXT("[\"a\0a\"]"), TEXT("[\"new\nline\"]"), TEXT("[\"\t\"]"), TEXT("[\"\x1F\"]"), TEXT("[\"\r\"]"), TEXT("\"\\UA66D\""), TEXT("\"\"x"),
	TEXT("[\"\\u 041\"]"), TEXT("[\"\\u+041\"]"), TEXT("[\"\\u-041\"]"), TEXT("[\"\\'\"]"), TEXT("[\"\\0\"]"), TEXT("[\"\\v\"]"), TEXT("\"\\u004"),
	/* what PostgreSQL and C cannot hold, and what is half a character */
	TEXT("[\"\\u0000\"]"), TEXT("{\"a\\u0000b\":1}"), TEXT("[\"\\uD800\"]"), TEXT("[\"\\uDC00\"]"), TEXT("[\"\\uDADA\"]"), TEXT("[\"\\uD888\\u1234\"]"),
	TEXT("[\"\\uD800\\n\"]"), TEXT("[\"\\uDd1ea\"]"), TEXT("[\"\\uD800\\uD800\\n\"]"), TEXT("[\"\\ud800abc\"]"), TEXT("[\"\\uDd1e\\uD834\"]"),
	TEXT("[\"\\uD834\\uDBFF\"]"), TEXT("[\"\\uDFAA\"]"), TEXT("{\"\\uD800\":1}"),
	/* not UTF-8 */
	TEXT("[\"\xED\xA0\x80\"]"), TEXT("[\"\x81\"]"), TEXT("[\"\xC0\xAF\"]"), TEXT("[\"\xFC\x83\xBF\xBF\xBF\xBF\"]"), TEXT("[\"\xE0\xFF\"]"),
	TEXT("[\"\xFF\"]"), TEXT("[\"\xF4\xBF\xBF\xBF\"]"), TEXT("[\"\xE9\"]"), TEXT("{\"\xB9\":\"0\",}"), TEXT("[\"\xE2\x82\"]"), TEXT("\"\xC3"),
	TEXT("[\"abcdefghijk\xC3\xA4\xC3\xA4\xC3\"]"),
};

static void json_scan_refuses_everything_else(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(refused); i++) {
		if (scan_exact(refused[i].text, refused[i].n, TG_JSON_STRICT))
			fail_msg("case %zu accepted: %s", i, refused[i].text);
		assert_true(scan.why && scan.why[0] && scan.at <= refused[i].n && scan.n == 0 && !scan.members);
		if (scan_exact(refused[i].text, refused[i].n, TG_JSON_TRAILING_COMMA))
			fail_msg("case %zu accepted: %s", i, refused[i].text);
	}
}

static void json_scan_refuses_each_true_beginning(void **state)
{
	static const char text[] = "{\"a\\u00e4\\ud83d\\ude39\": [1.5e+3, true, null, \"\xE2\x82\xAC\\n\"], \"b\": {\"c\": -12}}";
	size_t n;

	(void)state;
	assert_true(scan_exact(text, sizeof text - 1, TG_JSON_STRICT));
	for (n = 0; n < sizeof text - 1; n++)
		assert_false(scan_exact(text, n, TG_JSON_STRICT));
}

static void json_scan_takes_one_trailing_comma_where_allowed(void **state)
{
	static const struct {
		const char *text, *blanked;     /* NULL: refused even so */
	} cases[] = {
		{ "[1,]", "[1 ]" }, { "{\"a\":1,}", "{\"a\":1 }" }, { "{\"a\":1 , \n}", "{\"a\":1   \n}" }, { "[[1,],]", "[[1 ] ]" },
		{ "{\"a\":{\"b\":[1,2,],},\"c\":\",]\"}", "{\"a\":{\"b\":[1,2 ] },\"c\":\",]\"}" }, { "[{},]", "[{} ]" },
		{ "[,]", NULL }, { "{,}", NULL }, { "[1,,]", NULL }, { "{\"a\":1,,}", NULL }, { "[,1]", NULL }, { "{,\"a\":1}", NULL },
		{ "[1],", NULL }, { "{},", NULL }, { ",", NULL }, { "1,", NULL }, { "{\"a\":1,", NULL }, { "[1,", NULL }, { "{\"a\",}", NULL },
		{ "{\"a\":,}", NULL }, { "[1,}", NULL }, { "{\"a\":1,]", NULL }, { "['a',]", NULL }, { "[1, /**/]", NULL },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		n = strlen(cases[i].text);
		assert_false(scan_exact(cases[i].text, n, TG_JSON_STRICT));
		if (tg_json_scan(arena, cases[i].text, n, TG_JSON_TRAILING_COMMA, &scan) != !!cases[i].blanked)
			fail_msg("%s", cases[i].text);
		if (cases[i].blanked) {
			assert_memory_equal(scan.text, cases[i].blanked, n);
			assert_true(scan_exact(scan.text, n, TG_JSON_STRICT));
		}
	}
	assert_true(tg_json_scan(arena, "[1]", 3, TG_JSON_TRAILING_COMMA, &scan));
	assert_string_equal(scan.text, "[1]");
}

static void json_scan_refuses_duplicate_keys_compared_decoded(void **state)
{
	static const struct {
		const char *text;
		size_t at;
	} cases[] = {
		{ "{\"a\":1,\"a\":2}", 7 }, { "{\"a\":1,\"b\":2,\"a\":1}", 13 }, { "{\"a\":1,\"\\u0061\":2}", 7 },
		{ "{\"\\u0061\":1,\"a\":2}", 12 }, { "{\"\":1,\"\":2}", 6 }, { "{\"/\":1,\"\\/\":2}", 7 },
		{ "{\"\xC3\xA4\":1,\"\\u00e4\":2}", 8 }, { "{\"\\ud83d\\ude39\":1,\"\xF0\x9F\x98\xB9\":2}", 18 },
		{ "[{\"x\":{\"k\":0,\"k\":1}}]", 13 }, { "{\"\\n\":1,\"\\u000A\":2}", 8 }, { "{\"a\":1,\"b\":{\"c\":1,\"c\":1},\"a\":1}", 18 },
		{ "{\"q\\\"\":1,\"q\\u0022\":2}", 9 }, { "{\"\xE2\x82\xAC\":1,\"\\u20AC\":2}", 9 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_false(scan_exact(cases[i].text, strlen(cases[i].text), TG_JSON_STRICT));
		assert_string_equal(scan.why, "duplicate key");
		assert_int_equal(scan.at, cases[i].at);
	}
}

/* Around the number of keys where pairwise comparison gives way to sorting, and where the stack of keys grows. */
static void json_scan_finds_the_duplicate_among_many(void **state)
{
	static char text[40000];
	size_t count, twin, n, i, at;

	(void)state;
	for (count = 2; count < 1500; count = count < 70 ? count + 1 : count * 2) {
		for (twin = 0; twin <= count; twin += 1 + count / 7) {
			n = 0;
			at = 0;
			for (i = 0; i < count; i++) {
				at = i == count - 1 ? n + 1 : at;
				n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s%zu\":{\"k\":%zu}", i ? "," : "{",
				    i % 3 ? "key" : "\\u006bey", i == count - 1 && twin < i ? twin : i, i);
			}
			text[n++] = '}';
			if (twin < count - 1) {
				assert_false(scan_exact(text, n, TG_JSON_STRICT));
				assert_string_equal(scan.why, "duplicate key");
				assert_int_equal(scan.at, at);
			} else {
				assert_true(scan_exact(text, n, TG_JSON_STRICT));
				assert_int_equal(scan.n, count);
				for (i = 0; i < count; i++)
					assert_int_equal(atoll(scan.members[i].key + 3), i);
			}
			tg_arena_reset(arena);
		}
	}
}

static void json_scan_nests_up_to_its_depth_and_no_deeper(void **state)
{
	char text[6 * TG_JSON_MAX_DEPTH + 16];
	size_t depth, i, n;

	(void)state;
	for (depth = 1; depth <= TG_JSON_MAX_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(scan_exact(text, 2 * depth, TG_JSON_STRICT), depth <= TG_JSON_MAX_DEPTH);
		for (n = i = 0; i < depth; i++, n += 5)
			memcpy(text + n, "{\"a\":", 5);
		text[n++] = '1';
		memset(text + n, '}', depth);
		assert_int_equal(scan_exact(text, n + depth, TG_JSON_STRICT), depth <= TG_JSON_MAX_DEPTH);
	}
	assert_string_equal(scan.why, "nested too deeply");
	assert_int_equal(scan.at, 5 * TG_JSON_MAX_DEPTH);
}

static void json_scan_bounds_the_number_of_values(void **state)
{
	size_t i, n = 2 * TG_JSON_MAX_VALUES + 1;
	char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	for (i = 0; i < n; i++)
		text[i] = i % 2 ? '0' : ',';
	text[0] = '[';
	text[n - 1] = ']';
	assert_false(tg_json_scan(arena, text, n, TG_JSON_STRICT, &scan));
	assert_string_equal(scan.why, "too many values");
	assert_int_equal(scan.at, n - 2);
	text[n - 3] = ']';
	assert_true(tg_json_scan(arena, text, n - 2, TG_JSON_STRICT, &scan));
	free(text);
}

static void json_scan_gives_type_and_bytes_of_each_member(void **state)
{
	static const char text[] = " { \"o\" : {\"x\": [1,2] } ,\"a\":[ ], \"s\":\"t\\u00e4\\\"\", \"n\": -1.50e3 ,\"b\":true,\"f\":false,\n"
	    "\"0\":null, \"k\\u00e4\\n\\ud83d\\ude39\": {} } ";
	static const struct {
		const char *key, *bytes;
		char type;
	} expected[] = {
		{ "o", "{\"x\": [1,2] }", 'o' }, { "a", "[ ]", 'a' }, { "s", "\"t\\u00e4\\\"\"", 's' }, { "n", "-1.50e3", 'n' },
		{ "b", "true", 'b' }, { "f", "false", 'b' }, { "0", "null", '0' }, { "k\xC3\xA4\n\xF0\x9F\x98\xB9", "{}", 'o' },
	};
	const struct tg_json_member *m;
	size_t i;

	(void)state;
	assert_true(tg_json_scan(arena, text, sizeof text - 1, TG_JSON_STRICT, &scan));
	assert_int_equal(scan.type, 'o');
	assert_int_equal(scan.n, COUNT(expected));
	assert_ptr_equal(scan.text, text);
	for (i = 0; i < COUNT(expected); i++) {
		m = tg_json_member(&scan, expected[i].key);
		assert_ptr_equal(m, &scan.members[i]);
		assert_int_equal(m->key_len, strlen(expected[i].key));
		assert_int_equal(m->type, expected[i].type);
		assert_int_equal(m->len, strlen(expected[i].bytes));
		assert_memory_equal(text + m->start, expected[i].bytes, m->len);
	}
	assert_null(tg_json_member(&scan, "x"));
	assert_null(tg_json_member(&scan, ""));
	assert_null(tg_json_member(&scan, "oo"));
}

static void json_scan_gives_type_and_bytes_of_each_element(void **state)
{
	static const char text[] = " [ {\"x\": [1,2] } ,[ ],\"t\\u00e4\\\"\", -1.50e3 ,true,false,\nnull , [[1],{\"a\":[2]}] ] ";
	static const struct {
		const char *bytes;
		char type;
	} expected[] = {
		{ "{\"x\": [1,2] }", 'o' }, { "[ ]", 'a' }, { "\"t\\u00e4\\\"\"", 's' }, { "-1.50e3", 'n' }, { "true", 'b' }, { "false", 'b' }, { "null", '0' },
		{ "[[1],{\"a\":[2]}]", 'a' },
	};
	size_t i;

	(void)state;
	assert_true(tg_json_scan(arena, text, sizeof text - 1, TG_JSON_STRICT, &scan));
	assert_int_equal(scan.type, 'a');
	assert_int_equal(scan.n, COUNT(expected));
	for (i = 0; i < COUNT(expected); i++) {
		assert_string_equal(scan.members[i].key, "");
		assert_int_equal(scan.members[i].key_len, 0);
		assert_int_equal(scan.members[i].type, expected[i].type);
		assert_int_equal(scan.members[i].len, strlen(expected[i].bytes));
		assert_memory_equal(text + scan.members[i].start, expected[i].bytes, scan.members[i].len);
	}
	/* What is within an element, or within an object's array, is none. */
	assert_true(tg_json_scan(arena, "[[1,2,3]]", 9, TG_JSON_STRICT, &scan));
	assert_int_equal(scan.n, 1);
	assert_true(tg_json_scan(arena, "{\"a\":[1,2,3]}", 13, TG_JSON_STRICT, &scan));
	assert_int_equal(scan.n, 1);
	assert_string_equal(scan.members[0].key, "a");
	assert_true(tg_json_scan(arena, "[ ]", 3, TG_JSON_STRICT, &scan));
	assert_int_equal(scan.n, 0);
	/* A trailing comma is no element; the ranges are those of the copy as well. */
	assert_true(tg_json_scan(arena, "[1,{\"a\":2,},]", 13, TG_JSON_TRAILING_COMMA, &scan));
	assert_int_equal(scan.n, 2);
	assert_memory_equal(scan.text + scan.members[1].start, "{\"a\":2 }", 8);
	assert_int_equal(scan.members[1].len, 8);
}

/* As many as there may be; each one is where the one before ended. */
static void json_scan_gives_all_of_many_elements(void **state)
{
	static char text[60000];
	size_t count, i, n = 0;

	(void)state;
	for (count = 1; count < 5000; count = 2 * count + 1) {
		n = 0;
		for (i = 0; i < count; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu", i ? ", " : "[", i);
		text[n++] = ']';
		assert_true(scan_exact(text, n, TG_JSON_STRICT));
		assert_int_equal(scan.n, count);
		for (i = 0; i < count; i++)
			assert_int_equal(strtoull(text + scan.members[i].start, NULL, 10), i);
		tg_arena_reset(arena);
	}
}

static void json_scan_gives_the_type_of_the_whole(void **state)
{
	static const struct {
		const char *text;
		char type;
	} cases[] = {
		{ "{}", 'o' }, { "[{\"a\":1}]", 'a' }, { "\"x\"", 's' }, { "-1", 'n' }, { "true", 'b' }, { "false", 'b' }, { " null", '0' },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_true(scan_exact(cases[i].text, strlen(cases[i].text), TG_JSON_STRICT));
		assert_int_equal(scan.type, cases[i].type);
		assert_int_equal(scan.n, cases[i].type == 'a');
		assert_null(tg_json_member(&scan, "a"));
	}
}

static void json_scan_says_where_and_why_it_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at, line, column;
		const char *why;
	} cases[] = {
		{ "", 0, 1, 1, "the text ends too early" },
		{ "{\"a\":1", 6, 1, 7, "the text ends too early" },
		{ "{\n  \"a\": 1\n  \"b\": 2\n}", 13, 3, 3, "expected ',' or '}'" },
		{ "[1 2]", 3, 1, 4, "expected ',' or ']'" },
		{ "{\"a\" 1}", 5, 1, 6, "expected ':'" },
		{ "{a:1}", 1, 1, 2, "a key in double quotes is expected" },
		{ "{'a':1}", 1, 1, 2, "a key in double quotes is expected" },
		{ "[1,\n]", 4, 2, 1, "a value is expected after ','" },
		{ "[NaN]", 1, 1, 2, "a value is expected" },
		{ "[1.]", 3, 1, 4, "a digit is expected" },
		{ "[\n-01]", 3, 2, 2, "a number begins with a needless zero" },
		{ "[1, 9223372036854775808]", 4, 1, 5, "an integer must fit 64 bits" },
		{ "[1e400]", 1, 1, 2, "the number is too large" },
		{ "[1e-20000]", 1, 1, 2, "the number has too many decimal places" },
		{ "{} \n\n x", 6, 3, 2, "nothing may follow the value" },
		{ "[\"\xC3\xA4\xE2\x82\xAC\xC3\xA4\xFFz\"]", 9, 1, 10, "not UTF-8" },
		{ "[\"ab\x01\"]", 4, 1, 5, "control character in a string" },
		{ "[\"ab\\x\"]", 4, 1, 5, "unknown escape in a string" },
		{ "[\"\\u12g4\"]", 2, 1, 3, "\\u wants four hexadecimal digits" },
		{ "[\"\\u0000\"]", 2, 1, 3, "\\u0000 cannot be stored" },
		{ "[\"a\\ud800\"]", 3, 1, 4, "lone surrogate" },
		{ "\xEF\xBB\xBF[]", 0, 1, 1, "a byte order mark is not allowed" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_false(scan_exact(cases[i].text, strlen(cases[i].text), TG_JSON_STRICT));
		if (scan.at != cases[i].at || scan.line != cases[i].line || scan.column != cases[i].column ||
		    strcmp(scan.why, cases[i].why) != 0)
			fail_msg("%s: at %zu, line %zu, column %zu: %s", cases[i].text, scan.at, scan.line, scan.column, scan.why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(json_scan_accepts_what_rfc_8259_means, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_refuses_everything_else, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_refuses_each_true_beginning, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_takes_one_trailing_comma_where_allowed, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_refuses_duplicate_keys_compared_decoded, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_finds_the_duplicate_among_many, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_nests_up_to_its_depth_and_no_deeper, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_bounds_the_number_of_values, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_gives_type_and_bytes_of_each_member, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_gives_type_and_bytes_of_each_element, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_gives_all_of_many_elements, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_gives_the_type_of_the_whole, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(json_scan_says_where_and_why_it_refused, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
