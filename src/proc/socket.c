/* SPDX-License-Identifier: MIT
 * socket: owns the name of the unix socket that nginx connects to. Promises that the name always
 * leads to a listener with the right permissions once it exists, that a live master keeps its name,
 * and that a dead one's is taken over without a moment in which connecting fails. Never removes
 * what is not a socket of ours. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proc_internal.h"

#define BACKLOG 1024 /* 16 and 128 gave 99 % refusals with 256 connections */
#define NEW_SUFFIX ".new"

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	return sa;
}

/* Locks the folder while a name in it is tried and taken, so that of two masters that start at once
 * one sees the other. */
static int lock_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[108] = ".";
	int fd;

	if (slash)
		snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path),
			path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The kernel notes who called listen(). Workers of a killed master may still hold its socket while
 * they finish. */
static bool listener_is_dead(int fd)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof peer;
	struct pollfd end = { .events = POLLIN };
	bool dead;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid <= 0)
		return false;
	end.fd = pidfd_open(peer.pid, 0);
	if (end.fd < 0)
		return errno == ESRCH;
	dead = poll(&end, 1, 0) == 1; /* readable once it has ended, also while it is a zombie */
	close(end.fd);
	return dead;
}

static enum tg_rc check_place(const char *path, struct tg_error *err)
{
	struct sockaddr_un sa = address(path);
	enum tg_rc rc = TG_OK;
	struct stat st;
	int fd, why;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? TG_OK
				       : tg_fail(err, TG_E_CONFIG, "TASKGATE_SOCKET", "%s: %s",
						 path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return tg_fail(
			err, TG_E_CONFIG, "TASKGATE_SOCKET", "%s exists and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tg_fail(err, TG_E_UNAVAILABLE, NULL, "no socket: %s", strerror(errno));
	why = connect(fd, (const struct sockaddr *)&sa, sizeof sa) == 0 ? 0 : errno;
	if (why == 0 ? !listener_is_dead(fd) : why == EAGAIN)
		rc = tg_fail(err, TG_E_UNAVAILABLE, "TASKGATE_SOCKET",
			"another process listens on %s", path);
	else if (why == EACCES || why == EPERM || why == EPROTOTYPE)
		rc = tg_fail(err, TG_E_CONFIG, "TASKGATE_SOCKET", "%s belongs to someone else: %s",
			path, strerror(why));
	close(fd);
	return rc;
}

/* Name, permissions and listen() come under a temporary name, so that rename() shows a socket that
 * is complete. */
static bool bind_beside(struct tg_socket *sock, const char *path, unsigned mode)
{
	char beside[108];
	struct sockaddr_un sa;
	struct stat st;

	snprintf(beside, sizeof beside, "%s" NEW_SUFFIX, path);
	sa = address(beside);
	unlink(beside);
	if (bind(sock->fd, (const struct sockaddr *)&sa, sizeof sa) != 0)
		return false;
	if (chmod(beside, mode) == 0 && listen(sock->fd, BACKLOG) == 0 && lstat(beside, &st) == 0 &&
		rename(beside, path) == 0) {
		sock->dev = st.st_dev;
		sock->ino = st.st_ino;
		return true;
	}
	unlink(beside);
	return false;
}

static int socket_for_master(void)
{
	int low = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), fd;

	if (low < 0)
		return -1;
	fd = fcntl(low, F_DUPFD_CLOEXEC, TG_MASTER_FDS);
	close(low);
	return fd;
}

enum tg_rc tg_socket_open(
	struct tg_socket *sock, const char *path, unsigned mode, struct tg_error *err)
{
	int folder;
	enum tg_rc rc;

	if (strlen(path) + sizeof NEW_SUFFIX > sizeof sock->path)
		return tg_fail(err, TG_E_CONFIG, "TASKGATE_SOCKET", "%s is too long", path);
	folder = lock_folder(path);
	if (folder < 0)
		return tg_fail(err, TG_E_CONFIG, "TASKGATE_SOCKET", "the folder of %s: %s", path,
			strerror(errno));
	rc = check_place(path, err);
	if (rc == TG_OK) {
		snprintf(sock->path, sizeof sock->path, "%s", path);
		sock->fd = socket_for_master();
		if (sock->fd < 0 || !bind_beside(sock, path, mode))
			rc = tg_fail(err, TG_E_CONFIG, "TASKGATE_SOCKET", "%s: %s", path,
				strerror(errno));
		if (rc != TG_OK && sock->fd >= 0)
			close(sock->fd);
	}
	close(folder);
	return rc;
}

void tg_socket_shut(struct tg_socket *sock)
{
	int folder = lock_folder(sock->path);
	struct stat st;

	if (lstat(sock->path, &st) == 0 && st.st_dev == sock->dev && st.st_ino == sock->ino)
		unlink(sock->path);
	if (folder >= 0)
		close(folder);
	shutdown(sock->fd, SHUT_RDWR);
}
