/* SPDX-License-Identifier: MIT
 * scope: what a token may be allowed, as one table. A route names one of these words; a token holds
 * any number of them. */
#ifndef TASKGATE_SCOPE_H
#define TASKGATE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

struct tg_scope {
	const char *name; /* "disposition:read" */
	const char *help;
};

const struct tg_scope *tg_scopes(size_t *n); /* borrowed */
bool tg_scope_known(const char *name, size_t len);

#endif
