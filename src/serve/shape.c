/* SPDX-License-Identifier: MIT
 * shape: how the disposition API wraps its answers, and its words for failures. A server error is
 * INTERNAL_ERROR whatever its status (spec README decision 18); what it was stands in the log under
 * the request id. */
#include <json-c/json.h>
#include <string.h>

#include "taskgate/serve/shape.h"
#include "taskgate/base/clock.h"

const char *const tg_shape_prefixes[] = { "", "/dgapi/v1", NULL };

const struct tg_code tg_shape_codes[] = {
	{ TG_E_INVALID, "type_unknown", "INVALID_TASK_TYPE", NULL },
	{ TG_E_INVALID, NULL, "INVALID_REQUEST", NULL },
	{ TG_E_UNAUTHORIZED, NULL, "UNAUTHORIZED", NULL },
	{ TG_E_FORBIDDEN, NULL, "INSUFFICIENT_SCOPE", NULL },
	{ TG_E_NOTFOUND, NULL, "NOT_FOUND", NULL },
	{ TG_E_METHOD, NULL, "METHOD_NOT_ALLOWED", NULL },
	{ TG_E_CONFLICT, "task_entity_taken", "DUPLICATE_ENTITY",
		"A task with entity %s already exists" },
	{ TG_E_CONFLICT, "state_edge", "INVALID_STATE", NULL },
	{ TG_E_CONFLICT, "idempotency_busy", "IDEMPOTENCY_KEY_IN_USE", NULL },
	{ TG_E_CONFLICT, NULL, "CONFLICT", NULL },
	{ TG_E_LEASE, "cancelled", "TASK_CANCELLED", NULL },
	{ TG_E_LEASE, NULL, "STALE_FENCE", NULL },
	{ TG_E_TOOLARGE, NULL, "PAYLOAD_TOO_LARGE", NULL },
	{ TG_E_URITOOLONG, NULL, "URI_TOO_LONG", NULL },
	{ TG_E_MEDIATYPE, NULL, "UNSUPPORTED_MEDIA_TYPE", NULL },
	{ TG_E_UNPROCESSABLE, "idempotency_reuse", "IDEMPOTENCY_KEY_REUSED", NULL },
	{ TG_E_UNPROCESSABLE, NULL, "INVALID_PAYLOAD", NULL },
	{ TG_E_LIMIT, NULL, "RATE_LIMIT_EXCEEDED", NULL },
	{ TG_E_INTERNAL, NULL, "INTERNAL_ERROR", NULL },
	{ TG_E_UNAVAILABLE, NULL, "INTERNAL_ERROR", NULL },
	{ TG_E_INDOUBT, NULL, "INTERNAL_ERROR", NULL },
	{ TG_E_OVERLOAD, NULL, "INTERNAL_ERROR", NULL },
	{ TG_E_RETRY, NULL, "INTERNAL_ERROR", NULL },
	{ TG_E_CONFIG, NULL, "INTERNAL_ERROR", NULL },
	{ TG_E_OK, NULL, NULL, NULL },
};

const struct tg_code tg_shape_message_codes[] = {
	{ TG_E_INVALID, "phone", "invalid_phone", NULL },
	{ TG_E_INVALID, "text_missing", "message_empty", NULL },
	{ TG_E_INVALID, "text", "message_too_long", NULL },
	{ TG_E_INVALID, "email", "invalid_email", NULL },
	{ TG_E_INVALID, "to_missing", "missing_recipients", NULL },
	{ TG_E_INVALID, "subject_missing", "missing_subject", NULL },
	{ TG_E_INVALID, "template_missing", "missing_template", NULL },
	{ TG_E_INVALID, "template_unknown", "template_not_found", NULL },
	{ TG_E_INVALID, "template_error", "template_error", NULL },
	{ TG_E_INVALID, "file_size", "attachment_too_large", NULL },
	{ TG_E_INVALID, NULL, "invalid_request", NULL },
	{ TG_E_UNAUTHORIZED, NULL, "unauthorized", NULL },
	{ TG_E_FORBIDDEN, NULL, "insufficient_scope", NULL },
	{ TG_E_NOTFOUND, NULL, "not_found", NULL },
	{ TG_E_METHOD, NULL, "method_not_allowed", NULL },
	{ TG_E_CONFLICT, "task_entity_taken", "duplicate_entity",
		"A message with entity %s already exists" },
	{ TG_E_CONFLICT, "idempotency_busy", "idempotency_key_in_use", NULL },
	{ TG_E_CONFLICT, NULL, "conflict", NULL },
	{ TG_E_TOOLARGE, NULL, "payload_too_large", NULL },
	{ TG_E_URITOOLONG, NULL, "uri_too_long", NULL },
	{ TG_E_MEDIATYPE, NULL, "unsupported_media_type", NULL },
	{ TG_E_UNPROCESSABLE, "entity", "invalid_entity", NULL },
	{ TG_E_UNPROCESSABLE, "file", "invalid_attachment", NULL },
	{ TG_E_UNPROCESSABLE, "idempotency_reuse", "idempotency_key_reused", NULL },
	{ TG_E_UNPROCESSABLE, NULL, "invalid_request", NULL },
	{ TG_E_LIMIT, NULL, "rate_limited", NULL },
	{ TG_E_INTERNAL, NULL, "internal_error", NULL },
	{ TG_E_UNAVAILABLE, NULL, "internal_error", NULL },
	{ TG_E_INDOUBT, NULL, "internal_error", NULL },
	{ TG_E_OVERLOAD, NULL, "internal_error", NULL },
	{ TG_E_RETRY, NULL, "internal_error", NULL },
	{ TG_E_CONFIG, NULL, "internal_error", NULL },
	{ TG_E_OK, NULL, NULL, NULL },
};

static void add(json_object *to, const char *key, json_object *value)
{
	json_object_object_add_ex(
		to, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY | JSON_C_OBJECT_ADD_KEY_IS_NEW);
}

static void add_detail(json_object *error, const char *key, const char *value)
{
	json_object *details = json_object_new_object();

	add(details, key, json_object_new_string(value));
	add(error, "details", details);
}

void tg_shape_error(
	struct tg_exchange *c, const struct tg_error *err, const char *code, const char *message)
{
	json_object *o = json_object_new_object(), *e = json_object_new_object();

	add(e, "code", json_object_new_string(code));
	add(e, "message", json_object_new_string(message));
	if (err->field[0] != '\0')
		add_detail(e, "field", err->field);
	else if (err->rc == TG_E_FORBIDDEN && c->route != NULL && c->route->scope != NULL)
		add_detail(e, "required_scope", c->route->scope);
	add(o, "success", json_object_new_boolean(false));
	add(o, "status", json_object_new_string("error"));
	add(o, "error", e);
	if (err->rc == TG_E_LEASE)
		add(o, "cancelled", json_object_new_boolean(strcmp(err->reason, "cancelled") == 0));
	add(o, "timestamp", json_object_new_string(tg_time_wall(c->arena)));
	add(o, "request_id", json_object_new_string(c->rq->request_id));
	tg_json_body(c->rs, o);
}

enum tg_rc tg_shape_bare(struct tg_exchange *c, int status, struct json_object *o)
{
	c->rs->status = status;
	tg_json_body(c->rs, o);
	return TG_OK;
}

enum tg_rc tg_shape_success(
	struct tg_exchange *c, int status, struct json_object *data, const char *message)
{
	json_object *o = json_object_new_object();

	add(o, "success", json_object_new_boolean(true));
	add(o, "data", data);
	if (message != NULL)
		add(o, "message", json_object_new_string(message));
	return tg_shape_bare(c, status, o);
}

enum tg_rc tg_shape_message(struct tg_exchange *c, int status, struct json_object *data)
{
	json_object *o = json_object_new_object();

	add(o, "success", json_object_new_boolean(true));
	add(o, "status", json_object_new_string("success"));
	add(o, "data", data);
	add(o, "timestamp", json_object_new_string(tg_time_wall(c->arena)));
	return tg_shape_bare(c, status, o);
}

void tg_shape_location(struct tg_exchange *c, const char *path, const char *value)
{
	tg_response_header(c->rs, "Location", "%s%s%s%s", c->server->mount, c->prefix, path, value);
}
