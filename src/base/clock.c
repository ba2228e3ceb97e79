/* SPDX-License-Identifier: MIT
 * clock: reads the machine's monotonic clock, for deadlines and durations within one process.
 * Promises that it never goes back. Never tells the time of day. */
#include "taskgate/base/clock.h"

#include <stdlib.h>
#include <time.h>

int64_t tg_clock_us(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t))
		abort();
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t tg_clock_ms(void)
{
	return tg_clock_us() / 1000;
}
