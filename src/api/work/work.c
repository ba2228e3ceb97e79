/* SPDX-License-Identifier: MIT
 * work: /work, by which any program in any language becomes a worker (design 5). Owns routes,
 * fields and views. */
#include <json-c/json.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/work.h"

#define ID \
	{ \
		.name = "id", .type = TG_STRING, .place = TG_PATH, .required = true, \
		.test = tg_is_uuid, .shape = "must be the id that the claim gave" \
	}
#define FENCE \
	{ \
		.name = "fence", .type = TG_INTEGER, .required = true, .min = 0, .max = INT64_MAX \
	}
#define LEASE \
	{ \
		.name = "lease_seconds", .type = TG_INTEGER, .min = 1, .max = 86400, .def = "60" \
	}

static const char *const levels[] = { "debug", "info", "warning", "error", NULL };

static const struct tg_field claim_fields[] = {
	{ .name = "types", .type = TG_STRINGS, .min = 1, .max = 50 },
	{ .name = "max", .type = TG_INTEGER, .min = 1, .max = 100, .def = "1" },
	LEASE,
	{ .name = "worker", .type = TG_STRING, .min = 1, .max = 128 },
};

static const struct tg_view claimed[] = {
	{ "id", "id", TG_V_TEXT, NULL, false },
	{ "fence", "fence", TG_V_INTEGER, NULL, false },
	{ "lease_expires_at", "lease_until", TG_V_TIME, NULL, false },
	{ "attempt", "attempt", TG_V_INTEGER, NULL, false },
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "task_type", "type", TG_V_TEXT, NULL, false },
	{ "action", "action", TG_V_TEXT, NULL, false },
	{ "target_id", "target_id", TG_V_TEXT, NULL, false },
	{ "payload", "payload", TG_V_JSON, NULL, false },
	{ "priority", "priority", TG_V_INTEGER, NULL, false },
	{ "tags", "tags", TG_V_JSON, NULL, false },
};

static enum tg_rc claim(struct tg_exchange *c)
{
	json_object *o, *list;
	struct tg_rows rows;
	enum tg_rc rc = tg_work_claim(c->tx, tg_text(c, "types"), tg_text(c, "max"),
		tg_text(c, "lease_seconds"), tg_text(c, "worker"), &rows);

	if (rc != TG_OK)
		return rc;
	o = json_object_new_object();
	list = json_object_new_array();
	for (int i = 0; i < tg_rows_count(rows); i++)
		json_object_array_add(list, tg_view_row(c, claimed, COUNT(claimed), rows, i));
	json_object_object_add(o, "tasks", list);
	return tg_shape_bare(c, 200, o);
}

static const struct tg_view lease_kept[] = { { "lease_expires_at", "lease_until", TG_V_TIME, NULL,
	false } };
static const struct tg_view line_kept[] = {
	{ "lease_expires_at", "lease_until", TG_V_TIME, NULL, false },
	{ "logged", "logged", TG_V_BOOLEAN, NULL, false },
};
static const struct tg_view ended[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "status", "state", TG_V_TEXT, NULL, false },
	{ "completed_at", "finished_at", TG_V_TIME, NULL, false },
	{ "next_attempt_at", "run_at", TG_V_TIME, NULL, true },
};

static const struct tg_field heartbeat_fields[] = { ID, FENCE, LEASE };

static enum tg_rc heartbeat(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_work_heartbeat(
		c->tx, tg_text(c, "id"), tg_text(c, "fence"), tg_text(c, "lease_seconds"), &rows);

	return rc != TG_OK
		? rc
		: tg_shape_bare(c, 200, tg_view_row(c, lease_kept, COUNT(lease_kept), rows, 0));
}

static const struct tg_field progress_fields[] = { ID, FENCE,
	{ .name = "progress", .type = TG_INTEGER, .required = true, .min = 0, .max = 100 },
	{ .name = "message", .type = TG_STRING, .min = 1, .max = 1000 } };

static enum tg_rc progress(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_work_progress(c->tx, tg_text(c, "id"), tg_text(c, "fence"),
		tg_text(c, "progress"), tg_text(c, "message"), &rows);

	return rc != TG_OK
		? rc
		: tg_shape_bare(c, 200, tg_view_row(c, lease_kept, COUNT(lease_kept), rows, 0));
}

static const struct tg_field log_fields[] = { ID, FENCE,
	{ .name = "level", .type = TG_STRING, .words = levels, .def = "info" },
	{ .name = "message", .type = TG_STRING, .required = true, .min = 1, .max = 8000 } };

static enum tg_rc log_line(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_work_log(c->tx, tg_text(c, "id"), tg_text(c, "fence"),
		tg_text(c, "level"), tg_text(c, "message"), &rows);

	return rc != TG_OK
		? rc
		: tg_shape_bare(c, 200, tg_view_row(c, line_kept, COUNT(line_kept), rows, 0));
}

static const struct tg_field complete_fields[] = { ID, FENCE,
	{ .name = "result", .type = TG_ANY, .max = MIB } };

static enum tg_rc complete(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_work_complete(
		c->tx, tg_text(c, "id"), tg_text(c, "fence"), tg_text(c, "result"), &rows);

	return rc != TG_OK ? rc
			   : tg_shape_bare(c, 200, tg_view_row(c, ended, COUNT(ended), rows, 0));
}

static const struct tg_field fail_fields[] = { ID, FENCE,
	{ .name = "error", .type = TG_STRING, .required = true, .min = 1, .max = 2000 },
	{ .name = "retry", .type = TG_BOOLEAN, .def = "t" } };

static enum tg_rc fail(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc =
		tg_work_fail(c->tx, tg_text(c, "id"), tg_text(c, "fence"), tg_text(c, "error"),
			tg_flag(c, "retry"), tg_conf_int(TG_CONF_TASKGATE_RETRY_FIRST), &rows);

	return rc != TG_OK ? rc
			   : tg_shape_bare(c, 200, tg_view_row(c, ended, COUNT(ended), rows, 0));
}

#define ROUTE(n, p, h, f, d) \
	{ \
		.name = (n), .method = TG_POST, .path = (p), .scope = "work", .handler = (h), \
		.max_body = MIB, .fields = (f), .n_fields = COUNT(f), .doc = (d) \
	}

static const struct tg_route routes[] = {
	ROUTE("work.claim", "/work/claim", claim, claim_fields,
		"Leases the most urgent due tasks of these types."),
	ROUTE("work.heartbeat", "/work/{id}/heartbeat", heartbeat, heartbeat_fields,
		"Extends a lease, at most to the task's timeout."),
	ROUTE("work.progress", "/work/{id}/progress", progress, progress_fields,
		"Tells how far it is."),
	ROUTE("work.log", "/work/{id}/log", log_line, log_fields, "Adds a line to the task's log."),
	ROUTE("work.complete", "/work/{id}/complete", complete, complete_fields,
		"Ends a task with its result."),
	ROUTE("work.fail", "/work/{id}/fail", fail, fail_fields,
		"Ends an attempt; with attempts left the task is retried."),
};

static const char *const prefixes[] = { "", "/taskgate", NULL };

extern const struct tg_api tg_api_work;
const struct tg_api tg_api_work = { .name = "work",
	.prefixes = prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_codes,
	.limit = TG_CONF__MAX,
	.error = tg_shape_error };
