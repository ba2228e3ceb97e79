/* SPDX-License-Identifier: MIT
 * spawn: how a worker comes and how its end is told. Promises that a worker is a fresh program
 * which has inherited the listening socket, the scoreboard and the standard descriptors, nothing
 * else, and which is told when its master dies. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_internal.h"
#include "taskgate/base/log.h"

/* In the new process, until it is another program. The parent may have died before prctl could ask
 * for the signal. */
static _Noreturn void become_worker(const struct tg_children_setup *s, uint32_t slot, pid_t master)
{
	char text[16];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master)
		_exit(0);
	atomic_store(&s->scoreboard->slot[slot].pid, getpid());
	snprintf(text, sizeof text, "%u", slot);
	if (dup2(s->listen_fd, TG_LISTEN_FD) < 0 || dup2(s->scoreboard_fd, TG_SCOREBOARD_FD) < 0 ||
		close_range(TG_SCOREBOARD_FD + 1, ~0U, 0) != 0 ||
		setenv(TG_WORKER_ENV, text, 1) != 0)
		_exit(75);
	execv(s->self, s->argv);
	tg_log(TG_LOG_ERROR, "worker.exec", "file=\"%s\" error=\"%s\"", s->self, strerror(errno));
	_exit(75);
}

pid_t tg_worker_spawn(const struct tg_children_setup *s, uint32_t slot)
{
	pid_t master = getpid(), pid = fork();

	if (pid == 0)
		become_worker(s, slot, master);
	if (pid < 0)
		tg_log(TG_LOG_ERROR, "worker.fork", "error=\"%s\"", strerror(errno));
	else
		atomic_store(&s->scoreboard->slot[slot].pid, pid);
	return pid;
}

void tg_worker_log_end(const struct tg_children_setup *s, uint32_t slot, int status, bool killed)
{
	struct tg_slot *shown = &s->scoreboard->slot[slot];
	const char *route = tg_app_route_name(s->app, atomic_load(&shown->route)), *name;
	unsigned long long requests = atomic_load(&shown->requests);
	int pid = atomic_load(&shown->pid);

	if (killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
		tg_log(TG_LOG_DEBUG, "worker.end", "pid=%d slot=%u requests=%llu", pid, slot,
			requests);
		return;
	}
	atomic_fetch_add(&s->scoreboard->crashes, 1);
	if (WIFSIGNALED(status)) {
		name = sigabbrev_np(WTERMSIG(status));
		tg_log(TG_LOG_ERROR, "worker.crash",
			"pid=%d slot=%u signal=SIG%s route=%s requests=%llu", pid, slot,
			name ? name : "?", route, requests);
	} else {
		tg_log(TG_LOG_ERROR, "worker.crash",
			"pid=%d slot=%u exit=%d route=%s requests=%llu", pid, slot,
			WEXITSTATUS(status), route, requests);
	}
}
