/* SPDX-License-Identifier: MIT
 * Tests of the guard in out.h: which addresses a URL from outside may reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "taskgate/out/out.h"

static const char *judge(const struct tg_guard *g, const char *text)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;

	memset(&u, 0, sizeof u);
	if (inet_pton(AF_INET, text, &u.v4.sin_addr) == 1)
		u.v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &u.v6.sin6_addr) == 1)
		u.v6.sin6_family = AF_INET6;
	else
		fail_msg("%s is no address", text);
	return tg_guard_judge(g, &u.any);
}

static const struct {
	const char *address, *word;
} judged[] = {
	{ "8.8.8.8", NULL },
	{ "1.1.1.1", NULL },
	{ "93.184.216.34", NULL },
	{ "172.15.255.255", NULL },
	{ "172.32.0.0", NULL },
	{ "100.63.255.255", NULL },
	{ "100.128.0.0", NULL },
	{ "169.253.255.255", NULL },
	{ "169.255.0.0", NULL },
	{ "11.0.0.0", NULL },
	{ "192.167.255.255", NULL },
	{ "192.169.0.0", NULL },
	{ "223.255.255.255", NULL },
	{ "126.255.255.255", NULL },
	{ "128.0.0.0", NULL },
	{ "2606:4700:4700::1111", NULL },
	{ "2a00:1450:4001::200e", NULL },
	{ "2003::1", NULL },
	{ "2001:200::1", NULL },
	{ "::ffff:8.8.8.8", NULL },
	{ "0.0.0.0", "this network" },
	{ "0.1.2.3", "this network" },
	{ "10.0.0.1", "private" },
	{ "10.255.255.255", "private" },
	{ "172.16.0.0", "private" },
	{ "172.31.255.255", "private" },
	{ "192.168.0.1", "private" },
	{ "100.64.0.0", "shared" },
	{ "100.127.255.255", "shared" },
	{ "127.0.0.1", "loopback" },
	{ "127.255.255.254", "loopback" },
	{ "169.254.169.254", "link-local" },
	{ "169.254.0.0", "link-local" },
	{ "224.0.0.1", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "240.0.0.0", "reserved" },
	{ "255.255.255.255", "reserved" },
	{ "192.0.0.8", "reserved" },
	{ "198.18.0.1", "benchmarking" },
	{ "198.19.255.255", "benchmarking" },
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "::127.0.0.1", "reserved" },
	{ "::ffff:127.0.0.1", "loopback" },
	{ "::ffff:10.1.2.3", "private" },
	{ "::ffff:169.254.169.254", "link-local" },
	{ "64:ff9b::7f00:1", "translated" },
	{ "64:ff9b:1::1", "translated" },
	{ "2002:7f00:1::", "6to4" },
	{ "2001::1", "reserved" },
	{ "fc00::1", "private" },
	{ "fdff::1", "private" },
	{ "fe80::1", "link-local" },
	{ "febf::1", "link-local" },
	{ "fec0::1", "site-local" },
	{ "ff02::1", "multicast" },
	{ "100::1", "discard-only" },
};

static void guard_judges_each_network_at_its_edges(void **state)
{
	struct tg_guard none = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof judged / sizeof *judged; i++) {
		const char *word = judge(&none, judged[i].address);

		if (judged[i].word == NULL ? word != NULL
					   : word == NULL || strcmp(word, judged[i].word) != 0)
			fail_msg("%s: %s", judged[i].address,
				word != NULL ? word : "may be reached");
	}
}

static void guard_allows_what_was_named_and_nothing_beside(void **state)
{
	struct tg_guard g;
	struct tg_error err;

	(void)state;
	assert_int_equal(
		tg_guard_parse(&g, " 127.0.0.0/8, 10.1.2.0/24,::1/128 ,fd00::/8,192.168.7.9", &err),
		TG_OK);
	assert_int_equal(g.n, 5);
	assert_null(judge(&g, "127.0.0.1"));
	assert_null(judge(&g, "::ffff:127.0.0.1"));
	assert_null(judge(&g, "10.1.2.255"));
	assert_string_equal(judge(&g, "10.1.3.0"), "private");
	assert_null(judge(&g, "::1"));
	assert_null(judge(&g, "fd12::1"));
	assert_string_equal(judge(&g, "fc12::1"), "private");
	assert_null(judge(&g, "192.168.7.9"));
	assert_string_equal(judge(&g, "192.168.7.8"), "private");
	assert_int_equal(tg_guard_parse(&g, "0.0.0.0/0", &err), TG_OK);
	assert_null(judge(&g, "255.255.255.255"));
	assert_string_equal(judge(&g, "fe80::1"), "link-local");
}

static void guard_parse_refuses_what_is_no_network(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8",
		"10.0.0/8", "::1/129", "localhost", "10.0.0.0/8x", "10.0.0.0 /8", "10.0.0.0/ 8",
		"1.2.3.4.5", ":::", "10.0.0.0/0008",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaa" };
	struct tg_guard g;
	struct tg_error err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (tg_guard_parse(&g, bad[i], &err) != TG_E_CONFIG)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(tg_guard_parse(&g, "", &err), TG_OK);
	assert_int_equal(g.n, 0);
	assert_int_equal(tg_guard_parse(&g, " , ", &err), TG_OK);
	assert_int_equal(g.n, 0);
}

static void guard_sees_through_the_forms_of_a_url(void **state)
{
	static const char *const refused[] = { "http://127.0.0.1/", "http://127.1/",
		"http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://0x7f.1/",
		"http://0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
		"http://[::ffff:7f00:1]:80/x", "https://user:pw@10.0.0.1:8443/x?y",
		"http://169.254.169.254/latest/meta-data", "http://[fe80::1%25eth0]/",
		"http://[64:ff9b::a00:1]/" };
	static const char *const fine[] = { "http://8.8.8.8/", "http://example.com/",
		"https://[2606:4700:4700::1111]/", "http://127.0.0.1.example.com/", "nonsense://",
		"" };
	struct tg_guard none = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (tg_guard_judge_url(&none, refused[i]) == NULL)
			fail_msg("not refused: %s", refused[i]);
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		if (tg_guard_judge_url(&none, fine[i]) != NULL)
			fail_msg("refused: %s", fine[i]);
}

static void guard_refuses_what_is_no_internet_address(void **state)
{
	struct sockaddr a = { .sa_family = AF_UNIX };
	struct tg_guard none = { .n = 0 };

	(void)state;
	assert_non_null(tg_guard_judge(&none, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guard_judges_each_network_at_its_edges),
		cmocka_unit_test(guard_allows_what_was_named_and_nothing_beside),
		cmocka_unit_test(guard_parse_refuses_what_is_no_network),
		cmocka_unit_test(guard_sees_through_the_forms_of_a_url),
		cmocka_unit_test(guard_refuses_what_is_no_internet_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
