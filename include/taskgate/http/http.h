/* SPDX-License-Identifier: MIT
 * http: one request and one answer, free of FastCGI. tg_io has two implementations: http/fcgi.c,
 * which alone knows libfcgi, and memory (tests, fuzzing). Everything in a request is copied into
 * the worker's arena: libfcgi's pointers die at the next accept. */
#ifndef TASKGATE_HTTP_H
#define TASKGATE_HTTP_H

#include <stdint.h>
#include "taskgate/base/arena.h"
#include "taskgate/base/form.h"
#include "taskgate/base/text.h"

struct tg_io {
	/* Borrowed until the request ends; NULL where the parameter is absent. name is CGI's:
	 * "REQUEST_METHOD", "HTTP_AUTHORIZATION". */
	const char *(*param)(struct tg_io *, const char *name);
	/* Up to n bytes of the body; 0 at its end, -1 where the peer went away. */
	long (*read)(struct tg_io *, char *into, size_t n);
	/* The whole answer, CGI style ("Status: 200 OK\r\n...\r\n\r\nbody"); false where the peer
	 * went away. */
	bool (*write)(struct tg_io *, const char *bytes, size_t n);
};

enum tg_method {
	TG_GET,
	TG_HEAD,
	TG_POST,
	TG_PUT,
	TG_PATCH,
	TG_DELETE,
	TG_OPTIONS,
	TG_METHOD__MAX
};

#define TG_MAX_SEGMENTS 12

struct tg_request {
	struct tg_arena *arena;
	struct tg_io *io;
	enum tg_method method; /* TG_METHOD__MAX: a word we do not know */
	const char *method_word;
	const char *uri; /* raw, as sent */
	const char *segment[TG_MAX_SEGMENTS]; /* path, percent-decoded once per segment, one
						 trailing slash dropped */
	size_t segments;
	bool has_path; /* the path was taken over, whatever else was wrong: a route can be looked
			  for */
	const char *query; /* raw, after '?', "" where none */
	const char *request_id; /* X-Request-Id of the caller where well formed, else nginx's, else
				   our own */
	const char *nginx_id, *remote; /* "" where not said */
	const char *token; /* of Authorization: Bearer or X-API-Key; NULL where none */
	bool token_malformed;
	const char *idempotency_key; /* NULL where none */
	const char *content_type; /* "" where none */
	long long content_length; /* -1 where not said */
	const char *body; /* NUL-terminated; NULL until read */
	size_t body_len;
	struct tg_form form; /* of a route that takes a form; else empty */
};

struct tg_response {
	int status;
	const char *content_type; /* "application/json" unless set */
	struct tg_buf headers; /* whole lines, each with \r\n */
	struct tg_buf body;
};

/* Takes method, path, ids and headers over from io. TG_E_INVALID with a message on a broken percent
 * escape, NUL, bad UTF-8, a segment "." or
 * "..", too many segments or an over-long header value; the request is still usable for an error
 * answer. mount is dropped from the front of the path ("" for none). */
enum tg_rc tg_request_init(struct tg_request *, struct tg_io *, struct tg_arena *,
	const char *mount, struct tg_error *) TG_MUSTCHECK;
/* Reads the whole body; TG_E_TOOLARGE beyond limit (nothing is kept), TG_E_INVALID where the peer
 * left or sent less than it had said. */
enum tg_rc tg_request_body(struct tg_request *, size_t limit, struct tg_error *) TG_MUSTCHECK;
/* The first query parameter of that name, decoded; NULL where absent. A broken escape sets *bad
 * (refuse with TG_E_INVALID); nothing clears it, so that several look-ups can share one. */
const char *tg_request_query(struct tg_request *, const char *name, bool *bad);

void tg_response_init(struct tg_response *, struct tg_arena *);
/* Appends "Name: value\r\n"; a value with CR, LF or NUL is a bug and aborts. */
void tg_response_header(struct tg_response *, const char *name, const char *fmt, ...)
	TG_PRINTF(3, 4);
/* Encodes and writes by one call; HEAD keeps Content-Length and drops the body. False where the
 * peer went away. */
bool tg_response_send(const struct tg_response *, struct tg_io *, bool head_only);

/* Memory implementation, for tests and fuzzing: params is a NULL-terminated list name, value, name,
 * value. */
struct tg_io *tg_io_memory(struct tg_arena *, const char *const *params, const char *body,
	size_t body_len, struct tg_buf *out);

#endif
