/* SPDX-License-Identifier: MIT
 * json_token: what json_scan.c and json_token.c share. Private to them. */
#ifndef TASKGATE_JSON_TOKEN_H
#define TASKGATE_JSON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include "taskgate/base/arena.h"

struct tg_json_cursor {
	struct tg_arena *arena;
	const char *text, *p, *end;
	const char *why; /* set by the refusal, with p where it was */
};

/* Gives back false, so that a function can end with it. At the end of the text the reason is that
 * it ends. */
bool tg_json_refuse(struct tg_json_cursor *, const char *at, const char *why);

/* Stands on the opening quote, ends behind the closing one. */
bool tg_json_string(struct tg_json_cursor *, bool *escapes);
/* Stands on a minus or a digit. */
bool tg_json_number(struct tg_json_cursor *);
/* The inside of a string that tg_json_string() has passed, decoded; given in the arena,
 * NUL-terminated. */
char *tg_json_decode(struct tg_arena *, const char *p, const char *end, size_t *len);

#endif
