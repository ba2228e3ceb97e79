/* SPDX-License-Identifier: MIT
 * Fuzz target: whatever json_scan accepts, json-c's strict parser must accept and see the same
 * members or elements; the bytes of each must lie in the text and be JSON by themselves; and a text
 * with trailing commas must be strict without them. */
#include <assert.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/http/json_scan.h"
#include "taskgate/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	char ours;
	json_type theirs;
} types[] = {
	{ 'o', json_type_object },
	{ 'a', json_type_array },
	{ 's', json_type_string },
	{ 'n', json_type_int },
	{ 'n', json_type_double },
	{ 'b', json_type_boolean },
	{ '0', json_type_null },
};

static void same_type(char ours, json_object *theirs)
{
	size_t i;

	for (i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].ours == ours && types[i].theirs == json_object_get_type(theirs))
			return;
	abort();
}

static json_object *parse(const char *text, size_t size)
{
	json_tokener *tok = json_tokener_new_ex(2 * TG_JSON_MAX_DEPTH);
	json_object *object;
	char *copy = malloc(size + 1);

	assert(tok && copy);
	memcpy(copy, text, size);
	copy[size] = '\0';
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tok, copy, (int)size + 1);
	assert(json_tokener_get_error(tok) == json_tokener_success);
	json_tokener_free(tok);
	free(copy);
	return object;
}

/* What json-c has as the i-th of an array, or under the member's name. */
static json_object *value_of(const struct tg_json_scan *scan, json_object *whole, size_t i)
{
	const struct tg_json_member *m = &scan->members[i];
	json_object *value;

	assert(strlen(m->key) == m->key_len && tg_utf8_valid(m->key, m->key_len));
	if (scan->type == 'a') {
		assert(m->key_len == 0);
		return json_object_array_get_idx(whole, i);
	}
	assert(tg_json_member(scan, m->key) == m);
	assert(json_object_object_get_ex(whole, m->key, &value));
	return value;
}

static void check_members(
	struct tg_arena *arena, const struct tg_json_scan *scan, size_t size, json_object *whole)
{
	const struct tg_json_member *m;
	struct tg_json_scan part;
	size_t i, last = 0;

	assert((scan->type == 'a' ? json_object_array_length(whole)
				  : (size_t)json_object_object_length(whole)) == scan->n);
	for (i = 0; i < scan->n; i++) {
		m = &scan->members[i];
		assert(m->start > last && m->len > 0 && m->start + m->len < size);
		last = m->start + m->len;
		same_type(m->type, value_of(scan, whole, i));
		assert(tg_json_scan(arena, scan->text + m->start, m->len, TG_JSON_STRICT, &part));
		assert(part.type == m->type);
	}
}

static void check_accepted(struct tg_arena *arena, const struct tg_json_scan *scan, size_t size)
{
	json_object *object = parse(scan->text, size);

	same_type(scan->type, object);
	if (scan->type == 'o' || scan->type == 'a')
		check_members(arena, scan, size, object);
	else
		assert(scan->n == 0);
	json_object_put(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_arena *arena = tg_arena_new(4096);
	struct tg_json_scan strict, lenient, again;
	const char *text = (const char *)data;
	bool ok;

	ok = tg_json_scan(arena, text, size, TG_JSON_STRICT, &strict);
	assert(ok ? !strict.why : strict.why && strict.at <= size && strict.line && strict.column);
	if (ok)
		check_accepted(arena, &strict, size);
	if (tg_json_scan(arena, text, size, TG_JSON_TRAILING_COMMA, &lenient)) {
		assert(tg_json_scan(arena, lenient.text, size, TG_JSON_STRICT, &again));
		assert(again.n == lenient.n && again.type == lenient.type);
		assert(ok == (memcmp(lenient.text, text, size) == 0));
		check_accepted(arena, &lenient, size);
	} else {
		assert(!ok);
	}
	tg_arena_free(arena);
	return 0;
}
