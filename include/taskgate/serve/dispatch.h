/* SPDX-License-Identifier: MIT
 * dispatch: the only place where a request can end. Nothing is written before the transaction's
 * outcome is known, and everything by one write. */
#ifndef TASKGATE_DISPATCH_H
#define TASKGATE_DISPATCH_H

#include "taskgate/db/db.h"
#include "taskgate/http/http.h"

struct tg_scoreboard;

struct tg_server {
	struct tg_db *db;
	struct tg_arena *arena;
	struct tg_scoreboard *board; /* NULL in tests */
	const char *mount;
	void (*entered)(
		int route); /* before the handler runs, so that a crash has a name; may be NULL */
	void (*ended)(int route, int status, int64_t us); /* may be NULL */
	/* Asks whether there is anything at a URL that a caller named, behind the outbound guard.
	 * NULL where it is, else why not; in the arena. NULL: nobody asks. */
	const char *(*probe)(struct tg_arena *, const char *url, int timeout_ms);
};

/* Serves one request: route, authority, body, fields, transaction, answer, log line. Resets the
 * arena. */
void tg_dispatch(struct tg_server *, struct tg_io *);

#endif
