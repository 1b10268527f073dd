/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verb pull, in two parts: pull.c asks for the documents of an image (index, manifest, config) and publishes it;
 * pull-layer.c fetches and unpacks its layers, all at a time as far as slots allow.
 *
 * A layer goes from the network into its blob, and is unpacked behind the writer by the store's own threads, so that
 * the connection never waits for the disk and what has been fetched is kept, whatever happens to the unpacking.
 * Two pulls of the same layer at a time, in two workers, would do everything twice: whoever comes second waits for a
 * lock on the digest, and then finds the layer there. */

#include <pthread.h>

#include "content-store.h"
#include "remote.h"
#include "worker.h"

#define PULL_DOWNLOADS_MAX 4

typedef struct Pull Pull;

/* A connection, and the right to use it. */
typedef struct PullSlot {
        RegistrySession *session;
        bool busy;
} PullSlot;

struct Pull {
        Worker *worker;
        const char *purpose; /* "cannot pull docker.io/library/debian:latest" */
        ContentStore *content;
        Remote remote;
        Registry *registry;
        int lock_fd; /* see lock_layer() */
        int stop_fd; /* readable once something failed: the other transfers end */
        atomic_bool stopped;

        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t slot_free;
        PullSlot slots[PULL_DOWNLOADS_MAX];
        Error error; /* the first */
        struct PullLayer *layers;
        size_t n_layers;
};

/* Brings all layers here. slots[0] has a session; the others get theirs when they are needed. */
int pull_layers(Pull *pull, const List *layers, Error *error);
/* The store's progress hook: passes on what is of interest to people. */
void pull_layer_progress(Pull *pull, const char *id, const char *status, uint64_t current, uint64_t total);
/* Someone has cancelled, or another layer has failed. */
bool pull_is_stopped(const Pull *pull);
