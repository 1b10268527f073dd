/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The volumes that there are: one folder each in STATE_DIRECTORY/volumes, which only root can enter, so that what
 * containers make in them (set-user-id files above all) is out of reach for the host's users.
 *
 *      NAME/volume.json    VolumeSpec
 *      NAME/data/          its files
 *      NAME/data.img       of driver loop
 *      NAME/data.new/      while the image's files are copied into an empty one
 *      NAME/unclaimed      made for a container that is not stored yet: goes at the next start of berthd, if there is none
 *
 * A volume appears by the renaming of a finished folder, which a worker makes, and disappears by one. */

#include "child.h"
#include "hash.h"
#include "volume-spec.h"

#define VOLUMES_FOLDER "volumes"
#define VOLUME_DEFINITION "volume.json"
#define VOLUME_DEFINITION_MAX (1 * MIB)
#define VOLUME_DATA "data"
#define VOLUME_DATA_NEW "data.new"
#define VOLUME_IMAGE "data.img"
#define VOLUME_UNCLAIMED "unclaimed"

typedef struct Volume {
        VolumeSpec spec;
        UT_hash_handle hh;
        unsigned users;    /* jobs that work on its files */
        bool unclaimed;    /* see above */
        Child *unmounting; /* goes on */
        void *owner, *userdata;
} Volume;

typedef struct Volumes {
        Volume *by_name; /* uthash */
        int fd;          /* of the folder */
} Volumes;

/* Reads all. *ret_leftovers: what was half-made or half-deleted, as paths in the folder. A definition that does not parse is
 * set aside, and its files are left alone. */
int volumes_open(int state_fd, Volumes **ret, char ***ret_leftovers, Error *error);
Volumes *volumes_close(Volumes *volumes);
DEFINE_CLEANUP(Volumes *, volumes_close);

Volume *volumes_find(Volumes *volumes, const char *name);
size_t volumes_count(const Volumes *volumes);
/* Sorted by name; the array is the caller's. */
int volumes_list(Volumes *volumes, Volume ***ret, size_t *ret_n);
/* Takes in what a worker has made under this name. */
int volumes_take(Volumes *volumes, const char *name, Volume **ret, Error *error);
/* Moves it out of sight and forgets it. *ret_hidden: the new name of its folder, for deleting. */
int volumes_remove(Volumes *volumes, Volume *volume, char **ret_hidden, Error *error);
/* Durable, but not synced: who asks waits for a rename only. */
int volumes_rename(Volumes *volumes, Volume *volume, const char *name, Error *error);
/* A container is stored that has it. */
void volumes_claim(Volumes *volumes, Volume *volume);

/* STATE_DIRECTORY/volumes/NAME/data */
char *volume_data_path(const char *name);
/* 1: nothing is in it. */
int volume_is_empty(Volumes *volumes, const Volume *volume);
bool volume_is_mounted(const Volume *volume);
