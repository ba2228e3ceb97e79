/* SPDX-License-Identifier: MIT
 * directory: tenants, users, customers and personas. An `add` of something that is there already is
 * refused, except a persona's. */
#include <string.h>

#include "taskgate/ctl/ctl.h"
#include "taskgate/base/digest.h"

#define KEY_SIZE 32 /* Standard Webhooks 1.0.0: 24 to 64 bytes */

static const char *or_default(const char *value, const char *otherwise)
{
	return value ? value : otherwise;
}

/* Prints a row and commits: the end of every add. */
static enum tg_rc added(struct tg_ctl *ctl, struct tg_rows rows,
	const struct tg_ctl_column *columns, int id_column, const char *what, const char *name)
{
	char *id = tg_arena_strdup(ctl->arena, tg_rows_text(rows, 0, id_column));

	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, id, what, name, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc tenant_add(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "id" },
		{ "name", TG_CTL_TEXT, "name" }, { 0 } };
	const char *days = or_default(tg_ctl_value(ctl, "--keep-days"), "0");
	char key[2 + 2 * KEY_SIZE + 1] = "\\x";
	uint8_t bytes[KEY_SIZE];
	struct tg_rows rows;

	tg_random(bytes, sizeof bytes);
	tg_hex(key + 2, bytes, sizeof bytes);
	if (strspn(days, "0123456789") != strlen(days) || strlen(days) > 6 || !*days)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"--keep-days: `%s` is not a number of days (0 keeps for ever)", days);
	if (tg_ctl_query(ctl,
		    TG_BIND_TENANT_ADD(.name = ctl->arg[0], .keep_days = days, .secret = key),
		    &rows) != TG_OK)
		return ctl->err->rc;
	return added(ctl, rows, columns, TG_TENANT_ADD_ID, "name", ctl->arg[0]);
}

static enum tg_rc tenant_list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "name", TG_CTL_TEXT, "NAME" }, { "keep_days", TG_CTL_INT, "KEEP" },
		{ "users", TG_CTL_INT, "USERS" }, { "created_at", TG_CTL_TIME, "CREATED" }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_TENANT_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

static enum tg_rc user_add(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "id" },
		{ "handle", TG_CTL_TEXT, "handle" }, { 0 } };
	const char *role = tg_ctl_value(ctl, "--role"), *id = tg_ctl_value(ctl, "--id");
	struct tg_rows rows;

	if (role && strcmp(role, "user") != 0 && strcmp(role, "manager") != 0)
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"--role: `%s` is neither user nor manager", role);
	if (id && !tg_uuid_valid(id))
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "--id: `%s` is not a UUID", id);
	if (tg_ctl_query(ctl,
		    TG_BIND_USER_ADD(.handle = ctl->arg[0], .name = tg_ctl_value(ctl, "--name"),
			    .email = tg_ctl_value(ctl, "--email"),
			    .phone = tg_ctl_value(ctl, "--phone"),
			    .avatar_url = tg_ctl_value(ctl, "--avatar"), .role = role, .id = id),
		    &rows) != TG_OK)
		return ctl->err->rc;
	return added(ctl, rows, columns, TG_USER_ADD_ID, "handle", ctl->arg[0]);
}

static enum tg_rc user_list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "handle", TG_CTL_TEXT, "HANDLE" }, { "role", TG_CTL_TEXT, "ROLE" },
		{ "name", TG_CTL_TEXT, "NAME" }, { "email", TG_CTL_TEXT, "EMAIL" },
		{ "phone", TG_CTL_TEXT, "PHONE" }, { "created_at", TG_CTL_TIME, NULL }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_USER_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

static enum tg_rc customer_add(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "id" },
		{ "name", TG_CTL_TEXT, "name" }, { 0 } };
	const char *id = tg_ctl_value(ctl, "--id");
	struct tg_rows rows;

	if (id && !tg_uuid_valid(id))
		return tg_fail(ctl->err, TG_E_INVALID, NULL, "--id: `%s` is not a UUID", id);
	if (tg_ctl_query(ctl, TG_BIND_CUSTOMER_ADD(.name = ctl->arg[0], .id = id), &rows) != TG_OK)
		return ctl->err->rc;
	return added(ctl, rows, columns, TG_CUSTOMER_ADD_ID, "name", ctl->arg[0]);
}

static enum tg_rc customer_list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "name", TG_CTL_TEXT, "NAME" }, { "personas", TG_CTL_INT, "PERSONAS" },
		{ "created_at", TG_CTL_TIME, NULL }, { 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_CUSTOMER_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

static enum tg_rc persona_add(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "customer_id", TG_CTL_TEXT, "customer" },
		{ "principal_id", TG_CTL_TEXT, "user" }, { "added", TG_CTL_BOOL, "added" }, { 0 } };
	const char *customer = tg_ctl_value(ctl, "--customer"),
		   *handle = tg_ctl_value(ctl, "--user");
	struct tg_rows rows;

	if (!customer || !handle)
		return tg_ctl_missing(ctl, customer ? "--user" : "--customer");
	if (!tg_uuid_valid(customer))
		return tg_fail(
			ctl->err, TG_E_INVALID, NULL, "--customer: `%s` is not a UUID", customer);
	if (tg_ctl_query(ctl, TG_BIND_PERSONA_ADD(.customer = customer, .handle = handle), &rows) !=
		TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL,
			"there is no customer %s or no user %s", customer, handle);
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, customer, "user", handle, NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

#define ONE .min_args = 1, .max_args = 1, .flags = TG_CTL_DATABASE | TG_CTL_TENANT
#define LIST .args = "", .flags = TG_CTL_DATABASE | TG_CTL_TENANT

const struct tg_ctl_command tg_ctl_directory[] = {
	{ .words = "tenant add",
		.args = "NAME",
		.min_args = 1,
		.max_args = 1,
		.flags = TG_CTL_DATABASE,
		.run = tenant_add,
		.help = "make a tenant and its first signing key",
		.options = { { "--keep-days", "N",
			"days that finished tasks are kept; 0, the default, is for ever" } } },
	{ .words = "tenant list",
		.args = "",
		.flags = TG_CTL_DATABASE,
		.run = tenant_list,
		.help = "list the tenants, the first one first" },
	{ .words = "user add",
		.args = "HANDLE",
		ONE,
		.run = user_add,
		.help = "make a user, who can then be given tokens and tasks",
		.options = { { "--name", "TEXT", "full name" },
			{ "--email", "ADDRESS", "email address" },
			{ "--phone", "NUMBER", "phone number" }, { "--avatar", "URL", "picture" },
			{ "--role", "ROLE", "user, the default, or manager" },
			{ "--id", "UUID", "id; without it a new one" } } },
	{ .words = "user list", LIST, .run = user_list, .help = "list the users of a tenant" },
	{ .words = "customer add",
		.args = "NAME",
		ONE,
		.run = customer_add,
		.help = "make a customer, for whom approvals are asked",
		.options = { { "--id", "UUID", "id; without it a new one" } } },
	{ .words = "customer list",
		LIST,
		.run = customer_list,
		.help = "list the customers of a tenant" },
	{ .words = "persona add",
		LIST,
		.run = persona_add,
		.help = "make a user known at a customer; harmless where he is",
		.options = { { "--customer", "ID", "the customer" },
			{ "--user", "HANDLE", "the user" } } },
	{ 0 }
};
