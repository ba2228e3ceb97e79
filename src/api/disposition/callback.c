/* SPDX-License-Identifier: MIT
 * callback: the callback finish endpoints of spec/disposition.md, PUT and POST alike. Owns their
 * routes, fields and views; holds no SQL. Promises that what cannot be meant (an unknown kind of
 * next action, a callback of somebody who is not to be called again) is refused before anything is
 * written. */
#include <json-c/json.h>
#include <string.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/callback.h"

static const char *const outcomes[] = { "connected", "no_answer", "busy", "voicemail",
	"wrong_number", NULL };

static const struct tg_code codes[] = {
	{ TG_E_INVALID, "disposition_unknown", "INVALID_DISPOSITION", NULL },
	{ TG_E_NOTFOUND, "callback_unknown", "CALLBACK_NOT_FOUND", NULL },
	{ TG_E_CONFLICT, "callback_finished", "CALLBACK_ALREADY_FINISHED", NULL },
	{ TG_E_CONFLICT, "task_entity_taken", "CALLBACK_ALREADY_FINISHED",
		"A callback has already been finished as %s" },
	{ TG_E_UNPROCESSABLE, "agent_invalid", "INVALID_AGENT", NULL },
	{ TG_E_OK, NULL, NULL, NULL },
};

#define SECONDS .type = TG_INTEGER, .min = 0, .max = INT32_MAX
#define ID \
	.type = TG_STRING, .required = true, .min = 1, .max = 128, .test = tg_is_line, \
	.shape = "must be one line"

static const struct tg_field fields[] = {
	ENTITY,
	{ .name = "callback_id", ID },
	{ .name = "agent_id", ID },
	{ .name = "disposition_code", .type = TG_STRING, .required = true, .min = 1, .max = 64 },
	{ .name = "call_duration", SECONDS },
	{ .name = "start_time", .type = TG_TIME },
	{ .name = "end_time", .type = TG_TIME },
	{ .name = "outcome", .type = TG_STRING, .words = outcomes },
	{ .name = "notes", .type = TG_STRING, .min = 0, .max = 64 * 1024 },
	{ .name = "next_action", .type = TG_OBJECT },
	{ .name = "customer_data", .type = TG_OBJECT },
	{ .name = "recording_url", .type = TG_URL, .min = 8, .max = 2048 },
	{ .name = "wrap_up_time", SECONDS },
};

static bool is_next_action(const char *s, size_t n)
{
	return strcmp(s, "retry_callback") == 0 ||
		(n > strlen("followup_") && n <= 64 &&
			strncmp(s, "followup_", strlen("followup_")) == 0);
}

enum { NEXT_TYPE, NEXT_AT, NEXT_TEMPLATE, NEXT_ATTEMPT, NEXT__MAX };
static const struct tg_field next_fields[NEXT__MAX] = {
	[NEXT_TYPE] = { .name = "type",
		.type = TG_STRING,
		.required = true,
		.test = is_next_action,
		.shape = "must be retry_callback, or followup_ and a word" },
	[NEXT_AT] = { .name = "scheduled_at", .type = TG_TIME },
	[NEXT_TEMPLATE] = { .name = "template", .type = TG_STRING, .min = 1, .max = 128 },
	[NEXT_ATTEMPT] = { .name = "attempt_number", .type = TG_INTEGER, .min = 1, .max = 1000 },
};

/* What is only kept goes as one object, each value as it was sent. */
static const char *kept(struct tg_exchange *c)
{
	static const char *const raw[] = { "call_duration", "wrap_up_time", "next_action",
		"customer_data" };
	static const char *const text[] = { "start_time", "end_time", "outcome", "notes",
		"recording_url" };
	json_object *o = json_object_new_object();
	const char *s;

	for (size_t i = 0; i < COUNT(raw); i++)
		json_object_object_add(o, raw[i], tg_json_raw(c->arena, tg_text(c, raw[i])));
	for (size_t i = 0; i < COUNT(text); i++)
		json_object_object_add(o, text[i],
			tg_text(c, text[i]) == NULL ? NULL
						    : json_object_new_string(tg_text(c, text[i])));
	s = tg_arena_strdup(c->arena,
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return s;
}

static enum tg_rc check_next(struct tg_exchange *c, struct tg_value next[NEXT__MAX])
{
	const struct tg_value *action = tg_value(c, "next_action");
	enum tg_rc rc;

	memset(next, 0, NEXT__MAX * sizeof *next);
	if (action->text == NULL)
		return TG_OK;
	rc = tg_fields_object(next_fields, NEXT__MAX, c->arena, action->text, action->len,
		"next_action", next, c->err);
	if (rc != TG_OK)
		return rc;
	if (strcmp(next[NEXT_TYPE].text, "retry_callback") != 0)
		return next[NEXT_TEMPLATE].text != NULL
			? TG_OK
			: tg_fail(c->err, TG_E_INVALID, "next_action.template",
				  "next_action.template is required");
	if (strcmp(tg_text(c, "disposition_code"), "DO_NOT_CALL") == 0)
		return tg_fail(c->err, TG_E_INVALID, "next_action.type",
			"a customer who is not to be called again cannot be called back");
	return TG_OK;
}

static const struct tg_view finished[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "callback_id", "callback_id", TG_V_TEXT, NULL, false },
	{ "disposition_code", "disposition_code", TG_V_TEXT, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "processed_at", "processed_at", TG_V_TIME, NULL, false },
	{ "actions_triggered", "actions_triggered", TG_V_JSON, NULL, false },
};

static enum tg_rc finish(struct tg_exchange *c)
{
	const char *start = tg_text(c, "start_time"), *end = tg_text(c, "end_time");
	struct tg_value next[NEXT__MAX];
	struct tg_rows rows;
	enum tg_rc rc = check_next(c, next);
	struct tg_callback_finish f = { .entity = tg_text(c, "entity"),
		.callback_id = tg_text(c, "callback_id"),
		.agent_id = tg_text(c, "agent_id"),
		.disposition_code = tg_text(c, "disposition_code"),
		.customer_data = tg_text(c, "customer_data"),
		.callbacks_closed = tg_conf_has_word(TG_CONF_TASKGATE_REGISTRY, "callbacks"),
		.agents_closed = tg_conf_has_word(TG_CONF_TASKGATE_REGISTRY, "agents") };

	if (rc != TG_OK)
		return rc;
	/* Both are in the same form, in UTC. */
	if (start != NULL && end != NULL && strcmp(end, start) < 0)
		return tg_fail(
			c->err, TG_E_INVALID, "end_time", "end_time must not be before start_time");
	f.body = kept(c);
	f.next_type = next[NEXT_TYPE].text;
	f.next_at = next[NEXT_AT].text;
	f.next_template = next[NEXT_TEMPLATE].text;
	f.next_attempt = next[NEXT_ATTEMPT].text;
	rc = tg_callback_finish(c->tx, &f, &rows);
	if (rc != TG_OK)
		return rc;
	tg_shape_location(c, "/task/", f.entity);
	return tg_shape_success(c, 201, tg_view_row(c, finished, COUNT(finished), rows, 0),
		"Callback finish task processed successfully");
}

#define FINISH(n, m) \
	{ \
		.name = (n), .method = (m), .path = "/cbfinish/{entity}", \
		.scope = "disposition:write", .handler = finish, .max_body = MIB, FIELDS(fields), \
		.codes = codes, .doc = "Finishes a callback and does what follows, in one commit." \
	}

static const struct tg_route routes[] = { FINISH("callback.finish", TG_PUT),
	FINISH("callback.finish_post", TG_POST) };

extern const struct tg_api tg_api_callback;
const struct tg_api tg_api_callback = { .name = "disposition",
	.prefixes = tg_shape_prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_codes,
	.limit = TG_CONF_TASKGATE_RATE_DISPOSITION,
	.error = tg_shape_error };
