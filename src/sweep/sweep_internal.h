/* SPDX-License-Identifier: MIT
 * sweep_internal: what the files of src/sweep share and nobody else sees. A job is one claimed row
 * of `work`, from its claim until its outcome is committed. It is in exactly one place: waiting
 * (for a slot), in curl's hands, or done (waiting to be settled). */
#ifndef TASKGATE_SWEEP_INTERNAL_H
#define TASKGATE_SWEEP_INTERNAL_H

#include <stdint.h>
#include "taskgate/base/conf.h"
#include "taskgate/db/db.h"
#include "taskgate/out/out.h"
#include "taskgate/sweep/sweep.h"

enum sweep_lane {
	LANE_HANDLER,
	LANE_WEBHOOK,
	LANE_SMS,
	LANE_MAIL,
	LANE_CALL,
	LANE_FOLLOW,
	LANE__MAX
};

/* A host and port, with what this sweeper knows of it. */
struct sweep_host {
	struct sweep_host *next;
	char *name;
	int waiting, running;
	int answers; /* since the last claim */
	int ahead; /* how many may be claimed beyond the free slots */
	int fails; /* running; told to the database at the next settle */
	bool answered, failing; /* failing: the database counts failures of it */
	bool dirty; /* there is something to tell */
	int told; /* failures that a settle under way tells; until it is over nothing is claimed for
		     the host */
	char error[320];
};

struct sweep_job { /* in its transfer's arena */
	struct sweep_job *next;
	struct tg_transfer *transfer;
	struct sweep_host *host;
	enum sweep_lane lane;
	const char *id, *fence;
	int64_t claimed_ms, deadline_ms; /* tg_clock_ms(); deadline 0 where the task's own timeout
					    does not matter */
	int64_t timeout_ms; /* of the transfer, from its start */
	const char *outcome; /* a word of the settle statement */
	const char *detail; /* result (handler), HTTP status (webhook), Twilio's answer (sms); NULL
			       for none */
	bool asks; /* nothing is sent: Twilio is asked what became of it */
	const char *type; /* of a call's work: ask, find, hangup */
	int64_t ended_ms; /* tg_clock_ms() of its transfer's end; 0 where there was none */
	const char *reason;
	int wait_s;
};

struct job_list {
	struct sweep_job *head, **tail;
	int n;
};

/* Two connections, so that claims and outcomes are worked on side by side: on two cores 5,300 tasks
 * a second with one and 6,400 with two. */
enum sweep_link_name { LINK_SETTLE, LINK_CLAIM, LINK__MAX };

struct sweep_link {
	struct tg_db *db;
	bool sent; /* a round trip is under way */
	int64_t deadline;
	bool away; /* the database was lost and that was told */
	bool set_up; /* the connection with that count of reconnects has our settings */
	uint64_t set_up_at;
};

struct settle_round { /* indexes of statements, -1 for none */
	int settle[LANE__MAX], beat;
	struct job_list jobs[LANE__MAX];
};

struct claim_round {
	int claim[LANE__MAX], promote, expire, regain, notify, call_expire;
	int64_t claimed_ms;
	bool quiet; /* nothing was under way when it was sent */
};

struct sweep {
	const struct tg_sweep_options *opt;
	struct sweep_link link[LINK__MAX];
	struct tg_arena *arena; /* of what is being queued */
	struct tg_out *out;
	struct tg_guard guard;
	const uint8_t *first_key; /* TASKGATE_WEBHOOK_SECRET, for first_tenant */
	size_t first_key_len;
	char first_tenant[40], host[256], name[300], pid[16], started_at[40], pauses[256];
	int nudge_fd, signal_fd;
	int transfers, host_transfers;
	bool stopping; /* claims nothing more */
	bool idle; /* nothing was under way, and a look found nothing to do */
	bool nudged; /* something became due, somebody said or we know */
	bool hungry; /* the last claim gave something, or slots were freed since: there may be more
		      */
	int64_t leave_at, beat_at, chores_at, slow_at, purge_at;
	int purge_step; /* -1: not purging */
	long long purge_seq;
	uint64_t settled;
	struct sweep_host *hosts;
	struct job_list waiting, done[LANE__MAX];
	int running[LANE__MAX], queued[LANE__MAX];
	struct settle_round settling;
	struct claim_round claiming;
};

/* jobs.c */
void sweep_list_init(struct job_list *);
void sweep_list_add(struct job_list *, struct sweep_job *);
struct sweep_job *sweep_list_take(struct job_list *);
void sweep_list_append(struct job_list *to, struct job_list *from);
void sweep_job_done(struct sweep *, struct sweep_job *, const char *outcome, const char *reason);
void sweep_job_free(struct sweep *, struct sweep_job *);
void sweep_jobs_start(struct sweep *); /* as many as there is room for */
void sweep_jobs_collect(struct sweep *); /* what curl has ended becomes done */
bool sweep_jobs_done(const struct sweep *); /* waiting to be settled */
bool sweep_jobs_any(const struct sweep *); /* claimed and not settled yet */

/* hosts.c */
struct sweep_host *sweep_host_get(struct sweep *, const char *name);
void sweep_host_note(struct sweep_host *, const struct tg_transfer *);
void sweep_hosts_pace(struct sweep *);
void sweep_hosts_tidy(struct sweep *); /* forgets those that nothing is known of */
void sweep_hosts_told(struct sweep *, bool committed);
void sweep_hosts_free(struct sweep *);

/* lanes.c: the table */
struct lane_row {
	const char *name;
	enum tg_sql claim, settle;
	enum tg_conf timeout; /* seconds of a transfer */
	bool trusted; /* an operator set the address */
	/* The last parameter of the settle statement: the pauses between attempts. Text of its own
	 * or of the arena. */
	const char *(*pauses)(struct sweep *);
	/* Makes the transfer of a claimed row, or says why there can be none (an outcome). Borrowed
	 * text goes to the transfer's arena. */
	const char *(*prepare)(struct sweep *, struct sweep_job *, struct tg_rows, int row);
	void (*judge)(struct sweep *, struct sweep_job *); /* answer -> outcome */
};
extern const struct lane_row sweep_lanes[LANE__MAX];
int sweep_lane_room(const struct sweep *, enum sweep_lane);
/* Signs the body and lays the headers; false where the tenant has no live key. */
bool sweep_sign(
	struct sweep *, struct sweep_job *, struct tg_rows, int row, const char *webhook_id);
void sweep_json_text(struct tg_buf *, const char *s); /* a JSON string, or null for NULL */
const char *sweep_clean(struct tg_arena *, const char *s); /* valid UTF-8 for the database */

/* handler.c, deliver.c */
const char *sweep_handler_prepare(struct sweep *, struct sweep_job *, struct tg_rows, int row);
void sweep_handler_judge(struct sweep *, struct sweep_job *);
const char *sweep_webhook_prepare(struct sweep *, struct sweep_job *, struct tg_rows, int row);
void sweep_webhook_judge(struct sweep *, struct sweep_job *);

/* sms.c, mail.c */
const char *sweep_sms_prepare(struct sweep *, struct sweep_job *, struct tg_rows, int row);
void sweep_sms_judge(struct sweep *, struct sweep_job *);
const char *sweep_mail_prepare(struct sweep *, struct sweep_job *, struct tg_rows, int row);
void sweep_mail_judge(struct sweep *, struct sweep_job *);

/* call.c */
const char *sweep_call_prepare(struct sweep *, struct sweep_job *, struct tg_rows, int row);
void sweep_call_judge(struct sweep *, struct sweep_job *);
const char *sweep_follow_prepare(struct sweep *, struct sweep_job *, struct tg_rows, int row);
void sweep_follow_judge(struct sweep *, struct sweep_job *);

/* twilio.c */
const char *sweep_twilio_url(
	struct sweep_job *, const char *resource, const char *sid); /* sid may be NULL */
const char *const *sweep_twilio_authorization(struct sweep_job *);
/* Our own address for reports on this job: <public>/api/v1/twilio/<path>?<name>=<id>; NULL where we
 * have none. */
const char *sweep_twilio_callback(struct sweep_job *, const char *path, const char *name);
/* The outcome of a job whose setting is missing, and its reason; NULL where all is there. from: the
 * sender, where one is known. */
const char *sweep_need(struct sweep_job *, enum tg_conf setting);
const char *sweep_twilio_need(struct sweep_job *, const char *from);
void sweep_twilio_form(
	struct sweep_job *, const struct tg_buf *form); /* the body; sent once at most */
bool sweep_twilio_has(const struct tg_transfer *, const char *member,
	char type); /* is the answer an object with it, not empty? */
enum twilio_answer { TWILIO_YES, TWILIO_NO, TWILIO_LATER, TWILIO_UNCLEAR };
enum twilio_answer sweep_twilio_answer(const struct tg_transfer *);

/* settle.c */
void sweep_settle_send(struct sweep *, bool leaves);
enum tg_rc sweep_settle_end(struct sweep *, struct tg_error *);
void sweep_settle_singly(struct sweep
		*); /* after a round that failed: what cannot be stored is found and given up */

/* claim.c */
void sweep_claim_send(struct sweep *);
enum tg_rc sweep_claim_end(struct sweep *, struct tg_error *);

/* start.c */
enum tg_rc sweep_open(struct sweep_link *, struct tg_error *);
enum tg_rc sweep_hello(struct sweep *, struct tg_error *);
enum tg_rc sweep_preview(struct sweep *, struct tg_error *);

/* purge.c */
void sweep_purge_step(
	struct sweep *); /* one statement of a purge that is under way, or its begin */

/* loop.c */
int64_t sweep_link_deadline(const struct sweep_link *); /* for ending its round trip */
enum tg_rc sweep_loop(struct sweep *, struct tg_error *);

#endif
