/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* org.berth1 on the bus (man/org.berth1.5.scd): vtables and their handlers. Each interface has one file with a table of
 * its methods; a handler reads its arguments, calls the manager, and replies. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "job.h"
#include "manager.h"
#include "polkit.h"

#define BERTH_NAME "org.berth1"
#define BERTH_PATH "/org/berth1"
#define CONTAINER_PATH BERTH_PATH "/container"
#define IMAGE_PATH BERTH_PATH "/image"
#define JOB_PATH BERTH_PATH "/job"
#define VOLUME_PATH BERTH_PATH "/volume"
#define MANAGER_INTERFACE "org.berth1.Manager"
#define CONTAINER_INTERFACE "org.berth1.Container"
#define IMAGE_INTERFACE "org.berth1.Image"
#define JOB_INTERFACE "org.berth1.Job"
#define VOLUME_INTERFACE "org.berth1.Volume"

/* polkit actions */
#define ACTION_INSPECT "org.berth1.inspect"
#define ACTION_MANAGE_CONTAINERS "org.berth1.manage-containers"
#define ACTION_ENTER_CONTAINER "org.berth1.enter-container"
#define ACTION_MANAGE_IMAGES "org.berth1.manage-images"
#define ACTION_MANAGE_SECRETS "org.berth1.manage-secrets"
#define ACTION_MANAGE_VOLUMES "org.berth1.manage-volumes"

typedef struct Daemon {
        sd_event *event;
        sd_bus *bus;
        Manager *manager;
        Polkit *polkit;
        bool announcing;       /* signals may be sent: all is loaded */
        unsigned settle_turns; /* left to wait for, before the end */
} Daemon;

/* A call that is being answered. */
typedef struct Call {
        Daemon *daemon;
        sd_bus_message *message;
        const char *action; /* that was checked */
        void *object;       /* Container, Image, Job, or NULL */
} Call;

/* Returns 0 (the reply was sent, or will be) or a negative errno with *error set. */
typedef int (*MethodHandler)(Call *call, Error *error);

typedef struct Method {
        const char *name;
        const char *action; /* polkit's; NULL: open to everyone */
        MethodHandler run;
} Method;

/* ---- method.c ---- */

/* For sd-bus's handlers: authorizes and runs the method of the table that the message names. details: for polkit. */
int method_dispatch(Daemon *daemon, const Method *methods, sd_bus_message *m, void *object,
                    const char *const *details);
/* Empty replies, now and later. */
int call_reply(Call *call);
/* For ContainerDone, with call_hold() as its userdata. */
sd_bus_message *call_hold(Call *call);
void call_done(Container *container, const Error *error, void *userdata);
/* For the return value of what takes call_done(): on failure lets the message go. */
int call_started(int r, sd_bus_message *held);
/* Reads a{sv} strictly. */
int call_read_options(Call *call, const ObjectType *type, void *options, Error *error);
int call_read(Call *call, Error *error, const char *types, ...);
int call_malformed(int r, Error *error);

/* Entries of the vtables: each interface has a dispatch() and, for properties, a get_property(). */
#define METHOD(name, in, in_names, out, out_names) \
        SD_BUS_METHOD_WITH_NAMES(name, in, in_names, out, out_names, dispatch, SD_BUS_VTABLE_UNPRIVILEGED)
#define CONSTANT(name, signature) \
        SD_BUS_PROPERTY(name, signature, get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST)
#define P SD_BUS_PARAM
#define NONE ""

/* ---- bus-*.c ---- */

int bus_manager_add(Daemon *daemon);
int bus_container_add(Daemon *daemon);
int bus_image_add(Daemon *daemon);
int bus_job_add(Daemon *daemon);
int bus_volume_add(Daemon *daemon);
extern const ManagerHooks daemon_hooks; /* bus-signal.c */

char *container_path(const Container *container);
char *image_path(const char *digest);
char *job_path(const Job *job);
char *volume_path(const Volume *volume);
Daemon *daemon_of_container(const Container *container);

/* All properties of org.berth1.Container as a{sv}. */
int container_append_properties(sd_bus_message *m, const Container *container);
int image_append_properties(sd_bus_message *m, const Image *image, Daemon *daemon);
int job_append_result(sd_bus_message *m, const Job *job);

/* ---- container-property.c ---- */

/* Entries for a vtable, ended by SD_BUS_VTABLE_END; *n: how many without that. Static. */
const sd_bus_vtable *container_property_vtable(size_t *ret_n);

/* ---- bus-container-files.c: methods that are a worker's job ---- */

int method_changes(Call *call, Error *error);
int method_commit(Call *call, Error *error);
int method_export(Call *call, Error *error);
int method_get_archive(Call *call, Error *error);
int method_put_archive(Call *call, Error *error);
int method_stat_path(Call *call, Error *error);

/* ---- bus-container-mounts.c ---- */

int method_add_mount(Call *call, Error *error);
int method_remove_mount(Call *call, Error *error);

/* ---- bus-container-update.c ---- */

int method_update(Call *call, Error *error);

/* ---- bus-image-jobs.c: the same, of the manager ---- */

int method_pull_image(Call *call, Error *error);
int method_load_images(Call *call, Error *error);
int method_import_image(Call *call, Error *error);
int method_save_images(Call *call, Error *error);

/* ---- bus-store.c ---- */

int method_prune_images(Call *call, Error *error);
int method_prune_containers(Call *call, Error *error);
int method_prune_volumes(Call *call, Error *error);
int method_disk_usage(Call *call, Error *error);
int method_verify(Call *call, Error *error);

/* ---- bus-volume.c ---- */

int method_create_volume(Call *call, Error *error);
int method_get_volume(Call *call, Error *error);
int method_list_volumes(Call *call, Error *error);

/* ---- bus-manifest.c ---- */

int method_create_index(Call *call, Error *error);
int method_inspect_manifest(Call *call, Error *error);

/* ---- bus-image-push.c ---- */

int method_push_image(Call *call, Error *error);

/* ---- bus-image-tools.c: looking inside images ---- */

int method_mount_image(Call *call, Error *error);
int method_unmount_image(Call *call, Error *error);
int method_compare_images(Call *call, Error *error);

/* ---- bus-image-sign.c ---- */

int method_sign_image(Call *call, Error *error);

/* ---- bus-search.c ---- */

int method_search_images(Call *call, Error *error);

/* ---- bus-secret.c ---- */

int method_create_secret(Call *call, Error *error);
int method_list_secrets(Call *call, Error *error);
int method_inspect_secret(Call *call, Error *error);
int method_remove_secret(Call *call, Error *error);

/* ---- bus-login.c ---- */

int method_login_registry(Call *call, Error *error);

/* What the options of every method that makes a job may hold; the first member of each options struct. */
typedef struct JobOptions {
        bool cancel_on_disconnect;
} JobOptions;
#define JOB_OPTION_FIELD \
        { "CancelOnDisconnect", FIELD_BOOL, offsetof(JobOptions, cancel_on_disconnect) }

/* The same for jobs that speak to a registry. */
typedef struct RemoteOptions {
        JobOptions job;
        bool insecure;
        int credentials; /* credentials.h */
} RemoteOptions;
#define REMOTE_OPTION_FIELDS                                                               \
        JOB_OPTION_FIELD, { "Insecure", FIELD_BOOL, offsetof(RemoteOptions, insecure) }, { \
                "Credentials", FIELD_FD, offsetof(RemoteOptions, credentials)              \
        }

/* An empty request for this verb of the worker. */
int call_make_request(const char *verb, WorkerRequest *request, Error *error);
/* Makes the job; takes over *request. */
int call_make_job(Call *call, WorkerRequest *request, const int *fds, size_t n_fds,
                  const JobOptions *options, JobParameters *parameters, Job **ret, Error *error);
/* The same with a request that holds a canonical reference: allows its registry to be insecure, and puts the credentials
 * (or an empty file) in front of the descriptors. n_fds: one less than JOB_DESCRIPTORS_MAX at most. */
int call_make_remote_job(Call *call, WorkerRequest *request, const int *fds, size_t n_fds,
                         const RemoteOptions *options, JobParameters *parameters, Job **ret, Error *error);
int call_reply_job(Call *call, const Job *job);
