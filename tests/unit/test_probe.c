/* SPDX-License-Identifier: MIT
 * Tests of the probe in out.h, against a small server of its own in a child process, and against a
 * name whose resolving takes longer than anybody waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/base/clock.h"
#include "taskgate/out/out.h"

static int port, closed_port;
static pid_t server;
static struct tg_arena *arena;
static const struct tg_guard nothing_allowed,
	loopback_allowed = { .n = 1, .allow = { { AF_INET, { 127 }, 8 } } };

/* In the place of the C library's: no name is asked for outside, and one takes 30 seconds. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
	struct addrinfo **found)
{
	(void)service, (void)hints, (void)found;
	if (strcmp(name, "slow.invalid") == 0)
		poll(NULL, 0, 30000);
	return EAI_NONAME;
}

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

/* /NUMBER is answered with that status and more bytes than the probe reads; /slow never; anything
 * else by an end of the connection. */
static void answer(int fd)
{
	char request[4096] = "", text[8192];
	size_t n = 0;
	int status = 0, len;

	while (strstr(request, "\r\n\r\n") == NULL && n < sizeof request - 1) {
		ssize_t got = read(fd, request + n, sizeof request - 1 - n);

		if (got <= 0)
			exit(0);
		n += (size_t)got;
		request[n] = '\0';
	}
	if (strncmp(request, "GET /slow ", 10) == 0)
		pause();
	if (sscanf(request, "GET /%d HTTP/1.1\r\n", &status) != 1 ||
		strstr(request, "User-Agent: taskgate/test\r\n") == NULL)
		exit(0);
	len = snprintf(text, sizeof text,
		"HTTP/1.1 %d Word\r\nLocation: http://127.0.0.1:%d/404\r\nContent-Length: "
		"4096\r\n\r\n%04096d",
		status, port, 0);
	if (write(fd, text, (size_t)len) != len)
		exit(0);
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

static int start(void **state)
{
	int fd = listen_on_a_free_port(&port), other = listen_on_a_free_port(&closed_port);

	(void)state;
	close(other);
	server = fork();
	if (server == 0) {
		alarm(60);
		serve(fd);
	}
	close(fd);
	arena = tg_arena_new(4096);
	return server < 0;
}

static int stop(void **state)
{
	(void)state;
	tg_arena_free(arena);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return 0;
}

static struct tg_out *out_new(const struct tg_guard *g)
{
	const struct tg_out_options o = {
		.pool = 1, .running = 1, .agent = "taskgate/test", .proxy = "", .guard = g
	};

	return tg_out_new(&o);
}

static const char *ask(struct tg_out *out, int to, const char *path, int timeout_ms)
{
	return tg_out_probe(
		out, arena, tg_arena_printf(arena, "http://127.0.0.1:%d/%s", to, path), timeout_ms);
}

static void probe_takes_any_status_below_400(void **state)
{
	static const char *const good[] = { "200", "204", "206", "301", "302", "399" };
	struct tg_out *out = out_new(&loopback_allowed);
	int64_t begun = tg_clock_ms();

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_null(ask(out, port, good[i], 5000));
	assert_in_range(tg_clock_ms() - begun, 0, 4999); /* none of them took all of its time */
	tg_out_free(out);
}

static void probe_tells_the_status_of_a_refusal(void **state)
{
	struct tg_out *out = out_new(&loopback_allowed);

	(void)state;
	assert_string_equal(ask(out, port, "404", 2000), "it answers 404");
	assert_string_equal(ask(out, port, "503", 2000), "it answers 503");
	assert_null(ask(out, port, "200", 2000));
	tg_out_free(out);
}

static void probe_stays_behind_the_guard(void **state)
{
	struct tg_out *out = out_new(&nothing_allowed);
	const char *why = ask(out, port, "200", 2000);

	(void)state;
	assert_non_null(why);
	assert_non_null(strstr(why, "loopback"));
	assert_non_null(tg_out_probe(out, arena, "file:///etc/hostname", 2000));
	tg_out_free(out);
}

static void probe_finds_nobody(void **state)
{
	struct tg_out *out = out_new(&loopback_allowed);

	(void)state;
	assert_non_null(strstr(ask(out, closed_port, "200", 2000), "onnect"));
	assert_non_null(
		strstr(tg_out_probe(out, arena, "http://none.invalid/", 2000), "none.invalid"));
	assert_non_null(ask(out, port, "close", 2000));
	tg_out_free(out);
}

static void probe_is_cut_at_its_time(void **state)
{
	struct tg_out *out = out_new(&loopback_allowed);
	int64_t begun = tg_clock_ms();

	(void)state;
	assert_non_null(ask(out, port, "slow", 200));
	assert_in_range(tg_clock_ms() - begun, 190, 5000);
	assert_null(ask(out, port, "200", 2000));
	tg_out_free(out);
}

static void probe_is_cut_while_a_name_is_resolved(void **state)
{
	struct tg_out *out = out_new(&loopback_allowed);
	int64_t begun = tg_clock_ms();

	(void)state;
	assert_non_null(tg_out_probe(out, arena, "http://slow.invalid/", 200));
	tg_out_free(out);
	assert_in_range(
		tg_clock_ms() - begun, 100, 10000); /* connecting has three quarters of it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe_takes_any_status_below_400),
		cmocka_unit_test(probe_tells_the_status_of_a_refusal),
		cmocka_unit_test(probe_stays_behind_the_guard),
		cmocka_unit_test(probe_finds_nobody),
		cmocka_unit_test(probe_is_cut_at_its_time),
		cmocka_unit_test(probe_is_cut_while_a_name_is_resolved),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start, stop);
}
