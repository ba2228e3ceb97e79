/* SPDX-License-Identifier: MIT
 * buf: the growing buffers of text.h. Promises that what was put stays NUL-terminated, and that
 * growth costs at most three times the final size in arena memory. Never frees: outgrown copies die
 * with the arena. */
#include "taskgate/base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAP 256

void tg_buf_init(struct tg_buf *buf, struct tg_arena *arena)
{
	buf->arena = arena;
	buf->data = NULL;
	buf->len = buf->cap = 0;
}

/* Room for n more bytes and the NUL. */
static void reserve(struct tg_buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : FIRST_CAP;
	char *data;

	assert(n < SIZE_MAX / 4 - buf->len);
	if (buf->cap - buf->len > n)
		return;
	while (cap - buf->len <= n)
		cap *= 2;
	data = tg_arena_alloc(buf->arena, cap);
	if (buf->len)
		memcpy(data, buf->data, buf->len);
	data[buf->len] = '\0';
	buf->data = data;
	buf->cap = cap;
}

void tg_buf_put(struct tg_buf *buf, const char *bytes, size_t n)
{
	reserve(buf, n);
	if (n)
		memcpy(buf->data + buf->len, bytes, n);
	buf->len += n;
	buf->data[buf->len] = '\0';
}

void tg_buf_puts(struct tg_buf *buf, const char *s)
{
	tg_buf_put(buf, s, strlen(s));
}

void tg_buf_printf(struct tg_buf *buf, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	reserve(buf, 0);
	room = buf->cap - buf->len;
	va_start(ap, fmt);
	n = vsnprintf(buf->data + buf->len, room, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n >= room) {
		reserve(buf, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	buf->len += (size_t)n;
}

/* Always quoted, so that an empty text, NULL and a comma need no rule of their own. */
void tg_buf_array_item(struct tg_buf *buf, const char *s, size_t n)
{
	size_t i, from = 0;

	tg_buf_put(buf, "\"", 1);
	for (i = 0; i < n; i++) {
		if (s[i] != '"' && s[i] != '\\')
			continue;
		tg_buf_put(buf, s + from, i - from);
		tg_buf_put(buf, "\\", 1);
		from = i;
	}
	tg_buf_put(buf, s + from, n - from);
	tg_buf_put(buf, "\"", 1);
}
