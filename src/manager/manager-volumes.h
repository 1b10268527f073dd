/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Volumes as people and containers use them. Who uses one follows from the containers' specifications; nothing about it is
 * stored. What takes long is a worker's work, and there is one at a time for a name: who else wants the volume waits, and
 * then finds it there. */

#include "manager.h"
#include "volume-store.h"

#define VOLUMES_MAX 20000

/* made: it was not there before. error: NULL when it went well; then the volume is there. */
typedef void (*VolumeDone)(Volume *volume, bool made, const Error *error, void *userdata);

/* What is wanted of a volume, which is made when it is not there. */
typedef struct VolumeWish {
        VolumeSpec spec;
        bool alike;     /* one that is there must be as asked for */
        bool unclaimed; /* see volume-store.h */
        char **lower;   /* layers of the image whose files at `path` it gets while it is empty; NULL: none */
        char *path;
} VolumeWish;
void volume_wish_done(VolumeWish *wish);

/* ---- manager-volumes.c ---- */

/* Checks what is asked for, and gives it a name if it has none. */
int manager_check_volume(Manager *manager, VolumeSpec *spec, bool alike, Error *error);
/* Takes over *wish. Returns 1 when all is there (*ret), or 0, and then done() follows. */
int manager_make_volume(Manager *manager, VolumeWish *wish, VolumeDone done, void *userdata, Volume **ret,
                        Error *error);
int manager_find_volume(Manager *manager, const char *name, Volume **ret, Error *error);
/* Takes in one that a job has made. */
int manager_take_volume(Manager *manager, const char *name, Volume **ret, Error *error);
/* Fills in what makes a copy of the volume, and takes its name. */
int manager_clone_request(Manager *manager, const Volume *volume, const char *name, WorkerRequest *request,
                          Error *error);
/* ERROR_IN_USE when a container has it, or a job works on it. */
int manager_remove_volume(Manager *manager, Volume *volume, Error *error);
int manager_rename_volume(Manager *manager, Volume *volume, const char *name, Error *error);
/* Removes those that no container has: the anonymous ones, or all. */
int manager_prune_volumes(Manager *manager, const PruneImagesOptions *options, PruneResult *ret,
                          Error *error);
void manager_drop_volume_works(Manager *manager);

/* ---- volume-use.c ---- */

/* Names of the containers that have it. */
int manager_volume_users(Manager *manager, const Volume *volume, char ***ret);
/* By any container; by one that runs; by one that is stored. */
typedef enum VolumeUse { VOLUME_USED, VOLUME_USED_RUNNING, VOLUME_USED_STORED } VolumeUse;
bool manager_volume_is_used(Manager *manager, const Volume *volume, VolumeUse use);
/* Unmounts what no container needs any more that runs. */
void manager_release_volumes(Manager *manager);
/* The anonymous ones of a container that goes. */
void manager_remove_anonymous(Manager *manager, const ContainerSpec *spec);
/* What was made for a container is kept once that is stored, and goes when there is none. */
void manager_settle_volumes(Manager *manager);
/* The same for a container whose removal, with its volumes, was cut off: `name` in the folder of containers. */
void manager_finish_removal(Manager *manager, const char *name);

/* ---- container-volumes.c ---- */

/* Adds the image's volumes, gives names to those without, and checks all. */
int manager_complete_volumes(Manager *manager, const ImageRecord *image, ContainerSpec *spec, Error *error);
int manager_complete_volume(Manager *manager, MountSpec *mount, Error *error);
/* Makes all volumes of the container's that are not there, and fills empty ones. done() follows in any case. */
typedef void (*VolumesReady)(Container *container, const Error *error, void *userdata);
int manager_ready_volumes(Manager *manager, Container *container, VolumesReady done, void *userdata,
                          Error *error);
/* container_add_mount(), with the volume made and mounted first. */
int manager_add_mount(Manager *manager, Container *container, const MountSpec *mount, bool temporary,
                      ContainerDone done, void *userdata, Error *error);
