/* SPDX-License-Identifier: MIT
 * Tests of transfers in out.h, against a small server of its own in a child process: it answers by
 * the path's first letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/base/clock.h"
#include "taskgate/out/out.h"

static int port, closed_port;
static pid_t server;
static volatile int
	*closed; /* shared with the server: connections that it has closed after a whole request */

static int listen_on_a_free_port(int *number)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		abort();
	*number = ntohs(a.sin_port);
	return fd;
}

static void say(int fd, const char *s, size_t n)
{
	if (write(fd, s, n) != (ssize_t)n)
		exit(0);
}

/* Every body of these tests ends in '}', and a GET has none. */
static bool is_whole(const char *request, size_t n)
{
	if (strncmp(request, "GET ", 4) == 0)
		return n >= 4 && strcmp(request + n - 4, "\r\n\r\n") == 0;
	return n > 0 && request[n - 1] == '}';
}

static size_t read_request(int fd, char *request, size_t size)
{
	size_t n = 0;

	request[0] = '\0';
	while (n < size - 1 && !is_whole(request, n)) {
		ssize_t got = read(fd, request + n, size - 1 - n);

		if (got <= 0)
			exit(0);
		n += (size_t)got;
		request[n] = '\0';
	}
	return n;
}

static void answer(int fd)
{
	static char big[70000];
	char request[4096], head[256];
	size_t n = read_request(fd, request, sizeof request);
	const char *path = strchr(request, '/');

	memset(big, 'x', sizeof big);
	path = path != NULL ? path + 1 : "?";
	if (path[0] == 'e')
		snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
	else if (path[0] == 'r')
		snprintf(head, sizeof head,
			"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/e\r\nContent-Length: "
			"0\r\n\r\n",
			port);
	else if (path[0] == 'w')
		snprintf(head, sizeof head,
			"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
	else if (path[0] == 'b')
		snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			sizeof big);
	else if (path[0] == 'l')
		snprintf(head, sizeof head, "HTTP/1.1 204 No Content\r\n\r\n");
	else if (path[0] == 's')
		pause();
	else {
		++*closed; /* one request at a time */
		exit(0);
	}
	say(fd, head, strlen(head));
	if (path[0] == 'e')
		say(fd, request, n);
	if (path[0] == 'b')
		say(fd, big, sizeof big);
	if (path[0] == 'l') {
		close(fd); /* after it has promised to stay */
		++*closed;
		exit(0);
	}
}

static void serve(int fd)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			exit(0);
		if (fork() == 0) {
			alarm(20);
			for (;;)
				answer(c);
		}
		close(c);
	}
}

static int start_server(void **state)
{
	int fd = listen_on_a_free_port(&port), other = listen_on_a_free_port(&closed_port);

	(void)state;
	close(other);
	closed = mmap(
		NULL, sizeof *closed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (closed == MAP_FAILED)
		return 1;
	server = fork();
	if (server == 0) {
		alarm(60);
		serve(fd);
	}
	close(fd);
	return server < 0;
}

static int stop_server(void **state)
{
	(void)state;
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return 0;
}

static struct tg_guard nothing_allowed,
	loopback_allowed = { .n = 1, .allow = { { AF_INET, { 127 }, 8 } } };

static struct tg_out *out_new(const struct tg_guard *g)
{
	struct tg_out_options o = {
		.pool = 8, .running = 8, .agent = "taskgate/test", .proxy = "", .guard = g
	};

	return tg_out_new(&o);
}

static void start(struct tg_out *out, struct tg_transfer *t, int to, const char *path, bool trusted)
{
	static const char *const headers[] = { "X-One: 1", NULL };

	t->url = tg_arena_printf(t->arena, "http://127.0.0.1:%d/%s", to, path);
	t->body = "{}";
	t->body_len = 2;
	t->headers = headers;
	t->timeout_ms = 3000;
	t->answer_max = 65536;
	t->trusted = trusted;
	tg_out_start(out, t);
}

static struct tg_transfer *finish(struct tg_out *out)
{
	int64_t until = tg_clock_ms() + 10000;
	struct tg_transfer *t;

	while ((t = tg_out_ended(out)) == NULL && tg_clock_ms() < until) {
		tg_out_perform(out);
		tg_out_wait(out, NULL, 0, 50);
	}
	assert_non_null(t);
	return t;
}

static struct tg_transfer *post(struct tg_out *out, const char *path)
{
	struct tg_transfer *t = tg_out_take(out);

	start(out, t, port, path, true);
	assert_ptr_equal(finish(out), t);
	return t;
}

static void transfer_posts_json_and_reads_the_answer(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = post(out, "echo");

	(void)state;
	assert_int_equal(t->result, TG_OUT_ANSWERED);
	assert_int_equal(t->status, 200);
	assert_non_null(strstr(t->answer.data, "POST /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(t->answer.data, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(t->answer.data, "User-Agent: taskgate/test\r\n"));
	assert_non_null(strstr(t->answer.data, "X-One: 1\r\n"));
	assert_null(strstr(t->answer.data, "Expect"));
	assert_non_null(strstr(t->answer.data, "\r\n\r\n{}"));
	tg_out_put(out, t);
	tg_out_free(out);
}

static void transfer_tells_how_it_ended(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t;

	(void)state;
	t = post(out, "redirect");
	assert_int_equal(t->status, 302);
	assert_int_equal(t->answer.len, 0);
	tg_out_put(out, t);
	t = post(out, "wait");
	assert_int_equal(t->status, 503);
	assert_int_equal(t->retry_after, 7);
	tg_out_put(out, t);
	t = post(out, "big");
	assert_int_equal(t->result, TG_OUT_TOO_LARGE);
	assert_int_equal(t->status, 200);
	tg_out_put(out, t);
	t = post(out, "close");
	assert_int_equal(t->result, TG_OUT_LOST);
	assert_int_equal(t->status, 0);
	assert_true(t->why[0] != '\0');
	tg_out_put(out, t);
	tg_out_free(out);
}

static void transfer_that_was_never_sent_says_so(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = tg_out_take(out);

	(void)state;
	start(out, t, closed_port, "e", true);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->result, TG_OUT_UNSENT);
	assert_non_null(strstr(t->why, "onnect"));
	tg_out_free(out);
}

static void transfer_ends_at_its_timeout(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = tg_out_take(out);
	int64_t begun = tg_clock_ms();

	(void)state;
	start(out, t, port, "slow", true);
	tg_out_free(out); /* under way: no leak, no crash */
	out = out_new(&nothing_allowed);
	t = tg_out_take(out);
	t->url = tg_arena_printf(t->arena, "http://127.0.0.1:%d/slow", port);
	t->body = "{}";
	t->body_len = 2;
	t->headers = NULL;
	t->timeout_ms = 200;
	t->answer_max = 10;
	t->trusted = true;
	tg_out_start(out, t);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->result, TG_OUT_TIMEOUT);
	assert_in_range(tg_clock_ms() - begun, 190, 5000);
	tg_out_free(out);
}

static void transfer_is_guarded_unless_trusted_or_allowed(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = tg_out_take(out);

	(void)state;
	start(out, t, port, "e", false);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->result, TG_OUT_REFUSED);
	assert_non_null(strstr(t->why, "loopback"));
	tg_out_free(out);
	out = out_new(&loopback_allowed);
	t = tg_out_take(out);
	start(out, t, port, "e", false);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->result, TG_OUT_ANSWERED);
	tg_out_free(out);
}

/* The connection that a trusted transfer left open must be of no use to a guarded one. */
static void transfer_guard_holds_over_a_kept_connection(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = post(out, "echo");

	(void)state;
	tg_out_put(out, t);
	t = tg_out_take(out);
	start(out, t, port, "echo", false);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->result, TG_OUT_REFUSED);
	assert_int_equal(t->answer.len, 0);
	tg_out_free(out);
}

static void transfer_gets(void **state)
{
	static const char *const headers[] = { "Authorization: Basic eDp5", NULL };
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = tg_out_take(out);

	(void)state;
	t->method = TG_OUT_GET;
	start(out, t, port, "echo?a=1", true);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->status, 200);
	assert_memory_equal(t->answer.data, "GET /echo?a=1 HTTP/1.1\r\n", 24);
	assert_null(strstr(t->answer.data, "Content-Type"));
	assert_null(strstr(t->answer.data, "Content-Length"));
	assert_null(strstr(t->answer.data, "{}"));
	assert_non_null(strstr(t->answer.data, "X-One: 1\r\n"));
	tg_out_put(out, t);
	/* The same handle posts again, as it did before. */
	t = post(out, "echo");
	assert_memory_equal(t->answer.data, "POST /echo HTTP/1.1\r\n", 21);
	assert_non_null(strstr(t->answer.data, "Content-Length: 2\r\n"));
	assert_non_null(strstr(t->answer.data, "\r\n\r\n{}"));
	tg_out_put(out, t);
	t = tg_out_take(out);
	t->method = TG_OUT_GET;
	t->url = tg_arena_printf(t->arena, "http://127.0.0.1:%d/echo", port);
	t->headers = headers;
	t->timeout_ms = 3000;
	t->answer_max = 65536;
	t->trusted = true;
	tg_out_start(out, t);
	assert_ptr_equal(finish(out), t);
	assert_non_null(strstr(t->answer.data, "Authorization: Basic eDp5\r\n"));
	assert_null(strstr(t->answer.data, "X-One"));
	tg_out_free(out);
}

static void transfer_says_what_the_body_is(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t = tg_out_take(out);

	(void)state;
	t->type = "application/x-www-form-urlencoded";
	start(out, t, port, "echo", true);
	assert_ptr_equal(finish(out), t);
	assert_non_null(
		strstr(t->answer.data, "Content-Type: application/x-www-form-urlencoded\r\n"));
	assert_null(strstr(t->answer.data, "application/json"));
	tg_out_put(out, t);
	/* What one transfer was told is not the next one's. */
	t = post(out, "echo");
	assert_non_null(strstr(t->answer.data, "Content-Type: application/json\r\n"));
	assert_null(strstr(t->answer.data, "urlencoded"));
	tg_out_free(out);
}

/* The server reads a request on a kept connection and closes without an answer: it may have done
 * what it was asked for. libcurl then asks again over a new connection, by itself, and only `once`
 * keeps it from that. */
static void transfer_once_is_never_sent_twice(void **state)
{
	int once;

	(void)state;
	for (once = 0; once < 2; once++) {
		struct tg_out *out = out_new(&nothing_allowed);
		struct tg_transfer *t = post(out, "echo");

		tg_out_put(out, t);
		*closed = 0;
		t = tg_out_take(out);
		t->once = once;
		start(out, t, port, "close", true);
		assert_ptr_equal(finish(out), t);
		assert_int_equal(t->result, TG_OUT_LOST);
		assert_int_equal(t->status, 0);
		assert_true(t->why[0] != '\0');
		assert_int_equal(*closed, once ? 1 : 2);
		tg_out_put(out, t);
		/* What comes after it is sent as ever. */
		t = post(out, "echo");
		assert_int_equal(t->status, 200);
		assert_false(t->once);
		tg_out_free(out);
	}
}

/* One that died while it was idle is another matter: nothing was sent on it, so a new one is
 * opened, also where it must be sent once. */
static void transfer_once_is_sent_where_the_kept_connection_died_idle(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	int64_t until = tg_clock_ms() + 10000;
	struct tg_transfer *t;

	(void)state;
	*closed = 0;
	t = post(out, "last");
	assert_int_equal(t->status, 204);
	tg_out_put(out, t);
	while (*closed == 0 && tg_clock_ms() < until)
		poll(NULL, 0, 1);
	assert_int_equal(*closed, 1);
	*closed = 0;
	t = tg_out_take(out);
	t->once = true;
	start(out, t, port, "echo", true);
	assert_ptr_equal(finish(out), t);
	assert_int_equal(t->result, TG_OUT_ANSWERED);
	assert_int_equal(t->status, 200);
	tg_out_put(out, t);
	/* On a fresh connection no one repeats anything: one request, lost. */
	tg_out_free(out);
	out = out_new(&nothing_allowed);
	t = post(out, "close");
	assert_int_equal(t->result, TG_OUT_LOST);
	assert_int_equal(*closed, 1);
	tg_out_free(out);
}

static void transfer_pool_is_bounded_and_many_run_at_once(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	struct tg_transfer *t[8];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++) {
			t[i] = tg_out_take(out);
			assert_non_null(t[i]);
			start(out, t[i], port, "echo", true);
		}
		assert_null(tg_out_take(out));
		assert_int_equal(tg_out_running(out), 8);
		for (int i = 0; i < 8; i++) {
			struct tg_transfer *e = finish(out);

			assert_int_equal(e->status, 200);
			tg_out_put(out, e);
		}
		assert_int_equal(tg_out_free_count(out), 8);
	}
	tg_out_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfer_posts_json_and_reads_the_answer),
		cmocka_unit_test(transfer_tells_how_it_ended),
		cmocka_unit_test(transfer_that_was_never_sent_says_so),
		cmocka_unit_test(transfer_ends_at_its_timeout),
		cmocka_unit_test(transfer_is_guarded_unless_trusted_or_allowed),
		cmocka_unit_test(transfer_guard_holds_over_a_kept_connection),
		cmocka_unit_test(transfer_gets),
		cmocka_unit_test(transfer_says_what_the_body_is),
		cmocka_unit_test(transfer_once_is_never_sent_twice),
		cmocka_unit_test(transfer_once_is_sent_where_the_kept_connection_died_idle),
		cmocka_unit_test(transfer_pool_is_bounded_and_many_run_at_once),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
