/* SPDX-License-Identifier: MIT
 * io_memory: a tg_io over memory, for tests and fuzzing. Promises the same answers as the FastCGI
 * one gives to a peer that stays; never fails. */
#include <string.h>

#include "taskgate/http/http.h"

struct memory {
	struct tg_io io; /* first: a tg_io of this file is a memory */
	const char *const *params;
	const char *body;
	size_t body_len;
	struct tg_buf *out;
};

static const char *memory_param(struct tg_io *io, const char *name)
{
	const char *const *p = ((struct memory *)io)->params;

	for (; p && p[0]; p += 2)
		if (strcmp(p[0], name) == 0)
			return p[1];
	return NULL;
}

static long memory_read(struct tg_io *io, char *into, size_t n)
{
	struct memory *m = (struct memory *)io;

	if (n > m->body_len)
		n = m->body_len;
	if (!n)
		return 0;
	memcpy(into, m->body, n);
	m->body += n;
	m->body_len -= n;
	return (long)n;
}

static bool memory_write(struct tg_io *io, const char *bytes, size_t n)
{
	struct memory *m = (struct memory *)io;

	if (m->out)
		tg_buf_put(m->out, bytes, n);
	return true;
}

struct tg_io *tg_io_memory(struct tg_arena *arena, const char *const *params, const char *body,
	size_t body_len, struct tg_buf *out)
{
	struct memory *m = tg_arena_zalloc(arena, sizeof *m);

	m->io = (struct tg_io){ .param = memory_param, .read = memory_read, .write = memory_write };
	m->params = params;
	m->body = body;
	m->body_len = body_len;
	m->out = out;
	return &m->io;
}
