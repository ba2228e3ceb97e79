/* SPDX-License-Identifier: MIT
 * twilio: what the lanes that speak to Twilio share: addresses, credentials, and the reading of an
 * answer's status. What an answer says is read by the settle statements. */
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/conf.h"
#include "taskgate/http/json_scan.h"

static int bare(const char *base)
{
	size_t n = strlen(base);

	while (n > 0 && base[n - 1] == '/')
		n--;
	return (int)n;
}

const char *sweep_twilio_url(struct sweep_job *j, const char *resource, const char *sid)
{
	const char *base = tg_conf_text(TG_CONF_TWILIO_API_BASE);

	return tg_arena_printf(j->transfer->arena, "%.*s/2010-04-01/Accounts/%s/%s%s%s.json",
		bare(base), base, tg_conf_text(TG_CONF_TWILIO_ACCOUNT_SID), resource,
		sid != NULL ? "/" : "", sid != NULL ? sid : "");
}

/* RFC 7617. */
const char *const *sweep_twilio_authorization(struct sweep_job *j)
{
	struct tg_transfer *t = j->transfer;
	const char **lines = tg_arena_zalloc(t->arena, 2 * sizeof *lines);
	const char *pair = tg_arena_printf(t->arena, "%s:%s",
		tg_conf_text(TG_CONF_TWILIO_ACCOUNT_SID), tg_conf_text(TG_CONF_TWILIO_AUTH_TOKEN));

	lines[0] = tg_arena_printf(t->arena, "Authorization: Basic %s",
		tg_base64(t->arena, (const uint8_t *)pair, strlen(pair)));
	return lines;
}

const char *sweep_twilio_callback(struct sweep_job *j, const char *path, const char *name)
{
	const char *base = tg_conf_text(TG_CONF_TASKGATE_PUBLIC_URL);

	if (base[0] == '\0')
		return NULL;
	return tg_arena_printf(j->transfer->arena, "%.*s/api/v1/twilio/%s?%s=%s", bare(base), base,
		path, name, j->id);
}

const char *sweep_need(struct sweep_job *j, enum tg_conf setting)
{
	if (tg_conf_text(setting)[0] != '\0')
		return NULL;
	j->reason =
		tg_arena_printf(j->transfer->arena, "%s is not set", tg_conf_row(setting)->name);
	return "refuse";
}

const char *sweep_twilio_need(struct sweep_job *j, const char *from)
{
	const char *outcome = sweep_need(j, TG_CONF_TWILIO_ACCOUNT_SID);

	if (outcome == NULL)
		outcome = sweep_need(j, TG_CONF_TWILIO_AUTH_TOKEN);
	if (outcome == NULL && from == NULL)
		outcome = sweep_need(j, TG_CONF_TWILIO_PHONE_NUMBER);
	return outcome;
}

void sweep_twilio_form(struct sweep_job *j, const struct tg_buf *form)
{
	struct tg_transfer *t = j->transfer;

	t->type = "application/x-www-form-urlencoded";
	t->body = form->data;
	t->body_len = form->len;
	t->once = true;
}

bool sweep_twilio_has(const struct tg_transfer *t, const char *member, char type)
{
	const struct tg_json_member *m;
	struct tg_json_scan scan;

	if (t->answer.len == 0 ||
		!tg_json_scan(t->arena, t->answer.data, t->answer.len, TG_JSON_STRICT, &scan) ||
		scan.type != 'o')
		return false;
	m = tg_json_member(&scan, member);
	return m != NULL && m->type == type && (type == 'a' || m->len > 2);
}

enum twilio_answer sweep_twilio_answer(const struct tg_transfer *t)
{
	if (t->status >= 200 && t->status < 300)
		return TWILIO_YES;
	/* 408 and 429 ask for another try; any other 4xx says that none will do better. */
	if (t->status == 408 || t->status == 429)
		return TWILIO_LATER;
	return t->status >= 400 && t->status < 500 ? TWILIO_NO : TWILIO_UNCLEAR;
}
