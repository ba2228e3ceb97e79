/* SPDX-License-Identifier: MIT
 * digest: SHA-256 and HMAC, through libcrypto; the only user of <openssl/...>. */
#ifndef TASKGATE_DIGEST_H
#define TASKGATE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define TG_SHA256_SIZE 32
#define TG_SHA1_SIZE 20

void tg_sha256(uint8_t out[TG_SHA256_SIZE], const void *data, size_t n);
void tg_hmac_sha256(
	uint8_t out[TG_SHA256_SIZE], const void *key, size_t key_len, const void *data, size_t n);
void tg_hmac_sha1(
	uint8_t out[TG_SHA1_SIZE], const void *key, size_t key_len, const void *data, size_t n);
void tg_random(void *out, size_t n); /* from the kernel (getrandom); aborts where it fails */

#endif
