/* SPDX-License-Identifier: MIT
 * Tests of mime.h. What was encoded is read by decoders written here from the RFCs (2047 for words,
 * 2231 for parameters, 5322 for folding), every line is measured, and what could begin another
 * header line is the end of the program. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/out/mime.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LINE_MOST 78
#define E_ACUTE "\xC3\xA9"
#define JAPAN "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"
#define SMILE "\xF0\x9F\x98\x80"

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

static const char *times(const char *s, size_t n)
{
	struct tg_buf b;

	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "");
	while (n-- > 0)
		tg_buf_puts(&b, s);
	return b.data;
}

/* -- the decoders -- */

/* RFC 5322 2.2.3: a CR LF before a blank goes away. No other control character may stand anywhere.
 */
static const char *unfold(const char *field)
{
	struct tg_buf b;

	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "");
	for (; *field; field++) {
		if (field[0] == '\r' && field[1] == '\n' && field[2] == ' ') {
			field++;
			continue;
		}
		assert_true((unsigned char)*field >= ' ' && *field != 0x7f);
		tg_buf_put(&b, field, 1);
	}
	return b.data;
}

/* The value of a field, unfolded; the blanks in front of it are none of it. */
static const char *value_of(const char *field, const char *name)
{
	const char *whole = unfold(field);
	size_t n = strlen(name);

	assert_memory_equal(whole, name, n);
	assert_memory_equal(whole + n, ": ", 2);
	return whole + n + 1 + strspn(whole + n + 1, " ");
}

/* One encoded word at s, or NULL; *end behind it. Its text must be whole characters. */
static const char *decode_word(const char *s, const char **end)
{
	const char *text, *close;
	size_t n;

	if (strncmp(s, "=?UTF-8?B?", 10) != 0 || (close = strstr(s + 10, "?=")) == NULL)
		return NULL;
	*end = close + 2;
	assert_true(*end - s <= 75);
	text = (const char *)tg_unbase64(arena, s + 10, (size_t)(close - s - 10), &n);
	assert_non_null(text);
	assert_true(n > 0 && tg_utf8_valid(text, n));
	return tg_arena_strndup(arena, text, n);
}

/* RFC 2047 6.2: the blanks between two encoded words are none of the text. */
static const char *decode_words(const char *s)
{
	const char *end, *word;
	struct tg_buf b;

	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "");
	while (*s) {
		if ((word = decode_word(s, &end)) == NULL) {
			tg_buf_put(&b, s++, 1);
			continue;
		}
		tg_buf_puts(&b, word);
		s = end;
		if (strncmp(s + strspn(s, " "), "=?UTF-8?B?", 10) == 0)
			s += strspn(s, " ");
	}
	return b.data;
}

/* A quoted string (RFC 5322 3.2.4) at s; *end behind it. */
static const char *decode_quoted(const char *s, const char **end)
{
	struct tg_buf b;

	tg_buf_init(&b, arena);
	tg_buf_puts(&b, "");
	assert_int_equal(*s++, '"');
	for (; *s != '"'; s++) {
		s += *s == '\\';
		assert_true(*s != '\0');
		tg_buf_put(&b, s, 1);
	}
	*end = s + 1;
	return b.data;
}

/* RFC 2231 3 and 4: the pieces in their order, put together and then decoded. */
static const char *decode_parameter(const char *s)
{
	const char *found, *end;
	struct tg_buf b;
	int piece;

	if (strncmp(s, "filename=", 9) == 0) {
		found = decode_quoted(s + 9, &end);
		assert_string_equal(end, "");
		return found;
	}
	tg_buf_init(&b, arena);
	for (piece = 0; *s; piece++) {
		const char *start = tg_arena_printf(
			arena, "filename*%d*=%s", piece, piece == 0 ? "UTF-8''" : "");
		size_t n;

		assert_memory_equal(s, start, strlen(start));
		s += strlen(start);
		n = strcspn(s, ";");
		assert_true(n > 0);
		tg_buf_put(&b, s, n);
		s += n;
		if (*s != '\0') {
			assert_memory_equal(s, "; ", 2);
			s += 2;
		}
	}
	found = tg_percent_decode(arena, b.data, b.len, false);
	assert_non_null(found);
	return found;
}

/* -- what holds for every field -- */

/* No line is empty, and none is longer than 78 where there was a blank to fold at. */
static void assert_lines(const char *field, size_t most)
{
	const char *s = field, *end;

	for (; s != NULL; s = end == NULL ? NULL : end + 2) {
		size_t n;

		end = strstr(s, "\r\n");
		n = end == NULL ? strlen(s) : (size_t)(end - s);
		assert_true(n > 0 && strspn(s, " ") < n);
		if (n > most)
			fail_msg("a line of %zu: %.*s", n, (int)n, s);
	}
}

static void assert_ascii(const char *s)
{
	for (; *s; s++)
		assert_true((unsigned char)*s < 0x80);
}

/* -- dates -- */

static void mime_date_is_that_of_the_calendar(void **state)
{
	static const struct {
		long long seconds;
		const char *date;
	} cases[] = {
		/* of GNU date -uR */
		{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
		{ 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
		{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
		{ 951868800, "Wed, 01 Mar 2000 00:00:00 +0000" },
		{ 1078012800, "Sun, 29 Feb 2004 00:00:00 +0000" },
		{ 1705314600, "Mon, 15 Jan 2024 10:30:00 +0000" },
		{ 1735689599, "Tue, 31 Dec 2024 23:59:59 +0000" },
		{ 1735689600, "Wed, 01 Jan 2025 00:00:00 +0000" },
		{ 1795816800, "Fri, 27 Nov 2026 22:00:00 +0000" },
		{ 4107542400, "Mon, 01 Mar 2100 00:00:00 +0000" },
		{ 4107542399, "Sun, 28 Feb 2100 23:59:59 +0000" },
		{ 32503680000, "Wed, 01 Jan 3000 00:00:00 +0000" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(tg_mime_date(arena, cases[i].seconds), cases[i].date);
}

/* -- fields -- */

static void mime_field_reads_back(void **state)
{
	static const struct {
		const char *s;
		size_t times;
	} cases[] = {
		{ "x", 1 },
		{ "x", 60 },
		{ "x", 61 },
		{ "x", 998 },
		{ "word ", 190 },
		{ "two  blanks", 1 },
		{ " leads", 1 },
		{ "trails ", 1 },
		{ " ", 1 },
		{ " ", 200 },
		{ "=?UTF-8?B?aGk=?=", 1 },
		{ "a =?utf-8?q?b?= c", 1 },
		{ "=", 60 },
		{ "?=", 20 },
		{ "\"quoted\" <angle> (comment)", 1 },
		{ E_ACUTE, 1 },
		{ E_ACUTE, 499 },
		{ JAPAN, 110 },
		{ SMILE, 249 },
		{ "a" SMILE, 150 },
		{ "ab" SMILE, 150 },
		{ "abc" JAPAN " ", 80 },
		{ "plain and " E_ACUTE " ", 60 },
		{ "0123456789012345678901234567890123456789012345678901234567890 x ", 12 },
	};
	static const char *const names[] = { "Subject", "X",
		"X-A-Name-That-Is-As-Long-As-The-Api-Lets-One-Be-Which-Is-64-Letters" };
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (k = 0; k < COUNT(names); k++) {
			const char *text = times(cases[i].s, cases[i].times),
				   *field = tg_mime_field(arena, names[k], text);

			assert_ascii(field);
			assert_lines(field,
				strlen(names[k]) < 60 ? LINE_MOST : strlen(names[k]) + 2 + 60);
			assert_string_equal(decode_words(value_of(field, names[k])), text);
		}
	}
}

/* Texts of every length around the edges of lines and words, each character beginning at each
 * place. */
static void mime_field_reads_back_at_every_length(void **state)
{
	static const char *const ends[] = { "", E_ACUTE, JAPAN, SMILE, " " SMILE, E_ACUTE " x" };
	size_t i, k;

	(void)state;
	for (i = 0; i <= 200; i++) {
		for (k = 0; k < COUNT(ends); k++) {
			const char *text = tg_arena_printf(
					   arena, "%s%s", times(i % 3 ? "x" : "y ", i), ends[k]),
				   *field = tg_mime_field(arena, "Subject", text);

			assert_ascii(field);
			if (text[0] != '\0')
				assert_lines(field, LINE_MOST);
			assert_string_equal(decode_words(value_of(field, "Subject")), text);
		}
		tg_arena_reset(arena);
	}
}

static void mime_field_leaves_plain_texts_readable(void **state)
{
	(void)state;
	assert_string_equal(
		tg_mime_field(arena, "Subject", "Your contract"), "Subject: Your contract");
	assert_string_equal(tg_mime_field(arena, "Subject", ""), "Subject: ");
	assert_string_equal(tg_mime_field(arena, "X",
				    "1234567890 1234567890 1234567890 1234567890 1234567890 "
				    "1234567890 1234567890"),
		"X: 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890\r\n "
		"1234567890");
	assert_null(strstr(
		tg_mime_field(arena, "List-Unsubscribe", "<mailto:stop@example.com>"), "=?"));
}

static void mime_mailbox_reads_back(void **state)
{
	static const char *const names[] = { "Sales", "Sales, Europe", "A \"quoted\" \\ name",
		"(comment)", "a@b", "Gr" E_ACUTE " & S" SMILE, JAPAN, "two  blanks", " leads",
		"=?UTF-8?B?aGk=?=", "1234567890123456789012345678901234567890123456789012345678901",
		"a.b", "\\", "\"" };
	size_t i;

	(void)state;
	assert_string_equal(
		tg_mime_mailbox(arena, "From", NULL, "a@example.com"), "From: a@example.com");
	assert_string_equal(
		tg_mime_mailbox(arena, "From", "", "a@example.com"), "From: a@example.com");
	for (i = 0; i < COUNT(names) + 2; i++) {
		const char *name = i < COUNT(names) ? names[i]
			: i == COUNT(names)         ? times(SMILE, 128)
						    : times("word ", 12),
			   *field, *value, *end;

		if (i > COUNT(names))
			name = tg_arena_strndup(arena, name, strlen(name) - 1);
		field = tg_mime_mailbox(arena, "From", name, "sales@example.com");
		assert_ascii(field);
		assert_lines(field, LINE_MOST);
		value = value_of(field, "From");
		end = strstr(value, " <sales@example.com>");
		assert_non_null(end);
		assert_string_equal(end, " <sales@example.com>");
		if (*value == '"') {
			assert_string_equal(decode_quoted(value, &value), name);
			assert_ptr_equal(value, end);
		} else {
			assert_string_equal(
				decode_words(tg_arena_strndup(arena, value, (size_t)(end - value))),
				name);
		}
	}
}

static void mime_addresses_are_folded_between_them(void **state)
{
	const char *list[101], *field, *s;
	size_t i, n;

	(void)state;
	list[0] = "a@example.com";
	list[1] = NULL;
	assert_string_equal(tg_mime_addresses(arena, "To", list), "To: a@example.com");
	for (i = 0; i < 100; i++)
		list[i] = tg_arena_printf(arena, "%s%zu@%s.example.com", times("u", i % 50), i,
			times("d", 1 + i / 2));
	list[100] = NULL;
	field = tg_mime_addresses(arena, "Cc", list);
	s = value_of(field, "Cc");
	for (i = 0; i < 100; i++, s += n) {
		if (i > 0) {
			assert_memory_equal(s, ", ", 2);
			s += 2;
		}
		n = strlen(list[i]);
		assert_memory_equal(s, list[i], n);
	}
	assert_string_equal(s, "");
	list[40] = NULL;
	assert_lines(tg_mime_addresses(arena, "Cc", list), LINE_MOST);
}

static void mime_disposition_reads_back(void **state)
{
	static const struct {
		const char *s;
		size_t times;
	} cases[] = {
		{ "a.txt", 1 },
		{ "a b.txt", 1 },
		{ "quo\"te's \\.txt", 1 },
		{ "semi;colon=.txt", 1 },
		{ "percent%41.txt", 1 },
		{ "x", 48 },
		{ "x", 49 },
		{ "x", 255 },
		{ E_ACUTE, 1 },
		{ E_ACUTE, 127 },
		{ JAPAN ".pdf", 1 },
		{ SMILE, 63 },
		{ "a" SMILE, 50 },
		{ "ab" SMILE, 40 },
		{ "a b\"c;d'e%f*g" E_ACUTE, 10 },
		{ "\"", 48 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const char *name = times(cases[i].s, cases[i].times),
			   *field = tg_mime_disposition(arena, name),
			   *value = value_of(field, "Content-Disposition");

		assert_ascii(field);
		assert_lines(field, 160); /* nowhere to fold within a quoted name */
		if (strstr(field, "\r\n"))
			assert_lines(field, LINE_MOST);
		assert_memory_equal(value, "attachment; ", 12);
		assert_string_equal(decode_parameter(value + 12), name);
	}
	assert_string_equal(tg_mime_disposition(arena, "report.pdf"),
		"Content-Disposition: attachment; filename=\"report.pdf\"");
}

static void mime_lines_end_as_smtp_wants(void **state)
{
	static const struct {
		const char *text, *lines;
	} cases[] = {
		{ "", "" },
		{ "x", "x" },
		{ "\n", "\r\n" },
		{ "a\nb", "a\r\nb" },
		{ "a\r\nb", "a\r\nb" },
		{ "a\rb", "a\r\nb" },
		{ "a\n\rb", "a\r\n\r\nb" },
		{ "\r\r\n\n", "\r\n\r\n\r\n" },
		{ "a\n", "a\r\n" },
		{ ".\n..\n", ".\r\n..\r\n" },
		{ "\xC3\xA9\n", "\xC3\xA9\r\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(tg_mime_lines(arena, cases[i].text), cases[i].lines);
}

static void mime_header_has_each_field_once_and_no_blind_copies(void **state)
{
	static const char *const to[] = { "a@example.com", "b@example.com", NULL },
				 *const cc[] = { "c@example.com", NULL },
				 *const bcc[] = { "secret@example.com", NULL };
	static const char *const none[] = { NULL },
				 *const headers[] = { "X-One", "1", "X-Two", "zw" E_ACUTE "i",
					 NULL };
	struct tg_mail m = { .message_id = "id@example.com",
		.date = 0,
		.from = "s@example.com",
		.from_name = "S",
		.reply_to = "r@example.com",
		.to = to,
		.cc = cc,
		.bcc = bcc,
		.subject = "Hello",
		.headers = headers };
	static const char *const expected[] = { "Date: Thu, 01 Jan 1970 00:00:00 +0000",
		"From: \"S\"\r\n <s@example.com>", "To: a@example.com, b@example.com",
		"Cc: c@example.com", "Reply-To: r@example.com", "Subject: Hello",
		"Message-ID: <id@example.com>", "X-One: 1", "X-Two: =?UTF-8?B?endpw6lp?=" };
	const char *const *lines = tg_mime_header(arena, &m);
	size_t i;

	(void)state;
	for (i = 0; i + 1 < COUNT(expected); i++)
		assert_string_equal(lines[i], expected[i]);
	assert_string_equal(decode_words(value_of(lines[i], "X-Two")), "zw" E_ACUTE "i");
	assert_null(lines[COUNT(expected)]);
	m.cc = none;
	m.bcc = NULL;
	m.reply_to = m.from_name = NULL;
	m.headers = NULL;
	lines = tg_mime_header(arena, &m);
	for (i = 0; lines[i] != NULL; i++)
		assert_true(
			strncmp(lines[i], "Cc", 2) != 0 && strncmp(lines[i], "Reply-To", 8) != 0);
	assert_int_equal(i, 5);
	m.cc = NULL;
	assert_null(tg_mime_header(arena, &m)[5]);
}

/* -- what must never leave -- */

static void inject(int what, const char *bad)
{
	const char *const list[] = { bad, NULL }, *const good[] = { "a@example.com", NULL };
	struct tg_mail m = { .message_id = what == 7 ? bad : "i",
		.from = "a",
		.to = good,
		.subject = what == 8 ? bad : "s" };

	switch (what) {
	case 0:
		tg_mime_field(arena, "Subject", bad);
		break;
	case 1:
		tg_mime_field(arena, bad, "x");
		break;
	case 2:
		tg_mime_mailbox(arena, "From", bad, "a@example.com");
		break;
	case 3:
		tg_mime_mailbox(arena, "From", "x", bad);
		break;
	case 4:
		tg_mime_mailbox(arena, "From", NULL, bad);
		break;
	case 5:
		tg_mime_addresses(arena, "To", list);
		break;
	case 6:
		tg_mime_disposition(arena, bad);
		break;
	default:
		tg_mime_header(arena, &m);
		break;
	}
}

static void mime_never_begins_another_line(void **state)
{
	static const char *const bad[] = { "a\r\nBcc: x@example.com", "a\nb", "a\rb", "\n",
		"tab\tbed", "bell\a", "del\x7f", E_ACUTE "\n" };
	size_t i;
	int what, status;
	pid_t pid;

	(void)state;
	for (what = 0; what < 9; what++) {
		for (i = 0; i < COUNT(bad); i++) {
			pid = fork();
			assert_true(pid >= 0);
			if (pid == 0) {
				signal(SIGABRT, SIG_DFL);
				inject(what, bad[i]);
				_exit(0);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
				fail_msg("kind %d took %s", what, bad[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			mime_date_is_that_of_the_calendar, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(mime_field_reads_back, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			mime_field_reads_back_at_every_length, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			mime_field_leaves_plain_texts_readable, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(mime_mailbox_reads_back, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			mime_addresses_are_folded_between_them, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			mime_disposition_reads_back, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			mime_lines_end_as_smtp_wants, make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(mime_header_has_each_field_once_and_no_blind_copies,
			make_arena, drop_arena),
		cmocka_unit_test_setup_teardown(
			mime_never_begins_another_line, make_arena, drop_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
