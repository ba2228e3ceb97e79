/* SPDX-License-Identifier: MIT
 * Tests of log.h. Each case writes to a pipe in place of standard error: what one read gives is
 * what one write wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/http/json_scan.h"
#include "taskgate/base/log.h"
#include "taskgate/base/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TIME_LENGTH 24

static int saved, ends[2];
static char line[8192];

static int redirect(void **state)
{
	(void)state;
	if (pipe2(ends,
		    O_CLOEXEC | O_NONBLOCK |
			    O_DIRECT)) /* O_DIRECT: packets, so that each read is one write */
		return -1;
	saved = dup(STDERR_FILENO);
	return saved < 0 || dup2(ends[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int restore(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	tg_log_context(NULL, NULL);
	return 0;
}

/* What the last call wrote, its time taken off; "" where it wrote nothing. */
static const char *written(void)
{
	char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	ssize_t n = read(ends[0], line, sizeof line - 1);
	size_t i;

	if (n <= 0)
		return "";
	line[n] = '\0';
	assert_int_equal(strlen(line), (size_t)n);
	assert_int_equal(line[n - 1], '\n');
	assert_null(memchr(line, '\n', (size_t)n - 1));
	line[n - 1] = '\0';
	assert_true(tg_utf8_valid(line, (size_t)n - 1));
	if (line[0] == '{')
		return line;
	for (i = 0; form[i]; i++)
		assert_true(form[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i]);
	return line + TIME_LENGTH + 1;
}

static void log_writes_one_line_by_one_write(void **state)
{
	(void)state;
	tg_log_open("taskgate-fcgi", TG_LOG_INFO, false);
	tg_log(TG_LOG_INFO, "worker.start", "pid=%d requests=%d", 42, 7);
	assert_string_equal(written(), "info taskgate-fcgi worker.start pid=42 requests=7");
	tg_log(TG_LOG_ERROR, "worker.stop", "%s", "");
	assert_string_equal(written(), "error taskgate-fcgi worker.stop");
	assert_string_equal(written(), "");
}

static void log_writes_from_its_level_on(void **state)
{
	static const enum tg_log_level levels[] = { TG_LOG_DEBUG, TG_LOG_INFO, TG_LOG_WARNING,
		TG_LOG_ERROR };
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(levels); i++) {
		tg_log_open("p", levels[i], false);
		for (j = 0; j < COUNT(levels); j++) {
			tg_log(levels[j], "event", "a=1");
			assert_int_equal(written()[0] != '\0', j >= i);
			assert_int_equal(tg_log_on(levels[j]), j >= i);
		}
	}
}

static void log_context_stands_in_each_line_until_taken_away(void **state)
{
	(void)state;
	tg_log_open("p", TG_LOG_INFO, false);
	tg_log_context("req-1", "work.claim");
	tg_log(TG_LOG_INFO, "request", "status=200");
	assert_string_equal(
		written(), "info p request request_id=req-1 route=work.claim status=200");
	tg_log_context("req-2", NULL);
	tg_log(TG_LOG_WARNING, "request", "status=404");
	assert_string_equal(written(), "warning p request request_id=req-2 status=404");
	tg_log_context(NULL, NULL);
	tg_log(TG_LOG_INFO, "request", "status=200");
	assert_string_equal(written(), "info p request status=200");
}

static void log_lets_no_control_character_through(void **state)
{
	static const struct {
		const char *text, *logged;
	} cases[] = {
		{ "a\nb", "a?b" },
		{ "\r\n", "??" },
		{ "\t\x1B[31m", "??[31m" },
		{ "a\x7F", "a?" },
		{ "\x01\x1F", "??" },
		{ "\xC3\xA4\xE2\x82\xAC", "\xC3\xA4\xE2\x82\xAC" },
		{ "\xC2\x9B"
		  "31m",
			"??31m" },
		{ "\xC2\xA0", "\xC2\xA0" },
		{ "\xFF\xC3\xA4", "???" },
	};
	char expected[100];
	size_t i;

	(void)state;
	tg_log_open("p", TG_LOG_INFO, false);
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(expected, sizeof expected, "info p e v=%s", cases[i].logged);
		tg_log(TG_LOG_INFO, "e", "v=%s", cases[i].text);
		assert_string_equal(written(), expected);
		tg_log_context(cases[i].text, NULL);
		snprintf(expected, sizeof expected, "info p e request_id=%s v=1", cases[i].logged);
		tg_log(TG_LOG_INFO, "e", "v=1");
		assert_string_equal(written(), expected);
		tg_log_context(NULL, NULL);
	}
}

static void log_json_is_one_object_with_the_pairs_as_members(void **state)
{
	static const struct {
		const char *text, *data;
	} cases[] = {
		{ "", "{}" },
		{ "a=b", "{\"a\":\"b\"}" },
		{ "a=1 b=-20 c=0", "{\"a\":1,\"b\":-20,\"c\":0}" },
		{ "a=01 b=- c=1.5 d=1e3",
			"{\"a\":\"01\",\"b\":\"-\",\"c\":\"1.5\",\"d\":\"1e3\"}" },
		{ "a=999999999999999 b=9999999999999999",
			"{\"a\":999999999999999,\"b\":\"9999999999999999\"}" },
		{ "a= b=c", "{\"a\":\"\",\"b\":\"c\"}" },
		{ "a=\"b c\" d=e", "{\"a\":\"b c\",\"d\":\"e\"}" },
		{ "a=\"b \\\"c\\\" \\\\\" d=1", "{\"a\":\"b \\\"c\\\" \\\\\",\"d\":1}" },
		{ "a=\"b\\x\"", "{\"a\":\"b\\\\x\"}" },
		{ "a=\"b c", "{\"a\":\"\\\"b\",\"text\":\"c\"}" },
		{ "a=b\"c\\d", "{\"a\":\"b\\\"c\\\\d\"}" },
		{ "a=b=c", "{\"a\":\"b=c\"}" },
		{ "plain words a=b", "{\"text\":\"plain words a=b\"}" },
		{ "a=1 then words", "{\"a\":1,\"text\":\"then words\"}" },
		{ "=b", "{\"text\":\"=b\"}" },
		{ "a=\"x\"y", "{\"a\":\"x\",\"text\":\"y\"}" },
		{ "  a=1   b=2  ", "{\"a\":1,\"b\":2}" },
		{ "m=\"\xC3\xA4\"", "{\"m\":\"\xC3\xA4\"}" },
		{ "m=\"a\nb\"", "{\"m\":\"a?b\"}" },
	};
	struct tg_arena *arena = tg_arena_new(4096);
	const struct tg_json_member *data;
	struct tg_json_scan scan;
	const char *text;
	size_t i;

	(void)state;
	tg_log_open("p", TG_LOG_INFO, true);
	tg_log_context("r\"1", "work.claim");
	for (i = 0; i < COUNT(cases); i++) {
		tg_log(TG_LOG_WARNING, "event", "%s", cases[i].text);
		text = written();
		if (!tg_json_scan(arena, text, strlen(text), TG_JSON_STRICT, &scan))
			fail_msg("%s: %s", scan.why, text);
		data = tg_json_member(&scan, "data");
		assert_non_null(data);
		assert_int_equal(data->len, strlen(cases[i].data));
		assert_memory_equal(text + data->start, cases[i].data, data->len);
		assert_non_null(strstr(text,
			"Z\",\"level\":\"warning\",\"program\":\"p\",\"event\":\"event\","
			"\"request_id\":\"r\\\"1\",\"route\":\"work.claim\",\"data\":{"));
	}
	tg_arena_free(arena);
}

/* Whatever is logged, and however long, a line is a line and an object is an object. */
static void log_lines_that_were_cut_are_whole_lines(void **state)
{
	static const char *const pieces[] = { "x", "a=b ", "\"", "\\", "\xE2\x82\xAC",
		"k=\"\\\"\\\\\" ", "a= ", "\xF0\x9F\x98\x80=" };
	struct tg_arena *arena = tg_arena_new(4096);
	static char text[20000];
	struct tg_json_scan scan;
	size_t i, n, json;

	(void)state;
	for (json = 0; json < 2; json++) {
		tg_log_open("p", TG_LOG_INFO, json);
		for (i = 0; i < COUNT(pieces); i++) {
			for (n = 0; n + strlen(pieces[i]) < sizeof text; n += strlen(pieces[i]))
				memcpy(text + n, pieces[i], strlen(pieces[i]));
			text[n] = '\0';
			tg_log_context(text, text);
			tg_log(TG_LOG_INFO, "event", "%s", text);
			written();
			assert_true(strlen(line) > 1000 && strlen(line) < 4096);
			if (json &&
				!tg_json_scan(arena, line, strlen(line), TG_JSON_STRICT, &scan) &&
				strcmp(scan.why, "duplicate key"))
				fail_msg("%s at %zu: %s", scan.why, scan.at, line);
			tg_arena_reset(arena);
		}
	}
	tg_arena_free(arena);
}

static void log_error_says_what_where_and_why(void **state)
{
	struct tg_error err;

	(void)state;
	tg_log_open("p", TG_LOG_INFO, false);
	tg_error_set(&err, TG_E_INTERNAL, NULL, "src/db/tx.c", 12,
		"permission denied for table \"task\"");
	memcpy(err.sqlstate, "42501", 6);
	tg_log_error(TG_LOG_ERROR, "request", &err);
	assert_string_equal(written(),
		"error p request rc=internal sqlstate=42501 message=\"permission denied for table "
		"\\\"task\\\"\""
		" at=src/db/tx.c:12");
	tg_error_set(&err, TG_E_INVALID, "a b", "x.c", 1, "bad");
	tg_error_set_reason(&err, "why", TG_E_INVALID);
	tg_log_error(TG_LOG_INFO, "request", &err);
	assert_string_equal(written(),
		"info p request rc=invalid reason=\"why\" field=\"a b\" message=\"bad\" at=x.c:1");
}

static void log_leaves_errno_alone(void **state)
{
	(void)state;
	tg_log_open("p", TG_LOG_INFO, false);
	close(STDERR_FILENO);
	errno = ENOENT;
	tg_log(TG_LOG_ERROR, "event", "a=1");
	assert_int_equal(errno, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			log_writes_one_line_by_one_write, redirect, restore),
		cmocka_unit_test_setup_teardown(log_writes_from_its_level_on, redirect, restore),
		cmocka_unit_test_setup_teardown(
			log_context_stands_in_each_line_until_taken_away, redirect, restore),
		cmocka_unit_test_setup_teardown(
			log_lets_no_control_character_through, redirect, restore),
		cmocka_unit_test_setup_teardown(
			log_json_is_one_object_with_the_pairs_as_members, redirect, restore),
		cmocka_unit_test_setup_teardown(
			log_lines_that_were_cut_are_whole_lines, redirect, restore),
		cmocka_unit_test_setup_teardown(
			log_error_says_what_where_and_why, redirect, restore),
		cmocka_unit_test_setup_teardown(log_leaves_errno_alone, redirect, restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
