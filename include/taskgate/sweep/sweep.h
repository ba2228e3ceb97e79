/* SPDX-License-Identifier: MIT
 * sweep: one run of the sweeper. It does all that is due, stays for a while, and leaves when a
 * newer sweeper of its host has come. Any number of them may run: claims skip what others hold, and
 * outcomes carry fences. */
#ifndef TASKGATE_SWEEP_H
#define TASKGATE_SWEEP_H

#include <stdbool.h>
#include "taskgate/base/error.h"

struct tg_sweep_options {
	bool once; /* leave when nothing is due and no transfer is under way */
	bool preview; /* print what each lane would do, and do nothing */
};

/* Settings are loaded, the log is open. TG_OK where all went well (nothing is printed then);
 * TG_E_CONFIG; TG_E_UNAVAILABLE where the database was away until the end or migrations are
 * missing. */
enum tg_rc tg_sweep_run(const struct tg_sweep_options *, struct tg_error *err) TG_MUSTCHECK;

#endif
