/* SPDX-License-Identifier: MIT
 * arena: memory that lives as long as one request (or one sweep pass) and dies by one call. Chunks
 * grow by need; reset keeps the first one. No allocation ever returns NULL: where malloc fails the
 * process aborts, which for a worker is one refused request and a fresh worker. Built with
 * TG_ARENA_DEBUG every allocation is a malloc of its own, so that AddressSanitizer sees each
 * overrun. */
#ifndef TASKGATE_ARENA_H
#define TASKGATE_ARENA_H

#include <stddef.h>
#include "taskgate/base/error.h"

struct tg_arena;

struct tg_arena *tg_arena_new(size_t first_chunk); /* bytes; given to the caller */
void tg_arena_free(struct tg_arena *); /* NULL is fine */
void tg_arena_reset(struct tg_arena *); /* everything allocated from it is dead */
size_t tg_arena_used(const struct tg_arena *); /* bytes handed out since the last reset */

/* All borrowed from the arena until reset, aligned for any type; zeroed by zalloc alone. n may be
 * 0. */
void *tg_arena_alloc(struct tg_arena *, size_t n);
void *tg_arena_zalloc(struct tg_arena *, size_t n);
char *tg_arena_strndup(
	struct tg_arena *, const char *s, size_t n); /* NUL-terminated copy of n bytes */
char *tg_arena_strdup(struct tg_arena *, const char *s); /* NULL gives NULL */
char *tg_arena_printf(struct tg_arena *, const char *fmt, ...) TG_PRINTF(2, 3);

#endif
