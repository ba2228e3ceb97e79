/* SPDX-License-Identifier: MIT
 * route: finds the row for a request. Owns the list of APIs; promises that static segments win over
 * {…}, that a path with other methods only is told apart from no path at all, and that Allow comes
 * from the table. */
#include <assert.h>
#include <string.h>

#include "taskgate/serve/route.h"

extern const struct tg_api tg_api_disposition, tg_api_voicemail, tg_api_callback, tg_api_sms,
	tg_api_email, tg_api_calls, tg_api_twilio, tg_api_ops, tg_api_work;

const struct tg_api *const tg_apis[] = { &tg_api_disposition, &tg_api_voicemail, &tg_api_callback,
	&tg_api_sms, &tg_api_email, &tg_api_calls, &tg_api_twilio, &tg_api_ops, &tg_api_work };
const size_t tg_n_apis = sizeof tg_apis / sizeof tg_apis[0];

const char *tg_method_word(enum tg_method m)
{
	static const char *const words[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
		"OPTIONS" };

	return words[m];
}

static const struct tg_route *at(int index)
{
	for (size_t a = 0; a < tg_n_apis; a++) {
		if ((size_t)index < tg_apis[a]->n_routes)
			return &tg_apis[a]->routes[index];
		index -= (int)tg_apis[a]->n_routes;
	}
	return NULL;
}

const char *tg_route_name(int index)
{
	const struct tg_route *r = index < 0 ? NULL : at(index);

	return r == NULL ? "none" : r->name;
}

int tg_route_count(void)
{
	size_t n = 0;

	for (size_t a = 0; a < tg_n_apis; a++)
		n += tg_apis[a]->n_routes;
	return (int)n;
}

/* Segments of prefix that the request begins with, -1 where it does not. */
static int prefix_fits(const struct tg_request *rq, const char *prefix)
{
	int n = 0;

	while (*prefix == '/') {
		size_t len = strcspn(++prefix, "/");

		if ((size_t)n >= rq->segments || strlen(rq->segment[n]) != len ||
			memcmp(rq->segment[n], prefix, len) != 0)
			return -1;
		prefix += len;
		n++;
	}
	return n;
}

/* How well a path fits: -1 not at all, else the number of its static segments. Captures go to call.
 */
static int path_fits(struct tg_exchange *c, const char *path, size_t from)
{
	int fixed = 0;

	c->n_path = 0;
	for (; *path == '/'; from++) {
		size_t len = strcspn(++path, "/");

		if (from >= c->rq->segments)
			return -1;
		if (*path == '{') {
			c->path_names[c->n_path] = tg_arena_strndup(c->arena, path + 1, len - 2);
			c->path_values[c->n_path++] = c->rq->segment[from];
		} else if (strlen(c->rq->segment[from]) == len &&
			memcmp(c->rq->segment[from], path, len) == 0) {
			fixed++;
		} else {
			return -1;
		}
		path += len;
	}
	return from == c->rq->segments ? fixed : -1;
}

struct best {
	int index, fixed;
	unsigned methods; /* of the paths with the most static segments */
};

static void consider(struct tg_exchange *c, const struct tg_api *api, const char *prefix, int from,
	int base, struct best *best)
{
	enum tg_method wanted = c->rq->method == TG_HEAD ? TG_GET : c->rq->method;

	for (size_t i = 0; i < api->n_routes; i++) {
		int fixed = path_fits(c, api->routes[i].path, (size_t)from);

		if (fixed < 0 || fixed < best->fixed)
			continue;
		if (fixed > best->fixed)
			*best = (struct best){ -1, fixed, 0 };
		if (best->methods == 0)
			c->api = api;
		best->methods |= 1u << api->routes[i].method;
		if (api->routes[i].method == wanted) {
			best->index = base + (int)i;
			c->prefix = prefix;
			c->api = api;
		}
	}
}

static void allow(struct tg_exchange *c, unsigned methods)
{
	struct tg_buf b;

	if (methods & (1u << TG_GET))
		methods |= 1u << TG_HEAD;
	methods |= 1u << TG_OPTIONS;
	tg_buf_init(&b, c->arena);
	for (int m = 0; m < TG_METHOD__MAX; m++)
		if (methods & (1u << m))
			tg_buf_printf(&b, "%s%s", b.len > 0 ? ", " : "",
				tg_method_word((enum tg_method)m));
	tg_response_header(c->rs, "Allow", "%s", b.data);
}

int tg_route_match(struct tg_exchange *c)
{
	struct best best = { -1, -1, 0 };
	int base = 0, below = 0;

	c->api = tg_apis[0];
	for (size_t a = 0; a < tg_n_apis; base += (int)tg_apis[a++]->n_routes) {
		for (const char *const *p = tg_apis[a]->prefixes; *p != NULL; p++) {
			int from = prefix_fits(c->rq, *p);

			if (from < 0)
				continue;
			/* Where no path fits, the API below whose prefix the request stands tells
			 * so (spec README decision 19). */
			if (best.fixed < 0 && from > below) {
				c->api = tg_apis[a];
				below = from;
			}
			consider(c, tg_apis[a], *p, from, base, &best);
		}
	}
	if (best.fixed < 0) {
		tg_fail(c->err, TG_E_NOTFOUND, NULL, "there is nothing at this path");
		return -1;
	}
	if (best.index < 0) {
		allow(c, best.methods);
		if (c->rq->method == TG_OPTIONS)
			return -1;
		tg_fail(c->err, TG_E_METHOD, NULL, "this path does not take %s",
			c->rq->method_word);
		return -1;
	}
	c->route = at(best.index);
	path_fits(c, c->route->path, (size_t)prefix_fits(c->rq, c->prefix));
	return best.index;
}
