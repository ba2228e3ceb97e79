/* SPDX-License-Identifier: MIT
 * send: the first half of a round trip, for the sweeper, whose transfers go on while the database
 * works. Promises not to wait, and that what the socket did not take at once leaves as it makes
 * room; whatever goes wrong here shows in tg_db_run(), which must follow. */
#include <poll.h>

#include "db_internal.h"

static void send_more(struct tg_db *db)
{
	int n = PQflush(db->conn);

	/* Reading as well, lest both sides wait with full buffers. */
	if (n > 0 && PQconsumeInput(db->conn) != 1)
		n = -1;
	db->unsent = n > 0;
	db->broken |= n < 0;
}

void tg_db_send(struct tg_db *db)
{
	if (db->items == 0 || db->item[db->items - 1].kind != TG_DB_SYNC)
		tg_db_queue_sync(db);
	send_more(db);
}

bool tg_db_answers(struct tg_db *db)
{
	struct pollfd p = { .events = POLLIN };

	if (db->conn == NULL || db->broken)
		return true;
	if (db->unsent)
		send_more(db);
	if (db->unsent || db->broken)
		return db->broken;
	p.fd = PQsocket(db->conn);
	/* An answer may have been read while the last part was leaving; its socket is silent then.
	 */
	return PQisBusy(db->conn) == 0 || poll(&p, 1, 0) != 0;
}

int tg_db_socket(const struct tg_db *db, short *events)
{
	*events = db->unsent ? POLLIN | POLLOUT : POLLIN;
	return db->conn != NULL && !db->broken ? PQsocket(db->conn) : -1;
}
