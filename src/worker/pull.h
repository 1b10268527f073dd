/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verb pull, in three parts: pull.c knows which images are wanted; pull-image.c asks for the documents of one (index,
 * manifest, config) and publishes it; pull-layer.c fetches and unpacks its layers, all at a time as far as slots allow.
 *
 * A layer goes from the network into its blob, and is unpacked behind the writer by the store's own threads, so that
 * the connection never waits for the disk and what has been fetched is kept, whatever happens to the unpacking.
 * Two pulls of the same layer at a time, in two workers, would do everything twice: whoever comes second waits for a
 * lock on the digest, and then finds the layer there. */

#include <pthread.h>

#include "content-store.h"
#include "remote.h"
#include "transfer-slot.h"
#include "worker.h"

typedef struct Pull {
        Worker *worker;
        const char *purpose; /* "cannot pull docker.io/library/debian:latest" */
        ContentStore *content;
        Remote remote;
        Registry *registry;
        RegistrySession *session; /* for documents */
        bool unpack;              /* the layers */
        int lock_fd;              /* see lock_layer() */
        int stop_fd;              /* readable once something failed: the other transfers end */
        atomic_bool stopped;
        TransferSlots transfers;

        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t layer_ended;
        unsigned n_begun; /* layers that are or will be fetched; what is only unpacked does not count */
        RegistrySession *sessions[TRANSFERS_MAX]; /* idle */
        size_t n_sessions;
        Error error; /* the first */
        struct PullLayer *layers;
        size_t n_layers;
} Pull;

/* Brings one image here and tells berthd. *ret_existed: nothing had to be fetched. */
int pull_image(Pull *pull, const Reference *reference, bool *ret_existed, Error *error);
/* Brings all layers here; unpack: or else just their blobs. */
int pull_layers(Pull *pull, const List *layers, bool unpack, Error *error);
/* The store's progress hook: passes on what is of interest to people. */
void pull_layer_progress(Pull *pull, const char *id, const char *status, uint64_t current, uint64_t total);
/* Someone has cancelled, or another layer has failed. */
bool pull_is_stopped(const Pull *pull);
