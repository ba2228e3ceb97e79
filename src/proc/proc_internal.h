/* SPDX-License-Identifier: MIT
 * proc_internal: what the files of src/proc share; never included elsewhere. */
#ifndef TASKGATE_PROC_INTERNAL_H
#define TASKGATE_PROC_INTERNAL_H

#include <signal.h>
#include "taskgate/proc/proc.h"

/* How a worker knows that it is one: this variable names its slot, and these two descriptors are
 * what they should be. */
#define TG_WORKER_ENV "TASKGATE_WORKER_SLOT"
#define TG_LISTEN_FD 3
#define TG_SCOREBOARD_FD 4
#define TG_MASTER_FDS \
	10 /* the master keeps its own from here on, so that handing over never overwrites one */

/* signals.c */
void tg_signals_block(
	void); /* all but those of faults and of job control; SIGPIPE is ignored for good */
int tg_signals_wait(int64_t timeout_ms); /* master: the next of TERM INT HUP USR1 CHLD; 0 at the
					    timeout; -1 waits for ever */
int tg_signals_fd(void); /* worker: readable once TERM has come; given, -1 on failure */

/* socket.c */
struct tg_socket {
	int fd; /* listening, non-blocking, close-on-exec */
	char path[108];
	dev_t dev;
	ino_t ino;
};
/* TG_E_UNAVAILABLE where a live process listens there, TG_E_CONFIG where the place cannot be used.
 */
enum tg_rc tg_socket_open(
	struct tg_socket *, const char *path, unsigned mode, struct tg_error *) TG_MUSTCHECK;
/* Takes the name away where it is still ours, and refuses new connections; those that wait can
 * still be accepted. */
void tg_socket_shut(struct tg_socket *);

struct tg_children_setup { /* all borrowed for ever */
	const struct tg_app *app;
	const char *self; /* the program's file */
	char **argv;
	int listen_fd, scoreboard_fd;
	struct tg_scoreboard *scoreboard;
	uint32_t workers;
	int64_t stop_ms;
};

/* spawn.c */
pid_t tg_worker_spawn(const struct tg_children_setup *,
	uint32_t slot); /* -1 where the system has no room, logged */
void tg_worker_log_end(const struct tg_children_setup *, uint32_t slot, int status,
	bool killed); /* counts crashes too */

/* children.c: the workers as the master sees them. */
struct tg_children;
struct tg_children *tg_children_new(const struct tg_children_setup *);
void tg_children_free(struct tg_children *);
void tg_children_reap(struct tg_children *); /* buries the dead and logs how they ended */
void tg_children_tend(
	struct tg_children *); /* starts what is missing, ends what is replaced or late */
void tg_children_reload(struct tg_children *); /* replaces all workers, one batch after the other */
void tg_children_stop(struct tg_children *, bool at_once);
bool tg_children_any(const struct tg_children *);
int64_t tg_children_wait_ms(
	const struct tg_children *); /* until tend has something to do; -1: only after a signal */

/* worker.c, master.c: give the exit code. */
int tg_worker_main(const struct tg_app *, const char *slot);
int tg_master_main(const struct tg_app *, char **argv);

/* scoreboard.c */
uint32_t tg_scoreboard_slots(uint32_t workers); /* room for two generations */
void tg_scoreboard_log(struct tg_scoreboard *, const struct tg_app *);
const char *tg_app_route_name(const struct tg_app *, int route);
void tg_slot_state(struct tg_slot *, enum tg_slot_state);

#endif
