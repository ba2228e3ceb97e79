/* SPDX-License-Identifier: MIT
 * transfer: what the two halves of a transfer share: transfer.c (HTTP, and the multi handle of both) and mail.c (SMTP). */
#ifndef TASKGATE_TRANSFER_H
#define TASKGATE_TRANSFER_H

#include <curl/curl.h>
#include "taskgate/out.h"

struct tg_out {
	struct tg_out_options opt;
	CURLM *multi;
	struct tg_transfer *all, *idle;
	int idle_count, running;
};

void transfer_line(void **list, const char *line);             /* appends to a curl_slist */
bool transfer_leaves_resolver(CURL *);                         /* at a timeout; false where libcurl refuses */

/* mail.c */
CURL *mail_start(struct tg_out *, struct tg_transfer *);       /* the handle, ready but for its times */
void mail_end(struct tg_transfer *, CURLcode);                 /* fills result, status and why */
void mail_free(struct tg_out *, struct tg_transfer *);

#endif
