/* SPDX-License-Identifier: MIT
 * session: a command's way to the database. Promises that a change and its row in `audit` are
 * committed together or not at all, and that what is printed was committed. Acts as taskgate_ctl,
 * never as the owner (migrate does that for itself). */
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "taskgate/base/clock.h"
#include "taskgate/base/conf.h"
#include "taskgate/ctl/ctl.h"

#define CONNECT_MS 5000
#define PATIENCE_MS (60 * 60 * 1000)

static const struct {
	const char *sqlstate;
	enum tg_rc rc;
	const char *text;
} meanings[] = {
	{ "22", TG_E_INVALID, NULL }, /* malformed ids, numbers out of range, broken JSON */
	{ "23514", TG_E_INVALID, NULL },
	{ "23503", TG_E_NOTFOUND, NULL },
	{ "42P01", TG_E_CONFIG, "the database is not migrated: run `taskgatectl migrate`" },
	{ "42883", TG_E_CONFIG, "the database is not migrated: run `taskgatectl migrate`" },
	{ "42501", TG_E_CONFIG,
		"the database is not migrated, or taskgatectl logs in as the wrong role" },
};

static const struct {
	const char *constraint, *text;
} rules[] = {
	{ "tenant_name_length", "a tenant's name has 1 to 128 characters" },
	{ "tenant_name_taken", "there is a tenant of this name already" },
	{ "principal_handle",
		"a handle is 1 to 128 letters, digits and . _ @ -, and begins with a letter or "
		"digit" },
	{ "principal_handle_taken", "there is a user of this handle already" },
	{ "principal_pkey", "there is a user of this id already" },
	{ "customer_name_length", "a customer's name has 1 to 255 characters" },
	{ "customer_pkey", "there is a customer of this id already" },
	{ "task_type_name", "a type is a letter and up to 63 letters, digits and . _ : -" },
	{ "task_type_handler", "a handler is an http or https URL" },
	{ "directory_id", "an id has 1 to 128 characters, none of them a control character" },
	{ "phone_number", "a phone number is + and 7 to 15 digits, the first not 0 (E.164)" },
	{ "email_address", "that is no email address" },
	{ "task_entity", "an entity is 1 to 128 letters, digits and . _ : -" },
	{ "contact_data", "the data of a contact is a JSON object" },
	{ "callback_attempt", "an attempt number is 1 to 1000" },
	{ "callback_tenant_id_contact_id_fkey", "a callback has this contact: remove that first" },
	{ "recipient_channel", "a recipient has an email address, a number for SMS, or both" },
	{ "disposition_code_word",
		"a disposition code is an upper-case letter and up to 63 letters, digits and _" },
	{ "email_template_name",
		"the name of a template is 1 to 128 letters, digits and . _ : -, and begins with a "
		"letter or digit" },
	{ "email_template_subject", "a subject is one line of at most 998 characters" },
	{ "email_template_body", "a template has a text, an HTML text, or both" },
};

enum tg_rc tg_ctl_explain(struct tg_error *err)
{
	struct tg_error was = *err;
	size_t i;

	for (i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (was.sqlstate[0] &&
			strncmp(was.sqlstate, meanings[i].sqlstate, strlen(meanings[i].sqlstate)) ==
				0) {
			tg_fail(err, meanings[i].rc, NULL, "%s",
				meanings[i].text ? meanings[i].text : was.message);
			break;
		}
	for (i = 0; i < sizeof rules / sizeof *rules; i++)
		if (strcmp(was.reason, rules[i].constraint) == 0)
			tg_fail(err, err->rc, NULL, "%s", rules[i].text);
	memcpy(err->reason, was.reason, sizeof err->reason);
	memcpy(err->sqlstate, was.sqlstate, sizeof err->sqlstate);
	return err->rc;
}

enum tg_rc tg_ctl_connect(struct tg_ctl *ctl)
{
	const char *conninfo = tg_conf_text(TG_CONF_TASKGATE_ADMIN_DATABASE);
	int64_t deadline = tg_clock_ms() + CONNECT_MS;

	if (!*conninfo)
		return tg_fail(ctl->err, TG_E_CONFIG, NULL, "TASKGATE_ADMIN_DATABASE is not set");
	ctl->db = tg_db_new(conninfo, "taskgatectl");
	if (tg_db_open(ctl->db, deadline, ctl->err) != TG_OK)
		return ctl->err->rc;
	return tg_db_check_role(ctl->db, "taskgate_ctl", deadline, ctl->err);
}

/* What was begun on one connection does not go on upon another: there a commit would commit
 * nothing, and be glad of it. */
static enum tg_rc stay(struct tg_ctl *ctl)
{
	if (ctl->connection == 0)
		return TG_OK;
	if (tg_db_open(ctl->db, tg_clock_ms() + CONNECT_MS, ctl->err) != TG_OK)
		return ctl->err->rc;
	if (ctl->connection != tg_db_reconnects(ctl->db) + 1)
		return tg_fail(ctl->err, TG_E_UNAVAILABLE, NULL,
			"the connection to the database was lost; nothing was done");
	return TG_OK;
}

enum tg_rc tg_ctl_call(struct tg_ctl *ctl, struct tg_bind bind, struct tg_rows *rows)
{
	struct tg_rows unused;

	if (stay(ctl) != TG_OK)
		return ctl->err->rc;
	/* A commit that is lost is in doubt; whatever is lost before it was not done. */
	if (tg_db_call(ctl->db, bind, tg_clock_ms() + PATIENCE_MS, bind.id == TG_SQL_COMMIT,
		    rows ? rows : &unused, ctl->err) != TG_OK)
		return tg_ctl_explain(ctl->err);
	return TG_OK;
}

enum tg_rc tg_ctl_begin(struct tg_ctl *ctl)
{
	struct tg_rows rows;

	ctl->connection = 0;
	if (tg_ctl_call(ctl, TG_BIND_BEGIN(), NULL) != TG_OK)
		return ctl->err->rc;
	ctl->connection = tg_db_reconnects(ctl->db) + 1;
	if (!(ctl->command->flags & TG_CTL_TENANT))
		return TG_OK;
	if (tg_ctl_call(ctl, TG_BIND_CTL_ENTER(.tenant = ctl->tenant), &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL, "there is no tenant %s",
			ctl->tenant ? ctl->tenant : "at all");
	ctl->tenant_id = tg_arena_strdup(ctl->arena, tg_rows_text(rows, 0, TG_CTL_ENTER_ID));
	ctl->first_tenant = tg_rows_bool_at(rows, 0, TG_CTL_ENTER_FIRST);
	return TG_OK;
}

enum tg_rc tg_ctl_query(struct tg_ctl *ctl, struct tg_bind bind, struct tg_rows *rows)
{
	if (tg_ctl_begin(ctl) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_call(ctl, bind, rows);
}

enum tg_rc tg_ctl_write_audit(struct tg_ctl *ctl, const char *what, ...)
{
	const struct passwd *user = getpwuid(geteuid());
	const char *name, *value;
	struct tg_buf action, detail;
	va_list ap;
	char *p;

	tg_buf_init(&action, ctl->arena);
	tg_buf_printf(&action, "ctl.%s", ctl->command->words);
	for (p = action.data; *p; p++)
		if (*p == ' ')
			*p = '.';
	tg_buf_init(&detail, ctl->arena);
	tg_buf_puts(&detail, "{\"by\":");
	tg_ctl_json_string(&detail, user ? user->pw_name : NULL);
	va_start(ap, what);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (!value)
			continue;
		tg_buf_puts(&detail, ",");
		tg_ctl_json_string(&detail, name);
		tg_buf_puts(&detail, ":");
		tg_ctl_json_string(&detail, value);
	}
	va_end(ap);
	tg_buf_puts(&detail, "}");
	return tg_ctl_call(ctl,
		TG_BIND_CTL_AUDIT(.action = action.data, .what = what, .detail = detail.data),
		NULL);
}

enum tg_rc tg_ctl_commit(struct tg_ctl *ctl)
{
	return tg_ctl_call(ctl, TG_BIND_COMMIT(), NULL);
}
