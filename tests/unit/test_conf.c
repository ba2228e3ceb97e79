/* SPDX-License-Identifier: MIT
 * Tests of conf.h. Each case writes a settings file into memory and loads it by its /proc name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/base/conf.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct tg_error err;
static char file_name[64];

/* The environment of whoever runs the tests must not decide them. */
static int clear_environment(void **state)
{
	enum tg_conf conf;

	(void)state;
	for (conf = 0; conf < TG_CONF__MAX; conf++)
		unsetenv(tg_conf_row(conf)->name);
	unsetenv("CELERY_BROKER_URL");
	unsetenv("CELERY_RESULT_BACKEND");
	return 0;
}

static enum tg_rc load_bytes(const char *text, size_t n)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);
	enum tg_rc rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	snprintf(file_name, sizeof file_name, "/proc/self/fd/%d", fd);
	rc = tg_conf_load(file_name, &err);
	close(fd);
	return rc;
}

static enum tg_rc load(const char *text)
{
	return load_bytes(text, strlen(text));
}

static void conf_defaults_are_within_their_own_bounds(void **state)
{
	const struct tg_conf_row *row;
	enum tg_conf conf;
	size_t n;

	(void)state;
	for (conf = 0; conf < TG_CONF__MAX; conf++) {
		row = tg_conf_row(conf);
		assert_non_null(strstr("TEXT INT WORD", row->type));
		assert_true(row->min <= row->max && row->help[0]);
		setenv(row->name, row->def, 1);
		n = strlen(row->def);
		if (strcmp(row->type, "TEXT") == 0)
			assert_true((long long)n >= row->min && (long long)n <= row->max);
		assert_int_equal(load(""), TG_OK);
		unsetenv(row->name);
	}
}

static void conf_without_file_and_environment_gives_defaults(void **state)
{
	(void)state;
	assert_int_equal(load(""), TG_OK);
	assert_string_equal(tg_conf_text(TG_CONF_TASKGATE_SOCKET), "/run/taskgate/fcgi.sock");
	assert_int_equal(tg_conf_int(TG_CONF_TASKGATE_WORKERS), 4);
	assert_string_equal(tg_conf_text(TG_CONF_TASKGATE_DATABASE), "");
	assert_int_equal(tg_conf_origin(TG_CONF_TASKGATE_WORKERS), TG_CONF_DEFAULT);
	assert_true(tg_conf_row(TG_CONF_TASKGATE_WEBHOOK_SECRET)->secret);
	assert_false(tg_conf_row(TG_CONF_TASKGATE_WORKERS)->secret);
}

static void conf_reads_lines_as_documented(void **state)
{
	static const struct {
		const char *text, *url;
	} cases[] = {
		{ "TASKGATE_PUBLIC_URL=https://x", "https://x" },
		{ "TASKGATE_PUBLIC_URL=https://x\n", "https://x" },
		{ "TASKGATE_PUBLIC_URL=https://x\r\n", "https://x" },
		{ "  TASKGATE_PUBLIC_URL  =\t https://x \n", "https://x" },
		{ "# TASKGATE_PUBLIC_URL=no\n\n \n\t#no\nTASKGATE_PUBLIC_URL=yes\n", "yes" },
		{ "TASKGATE_PUBLIC_URL=\"quoted # text \"\n", "quoted # text " },
		{ "TASKGATE_PUBLIC_URL=\"\"\n", "" },
		{ "TASKGATE_PUBLIC_URL=\"\"two\"\"\n", "\"two\"" },
		{ "TASKGATE_PUBLIC_URL=\"\n", "\"" },
		{ "TASKGATE_PUBLIC_URL='a'\n", "'a'" },
		{ "TASKGATE_PUBLIC_URL=a#b # c\n", "a#b # c" },
		{ "TASKGATE_PUBLIC_URL=a=b==\n", "a=b==" },
		{ "TASKGATE_PUBLIC_URL=\n", "" },
		{ "TASKGATE_PUBLIC_URL=one\nTASKGATE_PUBLIC_URL=two\n", "two" },
		{ "TASKGATE_PUBLIC_URL=a\nTWILIO_AUTH_TOKEN=x\nSMTP_URL=y\nOLLAMA_BASE_URL="
		  "\nOPENAI_API_KEY=z\nCELERY_X=1\n"
		  "PEXELS_API_KEY=z\nCMS_URL=z\n",
			"a" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (load(cases[i].text) != TG_OK)
			fail_msg("case %zu: %s", i, err.message);
		assert_string_equal(tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL), cases[i].url);
		assert_int_equal(tg_conf_origin(TG_CONF_TASKGATE_PUBLIC_URL), TG_CONF_FILE);
	}
}

static void conf_refuses_a_bad_file_by_name_and_line(void **state)
{
	static const struct {
		const char *text, *message; /* %s is the file */
	} cases[] = {
		{ "TASKGATE_WORKER=8\n",
			"TASKGATE_WORKER: there is no such setting (from %s, line 1)" },
		{ "\n# x\ntaskgate_workers=8\n",
			"taskgate_workers: there is no such setting (from %s, line 3)" },
		{ "TWILIO=1\n", "TWILIO: there is no such setting (from %s, line 1)" },
		{ "export TASKGATE_WORKERS=8\n",
			"export TASKGATE_WORKERS: there is no such setting (from %s, line 1)" },
		{ "TASKGATE_WORKERS\n", "%s, line 1: expected KEY=VALUE" },
		{ "\n=8\n", "%s, line 2: expected KEY=VALUE" },
		{ "SMTP_FROM=a\tb@example.com\n",
			"SMTP_FROM: must not contain control characters (from %s, line 1)" },
		{ "TASKGATE_WORKERS=0\n", "TASKGATE_WORKERS: 0 is below 1 (from %s, line 1)" },
		{ "TASKGATE_WORKERS=8\nTASKGATE_WORKERS=257",
			"TASKGATE_WORKERS: 257 is above 256 (from %s, line 2)" },
		{ "TASKGATE_WORKERS=",
			"TASKGATE_WORKERS: '' is not a whole number (from %s, line 1)" },
		{ "TASKGATE_WORKERS=8x",
			"TASKGATE_WORKERS: '8x' is not a whole number (from %s, line 1)" },
		{ "TASKGATE_WORKERS=+8",
			"TASKGATE_WORKERS: '+8' is not a whole number (from %s, line 1)" },
		{ "TASKGATE_WORKERS=0x8",
			"TASKGATE_WORKERS: '0x8' is not a whole number (from %s, line 1)" },
		{ "TASKGATE_WORKERS=8.0",
			"TASKGATE_WORKERS: '8.0' is not a whole number (from %s, line 1)" },
		{ "TASKGATE_WORKERS=-1", "TASKGATE_WORKERS: -1 is below 1 (from %s, line 1)" },
		{ "TASKGATE_WORKERS=-",
			"TASKGATE_WORKERS: '-' is not a whole number (from %s, line 1)" },
		{ "TASKGATE_WORKERS=99999999999999999999",
			"TASKGATE_WORKERS: '99999999999999999999' is not a whole number (from %s, "
			"line 1)" },
		{ "LOG_LEVEL=loud",
			"LOG_LEVEL: 'loud' is none of debug, info, warning, error (from %s, line "
			"1)" },
		{ "LOG_FORMAT=", "LOG_FORMAT: '' is none of text, json (from %s, line 1)" },
		{ "TASKGATE_SOCKET=", "TASKGATE_SOCKET: must not be empty (from %s, line 1)" },
	};
	char expected[320];
	const char *at;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(load(cases[i].text), TG_E_CONFIG);
		at = strstr(cases[i].message, "%s");
		snprintf(expected, sizeof expected, "%.*s%s%s", (int)(at - cases[i].message),
			cases[i].message, file_name, at + 2);
		assert_string_equal(err.message, expected);
	}
	assert_int_equal(load_bytes("TASKGATE_WORKERS=8\0"
				    "9\n",
				 21),
		TG_E_CONFIG);
	assert_non_null(strstr(err.message, "line 1: holds a NUL byte"));
}

static void conf_environment_wins_and_is_checked(void **state)
{
	(void)state;
	setenv("TASKGATE_WORKERS", "3", 1);
	assert_int_equal(load("TASKGATE_WORKERS=5\nTASKGATE_TTL=60\n"), TG_OK);
	assert_int_equal(tg_conf_int(TG_CONF_TASKGATE_WORKERS), 3);
	assert_int_equal(tg_conf_origin(TG_CONF_TASKGATE_WORKERS), TG_CONF_ENVIRONMENT);
	assert_int_equal(tg_conf_int(TG_CONF_TASKGATE_TTL), 60);
	assert_int_equal(tg_conf_origin(TG_CONF_TASKGATE_TTL), TG_CONF_FILE);
	setenv("TASKGATE_WORKERS", "0", 1);
	assert_int_equal(load(""), TG_E_CONFIG);
	assert_string_equal(err.message, "TASKGATE_WORKERS: 0 is below 1 (from the environment)");
	assert_string_equal(err.field, "TASKGATE_WORKERS");
	unsetenv("TASKGATE_WORKERS");
	setenv("TASKGATE_PUBLIC_URL", "", 1);
	assert_int_equal(load("TASKGATE_PUBLIC_URL=https://x\n"), TG_OK);
	assert_string_equal(tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL), "");
	assert_int_equal(tg_conf_origin(TG_CONF_TASKGATE_PUBLIC_URL), TG_CONF_ENVIRONMENT);
	unsetenv("TASKGATE_PUBLIC_URL");
	assert_int_equal(load(""), TG_OK);
	assert_int_equal(tg_conf_int(TG_CONF_TASKGATE_WORKERS), 4);
}

static void conf_never_says_a_secret(void **state)
{
	char text[400] = "TASKGATE_WEBHOOK_SECRET=whsec_";

	(void)state;
	memset(text + strlen(text), 'S', 300);
	assert_int_equal(load(text), TG_E_CONFIG);
	assert_non_null(strstr(err.message, "306 bytes long, allowed are 0 to 256"));
	assert_null(strstr(err.message, "whsec"));
}

static void conf_wants_a_named_file_to_be_readable(void **state)
{
	(void)state;
	assert_int_equal(tg_conf_load("/nonexistent/taskgate.conf", &err), TG_E_CONFIG);
	assert_string_equal(err.message, "/nonexistent/taskgate.conf: No such file or directory");
	assert_int_equal(tg_conf_load("/proc/self", &err), TG_E_CONFIG);
	assert_string_equal(err.message, "/proc/self: Is a directory");
}

static void conf_has_word_compares_whole_words(void **state)
{
	static const struct {
		const char *value, *word;
		bool has;
	} cases[] = {
		{ "calls,content", "calls", true },
		{ "calls,content", "content", true },
		{ " calls , content ", "content", true },
		{ "calls", "call", false },
		{ "calls", "callss", false },
		{ "", "calls", false },
		{ ",,", "calls", false },
		{ "calls,content", "calls,content", false },
		{ ",calls,", "calls", true },
		{ "calls", "", false },
		{ "Calls", "calls", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		setenv("TASKGATE_ANONYMOUS", cases[i].value, 1);
		assert_int_equal(load(""), TG_OK);
		if (tg_conf_has_word(TG_CONF_TASKGATE_ANONYMOUS, cases[i].word) != cases[i].has)
			fail_msg("'%s' in '%s'", cases[i].word, cases[i].value);
	}
	unsetenv("TASKGATE_ANONYMOUS");
	assert_int_equal(load(""), TG_OK);
}

static void conf_knows_the_celery_settings_that_it_ignores(void **state)
{
	char many[4096] = "";

	(void)state;
	assert_int_equal(load(""), TG_OK);
	assert_string_equal(tg_conf_celery(), "");
	setenv("CELERY_RESULT_BACKEND", "redis://localhost:6379/0", 1);
	assert_int_equal(load("CELERY_BROKER_URL=redis://:secret@localhost:6379/"
			      "0\nCELERY_BROKER_URL=again\nCELERY_BROKER=x\n"),
		TG_OK);
	assert_string_equal(
		tg_conf_celery(), "CELERY_BROKER_URL,CELERY_BROKER,CELERY_RESULT_BACKEND");
	unsetenv("CELERY_RESULT_BACKEND");
	for (int i = 0; i < 40; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many),
			"CELERY_LONG_NAME_OF_A_SETTING_%d=x\n", i);
	assert_int_equal(load(many), TG_OK);
	assert_true(strlen(tg_conf_celery()) > 100 && strlen(tg_conf_celery()) < 200 &&
		!strchr(tg_conf_celery(), '='));
	assert_int_equal(load(""), TG_OK);
	assert_string_equal(tg_conf_celery(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conf_defaults_are_within_their_own_bounds),
		cmocka_unit_test(conf_without_file_and_environment_gives_defaults),
		cmocka_unit_test(conf_reads_lines_as_documented),
		cmocka_unit_test(conf_refuses_a_bad_file_by_name_and_line),
		cmocka_unit_test(conf_environment_wins_and_is_checked),
		cmocka_unit_test(conf_never_says_a_secret),
		cmocka_unit_test(conf_wants_a_named_file_to_be_readable),
		cmocka_unit_test(conf_has_word_compares_whole_words),
		cmocka_unit_test(conf_knows_the_celery_settings_that_it_ignores),
	};

	return cmocka_run_group_tests(tests, clear_environment, NULL);
}
