/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container's log, as the method Logs streams it. */

#include "ctl.h"

typedef struct LogRequest {
        const char *path; /* the container's object */
        bool follow, tail_set;
        uint64_t tail, since, until; /* usec since 1970, 0: unlimited */
        bool timestamps;             /* RFC 3339 in front of each line */
        const char *short_name;      /* not NULL: all on standard output, as lines of a journal */
} LogRequest;

/* Prints it: what the container wrote to standard error goes to standard error. */
int log_stream_print(Ctl *ctl, const LogRequest *request, Error *error);
