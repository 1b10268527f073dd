/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The keys that leave a container running and bring the terminal back: "ctrl-p,ctrl-q" or "ctrl-],d", as docker writes
 * them. Pure. */

#include "error.h"
#include "string-util.h"

#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"
#define DETACH_KEYS_MAX 16

typedef struct DetachKeys {
        uint8_t keys[DETACH_KEYS_MAX];
        size_t n;       /* 0: there are none */
        size_t matched; /* how many of them have been typed just now, and are held back */
} DetachKeys;

/* "": no keys. ERROR_INVALID. */
int detach_keys_parse(const char *s, DetachKeys *ret, Error *error);
/* Appends to out what is to be passed on. Returns 1 when the keys are complete (what follows them is dropped), 0, or
 * -ENOMEM. */
int detach_keys_filter(DetachKeys *keys, const uint8_t *input, size_t n, StringBuffer *out);
