/* SPDX-License-Identifier: MIT
 * Fuzzes the guard: a list of networks up to the first line feed, then a URL. What is refused as a
 * mapped address must be refused as such. */
#include <assert.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/out/out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_verdict_when_mapped(const struct tg_guard *g, const uint8_t *four)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
	} a;
	union {
		struct sockaddr any;
		struct sockaddr_in6 v6;
	} b;

	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	a.v4.sin_family = AF_INET;
	memcpy(&a.v4.sin_addr, four, 4);
	b.v6.sin6_family = AF_INET6;
	b.v6.sin6_addr.s6_addr[10] = b.v6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&b.v6.sin6_addr.s6_addr[12], four, 4);
	if (tg_guard_judge(g, &a.any) == NULL)
		assert(tg_guard_judge(g, &b.any) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *url;
	struct tg_guard g;
	struct tg_error err;

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	url = strchr(text, '\n');
	if (url != NULL)
		*url++ = '\0';
	if (tg_guard_parse(&g, text, &err) != TG_OK)
		g.n = 0;
	if (size >= 4)
		same_verdict_when_mapped(&g, data + size - 4);
	if (url != NULL)
		tg_guard_judge_url(&g, url);
	free(text);
	return 0;
}
