/* SPDX-License-Identifier: MIT
 * voicemail: the voicemail endpoints of spec/disposition.md. Owns their routes, fields and views;
 * holds no SQL. Who is told, and how, is found when the task is processed, so an unknown recipient
 * is no error here. */
#include "taskgate/serve/shape.h"
#include "taskgate/core/callback.h"

#define PROBE_MS 2000

static const char *const priorities[] = { "low", "normal", "high", NULL };

static const struct tg_code create_codes[] = {
	{ TG_E_CONFLICT, "task_entity_taken", "DUPLICATE_TASK",
		"A task for voicemail %s already exists" },
	{ TG_E_CONFLICT, "voicemail_taken", "DUPLICATE_TASK",
		"A task for this voicemail_id already exists" },
	{ TG_E_NOTFOUND, "entity_unknown", "ENTITY_NOT_FOUND", NULL },
	{ TG_E_UNPROCESSABLE, "audio_url", "INVALID_AUDIO_URL", NULL },
	{ TG_E_OK, NULL, NULL, NULL },
};
static const struct tg_code get_codes[] = {
	{ TG_E_NOTFOUND, NULL, "TASK_NOT_FOUND", "No voicemail task found for entity %s" },
	{ TG_E_OK, NULL, NULL, NULL },
};

static const struct tg_field create_fields[] = {
	ENTITY,
	{ .name = "voicemail_id", .type = TG_STRING, .required = true, .min = 1, .max = 128 },
	{ .name = "caller_id",
		.type = TG_STRING,
		.required = true,
		.min = 1,
		.max = 64,
		.test = tg_is_line,
		.shape = "must be one line" },
	{ .name = "recipient_id", .type = TG_STRING, .required = true, .min = 1, .max = 128 },
	{ .name = "duration", .type = TG_INTEGER, .min = 0, .max = INT32_MAX },
	{ .name = "timestamp", .type = TG_TIME },
	{ .name = "audio_url",
		.type = TG_URL,
		.min = 8,
		.max = 2048,
		.rc = TG_E_UNPROCESSABLE,
		.reason = "audio_url" },
	{ .name = "transcription", .type = TG_STRING, .min = 0, .max = 64 * 1024 },
	{ .name = "priority", .type = TG_STRING, .words = priorities, .def = "normal" },
	{ .name = "callback_url", .type = TG_URL, .min = 8, .max = 2048 },
	{ .name = "metadata", .type = TG_OBJECT },
};

static const struct tg_view created[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "estimated_completion", "estimated_completion", TG_V_TIME, NULL, false },
};

/* Syntax is always judged, by the field's row; whether there is anything at it only where the
 * operator wants that, and only for a caller who may ask: else anybody could have us send requests,
 * and keep us waiting. */
static enum tg_rc probe(struct tg_exchange *c)
{
	const char *url = tg_text(c, "audio_url"), *why;
	enum tg_rc rc;

	if (url == NULL || c->server->probe == NULL)
		return TG_OK;
	rc = tg_tx_enter_alone(c->tx);
	if (rc != TG_OK)
		return rc;
	why = c->server->probe(c->arena, url, PROBE_MS);
	if (why == NULL)
		return TG_OK;
	return tg_fail_reason(c->err, TG_E_UNPROCESSABLE, "audio_url", "audio_url",
		"audio_url is not accessible: %s", why);
}

static enum tg_rc create(struct tg_exchange *c)
{
	const struct tg_voicemail v = { .entity = tg_text(c, "entity"),
		.voicemail_id = tg_text(c, "voicemail_id"),
		.caller_id = tg_text(c, "caller_id"),
		.recipient_id = tg_text(c, "recipient_id"),
		.duration = tg_text(c, "duration"),
		.timestamp = tg_text(c, "timestamp"),
		.audio_url = tg_text(c, "audio_url"),
		.transcription = tg_text(c, "transcription"),
		.priority = tg_text(c, "priority"),
		.callback_url = tg_text(c, "callback_url"),
		.metadata = tg_text(c, "metadata"),
		.entities_closed = tg_conf_has_word(TG_CONF_TASKGATE_REGISTRY, "entities") };
	struct tg_rows rows;
	enum tg_rc rc = probe(c);

	if (rc != TG_OK || (rc = tg_voicemail_create(c->tx, &v, &rows)) != TG_OK)
		return rc;
	tg_shape_location(c, "/voicemail/", v.entity);
	return tg_shape_success(c, 201, tg_view_row(c, created, COUNT(created), rows, 0),
		"Voicemail task created successfully");
}

static const struct tg_field get_fields[] = { ENTITY, FLAG("include_metadata", "f"),
	FLAG("include_history", "f") };

static const struct tg_view shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "voicemail_id", "voicemail_id", TG_V_TEXT, NULL, false },
	{ "caller_id", "caller_id", TG_V_TEXT, NULL, false },
	{ "recipient_id", "recipient_id", TG_V_TEXT, NULL, false },
	{ "duration", "duration", TG_V_INTEGER, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "updated_at", "updated_at", TG_V_TIME, NULL, false },
	{ "completed_at", "finished_at", TG_V_TIME, NULL, false },
	{ "result", "result", TG_V_JSON, NULL, false },
	{ "error", "error", TG_V_JSON, NULL, true },
	{ "metadata", "metadata", TG_V_JSON, "include_metadata", false },
	{ "history", "history", TG_V_JSON, "include_history", false },
};

static enum tg_rc get(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_voicemail_get(c->tx, tg_text(c, "entity"),
		tg_flag(c, "include_metadata"), tg_flag(c, "include_history"), &rows);

	return rc != TG_OK
		? rc
		: tg_shape_success(c, 200, tg_view_row(c, shown, COUNT(shown), rows, 0), NULL);
}

static const struct tg_route routes[] = {
	{ .name = "voicemail.create",
		.method = TG_PUT,
		.path = "/voicemail/{entity}",
		.scope = "disposition:write",
		.handler = create,
		.flags = TG_ROUTE_PROBES,
		.max_body = MIB,
		FIELDS(create_fields),
		.codes = create_codes,
		.doc = "Creates a task that tells a voicemail's recipient of it." },
	{ .name = "voicemail.get",
		.method = TG_GET,
		.path = "/voicemail/{entity}",
		.scope = "disposition:read",
		.handler = get,
		FIELDS(get_fields),
		.codes = get_codes,
		.doc = "Status of a voicemail task, and what was really sent." },
};

extern const struct tg_api tg_api_voicemail;
const struct tg_api tg_api_voicemail = { .name = "disposition",
	.prefixes = tg_shape_prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_codes,
	.limit = TG_CONF_TASKGATE_RATE_DISPOSITION,
	.error = tg_shape_error };
