/* SPDX-License-Identifier: MIT
 * nudge: "something is due", from whoever committed it to every sweeper of this machine. Each
 * sweeper binds a datagram socket RUN_DIR/sweep.d/<pid>; one byte is the message. A lost nudge
 * costs one poll, so no error is ever told. */
#ifndef TASKGATE_NUDGE_H
#define TASKGATE_NUDGE_H

#include "taskgate/base/error.h"

/* One byte to each socket of the folder, never waiting (a blocking send hangs at the twelfth);
 * those that nobody holds any more are unlinked. */
void tg_nudge(const char *run_dir);

/* Makes RUN_DIR/sweep.d (2770) where it is missing and binds <pid> (0660) in it. Gives the
 * non-blocking descriptor, or -1 and the reason. */
int tg_nudge_bind(const char *run_dir, struct tg_error *err);
void tg_nudge_drain(int fd); /* takes all that has arrived */
void tg_nudge_unbind(const char *run_dir, int fd); /* closes and unlinks; -1 is fine */

#endif
