/* SPDX-License-Identifier: MIT
 * hosts: owns what this sweeper knows of the hosts that it has transfers for. Promises that a
 * failure is told to the database once. Whether a host rests is decided there, since other sweepers
 * talk to it too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep_internal.h"

/* A list: there are at most as many as claimed jobs, mostly far fewer. */
struct sweep_host *sweep_host_get(struct sweep *s, const char *name)
{
	struct sweep_host *h;

	for (h = s->hosts; h != NULL; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h;
	h = calloc(1, sizeof *h);
	if (h == NULL || (h->name = strdup(name)) == NULL)
		abort();
	h->next = s->hosts;
	s->hosts = h;
	return h;
}

/* 502, 503 and 504 are a gateway's words for a host that is not there. */
static bool is_failure(const struct tg_transfer *t)
{
	switch (t->result) {
	case TG_OUT_UNSENT:
	case TG_OUT_LOST:
	case TG_OUT_TIMEOUT:
		return true;
	case TG_OUT_ANSWERED:
	case TG_OUT_TOO_LARGE:
		return t->status >= 502 && t->status <= 504;
	case TG_OUT_REFUSED:
		break;
	}
	return false;
}

void sweep_host_note(struct sweep_host *h, const struct tg_transfer *t)
{
	if (t->result == TG_OUT_REFUSED)
		return;
	if (is_failure(t)) {
		h->fails++;
		h->dirty = true;
		h->answers = h->ahead = 0;
		if (t->status != 0)
			snprintf(h->error, sizeof h->error, "answered %d", t->status);
		else
			snprintf(h->error, sizeof h->error, "%s", t->why);
		return;
	}
	h->answered = true;
	h->dirty |= h->failing || h->fails > 0;
	h->fails = 0;
	h->answers += !h->failing;
}

/* Twice what it answered during the last round trip is claimed ahead, so that a fast receiver has
 * work while the database settles and claims (5,000 tasks: 4,600 a second with once, 5,300 with
 * twice); it sinks by a quarter each time that it answers less. */
void sweep_hosts_pace(struct sweep *s)
{
	for (struct sweep_host *h = s->hosts; h != NULL; h = h->next) {
		int most = 3 * s->host_transfers, ahead = h->ahead * 3 / 4;

		if (ahead < 2 * h->answers)
			ahead = 2 * h->answers;
		h->ahead = ahead < most ? ahead : most;
		h->answers = 0;
	}
}

void sweep_hosts_tidy(struct sweep *s)
{
	struct sweep_host **p = &s->hosts;

	while (*p != NULL) {
		struct sweep_host *h = *p;

		if (h->waiting > 0 || h->running > 0 || h->dirty || h->told > 0 || h->ahead > 0) {
			p = &h->next;
			continue;
		}
		*p = h->next;
		free(h->name);
		free(h);
	}
}

void sweep_hosts_told(struct sweep *s, bool committed)
{
	for (struct sweep_host *h = s->hosts; h != NULL; h = h->next) {
		if (!committed && h->told > 0) {
			h->fails += h->told;
			h->dirty = true;
		}
		h->told = 0;
	}
}

void sweep_hosts_free(struct sweep *s)
{
	for (struct sweep_host *h; (h = s->hosts) != NULL;) {
		s->hosts = h->next;
		free(h->name);
		free(h);
	}
}
