/* SPDX-License-Identifier: MIT
 * worker: one process that serves one request at a time. Promises to finish a request that it has
 * accepted before it obeys TERM, and to leave no connection behind that the kernel has woken it
 * for. Never starts as a worker by the environment alone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/base/digest.h"
#include "taskgate/http/fcgi.h"
#include "taskgate/base/log.h"

#define TICK_MS 1000

struct worker {
	const struct tg_app *app;
	struct tg_slot *slot;
	struct tg_fcgi *fcgi;
	int epoll_fd, signal_fd;
	pid_t master;
	long long left; /* requests until it retires */
	int64_t tick_at;
	bool leave;
};

static bool is_listener(int fd)
{
	int on = 0, domain = 0;
	socklen_t len = sizeof on;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) != 0 || !on)
		return false;
	len = sizeof domain;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

/* The master writes the pid into the slot before it executes us: no other process passes for a
 * worker. */
static struct tg_slot *own_slot(struct tg_scoreboard *board, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n >= board->slots ||
		atomic_load(&board->slot[n].pid) != getpid())
		return NULL;
	return &board->slot[n];
}

static bool watch(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* EPOLLEXCLUSIVE wakes one worker for a connection. Requests a second through nginx and context
 * switches a request, constant answer, 8 workers, 2 cores that had other work too, two runs of 2 s
 * each, for 1, 8 and 64 connections: EPOLLEXCLUSIVE   7,800 (2.5)  9,500 (1.0)   14,100 (1.5)
 * 21,800 (1.4)   16,800 (1.5) 22,300 (1.4) plain epoll      6,200 (9.2)  7,900 (8.7)   10,500 (9.0)
 * 13,300 (9.4)    9,600 (9.7) 13,300 (9.5) ppoll            7,200 (9.7)  7,400 (9.5)   21,100 (2.1)
 * 9,900 (9.4)   19,100 (2.9) 23,500 (1.3) The rates are noisy, and ppoll keeps up where all workers
 * are busy; the switches decide. */
static bool open_descriptors(struct worker *w)
{
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->signal_fd = tg_signals_fd();
	w->fcgi = tg_fcgi_new(TG_LISTEN_FD);
	tg_signals_block(); /* again: libfcgi's set-up installs handlers of its own */
	return w->fcgi && w->epoll_fd >= 0 && w->signal_fd >= 0 &&
		watch(w->epoll_fd, w->signal_fd, EPOLLIN) &&
		watch(w->epoll_fd, TG_LISTEN_FD, EPOLLIN | EPOLLEXCLUSIVE);
}

static void wait_for_work(struct worker *w)
{
	struct epoll_event events[2];
	int i, n = epoll_wait(w->epoll_fd, events, 2, TICK_MS);

	for (i = 0; i < n; i++)
		if (events[i].data.fd == w->signal_fd || events[i].events & EPOLLHUP)
			w->leave = true;
}

/* True where there may be more. */
static bool serve_one(struct worker *w)
{
	struct tg_io *io = tg_fcgi_accept(w->fcgi);

	if (!io)
		return errno != EAGAIN && errno != EINVAL;
	tg_slot_state(w->slot, TG_SLOT_BUSY);
	w->app->serve(io);
	tg_fcgi_finish(w->fcgi);
	atomic_store(&w->slot->route, -1);
	atomic_fetch_add(&w->slot->requests, 1);
	tg_slot_state(w->slot, TG_SLOT_IDLE);
	w->left--;
	return true;
}

/* The parent-death signal may be lost where the program has capabilities; a changed parent says the
 * same. */
static void tick(struct worker *w)
{
	int64_t now = tg_clock_ms();

	if (now < w->tick_at)
		return;
	w->tick_at = now + TICK_MS;
	if (w->app->idle)
		w->app->idle();
	if (getppid() != w->master)
		w->leave = true;
}

static bool listener_is_shut(void)
{
	struct pollfd p = { .fd = TG_LISTEN_FD, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* The socket is tried after each tick too: a sibling that the kernel woke may have died before it
 * could accept. Leaving, the worker first goes out of the kernel's list, then takes what it may
 * have been woken for. Where the master has shut the socket, nothing new comes, and all workers
 * together take what is left. */
static void serve_until_told(struct worker *w)
{
	bool more;

	while (!w->leave && w->left > 0) {
		wait_for_work(w);
		if (!w->leave)
			serve_one(w);
		tick(w);
	}
	tg_slot_state(w->slot, TG_SLOT_STOPPING);
	close(w->epoll_fd);
	do {
		more = serve_one(w);
		tg_slot_state(w->slot, TG_SLOT_STOPPING);
	} while (more && listener_is_shut());
}

/* Less a random tenth, so that workers that were born together do not retire together. */
static long long requests_to_serve(void)
{
	long long n = tg_conf_int(TG_CONF_TASKGATE_WORKER_REQUESTS);
	uint32_t chance;

	tg_random(&chance, sizeof chance);
	return n - (long long)(chance % (uint32_t)(n / 10 + 1));
}

int tg_worker_main(const struct tg_app *app, const char *slot_text)
{
	struct worker w = { .app = app, .master = getppid() };
	struct tg_scoreboard *board =
		is_listener(TG_LISTEN_FD) ? tg_scoreboard_map(TG_SCOREBOARD_FD) : NULL;
	struct tg_error err;
	enum tg_rc rc;

	if (board)
		w.slot = own_slot(board, slot_text);
	if (!w.slot) {
		rc = tg_fail(&err, TG_E_INVALID, TG_WORKER_ENV,
			TG_WORKER_ENV " is set by the master alone");
		tg_log_error(TG_LOG_ERROR, "worker", &err);
		return tg_error_row(rc)->exit_code;
	}
	unsetenv(TG_WORKER_ENV);
	fcntl(TG_LISTEN_FD, F_SETFD, FD_CLOEXEC);
	fcntl(TG_SCOREBOARD_FD, F_SETFD, FD_CLOEXEC);
	w.left = requests_to_serve();
	rc = open_descriptors(&w)
		? TG_OK
		: tg_fail(&err, TG_E_UNAVAILABLE, NULL, "no descriptors for a worker");
	if (rc == TG_OK && app->worker_init)
		rc = app->worker_init(board, w.slot, &err);
	if (rc == TG_OK) {
		tg_slot_state(w.slot, TG_SLOT_IDLE);
		serve_until_told(&w);
		if (app->worker_fini)
			app->worker_fini();
	} else {
		tg_log_error(TG_LOG_ERROR, "worker.init", &err);
	}
	tg_fcgi_free(w.fcgi);
	return tg_error_row(rc)->exit_code;
}
