/* SPDX-License-Identifier: MIT
 * master: the process that the service manager sees. Owns the listening socket, the scoreboard and,
 * through children.c, the workers. Promises to say `ready` once all workers are idle, to outlive
 * any of them, and to take its socket's name away when it leaves. Never serves a request, never
 * keeps a connection. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc_internal.h"
#include "taskgate/base/arena.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/log.h"

struct master {
	const struct tg_app *app;
	struct tg_socket socket;
	struct tg_scoreboard *board;
	struct tg_children *children;
	int stops; /* how often it was told to stop */
};

/* The file that was started, as an absolute name that still leads to it after an upgrade:
 * /proc/self/exe would name the old one for ever, and a resolved link would too. Given in the
 * arena; NULL where it cannot be found. */
static const char *find_self(struct tg_arena *arena, const char *name)
{
	const char *p = getenv("PATH"), *file;
	char here[PATH_MAX];
	size_t n;

	if (name[0] == '/')
		return name;
	if (!getcwd(here, sizeof here))
		return NULL;
	if (strchr(name, '/'))
		return tg_arena_printf(arena, "%s/%s", here, name);
	for (; p && *p; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		file = tg_arena_printf(arena, "%s%s%.*s/%s", *p == '/' ? "" : here,
			*p == '/' ? "" : "/", (int)n, p, name);
		if (access(file, X_OK) == 0)
			return file;
	}
	return NULL;
}

static void keep_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int scoreboard_for_master(uint32_t slots)
{
	int low = tg_scoreboard_create(slots), fd;

	if (low < 0)
		return -1;
	fd = fcntl(low, F_DUPFD_CLOEXEC, TG_MASTER_FDS);
	close(low);
	return fd;
}

/* check comes before the socket: a program that cannot serve takes nobody's place. */
static enum tg_rc set_up(struct master *m, const char *self, char **argv, struct tg_error *err)
{
	uint32_t workers = (uint32_t)tg_conf_int(TG_CONF_TASKGATE_WORKERS);
	struct tg_children_setup setup = {
		.app = m->app,
		.self = self,
		.argv = argv,
		.workers = workers,
		.stop_ms = 1000 * tg_conf_int(TG_CONF_TASKGATE_STOP_TIMEOUT),
	};
	enum tg_rc rc = m->app->check ? m->app->check(err) : TG_OK;

	if (rc != TG_OK)
		return rc;
	setup.scoreboard_fd = scoreboard_for_master(tg_scoreboard_slots(workers));
	m->board = setup.scoreboard_fd < 0 ? NULL : tg_scoreboard_map(setup.scoreboard_fd);
	if (!m->board)
		return tg_fail(
			err, TG_E_UNAVAILABLE, NULL, "no shared memory: %s", strerror(errno));
	atomic_store(&m->board->started_ms, tg_clock_ms());
	tg_signals_block();
	rc = tg_socket_open(&m->socket, tg_conf_text(TG_CONF_TASKGATE_SOCKET),
		(unsigned)tg_conf_int(TG_CONF_TASKGATE_SOCKET_MODE), err);
	if (rc != TG_OK)
		return rc;
	setup.listen_fd = m->socket.fd;
	setup.scoreboard = m->board;
	m->children = tg_children_new(&setup);
	if (m->children)
		return TG_OK;
	tg_socket_shut(&m->socket);
	return tg_fail(err, TG_E_UNAVAILABLE, NULL, "no memory");
}

/* The socket is shut before the workers are told, so that they know that what waits there is theirs
 * to serve. */
static void stop(struct master *m, int sig)
{
	m->stops++;
	tg_log(TG_LOG_INFO, "stop", "signal=SIG%s at_once=%s", sigabbrev_np(sig),
		m->stops > 1 ? "yes" : "no");
	if (m->stops == 1)
		tg_socket_shut(&m->socket);
	tg_children_stop(m->children, m->stops > 1);
}

static void obey(struct master *m, int sig)
{
	switch (sig) {
	case SIGTERM:
	case SIGINT:
		stop(m, sig);
		break;
	case SIGHUP:
		tg_children_reload(m->children);
		break;
	case SIGUSR1:
		tg_scoreboard_log(m->board, m->app);
		break;
	default: /* SIGCHLD and timeouts: reap and tend do the rest */
		break;
	}
}

int tg_master_main(const struct tg_app *app, char **argv)
{
	struct tg_arena *arena = tg_arena_new(1024);
	struct master m = { .app = app };
	const char *self = find_self(arena, argv[0]);
	struct tg_error err;
	enum tg_rc rc;

	keep_standard_descriptors();
	rc = self ? set_up(&m, self, argv, &err)
		  : tg_fail(&err, TG_E_INVALID, NULL, "%s is not in PATH", argv[0]);
	if (rc != TG_OK) {
		tg_log_error(TG_LOG_ERROR, "start", &err);
		tg_arena_free(arena);
		return tg_error_row(rc)->exit_code;
	}
	tg_log(TG_LOG_INFO, "start", "pid=%d socket=\"%s\" file=\"%s\"", getpid(), m.socket.path,
		self);
	while (!m.stops || tg_children_any(m.children)) {
		tg_children_tend(m.children);
		obey(&m, tg_signals_wait(tg_children_wait_ms(m.children)));
		tg_children_reap(m.children);
	}
	tg_log(TG_LOG_INFO, "end", "pid=%d", getpid());
	tg_children_free(m.children);
	tg_arena_free(arena);
	return 0;
}
