/* SPDX-License-Identifier: MIT
 * lanes: the table of what goes out, and what all rows of it share: room, signatures, texts.
 * Another lane is another row and the two functions that it names. */
#include <stdlib.h>
#include <string.h>

#include "sweep_internal.h"
#include "taskgate/base/conf.h"

static const char *task_pauses(struct sweep *s)
{
	return tg_arena_printf(s->arena, "%lld", tg_conf_int(TG_CONF_TASKGATE_RETRY_FIRST));
}

static const char *webhook_pauses(struct sweep *s)
{
	return s->pauses;
}

static const char *message_pauses(struct sweep *s)
{
	return tg_arena_printf(s->arena, "{%lld,%lld}", tg_conf_int(TG_CONF_TASKGATE_RETRY_FIRST),
		tg_conf_int(TG_CONF_TASKGATE_TWILIO_ASK));
}

static const char *call_pauses(struct sweep *s)
{
	return tg_arena_printf(s->arena, "{%lld,%lld,%lld}",
		tg_conf_int(TG_CONF_TASKGATE_RETRY_FIRST), tg_conf_int(TG_CONF_TASKGATE_TWILIO_ASK),
		tg_conf_int(TG_CONF_TASKGATE_CALL_LOST));
}

const struct lane_row sweep_lanes[LANE__MAX] = {
	[LANE_HANDLER] = { "handler", TG_SQL_SWEEP_HANDLER_CLAIM, TG_SQL_SWEEP_HANDLER_SETTLE,
		TG_CONF_TASKGATE_HANDLER_TIMEOUT, true, task_pauses, sweep_handler_prepare,
		sweep_handler_judge },
	[LANE_WEBHOOK] = { "webhook", TG_SQL_SWEEP_WEBHOOK_CLAIM, TG_SQL_SWEEP_WEBHOOK_SETTLE,
		TG_CONF_TASKGATE_WEBHOOK_TIMEOUT, false, webhook_pauses, sweep_webhook_prepare,
		sweep_webhook_judge },
	[LANE_SMS] = { "sms", TG_SQL_SWEEP_SMS_CLAIM, TG_SQL_SWEEP_MESSAGE_SETTLE,
		TG_CONF_TASKGATE_TWILIO_TIMEOUT, true, message_pauses, sweep_sms_prepare,
		sweep_sms_judge },
	[LANE_MAIL] = { "mail", TG_SQL_SWEEP_MAIL_CLAIM, TG_SQL_SWEEP_MESSAGE_SETTLE,
		TG_CONF_TASKGATE_MAIL_TIMEOUT, true, message_pauses, sweep_mail_prepare,
		sweep_mail_judge },
	[LANE_CALL] = { "call", TG_SQL_SWEEP_CALL_CLAIM, TG_SQL_SWEEP_CALL_SETTLE,
		TG_CONF_TASKGATE_TWILIO_TIMEOUT, true, call_pauses, sweep_call_prepare,
		sweep_call_judge },
	[LANE_FOLLOW] = { "follow", TG_SQL_SWEEP_FOLLOW_CLAIM, TG_SQL_SWEEP_FOLLOW_SETTLE,
		TG_CONF_TASKGATE_TWILIO_TIMEOUT, true, call_pauses, sweep_follow_prepare,
		sweep_follow_judge },
};

/* How many may be claimed now. Beside the free slots some ahead for the hosts that answer fast
 * (hosts.c); a slow one holds nothing up. */
int sweep_lane_room(const struct sweep *s, enum sweep_lane lane)
{
	int ahead = 0, room, most;

	for (const struct sweep_host *h = s->hosts; h != NULL; h = h->next)
		ahead += h->ahead;
	if (ahead > 2 * s->transfers)
		ahead = 2 * s->transfers;
	room = s->transfers + ahead - tg_out_running(s->out) - s->waiting.n;
	most = (s->transfers + ahead) * 3 / 4 - s->running[lane] - s->queued[lane];
	if (s->transfers > 1 && room > most)
		room = most;
	if (room > tg_out_free_count(s->out))
		room = tg_out_free_count(s->out);
	return room > 0 ? room : 0;
}

static const char *sign_all(struct sweep *s, struct sweep_job *j, const char *keys, bool first,
	const char *id, const char *timestamp)
{
	const struct tg_transfer *t = j->transfer;
	struct tg_buf line;

	tg_buf_init(&line, t->arena);
	tg_buf_puts(&line, "webhook-signature:");
	if (first && s->first_key != NULL)
		tg_buf_printf(&line, " %s",
			tg_webhook_signature(t->arena, s->first_key, s->first_key_len, id,
				timestamp, t->body, t->body_len));
	while (keys != NULL && *keys != '\0') {
		size_t digits = strcspn(keys, " ");
		uint8_t key[TG_WEBHOOK_KEY_MAX];

		if (digits / 2 <= sizeof key && tg_unhex(key, keys, digits / 2))
			tg_buf_printf(&line, " %s",
				tg_webhook_signature(t->arena, key, digits / 2, id, timestamp,
					t->body, t->body_len));
		keys += digits;
		keys += strspn(keys, " ");
	}
	return strchr(line.data, ',') != NULL ? line.data : NULL;
}

bool sweep_sign(
	struct sweep *s, struct sweep_job *j, struct tg_rows rows, int row, const char *webhook_id)
{
	struct tg_transfer *t = j->transfer;
	const char *timestamp = tg_rows_get(rows, row, "epoch");
	const char **lines = tg_arena_zalloc(t->arena, 4 * sizeof *lines);

	lines[0] = tg_arena_printf(t->arena, "webhook-id: %s", webhook_id);
	lines[1] = tg_arena_printf(t->arena, "webhook-timestamp: %s", timestamp);
	lines[2] = sign_all(s, j, tg_rows_get(rows, row, "keys"),
		strcmp(tg_rows_get(rows, row, "tenant_id"), s->first_tenant) == 0, webhook_id,
		timestamp);
	t->headers = lines;
	return lines[2] != NULL;
}

void sweep_json_text(struct tg_buf *b, const char *s)
{
	if (s == NULL) {
		tg_buf_puts(b, "null");
		return;
	}
	tg_buf_put(b, "\"", 1);
	for (;;) {
		size_t plain = 0;

		while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
			plain++;
		tg_buf_put(b, s, plain);
		s += plain;
		if (*s == '\0')
			break;
		if (*s == '"' || *s == '\\')
			tg_buf_printf(b, "\\%c", *s);
		else
			tg_buf_printf(b, "\\u%04x", *s);
		s++;
	}
	tg_buf_put(b, "\"", 1);
}

const char *sweep_clean(struct tg_arena *a, const char *s)
{
	char *copy;

	if (s == NULL || tg_utf8_valid(s, strlen(s)))
		return s;
	copy = tg_arena_strdup(a, s);
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return copy;
}
