/* SPDX-License-Identifier: MIT
 * fuzz_fields: any bytes as URI and body against the field table of every route. The first line of the input is the request's path and query, the
 * rest its body. Whatever is accepted must be a text that PostgreSQL takes: NUL-free UTF-8. It needs no database. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "taskgate/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const struct tg_route *route, const struct tg_value *values)
{
	for (size_t i = 0; i < route->n_fields; i++) {
		if (values[i].text == NULL)
			continue;
		assert(strlen(values[i].text) == values[i].len);
		assert(tg_utf8_valid(values[i].text, values[i].len));
	}
}

static void try_route(const struct tg_api *api, const struct tg_route *route, struct tg_request *rq)
{
	struct tg_value values[TG_FIELDS_MAX];
	struct tg_error err;
	const char *names[] = { "entity", "id" }, *paths[] = { rq->segments > 0 ? rq->segment[0] : "", rq->segments > 0 ? rq->segment[0] : "" };

	if (tg_fields_check(route->fields, route->n_fields, rq, names, paths, 2, api->json_flags, values, &err) == TG_OK)
		check_values(route, values);
	else
		assert(err.rc != TG_OK && err.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);
	const uint8_t *line = memchr(data, '\n', size);
	size_t uri_len = line != NULL ? (size_t)(line - data) : size;
	char *uri = tg_arena_strndup(arena, (const char *)data, uri_len);
	const char *params[] = { "REQUEST_METHOD", "PUT", "REQUEST_URI", uri, "CONTENT_TYPE", "application/json", NULL };
	struct tg_buf out;
	struct tg_request rq;
	struct tg_error err;

	tg_buf_init(&out, arena);
	if (line != NULL && tg_request_init(&rq, tg_io_memory(arena, params, "", 0, &out), arena, "", &err) == TG_OK) {
		rq.body_len = size - uri_len - 1;
		rq.body = tg_arena_strndup(arena, (const char *)line + 1, rq.body_len);
		for (size_t a = 0; a < tg_n_apis; a++)
			for (size_t r = 0; r < tg_apis[a]->n_routes; r++)
				if (tg_apis[a]->routes[r].n_fields > 0)
					try_route(tg_apis[a], &tg_apis[a]->routes[r], &rq);
	}
	tg_arena_free(arena);
	return 0;
}
