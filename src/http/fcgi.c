/* SPDX-License-Identifier: MIT
 * fcgi: owns the conversation with nginx through libfcgi, which nothing else includes. Promises
 * that a peer which leaves, stalls or talks nonsense costs its own request alone, and at most
 * IO_SECONDS. Never blocks on the listening socket.
 *
 * Facts of libfcgi 2.4.2 that shape this file:
 * - FCGX_Accept_r on a non-blocking listener gives -EAGAIN at once where another worker was faster.
 * But it also selects up to two seconds for the first byte of a unix connection, waits without
 * limit for the rest of the parameters, and after a broken connection accepts the next one by
 * itself. So the connection is accepted here, with timeouts, and handed over as one that was kept
 * alive; the listener that libfcgi knows is -1, so that it never accepts on its own.
 * - Closing, it shuts down its side and waits until nginx has closed, for at most two seconds. That
 * is right where a part of the body is still under way (a plain close would reset the connection
 * and nginx would lose the answer), and wasted otherwise: a "detached" request is closed at once.
 * - FCGX_ShutdownPending makes every later read fail, those of the running request too; it is not
 * used. */
#include "taskgate/http/fcgi.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "taskgate/base/log.h"

#define IO_SECONDS \
	10 /* nginx has the whole request and takes the whole answer; a longer silence is a dead \
	      peer */
#define NO_MEANS_PAUSE_MS \
	50 /* out of descriptors or memory: the listener stays readable, and asking again at once \
	      would spin */

struct tg_fcgi {
	struct tg_io io; /* first: a tg_io of this file is a tg_fcgi */
	FCGX_Request request;
	int listen_fd;
	bool body_ended;
};

static const char *fcgi_param(struct tg_io *io, const char *name)
{
	return FCGX_GetParam(name, ((struct tg_fcgi *)io)->request.envp);
}

static long fcgi_read(struct tg_io *io, char *into, size_t n)
{
	struct tg_fcgi *fcgi = (struct tg_fcgi *)io;
	int want = n > INT_MAX ? INT_MAX : (int)n, got;

	got = FCGX_GetStr(into, want, fcgi->request.in);
	if (FCGX_GetError(fcgi->request.in))
		return -1;
	if (got < want)
		fcgi->body_ended = true;
	return got;
}

/* Closing both streams puts the end of the request into the same system call as the last of the
 * answer. */
static bool fcgi_write(struct tg_io *io, const char *bytes, size_t n)
{
	struct tg_fcgi *fcgi = (struct tg_fcgi *)io;
	int part;

	for (; n; bytes += part, n -= (size_t)part) {
		part = n > INT_MAX ? INT_MAX : (int)n;
		if (FCGX_PutStr(bytes, part, fcgi->request.out) != part)
			return false;
	}
	return FCGX_FClose(fcgi->request.err) == 0 && FCGX_FClose(fcgi->request.out) == 0;
}

struct tg_fcgi *tg_fcgi_new(int listen_fd)
{
	struct tg_fcgi *fcgi;

	if (FCGX_Init() != 0)
		return NULL;
	fcgi = calloc(1, sizeof *fcgi);
	if (!fcgi)
		return NULL;
	fcgi->io = (struct tg_io){ .param = fcgi_param, .read = fcgi_read, .write = fcgi_write };
	fcgi->listen_fd = listen_fd;
	if (FCGX_InitRequest(&fcgi->request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		free(fcgi);
		return NULL;
	}
	return fcgi;
}

void tg_fcgi_free(struct tg_fcgi *fcgi)
{
	if (!fcgi)
		return;
	FCGX_Free(&fcgi->request, 1);
	free(fcgi);
}

static int accept_one(int listen_fd)
{
	const struct timeval limit = { .tv_sec = IO_SECONDS };
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		int why = errno;

		if (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM) {
			tg_log(TG_LOG_WARNING, "fcgi.accept", "error=\"%s\"", strerror(why));
			poll(NULL, 0, NO_MEANS_PAUSE_MS);
		}
		errno = why;
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return fd;
}

struct tg_io *tg_fcgi_accept(struct tg_fcgi *fcgi)
{
	FCGX_Request *request = &fcgi->request;
	int fd = accept_one(fcgi->listen_fd);

	if (fd < 0)
		return NULL;
	assert(request->ipcFd < 0);
	request->ipcFd = fd;
	request->keepConnection = 1;
	FCGX_Detach(request);
	if (FCGX_Accept_r(request) != 0) {
		errno = EPIPE;
		return NULL;
	}
	assert(request->ipcFd == fd);
	fcgi->body_ended = false;
	return &fcgi->io;
}

/* Whether the whole of what nginx sent was taken. Without a body the end has long arrived, but
 * stands unread behind the parameters. */
static bool all_taken(struct tg_fcgi *fcgi)
{
	const char *length = fcgi_param(&fcgi->io, "CONTENT_LENGTH");
	char byte;

	if (!fcgi->body_ended && (!length || !*length || strcmp(length, "0") == 0))
		fcgi_read(&fcgi->io, &byte, 1);
	return fcgi->body_ended;
}

void tg_fcgi_finish(struct tg_fcgi *fcgi)
{
	if (fcgi->request.ipcFd < 0)
		return;
	FCGX_FClose(fcgi->request.err);
	FCGX_FClose(fcgi->request.out);
	if (!all_taken(fcgi))
		FCGX_Attach(&fcgi->request);
	FCGX_Free(&fcgi->request, 1);
}
