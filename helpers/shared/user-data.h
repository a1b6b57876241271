/* SPDX-License-Identifier: MIT */
#pragma once

#include "platform-request.h"

/* What a server's owner keeps at the metadata service: values by key. The service answers only to source ports below
 * 1024, which is how it tells root from other users. */

/* Of a value that is read or written. What the platform allows is less. */
#define USER_DATA_MAX PLATFORM_ANSWER_MAX

/* Whether key can be one part of a path and nothing else: 1 to 255 bytes, no control character, no slash, and neither
 * "." nor "..". A server or proxy may decode an escaped slash before it looks where a path leads. */
_pure_ bool user_data_key_is_valid(const char *key);
#define USER_DATA_KEY_RULE "A key is at most 255 bytes without a slash or a control character, and neither '.' nor '..'."

/* Sends the method (GET, PATCH, DELETE) for the key, which is a valid one, or "" to be told which there are. value, of size
 * bytes, is NULL but for PATCH. Returns as platform_request() does; -EACCES or -EPERM if no such port may be used. */
_must_check_ int user_data_request(const Platform *platform, Retry *retry, const char *method, const char *key, const char *value,
                                   size_t size, HttpResponse *ret);
