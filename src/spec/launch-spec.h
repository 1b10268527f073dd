/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The launch document: all that a shim needs to know of its container, written by berthd to
 * /run/berth/containers/<id>/launch.json before the shim is spawned. Nothing in it is the user's wish any more:
 * image, defaults and request have been merged, addresses reserved, paths are absolute on the host.
 * It is our own form instead of the OCI runtime config: the one table engine reads it, and each key is applied by
 * exactly one step of the plan (src/runtime/plan.h). */

#include "container-spec.h"
#include "object.h"

/* The compiled filter of system calls, in the run directory (syscall-filter.h). */
#define SECCOMP_FILE "seccomp.bpf"

typedef enum LaunchMountType {
        LAUNCH_BIND, /* source (host path, or `subpath` below it) on target */
        LAUNCH_TMPFS,
        LAUNCH_IMAGE, /* the overlay of `lower` (or `subpath` in it) on target */
        LAUNCH_DEVPTS,
} LaunchMountType;

typedef struct LaunchMount {
        int type; /* LaunchMountType */
        char *source;
        char **lower; /* absolute paths, topmost layer first */
        char *subpath;
        char *target;
        bool read_only;
        bool create_source;
        BindRecursion recursive;
        bool id_mapped; /* files keep the container's ids: the mount is id-mapped when there is a user namespace */
        char *id_map; /* with id_mapped: not by the container's ids, but "FILE:CONTAINER:COUNT[;…]" */
        bool chown;   /* its files are given to the container's user */
        bool of_spec; /* a MountSpec, which can be taken away again while the container runs */
        char *options;
} LaunchMount;
extern const ObjectType launch_mount_type;

/* One interface inside the container, created by berthd in the container's network namespace under this name before
 * it sends GO; init gives it its addresses and routes. */
typedef struct LaunchInterface {
        char *name;
        char **addresses; /* with prefix length */
        char *ipv4_gateway;
        char *ipv6_gateway;
} LaunchInterface;
extern const ObjectType launch_interface_type;

/* Where a container's namespace of one kind comes from. */
typedef enum LaunchNamespaceMode {
        LAUNCH_PRIVATE, /* a new one */
        LAUNCH_HOST,
        LAUNCH_JOIN, /* that of another container, known by its first process */
} LaunchNamespaceMode;

typedef struct LaunchNamespace {
        int mode;            /* LaunchNamespaceMode */
        int leader;          /* JOIN: pid, … */
        uint64_t start_time; /* … and when that began, in clock ticks since boot */
} LaunchNamespace;
extern const ObjectType launch_namespace_type;

/* A device node of the host, which init binds to target. */
typedef struct LaunchDevice {
        char *source;
        char *target;
} LaunchDevice;
extern const ObjectType launch_device_type;

typedef struct LaunchSpec {
        char *id;
        char *name;
        char *image; /* for IMAGE_NAME in the journal */
        char *unit;  /* "berth-web.scope", for OBJECT_SYSTEMD_UNIT in the journal */

        /* Root file system. Overlay is always mounted with userxattr, in either user namespace mode, so that layers
         * and upper directories mean the same in both. All of them hold the container's own ids (root is 0). */
        char **lower; /* absolute paths, topmost layer first */
        char *upper;
        char *work;
        bool volatile_upper; /* of a container that goes away at exit: no sync at unmount */
        bool read_only;

        char **arguments;
        char **environment;
        char *working_directory; /* created when missing, as Docker does */
        char *user;              /* looked up in the container's /etc/passwd and /etc/group by init */
        bool terminal;
        bool open_stdin;
        bool stdin_once;
        uint32_t rows, columns;
        char *hostname;
        bool init;

        uint32_t uid_base, uid_count; /* uid_count 0: the host's user namespace */
        uint32_t keep_uid, keep_gid;  /* these ids are the same inside and outside; 0: none */
        LaunchNamespace
                user_namespace; /* PRIVATE with the ids above, or JOIN; no matter when uid_count is 0 */
        LaunchNamespace network, pid, ipc, uts;
        LaunchNamespace cgroup; /* never JOIN */
        char **time_offsets; /* map: "monotonic", "boottime" = seconds; empty: the host's time namespace */
        List devices;        /* LaunchDevice, beside those that every container has */
        char **groups;       /* further groups of the user, looked up as he is */
        char **ulimits;      /* map: "nofile" = "SOFT[:HARD]", see ulimit.h */
        uint64_t shm_size;   /* of /dev/shm, bytes; 0: 64 MiB */
        int oom_score_adj;
        List interfaces; /* LaunchInterface */
        List mounts;     /* LaunchMount, in the order in which they are made */
        char **masked_paths;
        char **read_only_paths;
        char **capabilities; /* "CAP_CHOWN", …: bounding, permitted and effective set */
        bool no_new_privileges;
        bool privileged;
        bool filters_calls;     /* by the filter SECCOMP_FILE, beside the launch document */
        char *apparmor_profile; /* changed to by execve(2); empty: none */
        char *selinux_label;    /* likewise */
        bool delegate_cgroup;   /* its root may divide the scope's cgroup */
        int stop_signal;
        HealthCheck health; /* with the defaults filled in; no command: nothing is checked */
        char **sysctls;     /* map */
} LaunchSpec;
extern const ObjectType launch_spec_type;
