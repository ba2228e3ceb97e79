/* SPDX-License-Identifier: MIT
 * Tests of error.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/error.h"
#include "taskgate/base/text.h"

static void error_table_has_a_sound_row_for_each_rc(void **state)
{
	static const int exits[] = { 0, 64, 70, 75, 78 };
	const struct tg_error_row *row;
	int rc, other;
	size_t i;

	(void)state;
	for (rc = 0; rc < TG_E__MAX; rc++) {
		row = tg_error_row((enum tg_rc)rc);
		assert_true(row->word && row->word[0] && row->text && row->text[0]);
		assert_true(rc == TG_OK ? row->http == 200 : row->http >= 400 && row->http < 600);
		for (i = 0; i < sizeof exits / sizeof *exits && exits[i] != row->exit_code; i++)
			continue;
		assert_true(i < sizeof exits / sizeof *exits);
		assert_true((rc == TG_OK) == (row->exit_code == 0));
		assert_true(!row->retryable || row->http == 429 || row->http == 503);
		for (other = 0; other < rc; other++)
			assert_string_not_equal(tg_error_row((enum tg_rc)other)->word, row->word);
	}
}

static void error_set_fills_all_and_keeps_nothing(void **state)
{
	struct tg_error err;
	enum tg_rc rc;
	int line;

	(void)state;
	memset(&err, 'x', sizeof err);
	line = __LINE__ + 1;
	rc = tg_fail(&err, TG_E_INVALID, "name", "must have %d to %d characters", 1, 64);
	assert_int_equal(rc, TG_E_INVALID);
	assert_int_equal(err.rc, TG_E_INVALID);
	assert_string_equal(err.field, "name");
	assert_string_equal(err.message, "must have 1 to 64 characters");
	assert_string_equal(err.reason, "");
	assert_string_equal(err.sqlstate, "");
	assert_int_equal(err.retry_after, 0);
	assert_string_equal(err.file, __FILE__);
	assert_int_equal(err.line, line);
	tg_fail(&err, TG_E_LIMIT, NULL, "wait");
	assert_string_equal(err.field, "");
}

static void error_reason_stands_beside_the_rc(void **state)
{
	struct tg_error err;

	(void)state;
	assert_int_equal(tg_fail_reason(&err, TG_E_CONFLICT, "task_entity_key", "entity", "taken"),
		TG_E_CONFLICT);
	assert_string_equal(err.reason, "task_entity_key");
	assert_string_equal(err.message, "taken");
	tg_fail(&err, TG_E_CONFLICT, NULL, "again");
	assert_string_equal(err.reason, "");
}

static void error_set_may_quote_the_error_it_replaces(void **state)
{
	struct tg_error err;

	(void)state;
	tg_fail(&err, TG_E_INVALID, "a.b", "inner");
	tg_fail(&err, TG_E_UNPROCESSABLE, err.field, "outer of %s: %s", err.field, err.message);
	assert_string_equal(err.field, "a.b");
	assert_string_equal(err.message, "outer of a.b: inner");
}

/* One row per length of the last character and per place where the cut meets it. */
static void error_set_cuts_between_characters(void **state)
{
	static const char *const letters[] = { "x", "\xC3\xA4", "\xE2\x82\xAC",
		"\xF0\x9F\x98\x80" };
	char text[1200];
	struct tg_error err;
	size_t i, shift, n, len;

	(void)state;
	for (i = 0; i < sizeof letters / sizeof *letters; i++) {
		len = strlen(letters[i]);
		for (shift = 0; shift < 4; shift++) {
			memset(text, 'a', shift);
			for (n = shift; n + len < sizeof text; n += len)
				memcpy(text + n, letters[i], len);
			text[n] = '\0';
			tg_fail_reason(&err, TG_E_INVALID, text, text, "%s", text);
			assert_true(strlen(err.message) > sizeof err.message - 1 - len);
			assert_true(tg_utf8_valid(err.message, strlen(err.message)));
			assert_true(strlen(err.field) > sizeof err.field - 1 - len);
			assert_true(tg_utf8_valid(err.field, strlen(err.field)));
			assert_true(tg_utf8_valid(err.reason, strlen(err.reason)));
			assert_memory_equal(err.message, text, strlen(err.message));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_table_has_a_sound_row_for_each_rc),
		cmocka_unit_test(error_set_fills_all_and_keeps_nothing),
		cmocka_unit_test(error_reason_stands_beside_the_rc),
		cmocka_unit_test(error_set_may_quote_the_error_it_replaces),
		cmocka_unit_test(error_set_cuts_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
