/* SPDX-License-Identifier: MIT
 * twilio: X-Twilio-Signature, as Twilio's page "Webhooks security" defines it: base64 of HMAC-SHA1,
 * keyed by the account's token, over the whole address followed by every parameter's name and
 * value, sorted by name. */
#ifndef TASKGATE_TWILIO_H
#define TASKGATE_TWILIO_H

#include "taskgate/base/form.h"

/* form NULL: a GET. In the arena. */
char *tg_twilio_signature(
	struct tg_arena *, const char *auth_token, const char *url, const struct tg_form *);
/* For the address as it is, or with its port left out, or, where it has none, with that of its
 * scheme: Twilio does either. In a time that does not depend on how much of it is right; given NULL
 * is false. */
bool tg_twilio_signature_valid(struct tg_arena *, const char *auth_token, const char *url,
	const struct tg_form *, const char *given);

#endif
