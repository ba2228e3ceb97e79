/* SPDX-License-Identifier: MIT
 * Tests of clock.h: the monotonic clock, and times in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "taskgate/base/clock.h"

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

/* From a copy without a byte to spare. */
static char *parse(const char *s, size_t n)
{
	char *copy = malloc(n ? n : 1), *out;

	assert_non_null(copy);
	memcpy(copy, s, n);
	out = tg_time_parse(arena, copy, n);
	free(copy);
	return out;
}

static void clock_is_the_monotonic_one_and_never_goes_back(void **state)
{
	struct timespec t;
	int64_t now, last = tg_clock_us();
	int i;

	(void)state;
	for (i = 0; i < 1000; i++, last = now) {
		now = tg_clock_us();
		assert_true(now >= last);
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	assert_in_range(tg_clock_ms() - ((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000), 0, 10000);
}

static void time_parse_gives_utc_for_postgresql(void **state)
{
	static const struct {
		const char *text, *utc;
	} cases[] = {
		{ "2024-01-15T10:30:00Z", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15T10:30:00z", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15t10:30:00Z", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15 10:30:00Z", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15T10:30Z", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15T10:30", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15T10:30:59", "2024-01-15 10:30:59.000000+00:00" },
		{ "2024-01-15", "2024-01-15 00:00:00.000000+00:00" },
		{ "2024-01-15T10:30:00+00:00", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15T10:30:00-00:00", "2024-01-15 10:30:00.000000+00:00" },
		{ "2024-01-15T10:30:00+05:30", "2024-01-15 05:00:00.000000+00:00" },
		{ "2024-01-15T10:30:00+0530", "2024-01-15 05:00:00.000000+00:00" },
		{ "2024-01-15T10:30:00+05", "2024-01-15 05:30:00.000000+00:00" },
		{ "2024-01-15T10:30+01:00", "2024-01-15 09:30:00.000000+00:00" },
		/* offsets that cross a day, a month, a year, a leap day */
		{ "2024-01-15T00:30:00+05:30", "2024-01-14 19:00:00.000000+00:00" },
		{ "2024-01-15T23:30:00-05:30", "2024-01-16 05:00:00.000000+00:00" },
		{ "2024-03-01T00:00:00+00:01", "2024-02-29 23:59:00.000000+00:00" },
		{ "2023-03-01T00:00:00+00:01", "2023-02-28 23:59:00.000000+00:00" },
		{ "2024-02-28T23:59:59-00:01", "2024-02-29 00:00:59.000000+00:00" },
		{ "2024-02-29T23:59:59-00:01", "2024-03-01 00:00:59.000000+00:00" },
		{ "2024-01-01T00:00:00+23:59", "2023-12-31 00:01:00.000000+00:00" },
		{ "2023-12-31T23:59:59-23:59", "2024-01-01 23:58:59.000000+00:00" },
		{ "1969-12-31T23:00:00-01:00", "1970-01-01 00:00:00.000000+00:00" },
		{ "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999+00:00" },
		{ "1970-01-01T00:00:00Z", "1970-01-01 00:00:00.000000+00:00" },
		/* fractions: six digits count, none is rounded */
		{ "2024-01-15T10:30:00.1Z", "2024-01-15 10:30:00.100000+00:00" },
		{ "2024-01-15T10:30:00.123Z", "2024-01-15 10:30:00.123000+00:00" },
		{ "2024-01-15T10:30:00.000001", "2024-01-15 10:30:00.000001+00:00" },
		{ "2024-01-15T10:30:00.123456789+00:00", "2024-01-15 10:30:00.123456+00:00" },
		{ "2024-01-15T23:59:59.999999999Z", "2024-01-15 23:59:59.999999+00:00" },
		/* leap years */
		{ "2024-02-29", "2024-02-29 00:00:00.000000+00:00" },
		{ "2000-02-29T12:00:00Z", "2000-02-29 12:00:00.000000+00:00" },
	};
	char *out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		out = parse(cases[i].text, strlen(cases[i].text));
		if (!out)
			fail_msg("refused: %s", cases[i].text);
		assert_string_equal(out, cases[i].utc);
	}
}

static void time_parse_refuses_what_is_no_time(void **state)
{
	static const char *const cases[] = {
		"",
		"2024",
		"2024-01",
		"2024-1-15",
		"24-01-15",
		"02024-01-15",
		"20240115",
		"20240115T103000Z",
		"2024-01-15T",
		"2024-01-15 ",
		" 2024-01-15",
		"2024-01-15T10",
		"2024-01-15T10:3",
		"2024-01-15T1:30:00Z",
		"2024-01-15T10:30:0Z",
		"2024-01-15T10:30:00Z ",
		"2024-01-15T10:30:00Zx",
		"2024-01-15T10:30:00ZZ",
		"2024-01-15T10:30:00+05:30Z",
		"2024-01-15T10:30:00 Z",
		"2024-01-15T10:30:00 +05:30",
		"2024-01-15  10:30:00Z",
		"2024-01-15_10:30:00Z",
		"2024-01-15Z",
		"2024-01-15+05:30",
		"2024-01-15T10:30:00.Z",
		"2024-01-15T10:30:00.",
		"2024-01-15T10:30.5Z",
		"2024-01-15T10:30:00,5Z",
		"2024-01-15T10:30:00.1234567890Z",
		"2024-01-15T10:30:",
		/* fields out of range */
		"2024-00-15",
		"2024-13-15",
		"2024-01-00",
		"2024-01-32",
		"2024-04-31",
		"2024-06-31",
		"2024-09-31",
		"2024-11-31",
		"2023-02-29",
		"2024-02-30",
		"2100-02-29",
		"1900-02-29",
		"2024-01-15T24:00:00Z",
		"2024-01-15T25:00Z",
		"2024-01-15T10:60:00Z",
		"2024-01-15T10:30:60Z",
		"2024-01-15T23:59:60Z",
		"2016-12-31T23:59:60Z",
		/* offsets */
		"2024-01-15T10:30:00+24:00",
		"2024-01-15T10:30:00-24:00",
		"2024-01-15T10:30:00+05:60",
		"2024-01-15T10:30:00+5:30",
		"2024-01-15T10:30:00+5",
		"2024-01-15T10:30:00+",
		"2024-01-15T10:30:00+05:",
		"2024-01-15T10:30:00+05:3",
		"2024-01-15T10:30:00+053",
		"2024-01-15T10:30:00+05:300",
		"2024-01-15T10:30:00+05300",
		"2024-01-15T10:30:00+05:30:00",
		"2024-01-15T10:30:00UTC",
		"2024-01-15T10:30:00 Europe/Berlin",
		("2024-01-15T10:30:00\xE2\x88\x92"
		 "05:00"),
		/* years */
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
		"9999-12-31T23:59:00-00:01",
		"0000-01-01",
		"10000-01-01",
		"-2024-01-15",
		"+2024-01-15",
		/* words that PostgreSQL would take */
		"now",
		"today",
		"tomorrow",
		"infinity",
		"-infinity",
		"epoch",
		"allballs",
		"January 15, 2024",
		"15.01.2024",
		"2024-01-15 BC",
		"2024-01-15T10:30:00 PM",
		"1705314600",
		"2024-W03-1",
		"2024-015",
		"J2460325",
		/* digits that are none of ASCII's, signs inside fields */
		"\xD9\xA2\xD9\xA0\xD9\xA2\xD9\xA4-01-15",
		"2024--1-15",
		"2024-01--5",
		"2024-01-15T-1:30:00Z",
		"2024-01-15T10:+1:00Z",
		"2024-01-15T10:30:00.-1Z",
		"2024-01-15T10:30:00+-5:00",
		"0x7e-01-15",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (parse(cases[i], strlen(cases[i])))
			fail_msg("accepted: %s", cases[i]);
}

static void time_parse_refuses_a_nul_inside(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ "2024-01-15T10:30:00Z\0", 21 },
		{ "2024-01-15\0", 11 },
		{ "2024-01-15\0T10:30:00Z", 21 },
		{ "2024-01-15T10:30:00\0", 20 },
		{ "2024-01-15T10:30:00\0Z", 21 },
		{ "\0", 1 },
		{ "2024-01-15T10:30:00.1\0", 22 },
		{ "2024-01-15T10:30:00+05\0"
		  "30",
			25 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_null(parse(cases[i].text, cases[i].n));
}

static void time_prints_what_postgresql_says(void **state)
{
	static const struct {
		const char *pg, *seconds, *micros;
		int64_t us;
	} cases[] = {
		{ "1970-01-01 00:00:00+00", "1970-01-01T00:00:00Z",
			"1970-01-01T00:00:00.000000+00:00", 0 },
		{ "2024-01-15 10:30:05+00", "2024-01-15T10:30:05Z",
			"2024-01-15T10:30:05.000000+00:00", INT64_C(1705314605000000) },
		{ "2024-01-15 10:30:05.12+00", "2024-01-15T10:30:05Z",
			"2024-01-15T10:30:05.120000+00:00", INT64_C(1705314605120000) },
		{ "2024-02-29 23:59:59.999999+00", "2024-02-29T23:59:59Z",
			"2024-02-29T23:59:59.999999+00:00", INT64_C(1709251199999999) },
		{ "2000-03-01 00:00:00.000001+00", "2000-03-01T00:00:00Z",
			"2000-03-01T00:00:00.000001+00:00", INT64_C(951868800000001) },
		{ "1969-12-31 23:59:59.5+00", "1969-12-31T23:59:59Z",
			"1969-12-31T23:59:59.500000+00:00", -500000 },
		{ "0001-01-01 00:00:00+00", "0001-01-01T00:00:00Z",
			"0001-01-01T00:00:00.000000+00:00", INT64_C(-62135596800000000) },
		{ "9999-12-31 23:59:59.999999+00", "9999-12-31T23:59:59Z",
			"9999-12-31T23:59:59.999999+00:00", INT64_C(253402300799999999) },
		{ "12024-01-15 10:30:05+00", "12024-01-15T10:30:05Z",
			"12024-01-15T10:30:05.000000+00:00", INT64_C(317274834605000000) },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_string_equal(tg_time_seconds(arena, cases[i].pg), cases[i].seconds);
		assert_string_equal(tg_time_micros(arena, cases[i].pg), cases[i].micros);
		assert_true(tg_time_to_us(cases[i].pg) == cases[i].us);
	}
	assert_null(tg_time_seconds(arena, NULL));
	assert_null(tg_time_micros(arena, NULL));
}

/* Each day of four centuries, against the C library. */
static void time_to_us_agrees_with_timegm_on_each_day(void **state)
{
	struct tm tm;
	time_t t;
	char *pg;

	(void)state;
	for (t = 0; t < (time_t)400 * 366 * 86400; t += 86400 - 1) {
		gmtime_r(&t, &tm);
		pg = tg_arena_printf(arena, "%04d-%02d-%02d %02d:%02d:%02d+00", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		if (tg_time_to_us(pg) != (int64_t)t * 1000000)
			fail_msg("%s", pg);
		tg_arena_reset(arena);
	}
}

static void time_wall_is_this_machines_time_of_day(void **state)
{
	const char *wall = tg_time_wall(arena), *utc = tg_time_parse(arena, wall, strlen(wall));

	(void)state;
	assert_int_equal(strlen(wall), 20);
	assert_non_null(utc);
	assert_string_equal(tg_time_seconds(arena, utc), wall);
	assert_in_range(time(NULL) - tg_time_to_us(utc) / 1000000, 0, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_is_the_monotonic_one_and_never_goes_back),
		cmocka_unit_test_setup_teardown(
			time_parse_gives_utc_for_postgresql, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			time_parse_refuses_what_is_no_time, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			time_parse_refuses_a_nul_inside, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			time_prints_what_postgresql_says, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			time_to_us_agrees_with_timegm_on_each_day, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			time_wall_is_this_machines_time_of_day, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
