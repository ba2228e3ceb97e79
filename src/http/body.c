/* SPDX-License-Identifier: MIT
 * body: reads the body of a request into its arena. Promises that a body which is too large by its
 * own words is not read at all, that none is kept beyond its limit, and that a part of a body never
 * passes for the whole. Never looks into it. */
#include <assert.h>
#include <string.h>

#include "taskgate/http/http.h"

#define FIRST_READ 8192 /* of a body whose length was not said */

/* Reads up to want bytes; fewer only where the body ends. */
static bool read_some(struct tg_io *io, char *into, size_t want, size_t *got)
{
	long n = 1;

	for (*got = 0; n > 0 && *got < want; *got += (size_t)n) {
		n = io->read(io, into + *got, want - *got);
		if (n < 0)
			return false;
	}
	return true;
}

static enum tg_rc gone(struct tg_error *err)
{
	return tg_fail(err, TG_E_INVALID, NULL, "the connection ended within the body");
}

static enum tg_rc too_large(struct tg_error *err, size_t limit)
{
	return tg_fail(err, TG_E_TOOLARGE, NULL, "the body is larger than %zu bytes", limit);
}

/* One byte more than was said is asked for: it must not come, and asking takes the end of the body
 * off the connection. */
static enum tg_rc read_counted(struct tg_request *rq, struct tg_error *err)
{
	size_t want = (size_t)rq->content_length, got;
	char *body = tg_arena_alloc(rq->arena, want + 1);

	if (!read_some(rq->io, body, want + 1, &got))
		return gone(err);
	if (got != want)
		return tg_fail(err, TG_E_INVALID, NULL,
			"the body %s than its Content-Length of %zu bytes",
			got < want ? "is shorter" : "is longer", want);
	body[want] = '\0';
	rq->body = body;
	rq->body_len = want;
	return TG_OK;
}

static enum tg_rc read_to_end(struct tg_request *rq, size_t limit, struct tg_error *err)
{
	size_t room = limit < FIRST_READ ? limit + 1 : FIRST_READ, len = 0, got;
	char *body = tg_arena_alloc(rq->arena, room), *bigger;

	for (;;) {
		if (!read_some(rq->io, body + len, room - len, &got))
			return gone(err);
		len += got;
		if (len > limit)
			return too_large(err, limit);
		if (len < room)
			break;
		room = limit / 2 < room ? limit + 1 : 2 * room;
		bigger = tg_arena_alloc(rq->arena, room);
		memcpy(bigger, body, len);
		body = bigger;
	}
	body[len] = '\0';
	rq->body = body;
	rq->body_len = len;
	return TG_OK;
}

enum tg_rc tg_request_body(struct tg_request *rq, size_t limit, struct tg_error *err)
{
	assert(limit < SIZE_MAX / 4);
	if (rq->body)
		return TG_OK;
	if (rq->content_length < 0)
		return read_to_end(rq, limit, err);
	if ((unsigned long long)rq->content_length > limit)
		return too_large(err, limit);
	return read_counted(rq, err);
}
