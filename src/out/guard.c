/* SPDX-License-Identifier: MIT
 * guard: owns the list of networks that a URL from outside must not reach. Promises to judge the
 * address that is really connected to, in every form in which IPv6 carries IPv4. It never resolves
 * a name: what a name means is known only at connect. */
#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "taskgate/out/out.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* RFC 6890 and its registries. `inner` is where an IPv6 network carries an IPv4 address that is to
 * be judged too; allowed as such it would be a way around. The first row that matches holds. */
static const struct rule {
	const char *network;
	unsigned bits;
	const char *word;
	int inner;
} rules4[] = {
	{ "0.0.0.0",         8,  "this network", -1 },
	{ "10.0.0.0",        8,  "private", -1 },
	{ "100.64.0.0",      10, "shared", -1 },
	{ "127.0.0.0",       8,  "loopback", -1 },
	{ "169.254.0.0",     16, "link-local", -1 },      /* with it the metadata services at .169.254 */
	{ "172.16.0.0",      12, "private", -1 },
	{ "192.0.0.0",       24, "reserved", -1 },
	{ "192.0.2.0",       24, "documentation", -1 },
	{ "192.88.99.0",     24, "reserved", -1 },
	{ "192.168.0.0",     16, "private", -1 },
	{ "198.18.0.0",      15, "benchmarking", -1 },
	{ "198.51.100.0",    24, "documentation", -1 },
	{ "203.0.113.0",     24, "documentation", -1 },
	{ "224.0.0.0",       4,  "multicast", -1 },
	{ "240.0.0.0",       4,  "reserved", -1 },
}, rules6[] = {
	{ "::ffff:0:0",      96, "mapped", 12 },
	{ "::1",             128, "loopback", -1 },
	{ "::",              128, "unspecified", -1 },
	{ "::",              96, "reserved", -1 },
	{ "64:ff9b::",       96, "translated", -1 },
	{ "64:ff9b:1::",     48, "translated", -1 },
	{ "100::",           64, "discard-only", -1 },
	{ "2001::",          23, "reserved", -1 },        /* with it Teredo */
	{ "2001:db8::",      32, "documentation", -1 },
	{ "2002::",          16, "6to4", -1 },
	{ "fc00::",          7,  "private", -1 },
	{ "fe80::",          10, "link-local", -1 },
	{ "fec0::",          10, "site-local", -1 },
	{ "ff00::",          8,  "multicast", -1 },
};

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & (uint8_t)(0xff << (8 - rest))) == 0;
}

static bool allowed(const struct tg_guard *g, int family, const uint8_t *address)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->allow[i].family == family &&
			same_bits(g->allow[i].address, address, g->allow[i].bits))
			return true;
	return false;
}

static const char *judge(const struct tg_guard *g, int family, const uint8_t *address)
{
	const struct rule *rules = family == AF_INET ? rules4 : rules6;
	size_t n = family == AF_INET ? COUNT(rules4) : COUNT(rules6);

	if (allowed(g, family, address))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		uint8_t network[16];

		if (inet_pton(family, rules[i].network, network) != 1)
			abort();
		if (!same_bits(network, address, rules[i].bits))
			continue;
		return rules[i].inner >= 0 ? judge(g, AF_INET, address + rules[i].inner)
					   : rules[i].word;
	}
	return NULL;
}

const char *tg_guard_judge(const struct tg_guard *g, const struct sockaddr *a)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;

	if (a->sa_family == AF_INET) {
		memcpy(&u.v4, a, sizeof u.v4);
		return judge(g, AF_INET, (const uint8_t *)&u.v4.sin_addr);
	}
	if (a->sa_family == AF_INET6) {
		memcpy(&u.v6, a, sizeof u.v6);
		return judge(g, AF_INET6, (const uint8_t *)&u.v6.sin6_addr);
	}
	return "no internet address";
}

/* libcurl's own parser turns decimal, octal, hexadecimal and short forms into the dotted one. */
const char *tg_guard_judge_url(const struct tg_guard *g, const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;
	const char *word = NULL;
	uint8_t address[16];
	size_t len;

	if (u == NULL)
		abort();
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		len = strlen(host);
		if (inet_pton(AF_INET, host, address) == 1) {
			word = judge(g, AF_INET, address);
		} else if (len > 2 && host[0] == '[') {
			host[strcspn(host, "%]")] = '\0';
			if (inet_pton(AF_INET6, host + 1, address) == 1)
				word = judge(g, AF_INET6, address);
		}
	}
	curl_free(host);
	curl_url_cleanup(u);
	return word;
}

static bool parse_network(struct tg_network *n, const char *s, size_t len)
{
	char text[64], *slash, *end;
	unsigned long bits;

	if (len >= sizeof text)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash = '\0';
	memset(n->address, 0, sizeof n->address);
	n->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	n->bits = n->family == AF_INET6 ? 128 : 32;
	if (inet_pton(n->family, text, n->address) != 1)
		return false;
	if (slash == NULL)
		return true;
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || end - slash > 4 || bits > n->bits)
		return false;
	n->bits = (unsigned)bits;
	return true;
}

enum tg_rc tg_guard_parse(struct tg_guard *g, const char *list, struct tg_error *err)
{
	g->n = 0;
	for (;;) {
		size_t len;

		list += strspn(list, " \t,");
		if (*list == '\0')
			return TG_OK;
		len = strcspn(list, " \t,");
		if (g->n == COUNT(g->allow))
			return tg_fail(err, TG_E_CONFIG, "TASKGATE_OUTBOUND_ALLOW",
				"TASKGATE_OUTBOUND_ALLOW: more than %zu networks", COUNT(g->allow));
		if (!parse_network(&g->allow[g->n], list, len))
			return tg_fail(err, TG_E_CONFIG, "TASKGATE_OUTBOUND_ALLOW",
				"TASKGATE_OUTBOUND_ALLOW: \"%.*s\" is not a network like "
				"10.0.0.0/8",
				(int)(len > 64 ? 64 : len), list);
		g->n++;
		list += len;
	}
}
