/* SPDX-License-Identifier: MIT
 * send: the first half of a round trip, for the sweeper, whose transfers go on while the database works. Promises not to wait; whatever
 * goes wrong here shows in tg_db_run(), which must follow. */
#include "db_internal.h"

void tg_db_send(struct tg_db *db)
{
	if (db->items == 0 || db->item[db->items - 1].kind != TG_DB_SYNC)
		tg_db_queue_sync(db);
	db->broken |= PQflush(db->conn) < 0;
}

int tg_db_socket(const struct tg_db *db)
{
	return db->conn != NULL ? PQsocket(db->conn) : -1;
}
