/* SPDX-License-Identifier: MIT
 * twilio: Twilio's own webhooks, under /api/v1/twilio. Promises that nothing of a request is looked
 * at beyond its signature unless the signature is right, and that what is wrong leaves nothing
 * behind. The signature is over TASKGATE_PUBLIC_URL and the path and query as they were sent. */
#include <json-c/json.h>
#include <string.h>

#include "taskgate/serve/shape.h"
#include "taskgate/core/call.h"
#include "taskgate/core/message.h"
#include "taskgate/base/twilio.h"

static const struct tg_code codes[] = { { TG_E_OK, NULL, NULL, NULL } };

static enum tg_rc refuse(struct tg_exchange *c, const char *why)
{
	return tg_fail(c->err, TG_E_FORBIDDEN, NULL, "%s", why);
}

static enum tg_rc admit(struct tg_exchange *c)
{
	static const char form[] = "application/x-www-form-urlencoded";
	const char *base = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL),
		   *token = tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN), *type = c->rq->content_type;
	size_t n = strlen(base), kind = strcspn(type, "; \t");
	enum tg_rc rc = tg_request_body(c->rq, c->route->max_body, c->err);

	if (rc != TG_OK)
		return rc;
	if (n == 0 || token[0] == '\0')
		return refuse(c,
			n == 0 ? "TASKGATE_PUBLIC_URL is not set" : "TWILIO_AUTH_TOKEN is not set");
	if (kind != sizeof form - 1 || strncasecmp(type, form, kind) != 0)
		return tg_fail(c->err, TG_E_MEDIATYPE, NULL, "the Content-Type must be %s", form);
	while (n > 0 && base[n - 1] == '/')
		n--;
	if (!tg_form_parse(c->arena, c->rq->body, c->rq->body_len, &c->rq->form) ||
		!tg_twilio_signature_valid(c->arena, token,
			tg_arena_printf(c->arena, "%.*s%s", (int)n, base, c->rq->uri), &c->rq->form,
			c->rq->io->param(c->rq->io, "HTTP_X_TWILIO_SIGNATURE")))
		return refuse(c, "the X-Twilio-Signature is missing or wrong");
	return TG_OK;
}

static const struct tg_field status_fields[] = {
	{ .name = "MessageSid",
		.type = TG_STRING,
		.place = TG_FORM,
		.required = true,
		.min = 1,
		.max = 64 },
	{ .name = "MessageStatus",
		.type = TG_STRING,
		.place = TG_FORM,
		.required = true,
		.min = 1,
		.max = 64 },
	{ .name = "ErrorCode", .type = TG_STRING, .place = TG_FORM, .min = 1, .max = 16 },
	{ .name = "task",
		.type = TG_STRING,
		.place = TG_QUERY,
		.test = tg_is_uuid,
		.shape = "must be the id that Twilio was given" },
};

/* All that was sent, for whoever asks later; the last one of a name that comes twice. */
static const char *all_params(struct tg_exchange *c)
{
	json_object *o = json_object_new_object();
	const char *s;

	for (size_t i = 0; i < c->rq->form.n; i++)
		json_object_object_add(o, c->rq->form.pairs[i].name,
			json_object_new_string(c->rq->form.pairs[i].value));
	s = tg_arena_strdup(c->arena,
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return s;
}

static enum tg_rc say(struct tg_exchange *c, const char *type, const char *text)
{
	c->rs->status = 200;
	c->rs->content_type = type;
	tg_buf_puts(&c->rs->body, text);
	return TG_OK;
}

static enum tg_rc message_status(struct tg_exchange *c)
{
	const struct tg_report r = { .task = tg_text(c, "task"),
		.sid = tg_text(c, "MessageSid"),
		.status = tg_text(c, "MessageStatus"),
		.error_code = tg_text(c, "ErrorCode"),
		.params = all_params(c),
		.request_id = c->rq->request_id,
		.remote = c->rq->remote };
	enum tg_rc rc = tg_message_report(c->tx, &r);

	return rc != TG_OK ? rc : say(c, "text/plain", "OK");
}

static const struct tg_field call_fields[] = {
	{ .name = "CallSid",
		.type = TG_STRING,
		.place = TG_FORM,
		.required = true,
		.min = 1,
		.max = 64 },
	{ .name = "CallStatus",
		.type = TG_STRING,
		.place = TG_FORM,
		.required = true,
		.min = 1,
		.max = 64 },
	{ .name = "CallDuration",
		.type = TG_INTEGER,
		.place = TG_FORM,
		.min = 0,
		.max = INT32_MAX },
	{ .name = "SequenceNumber",
		.type = TG_INTEGER,
		.place = TG_FORM,
		.min = 0,
		.max = INT32_MAX },
	{ .name = "ErrorCode", .type = TG_STRING, .place = TG_FORM, .min = 1, .max = 16 },
	{ .name = "call",
		.type = TG_STRING,
		.place = TG_QUERY,
		.test = tg_is_uuid,
		.shape = "must be the id that Twilio was given" },
};

static enum tg_rc call_status(struct tg_exchange *c)
{
	const struct tg_call_report r = { .call = tg_text(c, "call"),
		.sid = tg_text(c, "CallSid"),
		.status = tg_text(c, "CallStatus"),
		.sequence = tg_text(c, "SequenceNumber"),
		.duration = tg_text(c, "CallDuration"),
		.error_code = tg_text(c, "ErrorCode"),
		.params = all_params(c),
		.form = c->rq->body,
		.request_id = c->rq->request_id,
		.remote = c->rq->remote,
		.ask_s = tg_conf_int(TG_CONF_TASKGATE_TWILIO_ASK) };
	enum tg_rc rc = tg_call_report(c->tx, &r);

	return rc != TG_OK ? rc : say(c, "text/plain", "OK");
}

static const struct tg_field script_fields[] = {
	{ .name = "CallSid",
		.type = TG_STRING,
		.place = TG_FORM,
		.required = true,
		.min = 1,
		.max = 64 },
	{ .name = "call",
		.type = TG_STRING,
		.place = TG_QUERY,
		.test = tg_is_uuid,
		.shape = "must be the id that Twilio was given" },
	{ .name = "message", .type = TG_STRING, .place = TG_QUERY, .min = 0, .max = 4096 },
	{ .name = "voice", .type = TG_STRING, .place = TG_QUERY, .min = 1, .max = 64 },
	{ .name = "language", .type = TG_STRING, .place = TG_QUERY, .min = 1, .max = 64 },
	{ .name = "gather_input", .type = TG_BOOLEAN, .place = TG_QUERY },
};

/* XML 1.0, 2.2 Characters: what no document may hold is left out: controls, U+FFFE and U+FFFF.
 * Bytes to skip. */
static size_t forbidden(const char *s)
{
	if (strncmp(s, "\xEF\xBF\xBE", 3) == 0 || strncmp(s, "\xEF\xBF\xBF", 3) == 0)
		return 3;
	return (unsigned char)*s < ' ' && *s != '\t' && *s != '\n' && *s != '\r';
}

static void put_xml(struct tg_buf *b, const char *s)
{
	size_t skip;

	for (; *s; s += skip > 0 ? skip : 1) {
		const char *entity = *s == '&' ? "&amp;"
			: *s == '<'            ? "&lt;"
			: *s == '>'            ? "&gt;"
			: *s == '"'            ? "&quot;"
			: *s == '\''           ? "&apos;"
					       : NULL;

		skip = forbidden(s);
		if (entity != NULL)
			tg_buf_puts(b, entity);
		else if (skip == 0)
			tg_buf_put(b, s, 1);
	}
}

static void put_say(struct tg_buf *b, const char *voice, const char *language, const char *text)
{
	tg_buf_puts(b, "<Say voice=\"");
	put_xml(b, voice);
	tg_buf_puts(b, "\" language=\"");
	put_xml(b, language);
	tg_buf_puts(b, "\">");
	put_xml(b, text);
	tg_buf_puts(b, "</Say>");
}

/* The call's metadata first, then the address, then the default. */
static const char *pick(
	struct tg_exchange *c, struct tg_rows rows, const char *name, const char *otherwise)
{
	const char *s = tg_rows_get(rows, 0, name);

	if (s == NULL)
		s = tg_text(c, name);
	return s != NULL && *s != '\0' ? s : otherwise;
}

static enum tg_rc incoming_call(struct tg_exchange *c)
{
	const char *base = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL), *voice, *language, *message,
		   *gather;
	size_t n = strlen(base);
	struct tg_rows rows;
	struct tg_buf b;
	enum tg_rc rc = tg_call_script(c->tx, tg_text(c, "call"), tg_text(c, "CallSid"), &rows);

	if (rc != TG_OK)
		return rc;
	while (n > 0 && base[n - 1] == '/')
		n--;
	voice = pick(c, rows, "voice", "alice");
	language = pick(c, rows, "language", "en-US");
	message = pick(c, rows, "message", "Hello. This is an automated call.");
	/* Listening is the default where nobody said what to do (spec/facts.md 3.1.2). */
	gather = pick(c, rows, "gather_input",
		!tg_rows_bool(rows, 0, "known") || tg_rows_bool(rows, 0, "bare") ? "t" : "f");
	tg_buf_init(&b, c->arena);
	tg_buf_puts(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>");
	if (*gather == 't') {
		tg_buf_puts(&b,
			"<Gather input=\"speech dtmf\" timeout=\"15\" speechTimeout=\"auto\" "
			"method=\"POST\" action=\"");
		put_xml(&b,
			tg_arena_printf(
				c->arena, "%.*s/api/v1/twilio/gather-callback", (int)n, base));
		tg_buf_puts(&b, "\">");
		put_say(&b, voice, language, message);
		tg_buf_puts(&b, "</Gather>");
		put_say(&b, voice, language, "We did not hear anything. Goodbye.");
	} else {
		put_say(&b, voice, language, message);
	}
	tg_buf_puts(&b, "</Response>");
	return say(c, "application/xml", b.data);
}

static const struct tg_field gather_fields[] = {
	{ .name = "CallSid",
		.type = TG_STRING,
		.place = TG_FORM,
		.required = true,
		.min = 1,
		.max = 64 },
	{ .name = "SpeechResult", .type = TG_STRING, .place = TG_FORM, .min = 0, .max = 8192 },
	{ .name = "Digits", .type = TG_STRING, .place = TG_FORM, .min = 0, .max = 256 },
};

static enum tg_rc gather_callback(struct tg_exchange *c)
{
	enum tg_rc rc = tg_call_gather(c->tx, tg_text(c, "CallSid"), tg_text(c, "SpeechResult"),
		tg_text(c, "Digits"), all_params(c));

	return rc != TG_OK
		? rc
		: say(c, "application/xml",
			  "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>Thank you. "
			  "Goodbye.</Say></Response>");
}

/* Whoever is on the phone hears words of ours rather than Twilio's about an application error
 * (spec/facts.md 3.3). */
static void error(
	struct tg_exchange *c, const struct tg_error *err, const char *code, const char *message)
{
	(void)err, (void)code;
	if (c->rs->status >= 500 && c->route != NULL &&
		(c->route->handler == incoming_call || c->route->handler == gather_callback)) {
		c->rs->status = 200;
		c->rs->content_type = "application/xml";
		tg_buf_puts(&c->rs->body,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>We are sorry, "
			"something went wrong. Please try again later. Goodbye.</Say></Response>");
		return;
	}
	c->rs->content_type = "text/plain; charset=utf-8";
	tg_buf_puts(&c->rs->body, message);
}

#define HOOK(n, p, h, f, d) \
	{ \
		.name = (n), .method = TG_POST, .path = (p), .handler = (h), .admit = admit, \
		.max_body = 64 * 1024, FIELDS(f), .doc = (d) \
	}

static const struct tg_route routes[] = {
	HOOK("twilio.message_status", "/message-status", message_status, status_fields,
		"What became of an SMS, told by Twilio."),
	HOOK("twilio.incoming_call", "/incoming-call", incoming_call, script_fields,
		"What an answered call says, as TwiML."),
	HOOK("twilio.call_status", "/call-status", call_status, call_fields,
		"What became of a call, told by Twilio."),
	HOOK("twilio.gather_callback", "/gather-callback", gather_callback, gather_fields,
		"What was said or typed in a call."),
};

static const char *const prefixes[] = { "/api/v1/twilio", NULL };

extern const struct tg_api tg_api_twilio;
const struct tg_api tg_api_twilio = { .name = "twilio",
	.prefixes = prefixes,
	.routes = routes,
	.n_routes = COUNT(routes),
	.codes = codes,
	.limit = TG_CONF__MAX,
	.error = error };
