/* SPDX-License-Identifier: MIT
 * clock: the machine's monotonic clock for deadlines, and the reading and writing of RFC 3339
 * times. What is stored and compared is the database's clock alone, never this machine's wall
 * clock. */
#ifndef TASKGATE_CLOCK_H
#define TASKGATE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "taskgate/base/arena.h"

int64_t tg_clock_ms(void); /* CLOCK_MONOTONIC, milliseconds */
int64_t tg_clock_us(void); /* CLOCK_MONOTONIC, microseconds */

/* Reads an ISO 8601 / RFC 3339 date and time ("2024-01-15T10:30:00Z", "+05:30", up to 9 fraction
 * digits of which 6 count, a space or small t for T, seconds optional; a date alone is midnight)
 * and gives a text that PostgreSQL reads the same way in any session: "2024-01-15
 * 10:30:00.000000+00:00". Without an offset it is UTC (spec README decision 7). Every field is
 * range-checked (leap years too; second 60 and years outside 1970 to 9999 are refused). NULL where
 * it is not such a time. Given in the arena. */
char *tg_time_parse(struct tg_arena *, const char *s, size_t n);

/* PostgreSQL's text of a timestamptz in an ISO/UTC session ("2024-01-15 10:30:05.12+00") as the
 * APIs print it: "2024-01-15T10:30:05Z", or with micros "2024-01-15T10:30:05.120000+00:00". NULL
 * gives NULL. */
char *tg_time_seconds(struct tg_arena *, const char *pg);
char *tg_time_micros(struct tg_arena *, const char *pg);
/* This machine's time of day in the same form as tg_time_seconds: for error answers and logs, never
 * for the ledger. */
char *tg_time_wall(struct tg_arena *);
int64_t tg_time_to_us(const char *pg); /* microseconds since 1970 of such a text */

#endif
