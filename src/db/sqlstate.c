/* SPDX-License-Identifier: MIT
 * sqlstate: what PostgreSQL's error codes mean here, in one table. TG... are the refusals that the
 * project's own functions raise; their message is for the client, and the constraint's name is the
 * reason that API tables match. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_internal.h"

/* The first row whose code is a prefix holds. */
static const struct {
	const char *code;
	enum tg_rc rc;
} meanings[] = {
	{ "TG400", TG_E_INVALID }, { "TG401", TG_E_UNAUTHORIZED }, { "TG403", TG_E_FORBIDDEN },
	{ "TG404", TG_E_NOTFOUND }, { "TG409", TG_E_CONFLICT }, { "TG422", TG_E_UNPROCESSABLE },
	{ "TG429", TG_E_LIMIT }, { "TG500", TG_E_INTERNAL }, { "TGRPL", TG_E_CONFLICT },
	{ "23505", TG_E_CONFLICT }, { "40001", TG_E_RETRY }, /* serialization failure */
	{ "40P01", TG_E_RETRY }, /* deadlock */
	{ "26000", TG_E_RETRY }, /* a pooler forgot our prepared statement */
	{ "0A000", TG_E_RETRY }, /* cached plan must not change result type */
	{ "57014", TG_E_UNAVAILABLE }, /* statement_timeout */
	{ "55P03", TG_E_UNAVAILABLE }, /* lock_timeout */
	{ "25006", TG_E_UNAVAILABLE }, /* read-only: a standby, until failover is done */
	{ "08", TG_E_UNAVAILABLE },
	{ "53", TG_E_UNAVAILABLE }, /* disk full, out of memory, too many connections */
	{ "57P", TG_E_UNAVAILABLE }, /* shutting down, starting up */
	{ "58", TG_E_UNAVAILABLE }, /* input and output errors */
};

static enum tg_rc meaning(const char *code)
{
	for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
		if (strncmp(code, meanings[i].code, strlen(meanings[i].code)) == 0)
			return meanings[i].rc;
	return TG_E_INTERNAL;
}

enum tg_rc tg_sqlstate_error(const PGresult *r, struct tg_error *err)
{
	const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *constraint = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);

	/* Without a code it is libpq itself that lost the connection. */
	tg_fail(err, code == NULL ? TG_E_UNAVAILABLE : meaning(code), NULL, "%s",
		text != NULL ? text : PQresultErrorMessage(r));
	snprintf(err->sqlstate, sizeof err->sqlstate, "%s", code != NULL ? code : "");
	if (constraint != NULL)
		snprintf(err->reason, sizeof err->reason, "%s", constraint);
	if (err->rc == TG_E_LIMIT && detail != NULL)
		err->retry_after = (int)strtol(detail, NULL, 10);
	if (err->rc == TG_E_UNAVAILABLE)
		err->retry_after = 1;
	return err->rc;
}
