/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Long work in berthd (org.berth1.Job), watched until it is done. */

#include "ctl.h"
#include "progress.h"

typedef struct Job {
        Ctl *ctl;
        char *path;
        sd_bus_slot *match, *wait;
        Progress *progress; /* borrowed; may be NULL */
        bool done;
        bool cancelling;
        json_t *result;
        Error error;
} Job;

/* Calls the method (whose reply ends in the job's path) and begins to watch. *ret_reply: the reply, for what stands in
 * front of the path; may be NULL. The job is cancelled when we leave the bus: the method's options must say so, see
 * job_append_options(). */
int job_start(Ctl *ctl, sd_bus_message *call, Progress *progress, Job *ret, sd_bus_message **ret_reply,
              Error *error);
/* Waits for its end. Ctrl-C cancels it (ERROR_CANCELLED), a second one leaves at once. The result stays in the job. */
int job_wait(Job *job, Error *error);
void job_done(Job *job);
#define _cleanup_job_ _cleanup_(job_done)

/* The dictionary entry that every job of ours is started with. */
int job_append_options(sd_bus_message *m);
