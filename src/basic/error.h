/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One error, as every layer hands it up: what kind it is (which decides the D-Bus name, the HTTP status and the
 * errno), and one sentence for people: what failed, on what, why, and what to do. The sentence begins in lower
 * case and has no full stop. Functions that can fail in a way worth explaining take an `Error *` (may be NULL) as
 * their last argument and return the negative errno of the kind. */

#include "macro.h"

typedef enum ErrorKind {
        ERROR_NONE,
        ERROR_INVALID,           /* the request or an argument is malformed or contradicts itself */
        ERROR_NO_SUCH_CONTAINER, /* no container has this name or id */
        ERROR_NO_SUCH_IMAGE,     /* no image has this name or digest, here or in the registry */
        ERROR_NO_SUCH_NETWORK,
        ERROR_NO_SUCH_VOLUME,
        ERROR_NO_SUCH_SECRET,
        ERROR_NO_SUCH_EXEC,
        ERROR_NO_SUCH_JOB,
        ERROR_NO_SUCH_FILE, /* a path inside a container or image does not exist */
        ERROR_AMBIGUOUS,    /* an id prefix fits several objects */
        ERROR_NAME_TAKEN,
        ERROR_IN_USE,                 /* the object can't change while something uses it */
        ERROR_NOT_RUNNING,            /* the action needs a running container */
        ERROR_ALREADY,                /* it already is as asked (started, stopped, paused) */
        ERROR_COMMAND_NOT_FOUND,      /* exit status 127 */
        ERROR_COMMAND_NOT_EXECUTABLE, /* exit status 126 */
        ERROR_START_FAILED,           /* the kernel, systemd or the image would not let it start */
        ERROR_CORRUPT,                /* a digest or a format is wrong */
        ERROR_LIMIT,                  /* bigger, deeper or more than the configured maximum */
        ERROR_NO_SPACE,
        ERROR_REGISTRY,     /* the registry can't be reached or answers nonsense */
        ERROR_UNAUTHORIZED, /* the registry wants other credentials */
        ERROR_DENIED,       /* polkit says no */
        ERROR_CANCELLED,
        ERROR_UNSUPPORTED, /* this kernel or this version can't do it */
        ERROR_OUT_OF_MEMORY,
        ERROR_FAILED, /* anything else */
        _ERROR_KIND_MAX,
} ErrorKind;

typedef struct Error {
        ErrorKind kind;
        char *message; /* owned; may be NULL when memory ran out */
} Error;

void error_done(Error *error);
#define _cleanup_error_ _cleanup_(error_done)

/* The D-Bus error name "org.berth1.Error.NoSuchContainer" and back; unknown names are ERROR_FAILED. */
const char *error_kind_to_bus_name(ErrorKind kind) _const_;
ErrorKind error_kind_from_bus_name(const char *name) _pure_;
/* The same without the prefix ("NoSuchContainer"), as worker and shim messages carry it. */
const char *error_kind_to_string(ErrorKind kind) _const_;
ErrorKind error_kind_from_string(const char *s) _pure_;
int error_kind_to_errno(ErrorKind kind) _const_; /* positive */
unsigned error_kind_to_http_status(ErrorKind kind) _const_;
int error_kind_to_exit_status(ErrorKind kind) _const_; /* of `berthctl run`: 125, 126 or 127 */

/* Fills *error unless it is NULL or already set (the first, deepest cause is the one to tell), and returns the
 * negative errno of the kind. */
int error_set(Error *error, ErrorKind kind, const char *format, ...) _printf_(3, 4);
/* For a failed system call: r is negative; the kind follows from it (ENOSPC, ENOMEM, else ERROR_FAILED) and
 * ": <strerror>" is appended. Returns r. */
int error_set_errno(Error *error, int r, const char *format, ...) _printf_(3, 4);
/* Puts "what: " in front of the message. Returns r, for `return error_prefix(error, r, …)`. */
int error_prefix(Error *error, int r, const char *format, ...) _printf_(3, 4);
void error_move(Error *target, Error *source);
