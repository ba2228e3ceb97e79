/* SPDX-License-Identifier: MIT
 * type: task types, their handlers and the payload members that they need. Work that waits follows
 * a change of its type's handler. */
#include <string.h>

#include "taskgate/ctl/ctl.h"

#define SCHEMA_MAX (256 * 1024)

static const struct tg_ctl_column columns[] = { { "name", TG_CTL_TEXT, "NAME" },
	{ "handler_url", TG_CTL_TEXT, "HANDLER" }, { "required", TG_CTL_LIST, "REQUIRED" }, { 0 } };

/* The file's text in the arena; that it is JSON is for PostgreSQL to say. */
static enum tg_rc read_schema(struct tg_ctl *ctl, const char *name, const char **text)
{
	char *read;
	size_t n;

	*text = NULL;
	if (!name)
		return TG_OK;
	if (tg_ctl_read_file(ctl, name, SCHEMA_MAX, &read, &n) != TG_OK)
		return ctl->err->rc;
	if (strlen(read) != n || read[strspn(read, " \t\r\n")] != '{')
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"%s: a schema is a JSON object with an array \"required\"", name);
	*text = read;
	return TG_OK;
}

static enum tg_rc add(struct tg_ctl *ctl)
{
	const char *handler = tg_ctl_value(ctl, "--handler"), *schema;
	struct tg_rows rows;

	if (read_schema(ctl, tg_ctl_value(ctl, "--schema"), &schema) != TG_OK)
		return ctl->err->rc;
	if (tg_ctl_query(ctl,
		    TG_BIND_TYPE_ADD(.name = ctl->arg[0], .handler_url = handler, .schema = schema),
		    &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, ctl->arg[0], "handler", handler, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc list(struct tg_ctl *ctl)
{
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_TYPE_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

static enum tg_rc remove_type(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column gone[] = { { "name", TG_CTL_TEXT, "removed" },
		{ "moved", TG_CTL_INT, "work to pull" }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_TYPE_REMOVE(.name = ctl->arg[0]), &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL, "there is no type %s", ctl->arg[0]);
	tg_ctl_print_record(ctl, rows, 0, gone);
	if (tg_ctl_write_audit(ctl, ctl->arg[0], NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

#define NAMED .args = "NAME", .min_args = 1, .max_args = 1, .flags = TG_CTL_DATABASE | TG_CTL_TENANT

const struct tg_ctl_command tg_ctl_type[] = {
	{ .words = "type add",
		NAMED,
		.run = add,
		.help = "register a task type, or change it as a whole",
		.options = { { "--handler", "URL",
				     "where its tasks are POSTed; without it workers pull them" },
			{ "--schema", "FILE",
				"JSON object whose array \"required\" names members that a payload "
				"must have" } } },
	{ .words = "type list",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = list,
		.help = "list the registered task types" },
	{ .words = "type remove",
		NAMED,
		.run = remove_type,
		.help = "forget a task type; its tasks are for whoever pulls" },
	{ 0 }
};
