/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The whole test framework: a check that names itself and keeps going, and an exit status. */

#include <stdio.h>
#include <string.h>

static int test_failures;

#define CHECK(condition)                                                                        \
        do {                                                                                    \
                if (!(condition)) {                                                             \
                        fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
                        test_failures++;                                                        \
                }                                                                               \
        } while (0)
#define CHECK_STRING(actual, expected)                                                                    \
        do {                                                                                              \
                const char *_a = (actual), *_e = (expected);                                              \
                if (!_a || strcmp(_a, _e) != 0) {                                                         \
                        fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #actual, \
                                _a ? _a : "(null)", _e ? _e : "(null)");                                  \
                        test_failures++;                                                                  \
                }                                                                                         \
        } while (0)
#define TEST_RESULT() (test_failures > 0 ? 1 : 0)
