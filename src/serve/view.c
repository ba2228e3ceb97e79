/* SPDX-License-Identifier: MIT
 * view: turns a row into JSON by a table. Owns how each column type is printed; it decides nothing
 * else. JSON that the database gives (payloads, results, lists) is spliced in as it stands. */
#include <assert.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/serve/route.h"

struct json_object *tg_json_raw(struct tg_arena *arena, const char *text)
{
	json_object *o;

	if (text == NULL)
		return NULL;
	o = json_object_new_object();
	if (o == NULL)
		abort();
	json_object_set_serializer(
		o, json_object_userdata_to_json_string, tg_arena_strdup(arena, text), NULL);
	return o;
}

static json_object *text_or_null(const char *s)
{
	return s == NULL ? NULL : json_object_new_string(s);
}

static json_object *cell(const struct tg_exchange *c, enum tg_view_type type, const char *s)
{
	if (s == NULL)
		return NULL;
	switch (type) {
	case TG_V_TEXT:
		return json_object_new_string(s);
	case TG_V_INTEGER:
		return json_object_new_int64(strtoll(s, NULL, 10));
	case TG_V_BOOLEAN:
		return json_object_new_boolean(s[0] == 't');
	case TG_V_JSON:
		return tg_json_raw(c->arena, s);
	case TG_V_TIME:
		return text_or_null(tg_time_seconds(c->arena, s));
	case TG_V_MICROS:
		return text_or_null(tg_time_micros(c->arena, s));
	case TG_V_DECIMAL:
		return json_object_new_double_s(strtod(s, NULL), s);
	}
	abort();
}

struct json_object *tg_view_row(const struct tg_exchange *c, const struct tg_view *v, size_t n,
	struct tg_rows rows, int row)
{
	json_object *o = json_object_new_object();

	if (o == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		const char *s;

		if (v[i].when != NULL && !tg_flag(c, v[i].when))
			continue;
		s = tg_rows_get(rows, row, v[i].column);
		if (s == NULL && v[i].optional)
			continue;
		json_object_object_add_ex(o, v[i].key, cell(c, v[i].type, s),
			JSON_C_OBJECT_ADD_CONSTANT_KEY | JSON_C_OBJECT_ADD_KEY_IS_NEW);
	}
	return o;
}

void tg_json_body(struct tg_response *rs, struct json_object *o)
{
	size_t n;
	const char *s = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

	if (s == NULL)
		abort();
	tg_buf_put(&rs->body, s, n);
	json_object_put(o);
}

const struct tg_value *tg_value(const struct tg_exchange *c, const char *name)
{
	for (size_t i = 0; i < c->route->n_fields; i++)
		if (strcmp(c->route->fields[i].name, name) == 0)
			return &c->value[i];
	abort();
}

const char *tg_text(const struct tg_exchange *c, const char *name)
{
	return tg_value(c, name)->text;
}

bool tg_flag(const struct tg_exchange *c, const char *name)
{
	const char *s = tg_text(c, name);

	return s != NULL && s[0] == 't';
}
