/* SPDX-License-Identifier: MIT
 * scope: owns the list of scopes. Whether a caller holds one is decided by enter() in the database,
 * never here. */
#include "taskgate/core/scope.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct tg_scope scopes[] = {
	{ "all", "everything" },
	{ "disposition:read", "read tasks of the disposition API" },
	{ "disposition:write", "create, cancel and retry tasks of the disposition API" },
	{ "human:read", "read people's tasks" },
	{ "human:write", "create and change people's tasks" },
	{ "calls:read", "read the state of calls and campaigns" },
	{ "calls:write", "queue, schedule and cancel calls" },
	{ "content:read", "read content tasks" },
	{ "content:write", "create and delete content tasks" },
	{ "content:approve", "approve and reject content" },
	{ "approvals:read", "read approval tasks" },
	{ "approvals:write", "create approval tasks and act on them" },
	{ "approvals:audit", "read the history of approval tasks" },
	{ "work", "claim work and finish it" },
	{ "metrics", "read the figures of /metrics" },
};

const struct tg_scope *tg_scopes(size_t *n)
{
	*n = COUNT(scopes);
	return scopes;
}

bool tg_scope_known(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < COUNT(scopes); i++)
		if (strlen(scopes[i].name) == len && memcmp(scopes[i].name, name, len) == 0)
			return true;
	return false;
}
