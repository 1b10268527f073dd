/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A container as berthd knows it: its specification, its state, and while it runs the shim, the scope and the leader.
 *
 *                    ┌───────────────────────── start ◀──────────────┐
 *   created ─▶ starting ─▶ running ◀─▶ paused     restarting ──(delay)┘
 *                 │           │           │            ▲
 *                 └───────────┴─ stopping ┴──▶ ended ──┤ restart policy
 *                                                      └─▶ exited ─▶ removing
 *
 * Whatever brings a container to its end (its own exit, a stop, a failed start, a dead shim, a reboot) goes through
 * container_ended(), so there is one place that frees addresses, closes descriptors, decides about a restart and tells
 * everybody who waits.
 *
 * Everything is asynchronous: a function that begins something takes a ContainerDone, which is called exactly once,
 * unless the function itself failed. */

#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "container-spec.h"
#include "effective-config.h"
#include "hash.h"
#include "image-store.h"
#include "network.h"
#include "shims.h"
#include "systemd.h"
#include "volume-store.h"
#include "worker-process.h"

typedef struct Container Container;
typedef struct ContainerStart ContainerStart;
typedef struct ContainerFreeze ContainerFreeze;
typedef struct ContainerWaiter ContainerWaiter;
typedef struct ContainerMountChange ContainerMountChange;
typedef struct ContainerUpdate ContainerUpdate;

/* What containers need of berthd. One for all of them; everything is borrowed. */
typedef struct ContainerContext {
        sd_event *event;
        sd_bus *bus;
        ImageStore *images;
        Networks *networks;
        Volumes *volumes;
        Systemd *systemd;
        Shims *shims;
        int containers_fd;  /* STATE_DIRECTORY/containers */
        int run_fd;         /* RUNTIME_DIRECTORY/containers */
        char boot_id[33];   /* of this boot */
        bool shutting_down; /* the host is; nothing is restarted any more */

        void *owner;
        /* These properties of org.berth1.Container have new values. */
        void (*changed)(Container *container, const char *const *properties);
        /* A life-cycle event; attributes is a map of further ones, or NULL. */
        void (*event_happened)(Container *container, const char *action, char *const *attributes);
        /* All is deleted: forget it and call container_free(). */
        void (*removed)(Container *container);
        /* A running container, renamed since its start, has this unit. */
        bool (*unit_is_taken)(void *owner, const char *unit);
        /* By its id; NULL when there is none. */
        Container *(*find)(void *owner, const char *id);
        /* Deletes STATE_DIRECTORY/containers/NAME, which may be large. */
        void (*remove_tree)(void *owner, const char *name);
} ContainerContext;

/* error: NULL when it went well. */
typedef void (*ContainerDone)(Container *container, const Error *error, void *userdata);

typedef enum ContainerEdge {
        EDGE_STARTED,   /* the command has been executed, or could not be */
        EDGE_STOPPED,   /* it does not run, and will not be restarted */
        EDGE_NEXT_EXIT, /* the run that goes on (or the next one) has ended */
        EDGE_REMOVED,
        EDGE_HEALTHY, /* or it has ended, which is an error */
        EDGE_PROBED,  /* the same for any probe of its health */
} ContainerEdge;

typedef struct Attachment {
        int fd; /* the shim's end of the stream */
        bool want_stdin, want_stdout, want_stderr;
} Attachment;

struct Container {
        ContainerContext *context;
        ContainerSpec spec;
        ContainerState state;
        EffectiveConfig effective;
        UT_hash_handle by_id, by_name;
        bool reserved; /* its name is taken, but it is still being created: nobody sees it */

        /* From the start to the end of a run */
        ContainerStart *start; /* from the spawn until the command has been executed; then NULL */
        bool executed;         /* the command of this run has been executed */
        bool recovered;        /* this run was begun by an earlier berthd */
        int shim_fd;           /* control socket */
        sd_event_source *shim_source;
        Child *shim;       /* NULL as well when an earlier berthd has spawned it */
        pid_t shim_pid;    /* 0: unknown */
        int leader_fd;     /* pidfd */
        bool hello_wanted; /* reconnected: the shim has not said yet how things are */
        sd_event_source *shim_lost;
        Attachment *attachments; /* asked for before the start */
        size_t n_attachments;
        TAILQ_HEAD(, ContainerExec) execs;
        size_t n_execs;
        TAILQ_HEAD(, ContainerMountChange) mount_changes;
        size_t n_mount_changes;

        /* Ending it */
        sd_event_source *stop_timer;
        sd_bus_slot *stop_question;
        bool stopped_by_host;    /* a shutdown, not a person */
        ContainerFreeze *freeze; /* a freeze or thaw that goes on */
        bool remove_when_ended;
        bool remove_volumes; /* its anonymous volumes go along, as they do when it is removed by itself */
        unsigned users;      /* jobs that work on its files */

        sd_event_source *restart_timer;
        uint64_t restart_delay;
        sd_event_source *machined_timer;
        sd_bus_slot *machined_call;

        WorkerProcess *checking; /* its seccomp profile, before it is stored */
        Child *saving;           /* of spec.json, durably */
        ContainerUpdate *update; /* its specification is being changed */
        TAILQ_HEAD(, ContainerWaiter) waiters;
};

/* ---- container.c: the object, its files ---- */

/* Takes over *spec. */
int container_new(ContainerContext *context, ContainerSpec *spec, Container **ret);
/* Frees; what runs goes on running. Returns NULL. */
Container *container_free(Container *container);
DEFINE_CLEANUP(Container *, container_free);
/* Reads containers/<id>. A file that does not parse is renamed to NAME.corrupt and logged. */
int container_load(ContainerContext *context, const char *id, Container **ret, Error *error);
int container_save_state(Container *container);
/* Works out `effective` again, from the specification and the image. */
int container_update_effective(Container *container);
static inline const char *container_name(const Container *container) {
        return container->spec.name;
}
/* A process of it may be running. */
bool container_is_active(const Container *container) _pure_;
bool container_is_up(const Container *container) _pure_; /* running or paused */

/* Calls done() at the edge, or at once if the container is there already. */
int container_wait(Container *container, ContainerEdge edge, ContainerDone done, void *userdata);

/* ---- container-create.c ---- */

/* Writes the directory of a new container, then calls done(); on failure nothing is left of it. */
int container_create(Container *container, ContainerDone done, void *userdata, Error *error);
/* Changes the name, durably. The caller has made sure that it is free, and changes its index in done(). */
int container_rename(Container *container, const char *new_name, ContainerDone done, void *userdata,
                     Error *error);

/* ---- container-start.c ---- */

typedef struct StartOptions {
        uint32_t rows, columns;
} StartOptions;
extern const ObjectType start_options_type;

/* Starts it. done() may be NULL. ERROR_ALREADY, ERROR_IN_USE. */
int container_start(Container *container, const StartOptions *options, ContainerDone done, void *userdata,
                    Error *error);

/* ---- container-stop.c ---- */

typedef struct StopOptions {
        char *signal;     /* default: the container's */
        uint64_t timeout; /* usec; STOP_TIMEOUT_UNSET: the container's */
} StopOptions;
#define STOP_TIMEOUT_UNSET (USEC_INFINITY - 1)
extern const ObjectType stop_options_type;

int container_stop(Container *container, const StopOptions *options, ContainerDone done, void *userdata,
                   Error *error);
int container_restart(Container *container, const StopOptions *options, ContainerDone done, void *userdata,
                      Error *error);
int container_kill(Container *container, int signal, Error *error);
/* systemd wants its scope to stop. */
void container_request_stop(Container *container);

/* ---- container-pause.c ---- */

int container_pause(Container *container, bool pause, ContainerDone done, void *userdata, Error *error);

/* ---- container-remove.c ---- */

/* The directory of a container that is going with its volumes begins with this. */
#define REMOVED_WITH_VOLUMES ".tmp-v-"

/* force: also one that runs, which is killed. volumes: with its anonymous volumes. */
int container_remove(Container *container, bool force, bool volumes, ContainerDone done, void *userdata,
                     Error *error);

/* ---- container-update.c: another specification for one that is there ---- */

typedef struct UpdateOptions {
        bool dry_run;
        bool force; /* a limit below what it uses now, for which the kernel may kill in it */
} UpdateOptions;
extern const ObjectType update_options_type;

/* What the named fields would make of its specification; validated, and the caller's. ERROR_UNSUPPORTED for a field that is
 * decided when a container is created. */
int container_update_spec(const Container *container, const ContainerSpec *changes, char *const *names,
                          ContainerSpec *ret, Error *error);
/* Which of them count at once, and which at the next start. */
int container_update_effects(const Container *container, char *const *names, char ***ret_live,
                             char ***ret_later);
/* Does it: in the running unit, then durably. */
int container_update(Container *container, const ContainerSpec *changes, char *const *names,
                     const UpdateOptions *options, ContainerDone done, void *userdata, Error *error);

/* ---- container-shim.c ---- */

/* *ret_fd: the caller's end of a stream. */
int container_attach(Container *container, bool want_stdin, bool want_stdout, bool want_stderr, int *ret_fd,
                     Error *error);
int container_resize(Container *container, uint32_t rows, uint32_t columns, Error *error);

/* ---- container-health.c ---- */

/* ERROR_INVALID without a health check; done() gets an error when it ends before. */
int container_wait_healthy(Container *container, ContainerDone done, void *userdata, Error *error);
/* Probes now; done() when there is a result, which is then the last of state.health.log. */
int container_probe(Container *container, ContainerDone done, void *userdata, Error *error);

/* ---- container-exec.c ---- */

/* *ret_fd is the caller's end of the stream; spec gets its id. With detach, done() is called when the command has been
 * executed, or could not be; without, the stream tells, and done() is never called. */
int container_exec(Container *container, ExecSpec *spec, char **ret_id, int *ret_fd, ContainerDone done,
                   void *userdata, Error *error);

/* ---- container-mounts.c ---- */

/* A mount that manager_complete_mount() has seen, into the container: into the running one, and into what its next start makes
 * unless it is temporary. Copied. ERROR_IN_USE when something is mounted there. */
int container_add_mount(Container *container, const MountSpec *mount, bool temporary, ContainerDone done,
                        void *userdata, Error *error);
/* Takes away what was asked for at target; temporary: until the next start only. ERROR_NO_SUCH_FILE. */
int container_remove_mount(Container *container, const char *target, bool temporary, ContainerDone done,
                           void *userdata, Error *error);
/* It is the container's image, or one that it mounts. */
bool container_uses_image(const Container *container, const char *digest) _pure_;

/* ---- container-recover.c: after a restart of berthd ---- */

/* Finds out what became of a container that was running when berthd ended. To be called for each, once all are
 * loaded. */
void container_recover(Container *container);
/* Applies the restart policy to one that does not run; after the name is on the bus. */
void container_restart_at_boot(Container *container);

/* ---- container-processes.c ---- */

typedef struct ContainerProcess {
        uint32_t pid, uid;
        char *name, *command_line;
} ContainerProcess;
int container_processes(Container *container, ContainerProcess **ret, size_t *ret_n, Error *error);
void container_processes_free(ContainerProcess *processes, size_t n);
/* The name of PID 1, "" when it does not run. */
int container_leader_command(const Container *container, char **ret);
