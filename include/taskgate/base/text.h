/* SPDX-License-Identifier: MIT
 * text: growing buffers in an arena, and the encodings that the protocols need. Nothing here
 * allocates outside the arena, nothing reads past the given length, nothing depends on the locale.
 */
#ifndef TASKGATE_TEXT_H
#define TASKGATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "taskgate/base/arena.h"

struct tg_buf {
	struct tg_arena *arena;
	char *data; /* always NUL-terminated once something was put */
	size_t len, cap;
};

void tg_buf_init(struct tg_buf *, struct tg_arena *);
void tg_buf_put(struct tg_buf *, const char *bytes, size_t n);
void tg_buf_puts(struct tg_buf *, const char *s);
void tg_buf_printf(struct tg_buf *, const char *fmt, ...) TG_PRINTF(2, 3);

bool tg_utf8_valid(const char *s, size_t n); /* RFC 3629: no overlong forms, no surrogates */
size_t tg_utf8_length(const char *s, size_t n); /* characters of a valid text */
void tg_hex(char *out, const uint8_t *bytes, size_t n); /* writes 2n + 1 bytes, lower case */
bool tg_unhex(uint8_t *out, const char *hex,
	size_t n); /* n bytes from 2n digits; false on any other digit */
char *tg_base64(struct tg_arena *, const uint8_t *bytes, size_t n); /* RFC 4648, with padding */
uint8_t *tg_unbase64(struct tg_arena *, const char *s, size_t len,
	size_t *n); /* NULL where malformed; strict padding */
/* RFC 3986 percent decoding, once; NULL on a broken escape, on %00 or where the result is not
 * UTF-8. plus_is_space for query strings and forms. */
char *tg_percent_decode(struct tg_arena *, const char *s, size_t n, bool plus_is_space);
/* One element of a PostgreSQL array literal, quoted and escaped: call between the braces and
 * commas. */
void tg_buf_array_item(struct tg_buf *, const char *s, size_t n);
bool tg_uuid_valid(const char *s); /* 8-4-4-4-12 hex digits of either case, nothing else */

#endif
