/* SPDX-License-Identifier: MIT
 * email: the email endpoints (spec/facts.md 1.2, messaging page). Owns their routes, fields and
 * views. Promises that nothing which reaches a header line holds a control character, that nobody
 * sets the headers which the program writes itself, and that blind copies are shown to nobody. */
#include <json-c/json.h>
#include <string.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/message.h"

#define FILES_MAX 20
#define HEADERS_MAX 32

static bool is_template(const char *s, size_t n)
{
	return tg_is_entity(s, n);
}

static bool is_include(const char *s, size_t n)
{
	for (const char *p = s; p <= s + n; p += strcspn(p, ",") + 1) {
		size_t len = strcspn(p, ",");

		if (!(len == 6 && memcmp(p, "events", 6) == 0) &&
			!(len == 7 && memcmp(p, "content", 7) == 0))
			return false;
	}
	return true;
}

#define ADDRESS \
	.test = tg_is_email, .shape = "must be an email address such as user@example.com", \
	.reason = "email"
#define ADDRESSES \
	.type = TG_STRINGS, .max = 100, .item_max = 254, .test = tg_is_email, \
	.shape = "must hold email addresses such as user@example.com", .reason = "email"

static const struct tg_field create_fields[] = {
	{ .name = "to", ADDRESSES, .required = true, .min = 1, .missing = "to_missing" },
	{ .name = "cc", ADDRESSES },
	{ .name = "bcc", ADDRESSES },
	{ .name = "from", .type = TG_STRING, ADDRESS },
	{ .name = "from_name",
		.type = TG_STRING,
		.min = 1,
		.max = 128,
		.test = tg_is_line,
		.shape = "must be one line" },
	{ .name = "reply_to", .type = TG_STRING, ADDRESS },
	{ .name = "subject",
		.type = TG_STRING,
		.required = true,
		.min = 1,
		.max = 998,
		.test = tg_is_line,
		.shape = "must be one line",
		.missing = "subject_missing" },
	{ .name = "template",
		.type = TG_STRING,
		.required = true,
		.test = is_template,
		.shape = "must be a template's name",
		.reason = "template_unknown",
		.missing = "template_missing" },
	{ .name = "template_data", .type = TG_OBJECT },
	{ .name = "attachments", .type = TG_ARRAY, .max = 25 * MIB },
	{ .name = "headers", .type = TG_OBJECT },
	{ .name = "metadata", .type = TG_OBJECT },
	{ .name = "priority", .type = TG_INTEGER, .min = 1, .max = 10, .def = "5" },
	{ .name = "callback_url", .type = TG_URL, .min = 8, .max = 2048 },
};

static bool is_file_name(const char *s, size_t n)
{
	return tg_is_line(s, n) && strpbrk(s, "/\\") == NULL;
}

/* RFC 2045: type/subtype, and parameters as they come. */
static bool is_media_type(const char *s, size_t n)
{
	static const char token[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&-^_.+";
	size_t type = strspn(s, token), subtype = s[type] == '/' ? strspn(s + type + 1, token) : 0;
	char next = type > 0 && subtype > 0 ? s[type + 1 + subtype] : 'x';

	/* What holds other parts cannot be sent as bytes. */
	if (strncasecmp(s, "multipart/", 10) == 0 || strncasecmp(s, "message/", 8) == 0)
		return false;
	return tg_is_line(s, n) && (next == '\0' || next == ';' || next == ' ');
}

enum { FILE_NAME, FILE_CONTENT, FILE_TYPE, FILE__MAX };
static const struct tg_field file_fields[FILE__MAX] = {
	[FILE_NAME] = { .name = "filename",
		.type = TG_STRING,
		.required = true,
		.min = 1,
		.max = 255,
		.test = is_file_name,
		.shape = "must be one line without slashes" },
	[FILE_CONTENT] = { .name = "content",
		.type = TG_STRING,
		.required = true,
		.max = 25 * MIB },
	[FILE_TYPE] = { .name = "content_type",
		.type = TG_STRING,
		.required = true,
		.min = 3,
		.max = 255,
		.test = is_media_type,
		.shape = "must be a media type such as application/pdf" },
};

static enum tg_rc check_file(struct tg_exchange *c, size_t i, const struct tg_value *file)
{
	long long most = tg_conf_int(TG_CONF_TASKGATE_ATTACHMENT_MAX);
	size_t n;

	if (tg_unbase64(c->arena, file[FILE_CONTENT].text, file[FILE_CONTENT].len, &n) == NULL)
		return tg_fail_reason(c->err, TG_E_UNPROCESSABLE, "file",
			tg_arena_printf(c->arena, "attachments[%zu].content", i),
			"attachments[%zu].content must be base64 (RFC 4648, with padding)", i);
	if ((long long)n > most)
		return tg_fail_reason(c->err, TG_E_INVALID, "file_size",
			tg_arena_printf(c->arena, "attachments[%zu].content", i),
			"attachments[%zu] must not be larger than %lld bytes", i, most);
	return TG_OK;
}

/* Each column of the files becomes an array of its own. */
static enum tg_rc take_files(struct tg_exchange *c, struct tg_email *m)
{
	const struct tg_value *list = tg_value(c, "attachments");
	struct tg_buf column[FILE__MAX];
	struct tg_value *file;
	size_t count;
	enum tg_rc rc;

	if (list->text == NULL)
		return TG_OK;
	rc = tg_fields_items(file_fields, FILE__MAX, c->arena, list->text, list->len, "attachments",
		FILES_MAX, &file, &count, c->err);
	if (rc != TG_OK)
		return tg_error_set_reason(c->err, "file", c->err->rc = TG_E_UNPROCESSABLE);
	for (int k = 0; k < FILE__MAX; k++) {
		tg_buf_init(&column[k], c->arena);
		tg_buf_puts(&column[k], "{");
	}
	for (size_t i = 0; i < count; i++, file += FILE__MAX) {
		if ((rc = check_file(c, i, file)) != TG_OK)
			return rc;
		for (int k = 0; k < FILE__MAX; k++) {
			tg_buf_puts(&column[k], i > 0 ? "," : "");
			tg_buf_array_item(&column[k], file[k].text, file[k].len);
		}
	}
	for (int k = 0; k < FILE__MAX; k++)
		tg_buf_puts(&column[k], "}");
	m->file_names = column[FILE_NAME].data;
	m->file_types = column[FILE_TYPE].data;
	m->files = column[FILE_CONTENT].data;
	return TG_OK;
}

/* What the program writes itself, and what tells of a way that the mail did not take. */
static bool is_own_header(const char *name)
{
	static const char *const own[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc",
		"Subject", "Date", "Message-ID", "MIME-Version", "Return-Path", "Received",
		"DKIM-Signature", "User-Agent" };

	for (size_t i = 0; i < COUNT(own); i++)
		if (strcasecmp(own[i], name) == 0)
			return true;
	return strncasecmp(name, "Content-", 8) == 0 || strncasecmp(name, "Resent-", 7) == 0;
}

static bool is_header_name(const char *name)
{
	size_t n = strlen(name);

	return n >= 1 && n <= 64 &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
		n &&
		!is_own_header(name);
}

static enum tg_rc check_headers(struct tg_exchange *c)
{
	const struct tg_value *headers = tg_value(c, "headers");
	json_object *o = headers->text == NULL ? NULL : json_tokener_parse(headers->text);
	enum tg_rc rc = TG_OK;

	if (o != NULL && json_object_object_length(o) > HEADERS_MAX)
		rc = tg_fail(
			c->err, TG_E_INVALID, "headers", "headers must be at most %d", HEADERS_MAX);
	if (o != NULL && rc == TG_OK) {
		json_object_object_foreach(o, name, value)
		{
			size_t n = json_object_is_type(value, json_type_string)
				? (size_t)json_object_get_string_len(value)
				: SIZE_MAX;

			if (!is_header_name(name))
				rc = tg_fail(c->err, TG_E_INVALID, "headers",
					"headers must not set %.64s", name);
			else if (n > 998 || !tg_is_line(json_object_get_string(value), n))
				rc = tg_fail(c->err, TG_E_INVALID, "headers",
					"headers.%.64s must be one line of at most 998 bytes",
					name);
			if (rc != TG_OK)
				break;
		}
	}
	json_object_put(o);
	return rc;
}

static enum tg_rc need_smtp(struct tg_exchange *c)
{
	enum tg_conf setting =
		tg_conf_text(TG_CONF_SMTP_URL)[0] == '\0' ? TG_CONF_SMTP_URL : TG_CONF_SMTP_FROM;

	if (setting == TG_CONF_SMTP_FROM &&
		(tg_text(c, "from") != NULL || tg_conf_text(TG_CONF_SMTP_FROM)[0] != '\0'))
		return TG_OK;
	return tg_fail(c->err, TG_E_CONFIG, NULL, "email cannot be sent: %s is not set",
		tg_conf_row(setting)->name);
}

static const struct tg_view created[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "state", "state", TG_V_TEXT, NULL, false },
	{ "to", "to", TG_V_JSON, NULL, false },
	{ "cc", "cc", TG_V_JSON, NULL, false },
	{ "from", "from", TG_V_TEXT, NULL, false },
	{ "subject", "subject", TG_V_TEXT, NULL, false },
	{ "template", "template", TG_V_TEXT, NULL, false },
	{ "attachments_count", "attachments_count", TG_V_INTEGER, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "metadata", "metadata", TG_V_JSON, NULL, false },
};

static enum tg_rc create(struct tg_exchange *c)
{
	const char *from = tg_text(c, "from");
	struct tg_email m = { .to = tg_text(c, "to"),
		.cc = tg_text(c, "cc"),
		.bcc = tg_text(c, "bcc"),
		.from = from != NULL ? from : tg_conf_text(TG_CONF_SMTP_FROM),
		.from_name = tg_text(c, "from_name"),
		.reply_to = tg_text(c, "reply_to"),
		.subject = tg_text(c, "subject"),
		.template_name = tg_text(c, "template"),
		.data = tg_text(c, "template_data"),
		.headers = tg_text(c, "headers"),
		.metadata = tg_text(c, "metadata"),
		.priority = tg_text(c, "priority"),
		.callback_url = tg_text(c, "callback_url") };
	struct tg_rows rows;
	enum tg_rc rc = take_files(c, &m);

	if (rc != TG_OK || (rc = check_headers(c)) != TG_OK || (rc = need_smtp(c)) != TG_OK ||
		(rc = tg_email_create(c->tx, &m, &rows)) != TG_OK)
		return rc;
	tg_shape_location(c, "/email/", tg_rows_get(rows, 0, "public_id"));
	return tg_shape_message(c, 201, tg_view_row(c, created, COUNT(created), rows, 0));
}

static const struct tg_field get_fields[] = { { .name = "id",
						      .type = TG_STRING,
						      .place = TG_PATH,
						      .required = true,
						      .min = 1,
						      .max = 128,
						      .test = tg_is_entity,
						      .shape = "must be the id of an email task" },
	{ .name = "include",
		.type = TG_STRING,
		.place = TG_QUERY,
		.test = is_include,
		.shape = "must be events, content or both" } };

static const struct tg_view shown[] = {
	{ "task_id", "public_id", TG_V_TEXT, NULL, false },
	{ "type", "kind", TG_V_TEXT, NULL, false },
	{ "state", "state", TG_V_TEXT, NULL, false },
	{ "to", "to", TG_V_JSON, NULL, false },
	{ "cc", "cc", TG_V_JSON, NULL, false },
	{ "from", "from", TG_V_TEXT, NULL, false },
	{ "subject", "subject", TG_V_TEXT, NULL, false },
	{ "template", "template", TG_V_TEXT, NULL, false },
	{ "attachments_count", "attachments_count", TG_V_INTEGER, NULL, false },
	{ "delivery_status", "delivery_status", TG_V_TEXT, NULL, false },
	{ "sent_at", "sent_at", TG_V_TIME, NULL, false },
	{ "delivered_at", "delivered_at", TG_V_TIME, NULL, false },
	{ "opens", "opens", TG_V_INTEGER, NULL, false },
	{ "clicks", "clicks", TG_V_INTEGER, NULL, false },
	{ "created_at", "created_at", TG_V_TIME, NULL, false },
	{ "updated_at", "updated_at", TG_V_TIME, NULL, false },
	{ "error", "error", TG_V_JSON, NULL, true },
	{ "metadata", "metadata", TG_V_JSON, NULL, false },
	{ "events", "events", TG_V_JSON, NULL, true },
	{ "content", "content", TG_V_JSON, NULL, true },
};

static enum tg_rc get(struct tg_exchange *c)
{
	const char *include = tg_text(c, "include");
	struct tg_rows rows;
	enum tg_rc rc = tg_email_get(c->tx, tg_text(c, "id"),
		include != NULL && strstr(include, "events") != NULL,
		include != NULL && strstr(include, "content") != NULL,
		tg_conf_text(TG_CONF_SMTP_FROM), &rows);

	return rc != TG_OK ? rc
			   : tg_shape_message(c, 200, tg_view_row(c, shown, COUNT(shown), rows, 0));
}

static const struct tg_route routes[] = {
	{ .name = "email.create",
		.method = TG_PUT,
		.path = "/email",
		.scope = "disposition:write",
		.handler = create,
		.max_body = 25 * MIB,
		FIELDS(create_fields),
		.doc = "Sends an email made of a template." },
	{ .name = "email.get",
		.method = TG_GET,
		.path = "/email/{id}",
		.scope = "disposition:read",
		.handler = get,
		FIELDS(get_fields),
		.doc = "State and delivery of an email." },
};

extern const struct tg_api tg_api_email;
const struct tg_api tg_api_email = { .name = "disposition",
	.prefixes = tg_shape_prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = tg_shape_message_codes,
	.limit = TG_CONF_TASKGATE_RATE_DISPOSITION,
	.error = tg_shape_error };
