/* SPDX-License-Identifier: MIT
 * calls: spec/calls.md under /api/v1/celery/twilio. Owns its routes, fields and its one shape of
 * errors, {"detail"}; holds no SQL and dials nobody. Promises the document's texts where it has
 * any, and that what could never be dialled for want of a setting is refused when it is asked for.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/call.h"
#include "taskgate/base/clock.h"

#define NUMBERS_MAX 1000
#define E164 "must be in E.164 format (e.g., +1234567890)"

/* What a server error of a route begins with (spec/facts.md 3.1.1). */
static const struct {
	const char *route, *words;
} failures[] = {
	{ "calls.queue", "Failed to queue call: " },
	{ "calls.queue_bulk", "Failed to queue bulk calls: " },
	{ "calls.schedule", "Failed to schedule call: " },
	{ "calls.get", "Failed to get task status: " },
	{ "calls.cancel", "Failed to cancel task: " },
};

static void error(
	struct tg_exchange *c, const struct tg_error *err, const char *code, const char *message)
{
	const char *words = "";
	json_object *o = json_object_new_object();

	(void)err, (void)code;
	for (size_t i = 0; c->route != NULL && c->rs->status >= 500 && i < COUNT(failures); i++)
		if (strcmp(failures[i].route, c->route->name) == 0)
			words = failures[i].words;
	json_object_object_add(o, "detail",
		json_object_new_string(tg_arena_printf(c->arena, "%s%s", words, message)));
	tg_json_body(c->rs, o);
}

static const struct tg_code codes[] = {
	{ TG_E_INVALID, "to_number", "", "Phone number " E164 },
	{ TG_E_INVALID, "from_number", "", "From number " E164 },
	{ TG_E_OK, NULL, NULL, NULL },
};
static const struct tg_code get_codes[] = { { TG_E_NOTFOUND, NULL, "", "Task %s not found" },
	{ TG_E_OK, NULL, NULL, NULL } };
static const struct tg_code cancel_codes[] = {
	{ TG_E_NOTFOUND, NULL, "", "Task %s not found or could not be cancelled" },
	{ TG_E_OK, NULL, NULL, NULL }
};

#define NUMBER(n) \
	{ \
		.name = (n), .type = TG_STRING, .required = true, .test = tg_is_phone, \
		.shape = E164, .reason = "to_number" \
	}
#define DIAL \
	{ .name = "from_number", \
		.type = TG_STRING, \
		.test = tg_is_phone, \
		.shape = E164, \
		.reason = "from_number" }, \
		{ .name = "webhook_url", .type = TG_URL, .min = 8, .max = 2048 }, \
		{ .name = "status_callback_url", .type = TG_URL, .min = 8, .max = 2048 }, \
		{ .name = "call_metadata", .type = TG_OBJECT }, \
	{ \
		.name = "callback_url", .type = TG_URL, .min = 8, .max = 2048 \
	}

static const struct tg_field queue_fields[] = { NUMBER("to_number"), DIAL,
	{ .name = "delay_seconds", .type = TG_INTEGER, .min = 0, .max = 3600, .def = "0" } };
static const struct tg_field bulk_fields[] = { { .name = "phone_numbers",
						       .type = TG_STRINGS,
						       .required = true,
						       .min = 1,
						       .max = NUMBERS_MAX,
						       .test = tg_is_phone,
						       .shape = E164 },
	DIAL,
	{ .name = "delay_between_calls", .type = TG_INTEGER, .min = 1, .max = 300, .def = "5" },
	{ .name = "max_concurrent_calls", .type = TG_INTEGER, .min = 1, .max = 50, .def = "10" } };
static const struct tg_field schedule_fields[] = { NUMBER("to_number"), DIAL,
	{ .name = "schedule_time", .type = TG_STRING, .required = true, .min = 1, .max = 64 },
	{ .name = "timezone", .type = TG_STRING, .min = 1, .max = 64, .def = "America/New_York" } };

static bool is_voice(const char *s, size_t n)
{
	return n >= 1 && n <= 64 &&
		strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

#define MEMBER_MAX (64 * 1024) /* as the whole, so that only the whole is ever too large */

/* The members of call_metadata that mean something here; all others are the caller's own. */
static const char *const priorities[] = { "low", "normal", "high", NULL };
static const struct tg_field metadata_fields[] = {
	{ .name = "priority", .type = TG_STRING, .words = priorities },
	{ .name = "message", .type = TG_STRING, .min = 0, .max = 4096 },
	{ .name = "voice",
		.type = TG_STRING,
		.test = is_voice,
		.shape = "must be a voice's name such as alice" },
	{ .name = "language",
		.type = TG_STRING,
		.test = is_voice,
		.shape = "must be a language tag such as en-US" },
	{ .name = "gather_input", .type = TG_BOOLEAN },
	{ .name = "customer_id", .type = TG_STRING, .max = MEMBER_MAX },
	{ .name = "call_type", .type = TG_STRING, .max = MEMBER_MAX },
	{ .name = "agent_id", .type = TG_STRING, .max = MEMBER_MAX },
	{ .name = "campaign_id", .type = TG_STRING, .max = MEMBER_MAX },
	{ .name = "custom_data", .type = TG_OBJECT, .max = MEMBER_MAX },
};

/* An address of ours, to which nothing is forwarded: the document's example would loop for ever. */
static bool is_own(const char *url)
{
	static const char path[] = "/api/v1/twilio/";
	const char *base = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL);
	size_t n = strlen(base);

	while (n > 0 && base[n - 1] == '/')
		n--;
	return n > 0 && strncmp(url, base, n) == 0 && strncmp(url + n, path, sizeof path - 1) == 0;
}

static enum tg_rc take_dial(struct tg_exchange *c, struct tg_dial *d)
{
	const struct tg_value *metadata = tg_value(c, "call_metadata");
	struct tg_value inner[COUNT(metadata_fields)];
	enum tg_rc rc = TG_OK;

	*d = (struct tg_dial){ .from = tg_text(c, "from_number"),
		.webhook_url = tg_text(c, "webhook_url"),
		.status_url = tg_text(c, "status_callback_url"),
		.metadata = metadata->text,
		.callback_url = tg_text(c, "callback_url") };
	if (metadata->text != NULL)
		rc = tg_fields_object(metadata_fields, COUNT(metadata_fields), c->arena,
			metadata->text, metadata->len, "call_metadata", inner, c->err);
	if (rc != TG_OK)
		return rc;
	if (tg_conf_text(TG_CONF_TWILIO_ACCOUNT_SID)[0] == '\0' ||
		tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN)[0] == '\0' ||
		(d->from == NULL && tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER)[0] == '\0'))
		return tg_fail(c->err, TG_E_CONFIG, NULL, "Twilio service not initialized");
	if (d->webhook_url == NULL && tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL)[0] == '\0')
		return tg_fail(c->err, TG_E_CONFIG, NULL, "TASKGATE_PUBLIC_URL is not set");
	if (d->from == NULL)
		d->from = tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER);
	if (d->status_url != NULL && is_own(d->status_url))
		d->status_url = NULL;
	return TG_OK;
}

static json_object *time_of(struct tg_exchange *c, struct tg_rows rows, const char *column)
{
	const char *s = tg_time_seconds(c->arena, tg_rows_get(rows, 0, column));

	return s == NULL ? NULL : json_object_new_string(s);
}

static json_object *queued(struct tg_rows rows, const char *message)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "success", json_object_new_boolean(true));
	json_object_object_add(
		o, "task_id", json_object_new_string(tg_rows_get(rows, 0, "public_id")));
	json_object_object_add(o, "message", json_object_new_string(message));
	return o;
}

static enum tg_rc queue(struct tg_exchange *c)
{
	const char *number = tg_text(c, "to_number");
	struct tg_rows rows;
	struct tg_dial d;
	json_object *o;
	enum tg_rc rc = take_dial(c, &d);

	if (rc != TG_OK ||
		(rc = tg_call_queue(c->tx, number, tg_text(c, "delay_seconds"), &d, &rows)) !=
			TG_OK)
		return rc;
	o = queued(rows, tg_arena_printf(c->arena, "Call to %s queued successfully", number));
	json_object_object_add(o, "created_at", time_of(c, rows, "created_at"));
	json_object_object_add(o, "estimated_completion", time_of(c, rows, "estimated_completion"));
	return tg_shape_bare(c, 200, o);
}

static enum tg_rc queue_bulk(struct tg_exchange *c)
{
	struct tg_rows rows;
	struct tg_dial d;
	json_object *o;
	enum tg_rc rc = take_dial(c, &d);

	if (rc != TG_OK ||
		(rc = tg_call_queue_bulk(c->tx, tg_text(c, "phone_numbers"),
			 tg_text(c, "delay_between_calls"), tg_text(c, "max_concurrent_calls"), &d,
			 &rows)) != TG_OK)
		return rc;
	o = queued(rows,
		tg_arena_printf(c->arena, "Bulk call campaign for %s numbers queued successfully",
			tg_rows_get(rows, 0, "total_calls")));
	json_object_object_add(
		o, "total_calls", json_object_new_int64(tg_rows_int(rows, 0, "total_calls")));
	json_object_object_add(o, "estimated_duration_minutes",
		json_object_new_int64(tg_rows_int(rows, 0, "estimated_duration_minutes")));
	json_object_object_add(o, "created_at", time_of(c, rows, "created_at"));
	json_object_object_add(o, "duplicate_numbers",
		json_object_new_int64(tg_rows_int(rows, 0, "duplicate_numbers")));
	return tg_shape_bare(c, 200, o);
}

static enum tg_rc schedule(struct tg_exchange *c)
{
	const char *number = tg_text(c, "to_number"), *sent = tg_text(c, "schedule_time"),
		   *time = tg_time_parse(c->arena, sent, strlen(sent));
	bool wall = strlen(sent) <= 10 ||
		strpbrk(sent + 10, "Zz+-") == NULL; /* no offset behind the date */
	struct tg_rows rows;
	struct tg_dial d;
	json_object *o;
	enum tg_rc rc;

	if (time == NULL)
		return tg_fail(c->err, TG_E_INVALID, "schedule_time",
			"Schedule time must be in ISO format (e.g., 2024-01-15T14:00:00Z)");
	rc = take_dial(c, &d);
	if (rc != TG_OK ||
		(rc = tg_call_schedule(
			 c->tx, number, time, wall, tg_text(c, "timezone"), &d, &rows)) != TG_OK)
		return rc;
	o = queued(rows, tg_arena_printf(c->arena, "Call to %s scheduled for %s", number, sent));
	json_object_object_add(o, "created_at", time_of(c, rows, "created_at"));
	json_object_object_add(o, "estimated_completion", time_of(c, rows, "scheduled_at"));
	return tg_shape_bare(c, 200, o);
}

static const struct tg_field task_fields[] = { { .name = "task_id",
	.type = TG_STRING,
	.place = TG_PATH,
	.required = true,
	.min = 1,
	.max = 128 } };

static const struct tg_view status_shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "status", "status", TG_V_TEXT, NULL, false },
	{ "progress", "progress", TG_V_INTEGER, NULL, false },
	{ "message", "message", TG_V_TEXT, NULL, false },
	{ "result", "result", TG_V_JSON, NULL, false },
	{ "error", "error", TG_V_TEXT, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "updated_at", "updated_at", TG_V_TIME, NULL, false },
};

static enum tg_rc get(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_call_get(c->tx, tg_text(c, "task_id"), &rows);

	return rc != TG_OK
		? rc
		: tg_shape_bare(c, 200, tg_view_row(c, status_shown, COUNT(status_shown), rows, 0));
}

static enum tg_rc cancel(struct tg_exchange *c)
{
	const char *task = tg_text(c, "task_id");
	json_object *o;
	enum tg_rc rc = tg_call_cancel(c->tx, task);

	if (rc != TG_OK)
		return rc;
	o = json_object_new_object();
	json_object_object_add(o, "success", json_object_new_boolean(true));
	json_object_object_add(o, "message",
		json_object_new_string(
			tg_arena_printf(c->arena, "Task %s cancelled successfully", task)));
	json_object_object_add(o, "task_id", json_object_new_string(task));
	return tg_shape_bare(c, 200, o);
}

static enum tg_rc active(struct tg_exchange *c)
{
	struct tg_rows rows;
	json_object *o;
	enum tg_rc rc = tg_call_active(c->tx, &rows);

	if (rc != TG_OK)
		return rc;
	o = json_object_new_object();
	json_object_object_add(o, "success", json_object_new_boolean(true));
	json_object_object_add(
		o, "total_active_tasks", json_object_new_int64(tg_rows_int(rows, 0, "total")));
	json_object_object_add(o, "tasks", tg_json_raw(c->arena, tg_rows_get(rows, 0, "tasks")));
	json_object_object_add(o, "timestamp", json_object_new_string(tg_time_wall(c->arena)));
	return tg_shape_bare(c, 200, o);
}

static const struct tg_field campaign_fields[] = { { .name = "task_id",
							   .type = TG_STRING,
							   .place = TG_PATH,
							   .required = true,
							   .min = 1,
							   .max = 128 },
	{ .name = "page",
		.type = TG_INTEGER,
		.place = TG_QUERY,
		.min = 1,
		.max = NUMBERS_MAX,
		.def = "1" },
	{ .name = "limit",
		.type = TG_INTEGER,
		.place = TG_QUERY,
		.min = 1,
		.max = NUMBERS_MAX,
		.def = "100" } };

static const struct tg_view campaign_shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "status", "status", TG_V_TEXT, NULL, false },
	{ "total_calls", "total", TG_V_INTEGER, NULL, false },
	{ "successful_calls", "completed", TG_V_INTEGER, NULL, false },
	{ "failed_calls", "failed", TG_V_INTEGER, NULL, false },
	{ "cancelled_calls", "cancelled", TG_V_INTEGER, NULL, false },
	{ "calls", "calls", TG_V_JSON, NULL, false },
};

static enum tg_rc campaign(struct tg_exchange *c)
{
	long long page = strtoll(tg_text(c, "page"), NULL, 10),
		  limit = strtoll(tg_text(c, "limit"), NULL, 10);
	struct tg_rows rows;
	json_object *o;
	enum tg_rc rc =
		tg_campaign_calls(c->tx, tg_text(c, "task_id"), limit, (page - 1) * limit, &rows);

	if (rc != TG_OK)
		return rc;
	o = tg_view_row(c, campaign_shown, COUNT(campaign_shown), rows, 0);
	json_object_object_add(o, "page", json_object_new_int64(page));
	json_object_object_add(o, "limit", json_object_new_int64(limit));
	return tg_shape_bare(c, 200, o);
}

/* Always 200: whether it is healthy is in the answer. */
static enum tg_rc health(struct tg_exchange *c)
{
	bool twilio = tg_conf_text(TG_CONF_TWILIO_ACCOUNT_SID)[0] != '\0' &&
		tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN)[0] != '\0' &&
		tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER)[0] != '\0';
	bool served = tg_call_is_served(c->tx->db);
	json_object *o = json_object_new_object();

	json_object_object_add(
		o, "status", json_object_new_string(twilio && served ? "healthy" : "unhealthy"));
	json_object_object_add(o, "twilio_configured", json_object_new_boolean(twilio));
	json_object_object_add(o, "celery_configured", json_object_new_boolean(served));
	json_object_object_add(o, "timestamp", json_object_new_string(tg_time_wall(c->arena)));
	return tg_shape_bare(c, 200, o);
}

#define POST(n, p, h, f, d) \
	{ \
		.name = (n), .method = TG_POST, .path = (p), .scope = "calls:write", \
		.handler = (h), .max_body = MIB, FIELDS(f), .doc = (d) \
	}

static const struct tg_route routes[] = {
	{ .name = "calls.health",
		.method = TG_GET,
		.path = "/health",
		.handler = health,
		.flags = TG_ROUTE_NO_DB,
		.doc = "Can calls be placed? Always 200." },
	POST("calls.queue", "/queue-single-call", queue, queue_fields, "Queues a call."),
	POST("calls.queue_bulk", "/queue-bulk-calls", queue_bulk, bulk_fields,
		"Queues a campaign of up to 1000 numbers."),
	POST("calls.schedule", "/schedule-call", schedule, schedule_fields,
		"Queues a call for a time."),
	{ .name = "calls.get",
		.method = TG_GET,
		.path = "/task-status/{task_id}",
		.scope = "calls:read",
		.handler = get,
		FIELDS(task_fields),
		.codes = get_codes,
		.doc = "Status, progress and result of a call or a campaign." },
	{ .name = "calls.cancel",
		.method = TG_DELETE,
		.path = "/cancel-task/{task_id}",
		.scope = "calls:write",
		.handler = cancel,
		FIELDS(task_fields),
		.codes = cancel_codes,
		.doc = "Cancels what has not been dialled and hangs up what has." },
	{ .name = "calls.active",
		.method = TG_GET,
		.path = "/active-tasks",
		.scope = "calls:read",
		.handler = active,
		.doc = "Call tasks that have not ended." },
	{ .name = "calls.campaign",
		.method = TG_GET,
		.path = "/campaigns/{task_id}/calls",
		.scope = "calls:read",
		.handler = campaign,
		FIELDS(campaign_fields),
		.codes = get_codes,
		.doc = "A campaign's numbers, a page at a time." },
};

static const char *const prefixes[] = { "/api/v1/celery/twilio", NULL };

extern const struct tg_api tg_api_calls;
const struct tg_api tg_api_calls = { .name = "calls",
	.prefixes = prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = codes,
	.json_flags = TG_JSON_TRAILING_COMMA,
	.limit = TG_CONF__MAX,
	.error = error };
