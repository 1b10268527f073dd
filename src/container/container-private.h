/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of this folder share about a container. */

#include "container.h"
#include "device.h"
#include "shim-protocol.h"
#include "worker-process.h"

#define EXIT_HOST_DOWN 255 /* the exit code of what ran when the host ended */

/* What a start needs until the command has been executed. */
struct ContainerStart {
        StartOptions options;
        bool automatic; /* by the restart policy: a failure is tried again */
        int directory_fd;
        size_t preparation;    /* how many of them are done */
        WorkerProcess *worker; /* that of the next one */
        ShimsWaiter *shims;
        ScopeSpec scope;
        char *description;
        DeviceSet devices;
        UnitJob *scope_job;
        bool created, scope_ready, network_ready, gone; /* gone: GO was sent */
        Error error;                                    /* why berthd itself gave the start up */
        sd_event_source *timeout;
};

typedef struct ContainerExec {
        char *id;
        ContainerDone done;
        void *userdata;
        TAILQ_ENTRY(ContainerExec) list;
} ContainerExec;

/* ---- container.c ---- */

/* NULL-terminated lists for ContainerContext.changed. */
void container_changed_status(Container *container);
void container_wake(Container *container, ContainerEdge edge, const Error *error);
void container_tell(Container *container, const char *action, char *const *attributes);
void container_tell_one(Container *container, const char *action, const char *key, const char *value);
/* Writes the specification of this container, durably if that is worth it; waits for the disk. */
int container_write_spec(const Container *container, const ContainerSpec *spec);
/* The directory of the run, made when missing. */
int container_open_run_directory(Container *container, bool make);

/* ---- container-end.c ---- */

/* The run is over. */
void container_ended(Container *container, const ExitRecord *record);
/* The same for a run whose shim can't tell: takes exit.json if it left one, kills what is left, else 137. why: for the
 * container's error text. */
void container_shim_lost(Container *container, const char *why);
/* Sends SIGKILL to everything in the scope. */
void container_kill_all(Container *container);

/* ---- container-start.c ---- */

void container_start_again(Container *container); /* by the restart policy */
/* Undoes a start, which ends as any run does. Takes the error over. */
void container_start_abort(Container *container, Error *error);
ContainerStart *container_start_free(ContainerStart *start);
void container_on_created(Container *container, const ShimMessage *message);
void container_on_started(Container *container, const ShimMessage *message);

/* All is there that a launch needs: goes on, or gives the start up. error: why not. */
void container_on_prepared(Container *container, const Error *error);

/* ---- container-machine.c ---- */

/* Tells machined of a running container, a little later. */
void container_register_machine(Container *container);

/* ---- container-prepare.c ---- */

/* Begins what takes longer than berthd may wait before it can launch the container: container_on_prepared() follows.
 * Returns 1 when there is nothing to do at all, and then that is not called. */
int container_prepare(Container *container, Error *error);

/* ---- container-shim.c ---- */

/* Takes the descriptor over; messages are handled from now on. */
int container_use_shim(Container *container, int fd);
void container_drop_shim(Container *container);
int container_send(Container *container, ShimMessageKind kind, const ShimMessage *message, int fd,
                   Error *error);
/* Those who attached before the start. */
void container_send_attachments(Container *container);
void container_drop_attachments(Container *container, const Error *why);

/* ---- container-health.c ---- */

void container_on_health(Container *container, const ShimMessage *message);
/* The run is over: nobody need wait for its health. */
void container_health_ended(Container *container);

/* ---- container-exec.c ---- */

void container_on_exec(Container *container, ShimMessageKind kind, const ShimMessage *message);
void container_drop_execs(Container *container);
void container_adopt_execs(Container *container, char *const *ids);

/* ---- container-mounts.c ---- */

/* For each mount of the specification the layers of its image, where it is one; all empty when none is. */
typedef struct MountLayers {
        char ***lower;
        size_t n;
} MountLayers;
int container_image_layers(Container *container, MountLayers *ret, Error *error);
void mount_layers_done(MountLayers *layers);
void container_on_mount_done(Container *container, const ShimMessage *message);
void container_drop_mount_changes(Container *container);

/* ---- container-stop.c ---- */

void container_cancel_stop(Container *container);
/* Goes on with a stop that an earlier berthd began. */
void container_resume_stop(Container *container);
/* For status RESTARTING. executed: the run that has ended was one. */
void container_arm_restart(Container *container, bool executed);

/* ---- container-pause.c ---- */

void container_thaw(Container *container);
void container_drop_freeze(Container *container, const Error *why /* NULL: it has ended */);

/* ---- container-update.c ---- */

void container_drop_update(Container *container);

/* ---- container-remove.c ---- */

/* Deletes one that does not run; frees it. */
void container_remove_now(Container *container);

/* ---- container-recover.c ---- */

void container_on_hello(Container *container, const ShimMessage *message);
