/* SPDX-License-Identifier: MIT
 * mime: the header fields of a mail, as lines that are folded already (RFC 5322; RFC 2047 for words
 * that are not ASCII, RFC 2231 for file names). Pure functions; what they give is in the arena. A
 * control character in what goes into a line is a bug of the caller and aborts. */
#ifndef TASKGATE_MIME_H
#define TASKGATE_MIME_H

#include "taskgate/out/out.h"

char *tg_mime_date(struct tg_arena *, long long seconds); /* "Fri, 27 Nov 2026 22:00:00 +0000" */
char *tg_mime_field(
	struct tg_arena *, const char *name, const char *value); /* unstructured: "Subject: ..." */
char *tg_mime_mailbox(struct tg_arena *, const char *field, const char *name,
	const char *address); /* "From: Name <address>"; name may be NULL */
char *tg_mime_addresses(
	struct tg_arena *, const char *field, const char *const *addresses); /* "To: a, b" */
char *tg_mime_disposition(struct tg_arena *,
	const char *filename); /* "Content-Disposition: attachment; filename=..." */
char *tg_mime_lines(struct tg_arena *,
	const char *text); /* with CR LF at every line's end, whatever stood there */
/* All fields of a mail but the MIME ones; ends with NULL. */
const char *const *tg_mime_header(struct tg_arena *, const struct tg_mail *);

#endif
