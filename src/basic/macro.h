/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Attributes, ownership helpers and small arithmetic that every other file uses. */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(string, first) __attribute__((format(printf, string, first)))
#define _pure_ __attribute__((pure))
#define _const_ __attribute__((const))
#define _unused_ __attribute__((unused))
#define _noreturn_ __attribute__((noreturn))
#define _must_check_ __attribute__((warn_unused_result))
#define _sentinel_ __attribute__((sentinel))

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *) ((char *) (pointer) -offsetof(type, member)))
#define MIN(a, b)                     \
        ({                            \
                __auto_type _a = (a); \
                __auto_type _b = (b); \
                _a < _b ? _a : _b;    \
        })
#define MAX(a, b)                     \
        ({                            \
                __auto_type _a = (a); \
                __auto_type _b = (b); \
                _a > _b ? _a : _b;    \
        })

/* Moves ownership out of a variable that has a cleanup attribute. */
#define TAKE_PTR(pointer)                   \
        ({                                  \
                __auto_type _p = (pointer); \
                (pointer) = NULL;           \
                _p;                         \
        })
#define TAKE_FD(fd)             \
        ({                      \
                int _fd = (fd); \
                (fd) = -EBADF;  \
                _fd;            \
        })

/* Runs code that must not disturb errno (cleanup handlers). */
static inline void restore_errno(const int *saved) {
        errno = *saved;
}
#define PROTECT_ERRNO _cleanup_(restore_errno) _unused_ int _saved_errno = errno

/* Turns "the call failed" into a negative errno that is surely negative. */
static inline int negative_errno(void) {
        return errno > 0 ? -errno : -EIO;
}

/* Defines functionp(Type **), for use as _cleanup_(functionp). The destructor accepts NULL. */
#define DEFINE_CLEANUP(type, function)                           \
        _unused_ static inline void function##p(type *pointer) { \
                if (*pointer)                                    \
                        (void) function(*pointer);               \
        }                                                        \
        struct _swallow_semicolon

static inline void freep(void *pointer) {
        free(*(void **) pointer);
}
#define _cleanup_free_ _cleanup_(freep)

#define new0(type, n) ((type *) calloc((n), sizeof(type)))
#define new_array(type, n) ((type *) reallocarray(NULL, (n), sizeof(type)))

/* Frees what the variable holds, then stores the new value (which may be made out of the old one); returns it. */
#define free_and_replace(variable, value)     \
        ({                                    \
                __auto_type _value = (value); \
                free(variable);               \
                (variable) = _value;          \
        })

/* Grows *array (elements of size bytes) to hold at least need elements; amortised. Returns 0 or -ENOMEM. */
int array_reserve(void *array, size_t *allocated, size_t need, size_t size);

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1024) * KIB)
#define GIB (UINT64_C(1024) * MIB)
