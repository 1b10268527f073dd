/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A person, or a pipe, in front of a container or of a process in one: run, start -a, attach and exec. */

#include "ctl.h"

typedef struct SessionOptions {
        const char *name;                                     /* of the container, for messages */
        const char *path;                                     /* its object */
        bool standard_input, standard_output, standard_error; /* none: all of it, where that makes sense */
        bool terminal;                                        /* the process has a terminal */
        bool proxy_signals;                                   /* Kill the container with what kills us */
        bool redraw;                                          /* it has been running for long */
        bool start;                                           /* start it once we are attached */
        bool stop_without_output;                             /* nobody reads our output any more: stop it */
        const char *detach_keys;                              /* NULL: the default ones */
        const char *action; /* "execute in", for messages; NULL: by `start` */
} SessionOptions;

/* Whether there is a terminal on standard input where -it needs one. */
int session_check_terminal(bool terminal, bool input, Error *error);
/* The method Attach. Returns the stream's descriptor. */
int session_attach(Ctl *ctl, const SessionOptions *options, Error *error);
/* Runs the session on a stream (borrowed). Returns the exit status to end with, or a negative errno. *ret_exited (may be
 * NULL): the process has ended, and was not just left. */
int session_run(Ctl *ctl, const SessionOptions *options, int stream, bool *ret_exited, Error *error);
/* Appends (a{sv}) entries Rows and Columns of our terminal, if there is one. */
int session_append_size(sd_bus_message *m);
