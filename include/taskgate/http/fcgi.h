/* SPDX-License-Identifier: MIT
 * fcgi: the only user of libfcgi. */
#ifndef TASKGATE_FCGI_H
#define TASKGATE_FCGI_H

#include "taskgate/http/http.h"

struct tg_fcgi;

/* listen_fd: a non-blocking listening socket. Given; NULL where libfcgi cannot be set up. */
struct tg_fcgi *tg_fcgi_new(int listen_fd);
void tg_fcgi_free(struct tg_fcgi *);
/* Takes one connection that poll has announced and reads its parameters. Borrowed until
 * tg_fcgi_finish; NULL where another worker was faster (errno EAGAIN), the socket is shut and empty
 * (EINVAL) or the peer went away. Signals must be blocked: one that lands inside libfcgi drops the
 * connection. */
struct tg_io *tg_fcgi_accept(struct tg_fcgi *);
void tg_fcgi_finish(struct tg_fcgi *); /* ends the request and closes its connection */

#endif
