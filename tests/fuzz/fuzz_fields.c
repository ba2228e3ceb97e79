/* SPDX-License-Identifier: MIT
 * fuzz_fields: any bytes as URI and body against the field table of every route, also as an object
 * and an array within a body. The first line of the input is the request's path and query, the rest
 * its body. Whatever is accepted must be a text that PostgreSQL takes: NUL-free UTF-8. It needs no
 * database. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "taskgate/serve/route.h"

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

/* The same rows as members of an object within the body, and of the objects of an array: of what
 * the body holds itself, so that what one accepts the other does. */
static void try_nested(const struct tg_route *route, struct tg_request *rq)
{
	struct tg_value values[TG_FIELDS_MAX], *items;
	struct tg_error err;
	size_t count;

	if (tg_fields_object(route->fields, route->n_fields, rq->arena, rq->body, rq->body_len,
		    "next_action", values, &err) == TG_OK)
		check_values(route, values);
	else
		assert(err.rc != TG_OK && err.message[0] != '\0' &&
			strncmp(err.field, "next_action", 11) == 0);
	if (tg_fields_items(route->fields, route->n_fields, rq->arena, rq->body, rq->body_len,
		    "attachments", 20, &items, &count, &err) == TG_OK) {
		assert(count <= 20);
		for (size_t i = 0; i < count; i++)
			check_values(route, items + i * route->n_fields);
	} else {
		assert(err.rc != TG_OK && err.message[0] != '\0' &&
			strncmp(err.field, "attachments", 11) == 0);
	}
}

static void try_route(const struct tg_api *api, const struct tg_route *route, struct tg_request *rq)
{
	struct tg_value values[TG_FIELDS_MAX];
	struct tg_error err;
	const char *names[] = { "entity", "id" },
		   *paths[] = { rq->segments > 0 ? rq->segment[0] : "",
			   rq->segments > 0 ? rq->segment[0] : "" };

	if (tg_fields_check(route->fields, route->n_fields, rq, names, paths, 2, api->json_flags,
		    values, &err) == TG_OK)
		check_values(route, values);
	else
		assert(err.rc != TG_OK && err.message[0] != '\0');
	try_nested(route, rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);
	const uint8_t *line = memchr(data, '\n', size);
	size_t uri_len = line != NULL ? (size_t)(line - data) : size;
	char *uri = tg_arena_strndup(arena, (const char *)data, uri_len);
	const char *params[] = { "REQUEST_METHOD", "PUT", "REQUEST_URI", uri, "CONTENT_TYPE",
		"application/json", NULL };
	struct tg_buf out;
	struct tg_request rq;
	struct tg_error err;

	tg_buf_init(&out, arena);
	if (line != NULL &&
		tg_request_init(&rq, tg_io_memory(arena, params, "", 0, &out), arena, "", &err) ==
			TG_OK) {
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
