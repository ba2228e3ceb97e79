/* SPDX-License-Identifier: MIT
 * sms: the SMS endpoints (spec/facts.md 1.2, messaging page). Owns their routes, fields and views.
 * Promises that an SMS which could never be sent, because Twilio is not set up, is refused when it
 * is asked for and names the setting (spec README decision 9). */
#include <string.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/message.h"
#include "taskgate/base/sms.h"

static bool is_sender(const char *s, size_t n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
			  digits[] = "0123456789";

	if (tg_is_phone(s, n) || (n >= 3 && n <= 6 && strspn(s, digits) == n))
		return true;
	/* An alphanumeric sender id: at most eleven letters, digits and blanks, of which one is a
	 * letter. */
	for (size_t i = 0; i < n; i++)
		if (strchr(letters, s[i]) == NULL && strchr(digits, s[i]) == NULL && s[i] != ' ')
			return false;
	return n <= 11 && strpbrk(s, letters) != NULL;
}

static bool is_include(const char *s, size_t n)
{
	(void)n;
	return strcmp(s, "delivery_log") == 0;
}

#define SMS_ENTITY \
	{ \
		.name = "entity", .type = TG_STRING, .place = TG_PATH, .required = true, .min = 1, \
		.max = 128, .test = tg_is_entity, \
		.shape = "must be 1 to 128 letters, digits, '.', '_', '-' or ':'", \
		.rc = TG_E_UNPROCESSABLE, .reason = "entity" \
	}

static const struct tg_field create_fields[] = {
	SMS_ENTITY,
	{ .name = "to",
		.type = TG_STRING,
		.required = true,
		.test = tg_is_phone,
		.shape = "must be a number in E.164 form such as +15551234567",
		.reason = "phone",
		.missing = "phone" },
	{ .name = "from",
		.type = TG_STRING,
		.test = is_sender,
		.shape = "must be a number in E.164 form, a short code or a sender id of at most "
			 "11 characters",
		.reason = "phone" },
	{ .name = "message",
		.type = TG_STRING,
		.required = true,
		.min = 1,
		.max = 1600,
		.reason = "text",
		.missing = "text_missing" },
	{ .name = "callback_url", .type = TG_URL, .min = 8, .max = 2048 },
	{ .name = "metadata", .type = TG_OBJECT },
	{ .name = "priority", .type = TG_INTEGER, .min = 1, .max = 10, .def = "5" },
};

static enum tg_rc need(struct tg_exchange *c, enum tg_conf setting)
{
	if (tg_conf_text(setting)[0] != '\0')
		return TG_OK;
	return tg_fail(c->err, TG_E_CONFIG, NULL, "SMS cannot be sent: %s is not set",
		tg_conf_row(setting)->name);
}

static enum tg_rc need_twilio(struct tg_exchange *c)
{
	enum tg_rc rc = need(c, TG_CONF_TWILIO_ACCOUNT_SID);

	if (rc == TG_OK)
		rc = need(c, TG_CONF_TWILIO_AUTH_TOKEN);
	if (rc == TG_OK && tg_text(c, "from") == NULL)
		rc = need(c, TG_CONF_TWILIO_PHONE_NUMBER);
	return rc;
}

static const struct tg_view created[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "state", "state", TG_V_TEXT, NULL, false },
	{ "to", "to", TG_V_TEXT, NULL, false },
	{ "from", "from", TG_V_TEXT, NULL, false },
	{ "message_length", "message_length", TG_V_INTEGER, NULL, false },
	{ "segments", "segments", TG_V_INTEGER, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "metadata", "metadata", TG_V_JSON, NULL, false },
};

static enum tg_rc create(struct tg_exchange *c)
{
	const struct tg_value *text = tg_value(c, "message");
	const struct tg_sms_size size = tg_sms_size(text->text, text->len);
	const char *from = tg_text(c, "from");
	const struct tg_sms m = { .entity = tg_text(c, "entity"),
		.to = tg_text(c, "to"),
		.from = from != NULL ? from : tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER),
		.text = text->text,
		.characters = size.characters,
		.segments = size.segments,
		.priority = tg_text(c, "priority"),
		.callback_url = tg_text(c, "callback_url"),
		.metadata = tg_text(c, "metadata") };
	struct tg_rows rows;
	enum tg_rc rc = need_twilio(c);

	if (rc != TG_OK || (rc = tg_sms_create(c->tx, &m, &rows)) != TG_OK)
		return rc;
	tg_shape_location(c, "/sms/", m.entity);
	return tg_shape_message(c, 201, tg_view_row(c, created, COUNT(created), rows, 0));
}

static const struct tg_field get_fields[] = { SMS_ENTITY,
	{ .name = "include",
		.type = TG_STRING,
		.place = TG_QUERY,
		.test = is_include,
		.shape = "must be delivery_log" } };

static const struct tg_view shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "entity", "entity", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "state", "state", TG_V_TEXT, NULL, false },
	{ "to", "to", TG_V_TEXT, NULL, false },
	{ "from", "from", TG_V_TEXT, NULL, false },
	{ "message", "text", TG_V_TEXT, NULL, false },
	{ "segments", "segments", TG_V_INTEGER, NULL, false },
	{ "delivery_status", "delivery_status", TG_V_TEXT, NULL, false },
	{ "sent_at", "sent_at", TG_V_TIME, NULL, false },
	{ "delivered_at", "delivered_at", TG_V_TIME, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "updated_at", "updated_at", TG_V_TIME, NULL, false },
	{ "error", "error", TG_V_JSON, NULL, true },
	{ "metadata", "metadata", TG_V_JSON, NULL, false },
	{ "delivery_log", "delivery_log", TG_V_JSON, NULL, true },
};

static enum tg_rc get(struct tg_exchange *c)
{
	struct tg_rows rows;
	enum tg_rc rc = tg_sms_get(c->tx, tg_text(c, "entity"), tg_text(c, "include") != NULL,
		tg_conf_text(TG_CONF_TWILIO_PHONE_NUMBER), &rows);

	return rc != TG_OK ? rc
			   : tg_shape_message(c, 200, tg_view_row(c, shown, COUNT(shown), rows, 0));
}

#define CREATE(n, m) \
	{ \
		.name = (n), .method = (m), .path = "/sms/{entity}", .scope = "disposition:write", \
		.handler = create, .max_body = MIB, FIELDS(create_fields), \
		.doc = "Sends an SMS through Twilio." \
	}

static const struct tg_route routes[] = {
	CREATE("sms.create", TG_PUT),
	CREATE("sms.create_post", TG_POST),
	{ .name = "sms.get",
		.method = TG_GET,
		.path = "/sms/{entity}",
		.scope = "disposition:read",
		.handler = get,
		FIELDS(get_fields),
		.doc = "State and delivery of an SMS." },
};

extern const struct tg_api tg_api_sms;
const struct tg_api tg_api_sms = { .name = "disposition",
	.prefixes = tg_shape_prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_message_codes,
	.limit = TG_CONF_TASKGATE_RATE_DISPOSITION,
	.error = tg_shape_error };
