/* SPDX-License-Identifier: MIT
 * digest: owns the one way to libcrypto. Promises a digest or an abort: libcrypto fails here only
 * where its installation is broken, and a token must not be compared with half a digest. Never
 * keeps data or keys. */
#include "taskgate/base/digest.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/random.h>

/* Which entry of libcrypto (OpenSSL 3.0.22, 64 bytes of data; private memory of a process among
 *others that map the same library, above the 508 KiB that its relocations and libc's take before
 *the first call):
 *
 *	EVP_Digest, digest fetched once     +140 KiB    360 ns
 *	EVP_Digest, EVP_sha256()            +140 KiB    550 ns   fetches anew at each call
 *	EVP_Q_digest                        +140 KiB    740 ns
 *	SHA256()                            +140 KiB    870 ns   is EVP_Q_digest inside
 *	SHA256_Init, _Update, _Final          +0 KiB    160 ns   deprecated since 3.0
 *	HMAC()                              +152 KiB   2900 ns   once a delivery, so its speed does
 *not matter
 */
void tg_sha256(uint8_t out[TG_SHA256_SIZE], const void *data, size_t n)
{
	static EVP_MD *sha256;
	unsigned len = 0;

	if (!sha256)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256 || !EVP_Digest(data, n, out, &len, sha256, NULL) || len != TG_SHA256_SIZE)
		abort();
}

static void hmac(const EVP_MD *md, uint8_t *out, unsigned size, const void *key, size_t key_len,
	const void *data, size_t n)
{
	unsigned len = 0;

	assert(key_len <= 1 << 20);
	/* HMAC() takes a NULL key for "the key of the last call". */
	if (!HMAC(md, key_len ? key : "", (int)key_len, data, n, out, &len) || len != size)
		abort();
}

void tg_hmac_sha256(
	uint8_t out[TG_SHA256_SIZE], const void *key, size_t key_len, const void *data, size_t n)
{
	hmac(EVP_sha256(), out, TG_SHA256_SIZE, key, key_len, data, n);
}

void tg_hmac_sha1(
	uint8_t out[TG_SHA1_SIZE], const void *key, size_t key_len, const void *data, size_t n)
{
	hmac(EVP_sha1(), out, TG_SHA1_SIZE, key, key_len, data, n);
}

void tg_random(void *out, size_t n)
{
	uint8_t *p = out;
	ssize_t got;

	while (n) {
		got = getrandom(p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		p += got;
		n -= (size_t)got;
	}
}
