/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Long work, done by a worker in the order of asking, a few at a time. A job can be looked at until a minute after its
 * end. */

#include "manager.h"

typedef enum JobState {
        JOB_RUNNING, /* or waiting for its turn */
        JOB_DONE,
        JOB_FAILED,
} JobState;
extern const char *const job_state_words[];

typedef enum JobFlags {
        JOB_ADDS_IMAGES = 1 << 0,
        JOB_CANCEL_ON_DISCONNECT = 1 << 1,
        /* Looks at the whole store, or deletes from it: begins when no job adds images, and none begins to add until it is
         * done, or has said that it has seen what there is (WORKER_ITEM_STORE). Nothing is deleted meanwhile. */
        JOB_TAKES_STOCK = 1 << 2,
} JobFlags;

/* What came of it; each type of job fills some. */
typedef struct JobResult {
        char **images; /* manifest digests */
        bool existed;
        uint64_t size;
        char *digest; /* push: of the manifest that the registry has now */
        char *name, *link_target;
        uint64_t mode, modified;
        char *warning;
        char **untagged, **deleted; /* names, digests */
} JobResult;

#define JOB_DESCRIPTORS_MAX 3

typedef void (*JobDone)(Job *job, const Error *error, void *userdata);

typedef struct JobWaiter {
        JobDone done;
        void *userdata;
        TAILQ_ENTRY(JobWaiter) list;
} JobWaiter;

struct Job {
        Manager *manager;
        unsigned id;
        char *type; /* "pull", …: the verb */
        char *subject;
        char *action; /* polkit's, of the method that made it */
        char *owner;  /* unique bus name */
        JobFlags flags;
        JobState state;
        Error error;
        JobResult result;
        List items; /* WorkerProgress, one per id */

        WorkerRequest request; /* until it is started */
        int fds[JOB_DESCRIPTORS_MAX];
        size_t n_fds;
        bool started; /* its turn has come */
        bool listed;  /* JOB_TAKES_STOCK: it has seen what there is */
        WorkerProcess *worker;
        Container *container; /* that it works on; may be NULL. Held by Container.users */
        bool thaw;            /* the container was paused for it */
        sd_bus_track *track;
        sd_event_source *linger;
        TAILQ_HEAD(, JobWaiter) waiters;
        TAILQ_ENTRY(Job) list;
};

typedef struct JobParameters {
        const char *subject, *action;
        sd_bus_message *call; /* whose sender becomes the owner */
        JobFlags flags;
        Container *container;
        bool pause;   /* the container, while it is worked on */
        bool nothing; /* is to do: the job is done at once */
        const char *
                image; /* nothing is to do: the job is done at once, with this image as what existed already */
} JobParameters;

/* Takes over *request and duplicates the descriptors. ERROR_LIMIT. */
int job_new(Manager *manager, WorkerRequest *request, const int *fds, size_t n_fds,
            const JobParameters *parameters, Job **ret, Error *error);
Job *job_free(Job *job);
Job *manager_find_job(Manager *manager, unsigned id);
void job_cancel(Job *job);
/* Calls done() at the end, or at once. */
int job_wait(Job *job, JobDone done, void *userdata);
/* A job is under way that adds images, or that counts on those which are there. */
bool manager_uses_store(const Manager *manager);
/* Starts those whose turn it is. */
void manager_run_jobs(Manager *manager);
/* What a worker must know to reach the container's files: (*) in src/worker/worker.h. */
int container_files_request(Manager *manager, const Container *container, WorkerRequest *request);
/* The container is being freed: its jobs forget it. */
void manager_detach_jobs(Manager *manager, Container *container);
