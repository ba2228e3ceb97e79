/* SPDX-License-Identifier: MIT
 * route: the tables of which an API consists. A route row holds everything that a request is
 * checked against; a handler takes typed values, calls one core function and picks a view.
 * Authority is the row's scope: no handler checks any. */
#ifndef TASKGATE_ROUTE_H
#define TASKGATE_ROUTE_H

#include "taskgate/base/conf.h"
#include "taskgate/serve/dispatch.h"
#include "taskgate/serve/field.h"
#include "taskgate/db/tx.h"

struct json_object;
struct tg_exchange;

/* An API's word for a failure. The first row whose rc and reason fit holds; reason NULL fits any; a
 * route's rows go before the API's. */
struct tg_code {
	enum tg_rc rc;
	const char *reason;
	const char *code;
	const char *message; /* NULL: the error's own; %s in it becomes the first path value */
};

enum tg_route_flag {
	TG_ROUTE_SEVERAL = 1, /* the handler needs more than one round trip */
	TG_ROUTE_NO_DB = 2, /* answers without a database */
	TG_ROUTE_PROBES = 4 /* where the server probes, the handler does so between authority and
			       its statement: more than one round trip then */
};

struct tg_route {
	const char *name; /* "generic.create": logs, metrics, tests, documentation */
	enum tg_method method;
	const char *path; /* "/generic/{entity}" */
	const char *scope; /* NULL: open to everybody */
	enum tg_rc (*handler)(struct tg_exchange *);
	enum tg_rc (*admit)(
		struct tg_exchange *); /* NULL: a body is JSON, and a token says who asks; else it
					  reads the body and judges it by itself */
	unsigned flags;
	size_t max_body; /* 0: no body is read */
	const struct tg_field *fields;
	size_t n_fields;
	const struct tg_code *codes; /* ends with a row whose code is NULL; may be NULL */
	const char *doc;
};

struct tg_api {
	const char *name;
	const char *const *prefixes; /* "" and "/dgapi/v1"; NULL-terminated */
	const struct tg_route *routes;
	size_t n_routes;
	const struct tg_code *codes;
	unsigned json_flags;
	enum tg_conf limit; /* setting: requests a minute of one token; TG_CONF__MAX: none */
	void (*error)(struct tg_exchange *, const struct tg_error *, const char *code,
		const char *message);
};

struct tg_exchange {
	struct tg_request *rq;
	struct tg_response *rs;
	struct tg_arena *arena;
	struct tg_server *server;
	const struct tg_api *api;
	const struct tg_route *route;
	const char *prefix; /* the one that matched */
	const char *path_names[TG_MAX_SEGMENTS], *path_values[TG_MAX_SEGMENTS];
	size_t n_path;
	struct tg_value value[TG_FIELDS_MAX];
	struct tg_tx *tx;
	struct tg_error *err;
	bool authorised; /* a token came and enter() took it */
};

enum tg_view_type {
	TG_V_TEXT,
	TG_V_INTEGER,
	TG_V_BOOLEAN,
	TG_V_JSON,
	TG_V_TIME,
	TG_V_MICROS,
	TG_V_DECIMAL
};

/* One member of an answer: JSON key, column of the row, type. when: shown only where that boolean
 * field of the request is true. A null is printed as null, or left out where optional. */
struct tg_view {
	const char *key, *column;
	enum tg_view_type type;
	const char *when;
	bool optional;
};

/* Given: an object that the caller puts into another or puts away. */
struct json_object *tg_view_row(
	const struct tg_exchange *, const struct tg_view *, size_t n, struct tg_rows, int row);
struct json_object *tg_json_raw(
	struct tg_arena *, const char *text); /* spliced as it is; text NULL gives null */
void tg_json_body(
	struct tg_response *, struct json_object *); /* takes the object; writes it as the body */

/* The value of a field of the route by name: a name that the route has not is a bug and aborts. */
const struct tg_value *tg_value(const struct tg_exchange *, const char *name);
const char *tg_text(const struct tg_exchange *, const char *name);
bool tg_flag(const struct tg_exchange *, const char *name);

/* All APIs, in the order in which they are matched; a route's index counts through them. */
extern const struct tg_api *const tg_apis[];
extern const size_t tg_n_apis;
const char *tg_route_name(int index);
int tg_route_count(void);
const char *tg_method_word(enum tg_method);

/* Finds the route of a request and fills call's api, route, prefix, path. TG_E_NOTFOUND, or
 * TG_E_METHOD with the Allow header set on the answer; in both cases api is the one in whose shape
 * the error is told. HEAD finds GET. Gives the route's index, or -1 with err filled. */
int tg_route_match(struct tg_exchange *);

#endif
