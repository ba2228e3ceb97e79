/* SPDX-License-Identifier: MIT
 * Fuzz target: whatever nginx hands over, a request has an id, its segments are clean, its body is
 * whole or absent, and an answer can be sent. Input: values of the parameters below, each ended by
 * a NUL, then the body. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "taskgate/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 64

static const char *const names[] = {
	"REQUEST_METHOD",
	"REQUEST_URI",
	"HTTP_AUTHORIZATION",
	"HTTP_X_API_KEY",
	"HTTP_X_REQUEST_ID",
	"TASKGATE_REQUEST_ID",
	"HTTP_IDEMPOTENCY_KEY",
	"HTTP_X_IDEMPOTENCY_KEY",
	"CONTENT_TYPE",
	"CONTENT_LENGTH",
	"REMOTE_ADDR",
};
#define NAMES (sizeof names / sizeof names[0])

static void check_segments(const struct tg_request *rq)
{
	size_t i;

	assert(rq->segments <= TG_MAX_SEGMENTS);
	for (i = 0; i < rq->segments; i++) {
		assert(rq->segment[i][0]);
		assert(strcmp(rq->segment[i], ".") != 0 && strcmp(rq->segment[i], "..") != 0);
		assert(tg_utf8_valid(rq->segment[i], strlen(rq->segment[i])));
	}
}

static void check_headers(const struct tg_request *rq)
{
	assert(rq->method_word && rq->uri && rq->query && rq->nginx_id && rq->remote &&
		rq->content_type);
	assert(strlen(rq->request_id) >= 1 && strlen(rq->request_id) <= 128 &&
		!strpbrk(rq->request_id, "\r\n \""));
	assert(!rq->token || (!rq->token_malformed && *rq->token && strlen(rq->token) <= 512));
	assert(!rq->idempotency_key ||
		(*rq->idempotency_key && strlen(rq->idempotency_key) <= 255));
	assert(rq->content_length >= -1);
}

static void check_body(struct tg_request *rq, const char *body, size_t len)
{
	struct tg_error err;
	enum tg_rc rc = tg_request_body(rq, LIMIT, &err);

	if (rc == TG_OK) {
		assert(rq->body_len == len && len <= LIMIT && memcmp(rq->body, body, len) == 0 &&
			rq->body[len] == '\0');
		assert(rq->content_length < 0 || (size_t)rq->content_length == len);
	} else {
		assert(!rq->body && (rc == TG_E_TOOLARGE || rc == TG_E_INVALID) && err.message[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(1024);
	const char *p = tg_arena_strndup(arena, (const char *)data, size), *end = p + size, *value;
	const char *params[2 * NAMES + 1] = { NULL };
	struct tg_response rs;
	struct tg_request rq;
	struct tg_error err;
	struct tg_buf out;
	size_t i, n = 0;
	bool bad = false;

	for (i = 0; i < NAMES && p < end; i++, p += strlen(p) + (p + strlen(p) < end)) {
		if (*p == '\x01') /* absent, which is not the same as empty */
			continue;
		params[n++] = names[i];
		params[n++] = p;
	}
	tg_buf_init(&out, arena);
	if (tg_request_init(&rq, tg_io_memory(arena, params, p, (size_t)(end - p), &out), arena,
		    "/m", &err) == TG_OK)
		check_segments(&rq);
	else
		assert(err.rc == TG_E_INVALID && err.message[0]);
	check_headers(&rq);
	check_body(&rq, p, (size_t)(end - p));
	value = tg_request_query(&rq, "a", &bad);
	assert(!value || (!bad && tg_utf8_valid(value, strlen(value))));
	tg_response_init(&rs, arena);
	tg_response_header(&rs, "X-Request-Id", "%s", rq.request_id);
	assert(tg_response_send(&rs, rq.io, rq.method == TG_HEAD) && out.len);
	tg_arena_free(arena);
	return 0;
}
