/* SPDX-License-Identifier: MIT
 * state: owns the table of edges and folds it into next[machine][state][event] at the first
 * question. Promises that an empty cell means "refused". Never decides anything by itself: whoever
 * changes a task asks the database, whose trigger holds the same rows. */
#include "taskgate/core/state.h"

#include <assert.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const machines[TG_MACHINE__MAX] = {
	[TG_MACHINE_DISPOSITION] = "disposition",
	[TG_MACHINE_SMS] = "sms",
	[TG_MACHINE_EMAIL] = "email",
	[TG_MACHINE_VOICEMAIL] = "voicemail",
	[TG_MACHINE_CALLBACK_FINISH] = "callback_finish",
	[TG_MACHINE_CALL] = "call",
	[TG_MACHINE_BULK_CALL] = "bulk_call",
};

static const struct {
	const char *name;
	bool finished, final;
} states[TG_STATE__MAX] = {
	[TG_STATE_NONE] = { "-", false, false },
	[TG_STATE_PENDING] = { "pending", false, false },
	[TG_STATE_QUEUED] = { "queued", false, false },
	[TG_STATE_PROCESSING] = { "processing", false, false },
	[TG_STATE_COMPLETED] = { "completed", true, true },
	[TG_STATE_FAILED] = { "failed", true, false }, /* may be queued again by hand */
	[TG_STATE_CANCELLED] = { "cancelled", true, true },
	[TG_STATE_EXPIRED] = { "expired", true, true },
};

static const char *const events[TG_EVENT__MAX] = {
	[TG_EVENT_CREATE] = "create",
	[TG_EVENT_QUEUE] = "queue",
	[TG_EVENT_CLAIM] = "claim",
	[TG_EVENT_COMPLETE] = "complete",
	[TG_EVENT_FAIL] = "fail",
	[TG_EVENT_RETRY] = "retry",
	[TG_EVENT_RELEASE] = "release",
	[TG_EVENT_CANCEL] = "cancel",
	[TG_EVENT_EXPIRE] = "expire",
	[TG_EVENT_REVIVE] = "revive",
};

/* Adding or changing a row here needs a migration that does the same to state_edge. */
#define EDGE(machine, from, event, to, why) \
	{ \
		TG_MACHINE_##machine, TG_STATE_##from, TG_EVENT_##event, TG_STATE_##to, why \
	}
/* An attempt that did not succeed and was not the last one. */
#define ATTEMPTS(machine) \
	EDGE(machine, PROCESSING, RETRY, PENDING, "Attempt failed, will be retried"), \
		EDGE(machine, PROCESSING, RELEASE, PENDING, "Attempt given back")
/* A person does not want it any more, its time is over, a person wants it after all. */
#define LEAVES(machine) \
	EDGE(machine, PENDING, CANCEL, CANCELLED, "Task cancelled"), \
		EDGE(machine, PROCESSING, CANCEL, CANCELLED, "Task cancelled"), \
		EDGE(machine, PENDING, EXPIRE, EXPIRED, "Task expired before it started"), \
		EDGE(machine, FAILED, REVIVE, PENDING, "Task queued again by hand")
static const struct tg_edge edges[] = {
	/* A task is made. */
	EDGE(DISPOSITION, NONE, CREATE, PENDING, "Task created"),
	/* Somebody takes it, at once or after a queue of its own. */
	EDGE(DISPOSITION, PENDING, CLAIM, PROCESSING, "Task started"),
	EDGE(DISPOSITION, QUEUED, CLAIM, PROCESSING, "Task started"),
	EDGE(DISPOSITION, PENDING, QUEUE, QUEUED, "Task queued"),
	/* The attempt ends. */
	EDGE(DISPOSITION, PROCESSING, COMPLETE, COMPLETED, "Task completed successfully"),
	EDGE(DISPOSITION, PROCESSING, FAIL, FAILED, "Task failed"),
	EDGE(DISPOSITION, PROCESSING, RETRY, PENDING, "Attempt failed, will be retried"),
	EDGE(DISPOSITION, PROCESSING, RELEASE, PENDING, "Attempt given back"),
	/* A person does not want it any more. */
	EDGE(DISPOSITION, PENDING, CANCEL, CANCELLED, "Task cancelled"),
	EDGE(DISPOSITION, QUEUED, CANCEL, CANCELLED, "Task cancelled"),
	EDGE(DISPOSITION, PROCESSING, CANCEL, CANCELLED, "Task cancelled"),
	/* Its time is over. */
	EDGE(DISPOSITION, PENDING, EXPIRE, EXPIRED, "Task expired before it started"),
	EDGE(DISPOSITION, QUEUED, EXPIRE, EXPIRED, "Task expired before it started"),
	EDGE(DISPOSITION, PROCESSING, EXPIRE, EXPIRED, "Task timed out"),
	/* A person wants it after all. */
	EDGE(DISPOSITION, FAILED, REVIVE, PENDING, "Task queued again by hand"),

	/* A message goes to its provider; an SMS ends with the report of its delivery, an email
	   with the mail server's yes. */
	EDGE(SMS, NONE, CREATE, PENDING, "Task created"),
	EDGE(SMS, PENDING, CLAIM, PROCESSING, "SMS queued for delivery"),
	EDGE(SMS, PROCESSING, COMPLETE, COMPLETED, "SMS delivered successfully"),
	EDGE(SMS, PROCESSING, FAIL, FAILED, "SMS could not be delivered"),
	ATTEMPTS(SMS),
	LEAVES(SMS),
	EDGE(EMAIL, NONE, CREATE, PENDING, "Task created"),
	EDGE(EMAIL, PENDING, CLAIM, PROCESSING, "Email queued for delivery"),
	EDGE(EMAIL, PROCESSING, COMPLETE, COMPLETED, "Email sent successfully"),
	EDGE(EMAIL, PROCESSING, FAIL, FAILED, "Email could not be sent"),
	ATTEMPTS(EMAIL),
	LEAVES(EMAIL),

	/* A voicemail ends with the last of the messages that tell of it. */
	EDGE(VOICEMAIL, NONE, CREATE, PENDING, "Task created"),
	EDGE(VOICEMAIL, PENDING, CLAIM, PROCESSING, "Notification started"),
	EDGE(VOICEMAIL, PROCESSING, COMPLETE, COMPLETED, "Notification sent"),
	EDGE(VOICEMAIL, PROCESSING, FAIL, FAILED, "Notification failed"),
	LEAVES(VOICEMAIL),

	/* A callback is finished at once. */
	EDGE(CALLBACK_FINISH, NONE, CREATE, PENDING, "Task created"),
	EDGE(CALLBACK_FINISH, PENDING, COMPLETE, COMPLETED, "Callback finish processed"),

	/* A call ends with Twilio's report of its end; who must not be called never was. */
	EDGE(CALL, NONE, CREATE, PENDING, "Task created"),
	EDGE(CALL, PENDING, CLAIM, PROCESSING, "Creating call"),
	EDGE(CALL, PENDING, FAIL, FAILED, "Call refused"),
	EDGE(CALL, PROCESSING, COMPLETE, COMPLETED, "Call completed"),
	EDGE(CALL, PROCESSING, FAIL, FAILED, "Call failed"),
	ATTEMPTS(CALL),
	EDGE(CALL, PENDING, CANCEL, CANCELLED, "Call cancelled"),
	EDGE(CALL, PROCESSING, CANCEL, CANCELLED, "Call cancelled"),
	EDGE(CALL, PENDING, EXPIRE, EXPIRED, "Call expired before it was dialled"),

	/* A campaign ends with the last of its numbers, however they ended. */
	EDGE(BULK_CALL, NONE, CREATE, PENDING, "Campaign created"),
	EDGE(BULK_CALL, PENDING, CLAIM, PROCESSING, "Campaign started"),
	EDGE(BULK_CALL, PROCESSING, COMPLETE, COMPLETED, "Campaign finished"),
	EDGE(BULK_CALL, PENDING, CANCEL, CANCELLED, "Campaign cancelled"),
	EDGE(BULK_CALL, PROCESSING, CANCEL, CANCELLED, "Campaign cancelled"),
	EDGE(BULK_CALL, PENDING, EXPIRE, EXPIRED, "Campaign expired before it started"),
};

const struct tg_edge *tg_state_edges(size_t *n)
{
	*n = COUNT(edges);
	return edges;
}

const char *tg_machine_name(enum tg_machine machine)
{
	assert((unsigned)machine < TG_MACHINE__MAX);
	return machines[machine];
}

const char *tg_state_name(enum tg_state state)
{
	assert((unsigned)state < TG_STATE__MAX);
	return states[state].name;
}

const char *tg_event_name(enum tg_event event)
{
	assert((unsigned)event < TG_EVENT__MAX);
	return events[event];
}

enum tg_state tg_state_parse(const char *name)
{
	enum tg_state s;

	for (s = 0; s < TG_STATE__MAX && strcmp(states[s].name, name) != 0; s++)
		continue;
	return s;
}

enum tg_state tg_state_next(enum tg_machine machine, enum tg_state from, enum tg_event event)
{
	static enum tg_state
		next[TG_MACHINE__MAX][TG_STATE__MAX]
		    [TG_EVENT__MAX]; /* NONE, which no edge leads to, is an empty cell */
	static bool folded;
	enum tg_state *cell;
	size_t i;

	assert((unsigned)machine < TG_MACHINE__MAX && (unsigned)from < TG_STATE__MAX &&
		(unsigned)event < TG_EVENT__MAX);
	for (i = 0; !folded && i < COUNT(edges); i++) {
		cell = &next[edges[i].machine][edges[i].from][edges[i].event];
		assert(*cell == TG_STATE_NONE);
		*cell = edges[i].to;
	}
	folded = true;
	return next[machine][from][event];
}

bool tg_state_is_finished(enum tg_state state)
{
	assert((unsigned)state < TG_STATE__MAX);
	return states[state].finished;
}

bool tg_state_is_final(enum tg_state state)
{
	assert((unsigned)state < TG_STATE__MAX);
	return states[state].final;
}

void tg_state_print_text(struct tg_buf *out)
{
	size_t i;

	for (i = 0; i < COUNT(edges); i++) {
		if (i == 0 || edges[i].machine != edges[i - 1].machine)
			tg_buf_printf(out, "%s%s\n", i ? "\n" : "", machines[edges[i].machine]);
		tg_buf_printf(out, "  %-10s  %-8s  ->  %-10s  %s\n", states[edges[i].from].name,
			events[edges[i].event], states[edges[i].to].name, edges[i].why);
	}
}

static void print_dot_states(struct tg_buf *out, enum tg_machine machine)
{
	bool used[TG_STATE__MAX] = { false };
	enum tg_state s;
	size_t i;

	for (i = 0; i < COUNT(edges); i++)
		if (edges[i].machine == machine)
			used[edges[i].from] = used[edges[i].to] = true;
	for (s = 0; s < TG_STATE__MAX; s++) {
		if (!used[s])
			continue;
		tg_buf_printf(out, "\t\t\"%s.%s\" [label=\"%s\", shape=%s];\n", machines[machine],
			states[s].name, s == TG_STATE_NONE ? "" : states[s].name,
			s == TG_STATE_NONE        ? "point"
				: states[s].final ? "doublecircle"
						  : "ellipse");
	}
}

void tg_state_print_dot(struct tg_buf *out)
{
	enum tg_machine m;
	size_t i;

	tg_buf_puts(out, "digraph states {\n\trankdir=LR;\n");
	for (m = 0; m < TG_MACHINE__MAX; m++) {
		tg_buf_printf(out, "\tsubgraph \"cluster_%s\" {\n\t\tlabel=\"%s\";\n", machines[m],
			machines[m]);
		print_dot_states(out, m);
		for (i = 0; i < COUNT(edges); i++)
			if (edges[i].machine == m)
				tg_buf_printf(out, "\t\t\"%s.%s\" -> \"%s.%s\" [label=\"%s\"];\n",
					machines[m], states[edges[i].from].name, machines[m],
					states[edges[i].to].name, events[edges[i].event]);
		tg_buf_puts(out, "\t}\n");
	}
	tg_buf_puts(out, "}\n");
}
