/* SPDX-License-Identifier: MIT
 * proc: one master, pre-forked workers, one shared scoreboard. A worker is fork and exec of the
 * same binary, so that HUP brings new settings and new code without a refused request. The master
 * holds the listening socket and the scoreboard, and no connection to anything. */
#ifndef TASKGATE_PROC_H
#define TASKGATE_PROC_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>
#include "taskgate/base/error.h"
#include "taskgate/http/http.h"

#define TG_ROUTES_MAX 256
#define TG_BUCKETS 14 /* upper bounds in milliseconds stand in scoreboard.c; the last is +Inf */

enum tg_slot_state {
	TG_SLOT_EMPTY,
	TG_SLOT_STARTING,
	TG_SLOT_IDLE,
	TG_SLOT_BUSY,
	TG_SLOT_STOPPING
};

struct tg_slot { /* one per worker; written by its worker, and by the master once that is dead */
	_Atomic int pid;
	_Atomic int state;
	_Atomic int route; /* index of the route of the running request, -1 for none */
	_Atomic int64_t since_ms; /* tg_clock_ms() of the last change of state */
	_Atomic uint64_t requests; /* of this worker's life */
};

struct tg_route_stat { /* counted by all workers */
	_Atomic uint64_t by_class[6]; /* by hundreds of the status; [0] unused */
	_Atomic uint64_t bucket[TG_BUCKETS];
	_Atomic uint64_t sum_us, count;
};

struct tg_scoreboard {
	uint32_t slots;
	_Atomic uint64_t reconnects, respawns, crashes;
	_Atomic int64_t started_ms;
	struct tg_route_stat route[TG_ROUTES_MAX];
	struct tg_slot slot[];
};

extern const double tg_bucket_bounds_ms[TG_BUCKETS - 1];

/* Anonymous shared memory behind a file descriptor that survives exec. Given: the descriptor, -1 on
 * failure. */
int tg_scoreboard_create(uint32_t slots);
/* Maps it; borrowed for the life of the process; NULL on failure. */
struct tg_scoreboard *tg_scoreboard_map(int fd);
void tg_scoreboard_count(struct tg_scoreboard *, int route, int status, int64_t us);

/* What a worker does with one request; the only thing that proc knows of the layers above.
 * route_name gives the name of a route index for the log line of a crash. check: tried once by the
 * master before it says that it is ready (settings, database); closes what it opened. */
struct tg_app {
	const char *program;
	enum tg_rc (*check)(struct tg_error *);
	enum tg_rc (*worker_init)(struct tg_scoreboard *, struct tg_slot *, struct tg_error *);
	void (*serve)(struct tg_io *);
	void (*idle)(void); /* between requests, at most every second */
	void (*worker_fini)(void);
	const char *(*route_name)(int route);
};

/* Runs the master, or, where the environment says that this process is a worker, the worker. Gives
 * the exit code. */
int tg_proc_main(const struct tg_app *, int argc, char **argv);

#endif
