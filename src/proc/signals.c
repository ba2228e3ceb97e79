/* SPDX-License-Identifier: MIT
 * signals: there is no handler anywhere. Signals stay blocked and are fetched where it suits: by
 * the master with sigtimedwait, by a worker through a descriptor beside the listening socket. So
 * none interrupts libfcgi, libpq or an allocation, and none is missed under load: ppoll and
 * epoll_pwait look at pending signals only when no descriptor is ready, and a worker whose socket
 * is always ready would never see TERM. */
#include <errno.h>
#include <sys/signalfd.h>

#include "proc_internal.h"
#include "taskgate/base/clock.h"

static const int left_alone[] = {
	SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, /* faults */
	SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, /* a person at a terminal */
};
static const int masters[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD };

void tg_signals_block(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, plain = { .sa_handler = SIG_DFL };
	sigset_t set;
	size_t i;

	sigfillset(&set);
	for (i = 0; i < sizeof left_alone / sizeof left_alone[0]; i++)
		sigdelset(&set, left_alone[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	/* Whoever started us may have ignored these (nohup does), and an ignored signal is dropped
	 * even while blocked. */
	for (i = 0; i < sizeof masters / sizeof masters[0]; i++)
		sigaction(masters[i], &plain, NULL);
}

int tg_signals_wait(int64_t timeout_ms)
{
	int64_t until = tg_clock_ms() + timeout_ms, left = timeout_ms;
	struct timespec span;
	sigset_t set;
	size_t i;
	int sig;

	sigemptyset(&set);
	for (i = 0; i < sizeof masters / sizeof masters[0]; i++)
		sigaddset(&set, masters[i]);
	do {
		span.tv_sec = left / 1000;
		span.tv_nsec = left % 1000 * 1000000;
		sig = timeout_ms < 0 ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &span);
		left = until - tg_clock_ms();
		left = left < 0 ? 0 : left;
	} while (sig < 0 && errno == EINTR);
	return sig < 0 ? 0 : sig;
}

int tg_signals_fd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
