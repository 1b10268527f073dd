/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "error.h"
#include "string-util.h"

#define BUS_PREFIX "org.berth1.Error."

static const struct {
        const char *bus_name;
        int code;
        unsigned http_status;
        int exit_status;
} kinds[_ERROR_KIND_MAX] = {
        [ERROR_NONE] = { BUS_PREFIX "None", EIO, 500, 125 },
        [ERROR_INVALID] = { BUS_PREFIX "InvalidArgument", EINVAL, 400, 125 },
        [ERROR_NO_SUCH_CONTAINER] = { BUS_PREFIX "NoSuchContainer", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_IMAGE] = { BUS_PREFIX "NoSuchImage", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_NETWORK] = { BUS_PREFIX "NoSuchNetwork", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_VOLUME] = { BUS_PREFIX "NoSuchVolume", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_SECRET] = { BUS_PREFIX "NoSuchSecret", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_EXEC] = { BUS_PREFIX "NoSuchExec", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_JOB] = { BUS_PREFIX "NoSuchJob", ENOENT, 404, 125 },
        [ERROR_NO_SUCH_FILE] = { BUS_PREFIX "NoSuchFile", ENOENT, 404, 125 },
        [ERROR_AMBIGUOUS] = { BUS_PREFIX "Ambiguous", ENOTUNIQ, 400, 125 },
        [ERROR_NAME_TAKEN] = { BUS_PREFIX "NameTaken", EEXIST, 409, 125 },
        [ERROR_IN_USE] = { BUS_PREFIX "InUse", EBUSY, 409, 125 },
        [ERROR_NOT_RUNNING] = { BUS_PREFIX "NotRunning", ESRCH, 409, 125 },
        [ERROR_ALREADY] = { BUS_PREFIX "Already", EALREADY, 304, 125 },
        [ERROR_COMMAND_NOT_FOUND] = { BUS_PREFIX "CommandNotFound", ENOENT, 400, 127 },
        [ERROR_COMMAND_NOT_EXECUTABLE] = { BUS_PREFIX "CommandNotExecutable", EACCES, 400, 126 },
        [ERROR_START_FAILED] = { BUS_PREFIX "StartFailed", EIO, 500, 125 },
        [ERROR_CORRUPT] = { BUS_PREFIX "Corrupt", EBADMSG, 500, 125 },
        [ERROR_LIMIT] = { BUS_PREFIX "LimitExceeded", E2BIG, 400, 125 },
        [ERROR_NO_SPACE] = { BUS_PREFIX "NoSpace", ENOSPC, 507, 125 },
        [ERROR_REGISTRY] = { BUS_PREFIX "Registry", EREMOTEIO, 500, 125 },
        [ERROR_UNAUTHORIZED] = { BUS_PREFIX "Unauthorized", EACCES, 401, 125 },
        [ERROR_DENIED] = { BUS_PREFIX "AccessDenied", EPERM, 403, 125 },
        [ERROR_CANCELLED] = { BUS_PREFIX "Cancelled", ECANCELED, 499, 130 },
        [ERROR_UNSUPPORTED] = { BUS_PREFIX "Unsupported", EOPNOTSUPP, 501, 125 },
        [ERROR_OUT_OF_MEMORY] = { BUS_PREFIX "OutOfMemory", ENOMEM, 500, 125 },
        [ERROR_FAILED] = { BUS_PREFIX "Failed", EIO, 500, 125 },
};

static bool kind_is_valid(ErrorKind kind) {
        return (unsigned) kind < _ERROR_KIND_MAX;
}

void error_done(Error *error) {
        free(error->message);
        *error = (Error){};
}

const char *error_kind_to_bus_name(ErrorKind kind) {
        return kinds[kind_is_valid(kind) ? kind : ERROR_FAILED].bus_name;
}

ErrorKind error_kind_from_bus_name(const char *name) {
        for (ErrorKind k = ERROR_INVALID; k < _ERROR_KIND_MAX; k++)
                if (streq(kinds[k].bus_name, name))
                        return k;
        return ERROR_FAILED;
}

const char *error_kind_to_string(ErrorKind kind) {
        return error_kind_to_bus_name(kind) + strlen(BUS_PREFIX);
}

ErrorKind error_kind_from_string(const char *s) {
        for (ErrorKind k = ERROR_INVALID; k < _ERROR_KIND_MAX; k++)
                if (streq(error_kind_to_string(k), s))
                        return k;
        return ERROR_FAILED;
}

int error_kind_to_errno(ErrorKind kind) {
        return kinds[kind_is_valid(kind) ? kind : ERROR_FAILED].code;
}

unsigned error_kind_to_http_status(ErrorKind kind) {
        return kinds[kind_is_valid(kind) ? kind : ERROR_FAILED].http_status;
}

int error_kind_to_exit_status(ErrorKind kind) {
        return kinds[kind_is_valid(kind) ? kind : ERROR_FAILED].exit_status;
}

static void error_fill(Error *error, ErrorKind kind, char *message) {
        if (error && error->kind == ERROR_NONE)
                *error = (Error){ .kind = kind, .message = message };
        else
                free(message);
}

int error_set(Error *error, ErrorKind kind, const char *format, ...) {
        char *message;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&message, format, ap) < 0)
                message = NULL;
        va_end(ap);

        error_fill(error, kind, message);
        return -error_kind_to_errno(kind);
}

static ErrorKind error_kind_from_errno(int r) {
        switch (-r) {
        case ENOMEM:
                return ERROR_OUT_OF_MEMORY;
        case ENOSPC:
        case EDQUOT:
                return ERROR_NO_SPACE;
        case ECANCELED:
                return ERROR_CANCELLED;
        case EOPNOTSUPP:
        case ENOSYS:
                return ERROR_UNSUPPORTED;
        default:
                return ERROR_FAILED;
        }
}

int error_set_errno(Error *error, int r, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);

        error_fill(error, error_kind_from_errno(r), format_string("%s: %s", strempty(what), strerror(-r)));
        return r;
}

int error_prefix(Error *error, int r, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list ap;

        if (!error || !error->message)
                return r;

        va_start(ap, format);
        if (vasprintf(&what, format, ap) < 0)
                what = NULL;
        va_end(ap);

        char *message = what ? string_join(what, ": ", error->message) : NULL;
        if (message)
                free_and_replace(error->message, message);
        return r;
}

void error_move(Error *target, Error *source) {
        error_fill(target, source->kind, source->message);
        *source = (Error){};
}
