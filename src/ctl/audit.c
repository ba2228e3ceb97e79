/* SPDX-License-Identifier: MIT
 * audit: proves the history. `verify` recomputes every link of every task's chain in the database
 * and names the first that is broken, else the first row that breaks a rule of the ledger; `export`
 * prints audit and history as JSON lines. Both read in batches, so that their memory does not grow
 * with the ledger. */
#include <stdio.h>
#include <string.h>

#include "taskgate/ctl/ctl.h"

#define NOBODY "00000000-0000-0000-0000-000000000000"
#define BATCH 5000

struct cursor {
	const char *tenant; /* NULL: all */
	char last_tenant[40], last_task[40], last[24];
	long long tasks, events;
};

/* Without --tenant all of them, the first one not being meant. */
static enum tg_rc start(struct tg_ctl *ctl, struct cursor *c)
{
	*c = (struct cursor){ .last_tenant = NOBODY, .last_task = NOBODY, .last = "0" };
	if (tg_ctl_begin(ctl) != TG_OK || tg_ctl_call(ctl, TG_BIND_CTL_PATIENCE(), NULL) != TG_OK)
		return ctl->err->rc;
	c->tenant = ctl->tenant ? ctl->tenant_id : NULL;
	return TG_OK;
}

static void copy(char *to, size_t size, struct tg_rows rows, int row, int column)
{
	snprintf(to, size, "%s", tg_rows_text(rows, row, column));
}

static void report(struct tg_ctl *ctl, const struct cursor *c, struct tg_rows rows)
{
	bool broken = tg_rows_get(rows, 0, "fault") != NULL;
	static const struct tg_ctl_column columns[] = { { "tenant_id", TG_CTL_TEXT, "tenant" },
		{ "task_id", TG_CTL_TEXT, "internal id" }, { "public_id", TG_CTL_TEXT, "task" },
		{ "seq", TG_CTL_INT, "event" }, { "fault", TG_CTL_TEXT, "fault" }, { 0 } };

	if (ctl->json) {
		tg_buf_printf(&ctl->out,
			"{\"ok\": %s, \"tasks\": %lld, \"events\": %lld, \"broken\": ",
			broken ? "false" : "true", c->tasks, c->events);
		if (broken)
			tg_ctl_json_row(&ctl->out, ctl->arena, rows, 0, columns);
		else
			tg_buf_puts(&ctl->out, "null");
		tg_buf_puts(&ctl->out, "}\n");
	} else if (broken) {
		tg_ctl_print_record(ctl, rows, 0, columns);
	} else {
		tg_buf_printf(&ctl->out,
			"%lld events of %lld tasks: every link and every rule holds\n", c->events,
			c->tasks);
	}
}

static enum tg_rc verdict(struct tg_ctl *ctl, struct tg_rows rows)
{
	const char *fault = tg_rows_get(rows, 0, "fault"), *seq = tg_rows_get(rows, 0, "seq"),
		   *task = tg_rows_get(rows, 0, "public_id");

	if (fault == NULL)
		return TG_OK;
	if (task == NULL)
		task = tg_rows_get(rows, 0, "task_id");
	if (seq == NULL)
		return tg_fail(ctl->err, TG_E_INTERNAL, NULL, "task %s: %s", task, fault);
	return tg_fail(ctl->err, TG_E_INTERNAL, NULL,
		"the history of task %s is broken at event %s: %s", task, seq, fault);
}

static enum tg_rc verify(struct tg_ctl *ctl)
{
	char most[16];
	struct cursor c;
	struct tg_rows rows;
	long long got;

	if (start(ctl, &c) != TG_OK)
		return ctl->err->rc;
	snprintf(most, sizeof most, "%d", BATCH);
	do {
		if (tg_ctl_call(ctl,
			    TG_BIND_AUDIT_VERIFY(.tenant = c.tenant, .last_tenant = c.last_tenant,
				    .last_task = c.last_task, .batch = most),
			    &rows) != TG_OK)
			return ctl->err->rc;
		got = tg_rows_int_at(rows, 0, TG_AUDIT_VERIFY_TASKS);
		c.tasks += got;
		c.events += tg_rows_int_at(rows, 0, TG_AUDIT_VERIFY_EVENTS);
		copy(c.last_tenant, sizeof c.last_tenant, rows, 0, TG_AUDIT_VERIFY_LAST_TENANT);
		copy(c.last_task, sizeof c.last_task, rows, 0, TG_AUDIT_VERIFY_LAST_TASK);
	} while (got == BATCH && !tg_rows_text(rows, 0, TG_AUDIT_VERIFY_FAULT));
	if (!tg_rows_text(rows, 0, TG_AUDIT_VERIFY_FAULT) &&
		tg_ctl_call(ctl, TG_BIND_AUDIT_RULES(.tenant = c.tenant), &rows) != TG_OK)
		return ctl->err->rc;
	report(ctl, &c, rows);
	return verdict(ctl, rows);
}

static enum tg_rc write_lines(struct tg_ctl *ctl, struct tg_rows rows, int column)
{
	int i, n = tg_rows_count(rows);

	for (i = 0; i < n; i++)
		if (printf("%s\n", tg_rows_text(rows, i, column)) < 0)
			return tg_fail(ctl->err, TG_E_UNAVAILABLE, NULL,
				"standard output cannot be written");
	return TG_OK;
}

static enum tg_rc export_audit(struct tg_ctl *ctl, struct cursor *c, const char *most)
{
	struct tg_rows rows;
	int n;

	do {
		if (tg_ctl_call(ctl,
			    TG_BIND_AUDIT_EXPORT(.tenant = c->tenant, .last_id = c->last,
				    .batch = most),
			    &rows) != TG_OK ||
			write_lines(ctl, rows, TG_AUDIT_EXPORT_LINE) != TG_OK)
			return ctl->err->rc;
		n = tg_rows_count(rows);
		if (n > 0)
			copy(c->last, sizeof c->last, rows, n - 1, TG_AUDIT_EXPORT_ID);
	} while (n == BATCH);
	return TG_OK;
}

static enum tg_rc export_events(struct tg_ctl *ctl, struct cursor *c, const char *most)
{
	struct tg_rows rows;
	int n;

	snprintf(c->last, sizeof c->last, "0");
	do {
		if (tg_ctl_call(ctl,
			    TG_BIND_AUDIT_EXPORT_EVENTS(.tenant = c->tenant,
				    .last_tenant = c->last_tenant, .last_task = c->last_task,
				    .last_seq = c->last, .batch = most),
			    &rows) != TG_OK ||
			write_lines(ctl, rows, TG_AUDIT_EXPORT_EVENTS_LINE) != TG_OK)
			return ctl->err->rc;
		n = tg_rows_count(rows);
		if (n > 0) {
			copy(c->last_tenant, sizeof c->last_tenant, rows, n - 1,
				TG_AUDIT_EXPORT_EVENTS_TENANT_ID);
			copy(c->last_task, sizeof c->last_task, rows, n - 1,
				TG_AUDIT_EXPORT_EVENTS_TASK_ID);
			copy(c->last, sizeof c->last, rows, n - 1, TG_AUDIT_EXPORT_EVENTS_SEQ);
		}
	} while (n == BATCH);
	return TG_OK;
}

static enum tg_rc export_all(struct tg_ctl *ctl)
{
	char most[16];
	struct cursor c;

	if (start(ctl, &c) != TG_OK)
		return ctl->err->rc;
	snprintf(most, sizeof most, "%d", BATCH);
	if (export_audit(ctl, &c, most) != TG_OK)
		return ctl->err->rc;
	return export_events(ctl, &c, most);
}

const struct tg_ctl_command tg_ctl_audit[] = {
	{ .words = "audit verify",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = verify,
		.help = "recompute the history's chains (of all tenants, unless one is named); 70 "
			"where a link is broken" },
	{ .words = "audit export",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = export_all,
		.help = "print audit and history as JSON lines (of all tenants, unless one is "
			"named)" },
	{ 0 }
};
