/* SPDX-License-Identifier: MIT
 * disposition: generic tasks and tasks of any kind: spec/disposition.md, and what design adds to it
 * (list, cancel, retry, why). Owns routes, fields and views; holds no SQL, no rights, no state's
 * name beyond the words of its own document. */
#include <json-c/json.h>
#include <stdlib.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/task.h"

static const char *const states[] = { "pending", "queued", "processing", "completed", "failed",
	"cancelled", "expired", NULL };
static const char *const kinds[] = { "voicemail", "generic", "callback_finish", "sms", "email",
	"call", "bulk_call", "human", "content", "approval", NULL };

/* A task that is looked for and not there. */
static const struct tg_code not_found[] = {
	{ TG_E_NOTFOUND, NULL, "TASK_NOT_FOUND", "No task found for entity %s" },
	{ TG_E_OK, NULL, NULL, NULL },
};
static const struct tg_code generic_not_found[] = {
	{ TG_E_NOTFOUND, NULL, "TASK_NOT_FOUND", "No generic task found for entity %s" },
	{ TG_E_OK, NULL, NULL, NULL },
};

static const struct tg_field generic_create_fields[] = {
	ENTITY,
	{ .name = "task_type",
		.type = TG_STRING,
		.required = true,
		.test = tg_is_type,
		.reason = "type_unknown",
		.shape = "must begin with a letter and have at most 64 letters, digits, '_', '.', "
			 "':' or '-'" },
	{ .name = "action", .type = TG_STRING, .required = true, .min = 1, .max = 100 },
	{ .name = "target_id", .type = TG_STRING, .min = 1, .max = 255 },
	{ .name = "payload", .type = TG_OBJECT, .rc = TG_E_UNPROCESSABLE, .reason = "payload" },
	{ .name = "priority", .type = TG_INTEGER, .min = 1, .max = 10, .def = "5" },
	{ .name = "scheduled_at", .type = TG_TIME },
	{ .name = "timeout", .type = TG_INTEGER, .min = 1, .max = 86400, .def = "300" },
	{ .name = "retry_count", .type = TG_INTEGER, .min = 0, .max = 20, .def = "3" },
	{ .name = "callback_url", .type = TG_URL, .min = 8, .max = 2048 },
	{ .name = "tags", .type = TG_STRINGS, .min = 0, .max = 50 },
};

static const struct tg_view generic_created[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "task_type", "type", TG_V_TEXT, NULL, false },
	{ "action", "action", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "priority", "priority", TG_V_INTEGER, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "scheduled_at", "scheduled_at", TG_V_TIME, NULL, false },
	{ "timeout", "timeout_s", TG_V_INTEGER, NULL, false },
	{ "retry_count", "retry_count", TG_V_INTEGER, NULL, false },
	{ "retries_remaining", "retries_remaining", TG_V_INTEGER, NULL, false },
};

static enum tg_rc generic_create(struct tg_exchange *c)
{
	const struct tg_generic g = { .entity = tg_text(c, "entity"),
		.type = tg_text(c, "task_type"),
		.action = tg_text(c, "action"),
		.target_id = tg_text(c, "target_id"),
		.payload = tg_text(c, "payload"),
		.priority = tg_text(c, "priority"),
		.scheduled_at = tg_text(c, "scheduled_at"),
		.timeout = tg_text(c, "timeout"),
		.retry_count = tg_text(c, "retry_count"),
		.callback_url = tg_text(c, "callback_url"),
		.tags = tg_text(c, "tags"),
		.types_closed = tg_conf_has_word(TG_CONF_TASKGATE_REGISTRY, "types") };
	struct tg_rows rows;
	enum tg_rc rc = tg_generic_create(c->tx, &g, &rows);

	if (rc != TG_OK)
		return rc;
	tg_shape_location(c, "/generic/", g.entity);
	return tg_shape_success(c, 201,
		tg_view_row(c, generic_created, COUNT(generic_created), rows, 0),
		"Generic task created successfully");
}

static const struct tg_field generic_get_fields[] = { ENTITY, FLAG("include_payload", "f"),
	FLAG("include_result", "t"), FLAG("include_logs", "f") };

static const struct tg_view generic_shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "task_type", "type", TG_V_TEXT, NULL, false },
	{ "action", "action", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "priority", "priority", TG_V_INTEGER, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "started_at", "started_at", TG_V_TIME, NULL, false },
	{ "completed_at", "finished_at", TG_V_TIME, NULL, false },
	{ "execution_time_ms", "execution_time_ms", TG_V_INTEGER, NULL, false },
	{ "retries_used", "retries_used", TG_V_INTEGER, NULL, false },
	{ "progress", "progress", TG_V_INTEGER, NULL, true },
	{ "progress_message", "progress_message", TG_V_TEXT, NULL, true },
	{ "payload", "payload", TG_V_JSON, "include_payload", false },
	{ "result", "result", TG_V_JSON, "include_result", false },
	{ "error", "error", TG_V_JSON, NULL, true },
	{ "logs", "logs", TG_V_JSON, "include_logs", false },
	{ "tags", "tags", TG_V_JSON, NULL, false },
};

static enum tg_rc generic_get(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_generic_get(c->tx, tg_text(c, "entity"), tg_flag(c, "include_payload"),
		tg_flag(c, "include_result"), tg_flag(c, "include_logs"), &rows);

	if (rc != TG_OK)
		return rc;
	return tg_shape_success(
		c, 200, tg_view_row(c, generic_shown, COUNT(generic_shown), rows, 0), NULL);
}

static const struct tg_field task_get_fields[] = { ENTITY, FLAG("include_details", "f"),
	FLAG("include_history", "f"),
	{ .name = "type", .type = TG_STRING, .place = TG_QUERY, .words = kinds } };

static const struct tg_view task_shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "state", "own_state", TG_V_TEXT, NULL, true },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "updated_at", "updated_at", TG_V_TIME, NULL, false },
	{ "completed_at", "finished_at", TG_V_TIME, NULL, false },
	{ "details", "details", TG_V_JSON, "include_details", false },
	{ "result", "result", TG_V_JSON, NULL, false },
	{ "error", "error", TG_V_JSON, NULL, true },
	{ "history", "history", TG_V_JSON, "include_history", false },
};

static enum tg_rc task_get(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_task_get(c->tx, tg_text(c, "entity"), tg_flag(c, "include_details"),
		tg_flag(c, "include_history"), tg_text(c, "type"), &rows);

	if (rc != TG_OK)
		return rc;
	return tg_shape_success(
		c, 200, tg_view_row(c, task_shown, COUNT(task_shown), rows, 0), NULL);
}

static const struct tg_field task_list_fields[] = {
	{ .name = "status", .type = TG_STRING, .place = TG_QUERY, .words = states },
	{ .name = "type", .type = TG_STRING, .place = TG_QUERY, .words = kinds },
	{ .name = "tag", .type = TG_STRING, .place = TG_QUERY, .min = 1, .max = 100 },
	{ .name = "page",
		.type = TG_INTEGER,
		.place = TG_QUERY,
		.min = 1,
		.max = 1000000,
		.def = "1" },
	{ .name = "limit",
		.type = TG_INTEGER,
		.place = TG_QUERY,
		.min = 1,
		.max = 100,
		.cut = true,
		.def = "25" },
};

/* The overview page's paging (facts 1.1.1). Nobody pages through more than this, and counting more
 * would take longer than anybody waits. */
#define LIST_MOST 100000

static enum tg_rc task_list(struct tg_exchange *c)
{
	long long page = strtoll(tg_text(c, "page"), NULL, 10),
		  limit = strtoll(tg_text(c, "limit"), NULL, 10), total;
	json_object *data, *paging;
	struct tg_rows rows;
	bool exact;
	enum tg_rc rc;

	if (page * limit > LIST_MOST)
		return tg_fail(c->err, TG_E_INVALID, "page",
			"page times limit must be at most %d; narrow the list by status, type or "
			"tag",
			LIST_MOST);
	rc = tg_task_list(c->tx, tg_text(c, "status"), tg_text(c, "type"), tg_text(c, "tag"), limit,
		(page - 1) * limit, &rows);
	if (rc != TG_OK)
		return rc;
	total = tg_rows_int(rows, 0, "total");
	exact = total <= LIST_MOST;
	total = exact ? total : LIST_MOST;
	data = json_object_new_object();
	paging = json_object_new_object();
	json_object_object_add(paging, "current_page", json_object_new_int64(page));
	json_object_object_add(paging, "per_page", json_object_new_int64(limit));
	json_object_object_add(
		paging, "total_pages", json_object_new_int64((total + limit - 1) / limit));
	json_object_object_add(paging, "total_records", json_object_new_int64(total));
	if (!exact)
		json_object_object_add(paging, "total_is_exact", json_object_new_boolean(false));
	json_object_object_add(data, "tasks", tg_json_raw(c->arena, tg_rows_get(rows, 0, "tasks")));
	json_object_object_add(data, "pagination", paging);
	return tg_shape_success(c, 200, data, NULL);
}

static const struct tg_field entity_alone[] = { ENTITY };

static const struct tg_view task_moved[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "updated_at", "updated_at", TG_V_TIME, NULL, false },
	{ "completed_at", "finished_at", TG_V_TIME, NULL, false },
};

static enum tg_rc task_cancel(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_task_cancel(c->tx, tg_text(c, "entity"), &rows);

	if (rc != TG_OK)
		return rc;
	return tg_shape_success(
		c, 200, tg_view_row(c, task_moved, COUNT(task_moved), rows, 0), "Task cancelled");
}

static enum tg_rc task_retry(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_task_revive(c->tx, tg_text(c, "entity"), &rows);

	if (rc != TG_OK)
		return rc;
	return tg_shape_success(c, 200, tg_view_row(c, task_moved, COUNT(task_moved), rows, 0),
		"Task queued again");
}

static const struct tg_view task_reason[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "task_type", "type", TG_V_TEXT, NULL, true },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "reason", "why", TG_V_TEXT, NULL, false },
	{ "due_at", "run_at", TG_V_TIME, NULL, false },
	{ "lane", "lane", TG_V_TEXT, NULL, false },
	{ "lane_paused_at", "paused_at", TG_V_TIME, NULL, true },
	{ "lane_paused_reason", "pause_reason", TG_V_TEXT, NULL, true },
	{ "host_parked_until", "parked_until", TG_V_TIME, NULL, true },
	{ "lease_held_until", "lease_until", TG_V_TIME, NULL, false },
	{ "times_out_at", "deadline", TG_V_TIME, NULL, true },
	{ "worker", "claimed_by", TG_V_TEXT, NULL, false },
	{ "type_last_asked_for_at", "polled_at", TG_V_TIME, NULL, true },
	{ "attempts", "attempts", TG_V_INTEGER, NULL, false },
	{ "retry_count", "retry_count", TG_V_INTEGER, NULL, false },
	{ "last_error", "last_error", TG_V_TEXT, NULL, false },
};

static enum tg_rc task_why(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_task_why(c->tx, tg_text(c, "entity"), &rows);

	if (rc != TG_OK)
		return rc;
	return tg_shape_success(c, 200, tg_view_row(c, task_reason, COUNT(task_reason), rows, 0),
		tg_why_text(tg_rows_get(rows, 0, "why")));
}

static const struct tg_route routes[] = {
	{ .name = "generic.create",
		.method = TG_PUT,
		.path = "/generic/{entity}",
		.scope = "disposition:write",
		.handler = generic_create,
		.max_body = MIB,
		FIELDS(generic_create_fields),
		.doc = "Creates a generic task." },
	{ .name = "generic.get",
		.method = TG_GET,
		.path = "/generic/{entity}",
		.scope = "disposition:read",
		.handler = generic_get,
		FIELDS(generic_get_fields),
		.codes = generic_not_found,
		.doc = "Status, progress and result of a generic task." },
	{ .name = "task.list",
		.method = TG_GET,
		.path = "/task",
		.scope = "disposition:read",
		.handler = task_list,
		FIELDS(task_list_fields),
		.doc = "Tasks, the newest first, by status, type or tag." },
	{ .name = "task.get",
		.method = TG_GET,
		.path = "/task/{entity}",
		.scope = "disposition:read",
		.handler = task_get,
		FIELDS(task_get_fields),
		.codes = not_found,
		.doc = "Status of a task of any type." },
	{ .name = "task.cancel",
		.method = TG_POST,
		.path = "/task/{entity}/cancel",
		.scope = "disposition:write",
		.handler = task_cancel,
		FIELDS(entity_alone),
		.codes = not_found,
		.doc = "Cancels a task that has not ended." },
	{ .name = "task.retry",
		.method = TG_POST,
		.path = "/task/{entity}/retry",
		.scope = "disposition:write",
		.handler = task_retry,
		FIELDS(entity_alone),
		.codes = not_found,
		.doc = "Queues a failed task again, with all its attempts." },
	{ .name = "task.why",
		.method = TG_GET,
		.path = "/task/{entity}/why",
		.scope = "disposition:read",
		.handler = task_why,
		FIELDS(entity_alone),
		.codes = not_found,
		.doc = "Why a task has not run." },
};

extern const struct tg_api tg_api_disposition;
const struct tg_api tg_api_disposition = { .name = "disposition",
	.prefixes = tg_shape_prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_codes,
	.limit = TG_CONF_TASKGATE_RATE_DISPOSITION,
	.error = tg_shape_error };
