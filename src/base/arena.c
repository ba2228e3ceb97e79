/* SPDX-License-Identifier: MIT
 * arena: owns the memory of one request or one sweep pass. Promises that every block is aligned for
 * any type and lives until reset, and that the chunk the arena was made with is kept for ever, so
 * that an ordinary request asks malloc for nothing. Never returns NULL, never gives a block back
 * alone. */
#include "taskgate/base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/base/log.h"

#define ALIGNMENT _Alignof(max_align_t)
#define CHUNK_MAX (1024 * 1024) /* chunks double up to this */

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(max_align_t) char data[];
};

struct tg_arena {
	struct chunk *first; /* kept by reset; the others hang behind it */
	struct chunk *current;
	size_t used, next_size;
};

static void out_of_memory(size_t n)
{
	tg_log(TG_LOG_ERROR, "arena.memory", "bytes=%zu", n);
	abort();
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c = NULL;

	if (size <= SIZE_MAX - sizeof *c)
		c = malloc(sizeof *c + size);
	if (!c)
		out_of_memory(size);
	c->next = NULL;
	c->size = size;
	c->used = 0;
	return c;
}

/* Behind the first chunk, since order among the others does not matter. */
static struct chunk *chunk_add(struct tg_arena *arena, size_t size)
{
	struct chunk *c = chunk_new(size);

	c->next = arena->first->next;
	arena->first->next = c;
	return c;
}

struct tg_arena *tg_arena_new(size_t first_chunk)
{
	struct tg_arena *arena = malloc(sizeof *arena);

	if (!arena)
		out_of_memory(sizeof *arena);
	first_chunk = first_chunk < 256 ? 256 : first_chunk;
	first_chunk &= ~(ALIGNMENT - 1);
	arena->first = arena->current = chunk_new(first_chunk);
	arena->used = 0;
	arena->next_size = first_chunk;
	return arena;
}

void tg_arena_free(struct tg_arena *arena)
{
	if (!arena)
		return;
	tg_arena_reset(arena);
	free(arena->first);
	free(arena);
}

void tg_arena_reset(struct tg_arena *arena)
{
	struct chunk *c = arena->first->next, *next;

	for (; c; c = next) {
		next = c->next;
		free(c);
	}
	arena->first->next = NULL;
	arena->first->used = 0;
	arena->current = arena->first;
	arena->next_size = arena->first->size;
	arena->used = 0;
}

size_t tg_arena_used(const struct tg_arena *arena)
{
	return arena->used;
}

#ifdef TG_ARENA_DEBUG
void *tg_arena_alloc(struct tg_arena *arena, size_t n)
{
	struct chunk *c = chunk_add(arena, n);

	c->used = n;
	arena->used += n;
	return c->data;
}
#else
/* A block that would fill half a chunk gets one of its own, and the current chunk stays in use for
 * small ones. */
static struct chunk *chunk_for(struct tg_arena *arena, size_t n)
{
	if (n > arena->next_size / 2)
		return chunk_add(arena, n);
	arena->current = chunk_add(arena, arena->next_size);
	if (arena->next_size < CHUNK_MAX)
		arena->next_size *= 2;
	return arena->current;
}

void *tg_arena_alloc(struct tg_arena *arena, size_t n)
{
	struct chunk *c = arena->current;
	char *block;

	if (n > SIZE_MAX - ALIGNMENT)
		out_of_memory(n);
	n = (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (c->size - c->used < n)
		c = chunk_for(arena, n);
	block = c->data + c->used;
	c->used += n;
	arena->used += n;
	return block;
}
#endif

void *tg_arena_zalloc(struct tg_arena *arena, size_t n)
{
	void *block = tg_arena_alloc(arena, n);

	memset(block, 0, n);
	return block;
}

char *tg_arena_strndup(struct tg_arena *arena, const char *s, size_t n)
{
	char *copy;

	if (n == SIZE_MAX)
		out_of_memory(n);
	copy = tg_arena_alloc(arena, n + 1);
	if (n)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *tg_arena_strdup(struct tg_arena *arena, const char *s)
{
	return s ? tg_arena_strndup(arena, s, strlen(s)) : NULL;
}

char *tg_arena_printf(struct tg_arena *arena, const char *fmt, ...)
{
	char small[256], *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n < sizeof small)
		return tg_arena_strndup(arena, small, (size_t)n);
	text = tg_arena_alloc(arena, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}
