/* SPDX-License-Identifier: MIT
 * sms: how many parts a text is sent in (3GPP TS 23.038 for the alphabet, TS 23.040 for
 * concatenation): 160 septets alone or 153 a part in GSM 7-bit, else 70 or 67 UTF-16 units in
 * UCS-2. What takes two units is never split. */
#ifndef TASKGATE_SMS_H
#define TASKGATE_SMS_H

#include <stdbool.h>
#include <stddef.h>

struct tg_sms_size {
	size_t characters; /* code points */
	size_t segments; /* 0 for an empty text */
	bool gsm7;
};

struct tg_sms_size tg_sms_size(const char *utf8, size_t n); /* a valid text */

#endif
