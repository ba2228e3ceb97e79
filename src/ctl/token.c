/* SPDX-License-Identifier: MIT
 * token: makes, lists and revokes tokens. A token is printed once and stored nowhere: the database
 * has its SHA-256 alone. */
#include <string.h>

#include "taskgate/base/clock.h"
#include "taskgate/ctl/ctl.h"
#include "taskgate/base/digest.h"
#include "taskgate/core/scope.h"

#define TOKEN_BYTES 32 /* "tg_" and 43 letters of base64url */

static enum tg_rc check_scopes(struct tg_ctl *ctl, const char *list)
{
	const char *s = list;
	size_t n;

	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (!tg_scope_known(s, n))
			return tg_fail(ctl->err, TG_E_INVALID, NULL,
				"--scope: there is no scope `%.*s`; `taskgatectl scopes` lists "
				"them",
				(int)(n < 64 ? n : 64), s);
		if (!s[n])
			return TG_OK;
	}
}

static char *make_token(struct tg_arena *arena)
{
	uint8_t bytes[TOKEN_BYTES];
	char *text, *p;

	tg_random(bytes, sizeof bytes);
	text = tg_arena_printf(arena, "tg_%s", tg_base64(arena, bytes, sizeof bytes));
	for (p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	text[strcspn(text, "=")] = '\0';
	return text;
}

static void show(struct tg_ctl *ctl, const char *token, const char *id, const char *expires)
{
	static const struct {
		const char *name;
	} members[] = { { "token" }, { "id" }, { "expires_at" } };
	const char *values[] = { token, id, expires };
	size_t i;

	if (!ctl->json) {
		tg_buf_printf(&ctl->out, "%s\n", token);
		return;
	}
	for (i = 0; i < 3; i++) {
		tg_buf_printf(&ctl->out, "%s\"%s\": ", i ? ", " : "{", members[i].name);
		tg_ctl_json_string(&ctl->out, values[i]);
	}
	tg_buf_puts(&ctl->out, "}\n");
}

static enum tg_rc create(struct tg_ctl *ctl)
{
	const char *user = tg_ctl_value(ctl, "--user"), *scope = tg_ctl_value(ctl, "--scope"),
		   *lives;
	const char *token = make_token(ctl->arena), *id, *expires;
	char hash[2 + 2 * TG_SHA256_SIZE + 1] = "\\x";
	uint8_t digest[TG_SHA256_SIZE];
	struct tg_rows rows;

	if (!user || !scope)
		return tg_ctl_missing(ctl, user ? "--scope" : "--user");
	if (check_scopes(ctl, scope) != TG_OK || tg_ctl_seconds(ctl, "--expires", &lives) != TG_OK)
		return ctl->err->rc;
	tg_sha256(digest, token, strlen(token));
	tg_hex(hash + 2, digest, sizeof digest);
	if (tg_ctl_query(ctl,
		    TG_BIND_TOKEN_CREATE(.hash = hash, .handle = user,
			    .scopes = tg_ctl_list(ctl, scope), .lifetime_s = lives),
		    &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(ctl->err, TG_E_NOTFOUND, NULL, "there is no user %s", user);
	id = tg_arena_strdup(ctl->arena, tg_rows_text(rows, 0, TG_TOKEN_CREATE_ID));
	expires = tg_time_seconds(ctl->arena, tg_rows_text(rows, 0, TG_TOKEN_CREATE_EXPIRES_AT));
	if (tg_ctl_write_audit(
		    ctl, id, "user", user, "scopes", scope, "expires_at", expires, NULL) != TG_OK ||
		tg_ctl_commit(ctl) != TG_OK)
		return ctl->err->rc;
	show(ctl, token, id, expires);
	return TG_OK;
}

static enum tg_rc list(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "ID" },
		{ "handle", TG_CTL_TEXT, "USER" }, { "state", TG_CTL_TEXT, "STATE" },
		{ "scopes", TG_CTL_LIST, "SCOPES" }, { "created_at", TG_CTL_TIME, "CREATED" },
		{ "expires_at", TG_CTL_TIME, "EXPIRES" }, { "revoked_at", TG_CTL_TIME, "REVOKED" },
		{ 0 } };
	struct tg_rows rows;

	if (tg_ctl_query(ctl, TG_BIND_TOKEN_LIST(), &rows) != TG_OK)
		return ctl->err->rc;
	tg_ctl_print_table(ctl, rows, columns);
	return TG_OK;
}

static enum tg_rc revoke(struct tg_ctl *ctl)
{
	static const struct tg_ctl_column columns[] = { { "id", TG_CTL_TEXT, "id" },
		{ "revoked_at", TG_CTL_TIME, "revoked" }, { 0 } };
	struct tg_rows rows;

	if (!tg_uuid_valid(ctl->arg[0]))
		return tg_fail(ctl->err, TG_E_INVALID, NULL,
			"the id of a token is a UUID, not the token; `taskgatectl token list` "
			"shows it");
	if (tg_ctl_query(ctl, TG_BIND_TOKEN_REVOKE(.id = ctl->arg[0]), &rows) != TG_OK)
		return ctl->err->rc;
	if (tg_rows_count(rows) == 0)
		return tg_fail(
			ctl->err, TG_E_NOTFOUND, NULL, "the tenant has no token %s", ctl->arg[0]);
	tg_ctl_print_record(ctl, rows, 0, columns);
	if (tg_ctl_write_audit(ctl, ctl->arg[0], NULL) != TG_OK)
		return ctl->err->rc;
	return tg_ctl_commit(ctl);
}

static enum tg_rc scopes(struct tg_ctl *ctl)
{
	size_t i, n;
	const struct tg_scope *s = tg_scopes(&n);

	for (i = 0; i < n; i++) {
		if (!ctl->json) {
			tg_buf_printf(&ctl->out, "%-18s  %s\n", s[i].name, s[i].help);
			continue;
		}
		tg_buf_puts(&ctl->out, i ? ",\n {\"name\": " : "[{\"name\": ");
		tg_ctl_json_string(&ctl->out, s[i].name);
		tg_buf_puts(&ctl->out, ", \"help\": ");
		tg_ctl_json_string(&ctl->out, s[i].help);
		tg_buf_puts(&ctl->out, i + 1 < n ? "}" : "}]\n");
	}
	return TG_OK;
}

const struct tg_ctl_command tg_ctl_token[] = {
	{ .words = "token create",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = create,
		.help = "make a token and print it, this once",
		.options = { { "--user", "HANDLE", "whose it is" },
			{ "--scope", "LIST",
				"what it allows, comma separated: see `taskgatectl scopes`" },
			{ "--expires", "TIME",
				"how long it lives: 90d, 12h, 30m; without it for ever" } } },
	{ .words = "token list",
		.args = "",
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = list,
		.help = "list the tokens of a tenant, never the token itself" },
	{ .words = "token revoke",
		.args = "ID",
		.min_args = 1,
		.max_args = 1,
		.flags = TG_CTL_DATABASE | TG_CTL_TENANT,
		.run = revoke,
		.help = "make a token useless from now on" },
	{ .words = "scopes",
		.args = "",
		.run = scopes,
		.help = "list what a token may be allowed" },
	{ 0 }
};
