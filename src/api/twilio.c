/* SPDX-License-Identifier: MIT
 * twilio: Twilio's own webhooks, under /api/v1/twilio. Promises that nothing of a request is looked at beyond its signature unless the signature is right, and that what
 * is wrong leaves nothing behind. The signature is over TASKGATE_PUBLIC_URL and the path and query as they were sent. */
#include <json-c/json.h>
#include <string.h>

#include "shape.h"
#include "taskgate/message.h"
#include "taskgate/twilio.h"

static void error(struct tg_call *c, const struct tg_error *err, const char *code, const char *message)
{
	(void)err, (void)code;
	c->rs->content_type = "text/plain; charset=utf-8";
	tg_buf_puts(&c->rs->body, message);
}

static const struct tg_code codes[] = { { TG_E_OK, NULL, NULL, NULL } };

static enum tg_rc refuse(struct tg_call *c, const char *why)
{
	return tg_fail(c->err, TG_E_FORBIDDEN, NULL, "%s", why);
}

static enum tg_rc admit(struct tg_call *c)
{
	static const char form[] = "application/x-www-form-urlencoded";
	const char *base = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL), *token = tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN), *type = c->rq->content_type;
	size_t n = strlen(base), kind = strcspn(type, "; \t");
	enum tg_rc rc = tg_request_body(c->rq, c->route->max_body, c->err);

	if (rc != TG_OK)
		return rc;
	if (n == 0 || token[0] == '\0')
		return refuse(c, n == 0 ? "TASKGATE_PUBLIC_URL is not set" : "TWILIO_AUTH_TOKEN is not set");
	if (kind != sizeof form - 1 || strncasecmp(type, form, kind) != 0)
		return tg_fail(c->err, TG_E_MEDIATYPE, NULL, "the Content-Type must be %s", form);
	while (n > 0 && base[n - 1] == '/')
		n--;
	if (!tg_form_parse(c->arena, c->rq->body, c->rq->body_len, &c->rq->form) ||
	    !tg_twilio_signature_valid(c->arena, token, tg_arena_printf(c->arena, "%.*s%s", (int)n, base, c->rq->uri), &c->rq->form,
	        c->rq->io->param(c->rq->io, "HTTP_X_TWILIO_SIGNATURE")))
		return refuse(c, "the X-Twilio-Signature is missing or wrong");
	return TG_OK;
}

static const struct tg_field status_fields[] = {
	{ .name = "MessageSid", .type = TG_STRING, .place = TG_FORM, .required = true, .min = 1, .max = 64 },
	{ .name = "MessageStatus", .type = TG_STRING, .place = TG_FORM, .required = true, .min = 1, .max = 64 },
	{ .name = "ErrorCode", .type = TG_STRING, .place = TG_FORM, .min = 1, .max = 16 },
	{ .name = "task", .type = TG_STRING, .place = TG_QUERY, .test = tg_is_uuid, .shape = "must be the id that Twilio was given" },
};

/* All that was sent, for whoever asks later; the last one of a name that comes twice. */
static const char *all_params(struct tg_call *c)
{
	json_object *o = json_object_new_object();
	const char *s;

	for (size_t i = 0; i < c->rq->form.n; i++)
		json_object_object_add(o, c->rq->form.pairs[i].name, json_object_new_string(c->rq->form.pairs[i].value));
	s = tg_arena_strdup(c->arena, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return s;
}

static enum tg_rc message_status(struct tg_call *c)
{
	const struct tg_report r = { .task = tg_text(c, "task"), .sid = tg_text(c, "MessageSid"), .status = tg_text(c, "MessageStatus"),
		.error_code = tg_text(c, "ErrorCode"), .params = all_params(c), .request_id = c->rq->request_id, .remote = c->rq->remote };
	enum tg_rc rc = tg_message_report(c->tx, &r);

	if (rc != TG_OK)
		return rc;
	c->rs->status = 200;
	c->rs->content_type = "text/plain";
	tg_buf_puts(&c->rs->body, "OK");
	return TG_OK;
}

static const struct tg_route routes[] = {
	{ .name = "twilio.message_status", .method = TG_POST, .path = "/message-status", .handler = message_status, .admit = admit, .max_body = 64 * 1024,
		FIELDS(status_fields), .doc = "What became of an SMS, told by Twilio." },
};

static const char *const prefixes[] = { "/api/v1/twilio", NULL };

extern const struct tg_api tg_api_twilio;
const struct tg_api tg_api_twilio = { .name = "twilio", .prefixes = prefixes, .routes = routes, .n_routes = COUNT(routes), .codes = codes, .limit = TG_CONF__MAX,
	.error = error };
