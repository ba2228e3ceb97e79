/* SPDX-License-Identifier: MIT
 * call: calls and campaigns as spec/calls.md makes and shows them, and what Twilio asks and reports
 * of them. Every function runs one named statement of the same name (sql/queries/call.sql); params
 * are texts or NULL, borrowed; rows are borrowed until the connection's next round trip. */
#ifndef TASKGATE_CALL_H
#define TASKGATE_CALL_H

#include "taskgate/db/tx.h"

struct tg_dial {
	const char *from, *webhook_url, *status_url, *metadata, *callback_url;
};

struct tg_call_report {
	const char *call, *sid, *status, *sequence, *duration, *error_code, *params, *form,
		*request_id, *remote;
	long long ask_s;
};

enum tg_rc tg_call_queue(struct tg_tx *, const char *number, const char *delay,
	const struct tg_dial *, struct tg_rows *) TG_MUSTCHECK;
/* numbers: an array literal. */
enum tg_rc tg_call_queue_bulk(struct tg_tx *, const char *numbers, const char *delay,
	const char *most, const struct tg_dial *, struct tg_rows *) TG_MUSTCHECK;
/* wall: time is one of the zone's clocks. TG_E_INVALID zone_unknown, schedule_past. */
enum tg_rc tg_call_schedule(struct tg_tx *, const char *number, const char *time, bool wall,
	const char *zone, const struct tg_dial *, struct tg_rows *) TG_MUSTCHECK;
/* TG_E_NOTFOUND from here on where no such task is visible; of cancel also where it has ended. */
enum tg_rc tg_call_get(struct tg_tx *, const char *task, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_call_cancel(struct tg_tx *, const char *task) TG_MUSTCHECK;
enum tg_rc tg_call_active(struct tg_tx *, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_campaign_calls(struct tg_tx *, const char *task, long long limit, long long offset,
	struct tg_rows *) TG_MUSTCHECK;
/* These run without a tenant: Twilio's signature is their authority, and the call says whose it is.
 */
enum tg_rc tg_call_report(struct tg_tx *, const struct tg_call_report *) TG_MUSTCHECK;
enum tg_rc tg_call_script(
	struct tg_tx *, const char *call, const char *sid, struct tg_rows *) TG_MUSTCHECK;
enum tg_rc tg_call_gather(struct tg_tx *, const char *sid, const char *speech, const char *digits,
	const char *params) TG_MUSTCHECK;

/* Is there a database, and a sweeper that was seen in the last 150 seconds? Outside of any
 * transaction; false where nobody answers within a second. */
bool tg_call_is_served(struct tg_db *);

#endif
