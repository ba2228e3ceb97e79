/* SPDX-License-Identifier: MIT
 * form: application/x-www-form-urlencoded (WHATWG URL, "application/x-www-form-urlencoded"), read
 * and written. */
#ifndef TASKGATE_FORM_H
#define TASKGATE_FORM_H

#include <stdbool.h>
#include "taskgate/base/text.h"

#define TG_FORM_MAX 256 /* pairs of one form */

struct tg_form_pair {
	const char *name, *value;
};
struct tg_form {
	struct tg_form_pair *pairs;
	size_t n;
}; /* decoded, in the order sent, in the arena */

/* False on a broken escape, NUL, bad UTF-8 or more than TG_FORM_MAX pairs. An empty text is a form
 * of no pairs. */
bool tg_form_parse(struct tg_arena *, const char *s, size_t len, struct tg_form *);
const char *tg_form_get(const struct tg_form *,
	const char *name); /* the first of that name, NULL where there is none */
/* Appends name=value, behind '&' unless the buffer is empty; value NULL: nothing. */
void tg_form_put(struct tg_buf *, const char *name, const char *value);

#endif
