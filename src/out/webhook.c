/* SPDX-License-Identifier: MIT
 * webhook: signatures and keys as Standard Webhooks 1.0.0 has them. Owns nothing; promises that
 * what is signed is exactly id.timestamp.body. It never writes a key anywhere. */
#include <string.h>

#include "taskgate/base/digest.h"
#include "taskgate/out/out.h"

#define PREFIX "whsec_"

uint8_t *tg_webhook_key_parse(struct tg_arena *a, const char *text, size_t *len)
{
	uint8_t *key;

	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	text += strlen(PREFIX);
	key = tg_unbase64(a, text, strlen(text), len);
	if (key == NULL || *len < TG_WEBHOOK_KEY_MIN || *len > TG_WEBHOOK_KEY_MAX)
		return NULL;
	return key;
}

char *tg_webhook_signature(struct tg_arena *a, const uint8_t *key, size_t key_len, const char *id,
	const char *timestamp, const char *body, size_t len)
{
	uint8_t mac[TG_SHA256_SIZE];
	struct tg_buf signed_text;

	tg_buf_init(&signed_text, a);
	tg_buf_puts(&signed_text, id);
	tg_buf_put(&signed_text, ".", 1);
	tg_buf_puts(&signed_text, timestamp);
	tg_buf_put(&signed_text, ".", 1);
	tg_buf_put(&signed_text, body, len);
	tg_hmac_sha256(mac, key, key_len, signed_text.data, signed_text.len);
	return tg_arena_printf(a, "v1,%s", tg_base64(a, mac, sizeof mac));
}
