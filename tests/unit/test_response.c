/* SPDX-License-Identifier: MIT
 * Tests of http.h: the bytes of an answer. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/http/http.h"

static const char *const no_params[] = { NULL };
static struct tg_arena *arena;
static struct tg_response rs;
static struct tg_buf out;
static int writes;

static int set_up(void **state)
{
	(void)state;
	arena = tg_arena_new(1024);
	tg_response_init(&rs, arena);
	tg_buf_init(&out, arena);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tg_arena_free(arena);
	return 0;
}

static bool counted_write(struct tg_io *io, const char *bytes, size_t n)
{
	(void)io;
	writes++;
	tg_buf_put(&out, bytes, n);
	return true;
}

static bool failing_write(struct tg_io *io, const char *bytes, size_t n)
{
	(void)io, (void)bytes, (void)n;
	return false;
}

static void response_is_one_write(void **state)
{
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, NULL);

	(void)state;
	io->write = counted_write;
	writes = 0;
	rs.status = 201;
	tg_response_header(&rs, "Location", "/generic/%s", "abc");
	tg_response_header(&rs, "X-Request-Id", "%d", 7);
	tg_buf_puts(&rs.body, "{\"a\":1}");
	assert_true(tg_response_send(&rs, io, false));
	assert_int_equal(writes, 1);
	assert_string_equal(out.data,
		"Status: 201 Created\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
		"Location: /generic/abc\r\nX-Request-Id: 7\r\n\r\n{\"a\":1}");
}

static void response_without_a_body_has_length_zero(void **state)
{
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, &out);

	(void)state;
	rs.content_type = "text/plain";
	assert_true(tg_response_send(&rs, io, false));
	assert_string_equal(out.data,
		"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n");
}

static void response_to_head_keeps_the_length(void **state)
{
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, &out);

	(void)state;
	tg_buf_puts(&rs.body, "12345");
	assert_true(tg_response_send(&rs, io, true));
	assert_string_equal(out.data,
		"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n");
}

static void response_204_has_no_content_headers(void **state)
{
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, &out);

	(void)state;
	rs.status = 204;
	tg_response_header(&rs, "Allow", "GET, PUT");
	assert_true(tg_response_send(&rs, io, false));
	assert_string_equal(out.data, "Status: 204 No Content\r\nAllow: GET, PUT\r\n\r\n");
}

static void response_body_may_hold_any_byte(void **state)
{
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, &out);

	(void)state;
	tg_buf_put(&rs.body, "\0\r\n\r\n", 5);
	assert_true(tg_response_send(&rs, io, false));
	assert_memory_equal(out.data + out.len - 9, "\r\n\r\n\0\r\n\r\n", 9);
}

static void response_header_may_be_long(void **state)
{
	char value[2001];

	(void)state;
	memset(value, 'v', 2000);
	value[2000] = '\0';
	tg_response_header(&rs, "Link", "<%s>", value);
	assert_int_equal(rs.headers.len, strlen("Link: ") + 2002 + 2);
}

static void response_says_that_the_peer_left(void **state)
{
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, NULL);

	(void)state;
	io->write = failing_write;
	assert_false(tg_response_send(&rs, io, false));
}

static void response_knows_the_word_of_each_error(void **state)
{
	static const int statuses[] = {
#define ROW(name, word, http, ...) http,
#include "taskgate/base/error_table.h"
#undef ROW
	};
	struct tg_io *io = tg_io_memory(arena, no_params, NULL, 0, &out);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		rs.status = statuses[i];
		assert_true(tg_response_send(&rs, io, false));
	}
	assert_null(strstr(out.data, "Unknown"));
}

/* In a child of its own, since it is to abort. */
static bool header_aborts(const char *name, const char *fmt, int c)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		if (strchr(fmt, 'c'))
			tg_response_header(&rs, name, "a%cb", c);
		else
			tg_response_header(&rs, name, "%s", fmt);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void response_header_cannot_be_smuggled(void **state)
{
	(void)state;
	assert_false(header_aborts("X-A", "plain", 0));
	assert_false(header_aborts("X-A", "c", ' '));
	assert_true(header_aborts("X-A", "c", '\r'));
	assert_true(header_aborts("X-A", "c", '\n'));
	assert_true(header_aborts("X-A", "c", '\0'));
	assert_true(header_aborts("X A", "plain", 0));
	assert_true(header_aborts("", "plain", 0));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(response_is_one_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			response_without_a_body_has_length_zero, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			response_to_head_keeps_the_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			response_204_has_no_content_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(response_body_may_hold_any_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(response_header_may_be_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			response_says_that_the_peer_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			response_knows_the_word_of_each_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			response_header_cannot_be_smuggled, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
