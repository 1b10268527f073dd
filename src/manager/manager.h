/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All that berthd owns: containers, images, networks and jobs, with their indexes. Knows nothing of D-Bus methods; what
 * it has to say to the outside goes through ManagerHooks. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "container.h"
#include "daemon-conf.h"
#include "image-store.h"
#include "network.h"
#include "secret-spec.h"
#include "volume-store.h"
#include "worker-process.h"

#define CONTAINERS_MAX 20000
#define JOBS_MAX 256
#define LOG_READERS_MAX 1024

typedef struct Manager Manager;
typedef struct Job Job;
typedef struct SecretCreation SecretCreation;
typedef struct VolumeWork VolumeWork;

typedef struct ManagerHooks {
        void (*container_added)(Manager *manager, Container *container);
        /* The removed object is still there and in the index; a renamed container leaves under its old name. */
        void (*container_removed)(Manager *manager, Container *container);
        void (*container_changed)(Manager *manager, Container *container, const char *const *properties);
        void (*image_added)(Manager *manager, Image *image);
        void (*image_removed)(Manager *manager, Image *image);
        void (*image_changed)(Manager *manager, Image *image); /* its names */
        void (*job_added)(Manager *manager, Job *job);
        void (*job_removed)(Manager *manager, Job *job);
        void (*job_changed)(Manager *manager, Job *job); /* its state */
        void (*job_progress)(Manager *manager, Job *job, const WorkerProgress *progress);
        /* attributes: a map */
        void (*event)(Manager *manager, const char *type, const char *action, const char *id,
                      char *const *attributes);
        void (*volume_added)(Manager *manager, Volume *volume);
        void (*volume_removed)(Manager *manager, Volume *volume); /* it is still there */
} ManagerHooks;

struct Manager {
        sd_event *event;
        sd_bus *bus;
        const ManagerHooks *hooks;
        void *userdata; /* of who set the hooks */

        DaemonConf conf;
        int state_fd; /* STATE_DIRECTORY */
        ContainerContext context;
        ImageStore *images;
        Networks *networks;
        Volumes *volumes;
        List secrets; /* SecretSpec, sorted by name */
        TAILQ_HEAD(, SecretCreation) secret_creations;
        TAILQ_HEAD(, VolumeWork) volume_works;
        Systemd *systemd;
        Shims *shims;

        Container *containers_by_id, *containers_by_name; /* uthash */
        char **reserved_names;                            /* that containers are about to be renamed to */
        TAILQ_HEAD(, Job) jobs;
        size_t n_jobs, n_jobs_running;
        unsigned last_job_id;
        bool jobs_changed;

        List garbage;           /* ImageRecord: of removed images, whose files are not deleted yet */
        WorkerProcess *pruner;  /* deletes such files, or sweeps: no job may add images meanwhile, … */
        bool pruner_released;   /* … until it only deletes what has no name any more */
        bool many_removals;     /* containers go in numbers: their files are all left to a worker */
        char **trash;           /* paths in the state directory that are to be deleted */
        WorkerProcess *remover; /* deletes some of them */
        size_t n_log_readers;
        TAILQ_HEAD(, LogReader) log_readers;
};

/* ---- manager.c ---- */

int manager_new(sd_event *event, sd_bus *bus, const ManagerHooks *hooks, void *userdata, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free);
/* Reads berthd.conf; on failure nothing changes. Jobs that are there keep what they were made with. */
int manager_load_configuration(Manager *manager);
/* Opens the state, loads everything, and finds out what still runs. */
int manager_load(Manager *manager, Error *error);
/* The bus knows us: applies restart policies after a boot, asks for stops that nobody heard, sweeps. */
void manager_begin(Manager *manager);

Container *manager_container_by_name(Manager *manager, const char *name);
/* By name, id, or unambiguous prefix of the id. ERROR_NO_SUCH_CONTAINER, ERROR_AMBIGUOUS. */
int manager_find_container(Manager *manager, const char *text, Container **ret, Error *error);
/* The host is shutting down, and containers have not ended yet that were told to. */
bool manager_is_stopping(const Manager *manager);
size_t manager_count_containers(const Manager *manager, bool running);
/* All that can be seen, sorted by name. The array is the caller's. */
int manager_list_containers(Manager *manager, Container ***ret, size_t *ret_n);
void manager_tell_container(Container *container, const char *action, char *const *attributes);

/* ---- manager-create.c ---- */

/* Takes over *spec. name may be empty. done() as ContainerDone; on failure its container is about to be freed. */
int manager_create_container(Manager *manager, const char *name, ContainerSpec *spec, ContainerDone done,
                             void *userdata, Error *error);
int manager_rename_container(Manager *manager, Container *container, const char *new_name,
                             ContainerDone done, void *userdata, Error *error);

/* Whether the container could have these fields of another specification, see container_update(). Completes *changes, whose
 * mounts get what others decide. */
int manager_check_update(Manager *manager, const Container *container, ContainerSpec *changes,
                         char *const *names, Error *error);

/* The image that a container can be made of: of an index, that for this machine. */
int manager_find_runnable(Manager *manager, const char *name, Image **ret, Error *error);

/* ---- manager-mounts.c ---- */

/* Checks the mounts of a new container, and fills in what others decide: VolumesFrom, the digests of images. */
int manager_complete_mounts(Manager *manager, ContainerSpec *spec, Error *error);
/* The same for one. */
int manager_complete_mount(Manager *manager, MountSpec *mount, Error *error);

/* ---- manager-trash.c ---- */

/* Deletes a path of the state directory: at once when it is small, else by a worker. */
void manager_remove_tree(Manager *manager, const char *path);
/* Deletes what only the removed image needed, as soon as no job adds images. Copies the record. */
void manager_prune_image(Manager *manager, const ImageRecord *record);
void manager_sweep(Manager *manager);
/* The layers (hex digits) that running containers stand on. */
int manager_layers_in_use(Manager *manager, char ***ret);
/* A job has ended, or a pruning: what waited for that may go on. */
void manager_continue_pruning(Manager *manager);

/* ---- manager-images.c ---- */

/* Takes in what a worker has added, and tells. action: "pull", "load", … */
int manager_add_image(Manager *manager, const char *action, const char *digest, char *const *names,
                      Image **ret, Error *error);
void manager_tell_image(Manager *manager, const char *action, const Image *image, const char *name);
int manager_tag_image(Manager *manager, const char *reference, const char *new_name, Error *error);
/* *ret_untagged: names; *ret_deleted: the digest, if the image is gone. */
int manager_remove_image(Manager *manager, const char *reference, bool force, char ***ret_untagged,
                         char ***ret_deleted, Error *error);
size_t manager_count_image_users(Manager *manager, const Image *image);
/* Tells that the image is about to go, with all its names. */
void manager_tell_image_gone(Manager *manager, Image *image);

/* ---- manager-prune.c ---- */

typedef struct PruneImagesOptions {
        bool all, dry_run;
        bool policy;    /* what berthd.conf says, instead of all the others */
        uint64_t until; /* only those made before; 0: any */
        char **labels, **except_labels;
} PruneImagesOptions;

typedef struct PruneResult {
        char **untagged, **deleted; /* names; digests, or names of containers */
        uint64_t size;              /* that the files take, as far as it is known */
} PruneResult;
void prune_result_done(PruneResult *result);

/* Forgets the images, unless it is a dry run; their files are left to a worker. */
int manager_prune_images(Manager *manager, const PruneImagesOptions *options, PruneResult *ret,
                         Error *error);
/* Removes the stopped containers. */
int manager_prune_containers(Manager *manager, const PruneImagesOptions *options, PruneResult *ret,
                             Error *error);

/* ---- manager-push.c ---- */

/* Fills in what is pushed and where: names, records, mounts, reference. */
int manager_push_request(Manager *manager, const char *reference, const char *destination, bool all_tags,
                         WorkerRequest *request, Error *error);
/* The image has been pushed under these names; its record may have changed. */
int manager_take_pushed(Manager *manager, const char *digest, char *const *names, Error *error);

/* ---- manager-index.c ---- */

typedef enum IndexChange { INDEX_CREATE, INDEX_ADD, INDEX_REMOVE } IndexChange;

/* Fills in what the index `name` is to be made of: records, names. */
int manager_index_request(Manager *manager, const char *name, char *const *references, IndexChange change,
                          WorkerRequest *request, Error *error);
/* The image of the index that is for this machine. */
int manager_resolve_index(Manager *manager, Image *index, const char *name, Image **ret, Error *error);

/* ---- manager-logs.c ---- */

typedef struct LogsOptions {
        bool follow;
        uint64_t tail; /* UINT64_MAX: all */
        uint64_t since, until;
        bool standard_output, standard_error; /* neither: both */
} LogsOptions;
extern const ObjectType logs_options_type;

int manager_read_logs(Manager *manager, Container *container, const LogsOptions *options, int *ret_fd,
                      Error *error);
/* Its followers get the end. */
void manager_end_logs(Manager *manager, Container *container);

/* ---- manager-namespaces.c ---- */

/* Checks what a new container's specification says of namespaces, and turns names of containers into ids. Returns 1 when its
 * user ids are those of another container, whose namespaces it shares. */
int manager_complete_namespaces(Manager *manager, ContainerSpec *spec, Error *error);
/* Its user ids, once it has an id. ERROR_IN_USE when those that it asks for are taken. */
int manager_choose_ids(Manager *manager, ContainerSpec *spec, Error *error);
