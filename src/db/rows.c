/* SPDX-License-Identifier: MIT
 * rows: reading of results. Owns nothing (the connection keeps its results until the next round
 * trip); promises NULL for null and nothing else; a column that a statement does not give is a
 * programmer's mistake and aborts. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db_internal.h"

struct tg_rows tg_db_rows(struct tg_db *db, int i)
{
	for (int k = 0, seen = 0; k < db->items; k++) {
		if (db->item[k].kind != TG_DB_STATEMENT || seen++ != i)
			continue;
		if (db->item[k].result != NULL &&
			PQresultStatus(db->item[k].result) == PGRES_TUPLES_OK)
			return (struct tg_rows){ db->item[k].result };
		break;
	}
	return (struct tg_rows){ NULL };
}

int tg_rows_count(struct tg_rows rows)
{
	return rows.result == NULL ? 0 : PQntuples(rows.result);
}

static int find(struct tg_rows rows, const char *name)
{
	int n = PQnfields(rows.result);

	for (int i = 0; i < n; i++)
		if (strcmp(PQfname(rows.result, i), name) == 0)
			return i;
	return -1;
}

bool tg_rows_has_column(struct tg_rows rows, const char *name)
{
	return rows.result != NULL && find(rows, name) >= 0;
}

int tg_rows_column(struct tg_rows rows, const char *name)
{
	int i = find(rows, name);

	assert(i >= 0);
	return i;
}

const char *tg_rows_text(struct tg_rows rows, int row, int column)
{
	assert(row < tg_rows_count(rows) && column < PQnfields(rows.result));
	return PQgetisnull(rows.result, row, column) ? NULL : PQgetvalue(rows.result, row, column);
}

long long tg_rows_int_at(struct tg_rows rows, int row, int column)
{
	const char *s = tg_rows_text(rows, row, column);

	return s == NULL ? 0 : strtoll(s, NULL, 10);
}

bool tg_rows_bool_at(struct tg_rows rows, int row, int column)
{
	const char *s = tg_rows_text(rows, row, column);

	return s != NULL && s[0] == 't';
}

const char *tg_rows_get(struct tg_rows rows, int row, const char *name)
{
	return tg_rows_text(rows, row, tg_rows_column(rows, name));
}

long long tg_rows_int(struct tg_rows rows, int row, const char *name)
{
	return tg_rows_int_at(rows, row, tg_rows_column(rows, name));
}

bool tg_rows_bool(struct tg_rows rows, int row, const char *name)
{
	return tg_rows_bool_at(rows, row, tg_rows_column(rows, name));
}
