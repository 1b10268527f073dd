/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a container is asked to be (ContainerSpec, /var/lib/berth/containers/<id>/spec.json; changes only by update and
 * rename) and what is known of it (ContainerState, state.json beside it). */

#include "health-spec.h"
#include "object.h"

#define CONTAINER_ID_LENGTH 64 /* hex digits; people see the first CONTAINER_ID_SHORT */
#define CONTAINER_ID_SHORT 12
#define CONTAINER_NAME_MAX 128
#define SECCOMP_PROFILE_MAX (64 * 1024) /* bytes; Docker's own profile has 14 thousand without blanks */

typedef enum MountType {
        MOUNT_BIND,
        MOUNT_TMPFS,
        MOUNT_VOLUME,
        MOUNT_IMAGE,  /* the files of another image, read-only */
        MOUNT_DEVPTS, /* a further instance of pseudo-terminals */
} MountType;
extern const char *const mount_type_words[];

/* What becomes of the mounts below a bind's source, in Docker's words. */
typedef enum BindRecursion {
        RECURSION_ENABLED,  /* they come along; with ReadOnly they are read-only too, where the kernel can */
        RECURSION_DISABLED, /* they stay away */
        RECURSION_WRITABLE, /* with ReadOnly only the topmost mount is read-only */
        RECURSION_READ_ONLY, /* all are, or the start fails */
} BindRecursion;
extern const char *const bind_recursion_words[];

typedef struct MountSpec {
        MountType type;
        char *source; /* bind: absolute path on the host; volume: its name, set by berthd when empty; image: reference */
        char *target; /* absolute path in the container */
        bool read_only;
        bool create_source; /* bind: make a missing source a directory (-v does, --mount does not) */
        char *options; /* tmpfs: "size=…,mode=…"; bind: propagation ("rslave", …), "noexec" …; devpts: "mode=…,max=…" */
        BindRecursion recursive;
        char *subpath; /* volume, image: this part of it only; relative */
        /* bind, volume, image: how the ids of the files are seen. Empty: as the container's own (root's files are root's).
         * "none": as everybody else outside sees them. Otherwise "FILE:CONTAINER:COUNT[;…]". */
        char *id_map;
        bool chown;   /* bind, volume ("U"): before the start the files are given to the container's user */
        bool no_copy; /* volume: an empty one does not get what the image has there */
        char *driver; /* volume: for one that is made for this mount, as in VolumeSpec */
        char **driver_options; /* map */
        char **volume_labels;  /* map */
        char *image_digest; /* internal, image: "sha256:…" of what `source` named when the mount was asked for */
        bool anonymous; /* internal: the volume was made for this container alone, and goes with it (rm -v) */
} MountSpec;
extern const ObjectType mount_spec_type;

typedef enum RestartPolicyName {
        RESTART_NO,
        RESTART_ON_FAILURE,
        RESTART_ALWAYS,
        RESTART_UNLESS_STOPPED,
} RestartPolicyName;
extern const char *const restart_policy_words[];

typedef struct RestartPolicy {
        RestartPolicyName name;
        uint32_t maximum_retry_count; /* on-failure only; 0: no limit */
} RestartPolicy;
extern const ObjectType restart_policy_type;

/* One network that the container is attached to. */
typedef struct NetworkAttachment {
        char *network;      /* name: "default" is the bridge berth0 */
        char *ipv4_address; /* asked for, without prefix length; empty: the network's IPAM chooses */
        char *ipv6_address;
        char *mac_address;
        char **aliases;
} NetworkAttachment;
extern const ObjectType network_attachment_type;

typedef enum NetworkMode {
        NETWORK_BRIDGE,    /* own network namespace, attached to `networks` (none listed: "default") */
        NETWORK_NONE,      /* own network namespace with nothing but lo */
        NETWORK_HOST,      /* the host's network namespace */
        NETWORK_CONTAINER, /* that of the container `network_container` */
} NetworkMode;
extern const char *const network_mode_words[];

/* A user namespace is shared with the container whose PID, IPC or network namespace is, unless another is asked for. */
typedef enum UserNamespaceMode {
        USER_NAMESPACE_AUTO, /* 65536 ids of its own */
        USER_NAMESPACE_HOST,
        USER_NAMESPACE_KEEP_ID, /* as auto, but the ids of who creates the container are the same inside and outside */
        USER_NAMESPACE_ID, /* 65536 ids from `user_namespace_base` on */
} UserNamespaceMode;
extern const char *const user_namespace_words[];

/* Of PID, IPC, UTS and cgroup namespaces. Not every kind knows every mode. */
typedef enum NamespaceMode {
        NAMESPACE_PRIVATE,
        NAMESPACE_SHAREABLE, /* IPC: private, and other containers may join it */
        NAMESPACE_OF_HOST,
        NAMESPACE_OF_CONTAINER,
} NamespaceMode;
extern const char *const namespace_mode_words[]; /* private, shareable, host, container */

typedef enum SystemdMode {
        SYSTEMD_AUTO, /* when the command is an init */
        SYSTEMD_ALWAYS,
        SYSTEMD_NEVER,
} SystemdMode;
extern const char *const systemd_mode_words[];

/* A secret, given as a file. */
typedef struct SecretAttachment {
        char *secret; /* name */
        char *target; /* relative to /run/secrets, or absolute; default: the name */
        uint32_t uid, gid;
        uint32_t mode; /* permission bits; default 0444 */
} SecretAttachment;
extern const ObjectType secret_attachment_type;

typedef struct ContainerSpec {
        /* Identity: set by berthd, never by a request (FIELD_INTERNAL), shown by Inspect */
        char *id;
        char *name;
        uint64_t created;
        char *image_digest; /* "sha256:…" of the manifest that `image` named when the container was created */
        uint32_t uid_base; /* first host id of its user namespace; 0 with userns=host */
        uint32_t uid_count;
        uint32_t keep_uid, keep_gid; /* keep-id: whose ids are kept; 0: nobody's */

        char *image;       /* as the user wrote it */
        char **entrypoint; /* replaces the image's when set (also by an empty list with reset_entrypoint) */
        bool reset_entrypoint; /* --entrypoint "": no entrypoint at all */
        char **command;        /* replaces the image's Cmd when set */
        char **environment;    /* KEY=VALUE, merged over the image's */
        char *working_directory;
        char *user;      /* user[:group], names or numbers, looked up inside the image */
        char *hostname;  /* default: the first 12 characters of the id */
        bool terminal;   /* -t */
        bool open_stdin; /* -i */
        bool stdin_once; /* the first attached client that had stdin leaves: stdin is closed */
        List mounts;     /* MountSpec */
        bool read_only;
        char **labels;
        char *stop_signal;     /* default: the image's, then SIGTERM */
        uint64_t stop_timeout; /* usec; default 10 s; USEC_INFINITY: wait for ever */
        bool init;
        bool auto_remove;
        RestartPolicy restart;
        NetworkMode network;
        List networks;           /* NetworkAttachment */
        char *network_container; /* these are names or ids in a request, and ids once berthd has taken it */
        UserNamespaceMode user_namespace;
        uint32_t user_namespace_base;
        NamespaceMode pid_namespace, ipc_namespace, uts_namespace, cgroup_namespace;
        char *pid_container, *ipc_container;
        char **time_offsets; /* map: "monotonic", "boottime" = seconds, as in "-86400" or "1.5" */
        char **groups;       /* further groups of its user: names of the image, or numbers */

        char **cap_add, **cap_drop; /* names without CAP_, or ALL */
        bool privileged;
        bool no_new_privileges;
        char *seccomp_profile;  /* "unconfined", or a profile in Docker's JSON; empty: berth's own */
        char *apparmor_profile; /* name, or "unconfined"; empty: the default one, where there is AppArmor */
        char **selinux_label;   /* "user:…", "role:…", "type:…", "level:…", "disable" */
        char **mask,
                **unmask; /* paths, over the default ones; unmask: also "ALL" (systempaths=unconfined) */
        char **devices;   /* "/dev/x[:/dev/y][:rwm]", or of CDI: "vendor.com/class=name" */
        char **device_cgroup_rules; /* "c 1:3 rwm", as in the kernel's devices.allow */
        char **sysctls;             /* map; only those that a namespace has of its own */
        char **ulimits;             /* map: "nofile" = "SOFT[:HARD]", -1 or "unlimited" */
        uint64_t shm_size;          /* of /dev/shm, bytes; 0: 64 MiB */
        int oom_score_adj;          /* -1000 to 1000 */
        SystemdMode systemd;        /* prepare it for a systemd as its init */
        char *cgroup_parent;        /* a slice; default: machine-berth.slice */

        bool read_only_tmpfs;  /* with ReadOnly: /tmp, /run and /var/tmp can be written to all the same */
        char **volumes_from;   /* "CONTAINER[:ro|rw]": their mounts too. Empty once berthd has taken it */
        uint64_t storage_size; /* of all that it writes into its root file system, bytes; 0: no limit */
        HealthCheck health;    /* over the image's */
        List secrets;          /* SecretAttachment */
        char **extra_hosts;    /* "name:address" */
        char **dns, **dns_search, **dns_options;
        char **properties; /* map: further cgroup properties of the scope, "MemoryMax" = "1G" */
} ContainerSpec;
extern const ObjectType container_spec_type;

typedef enum ContainerStatus {
        CONTAINER_CREATED,
        CONTAINER_STARTING, /* shim spawned, command not yet executed */
        CONTAINER_RUNNING,
        CONTAINER_PAUSED,
        CONTAINER_STOPPING,
        CONTAINER_RESTARTING, /* waiting for the restart policy's delay */
        CONTAINER_EXITED,
        CONTAINER_REMOVING,
} ContainerStatus;
extern const char *const container_status_words[];

typedef struct ContainerState {
        ContainerStatus status;
        int leader;                 /* pid of PID 1 of the container on the host, 0 when it does not run */
        uint64_t leader_start_time; /* clock ticks since boot, tells a reused pid */
        int exit_code;              /* 0-255, 128+n for signal n; valid in exited */
        bool oom_killed;
        uint64_t started; /* last start and last end, realtime usec, 0: never */
        uint64_t finished;
        uint32_t restart_count; /* by the policy, since the last start by a person */
        bool manually_stopped;  /* someone stopped it: unless-stopped and always leave it alone now */
        char *error;            /* why the last start failed */
        char *unit;   /* "berth-web.scope"; kept from the start, since a running container can be renamed */
        char *cgroup; /* path of the scope below the cgroup root, while it runs */
        List endpoints;        /* NetworkEndpoint: what the networks gave it, while it runs */
        List temporary_mounts; /* MountSpec: beside those of the specification, while it runs */
        char *boot_id;         /* of the boot in which `leader` ran */
        HealthState health;    /* of the run, as its shim said last */
} ContainerState;
extern const ObjectType container_state_type;

/* What an attachment became. */
typedef struct NetworkEndpoint {
        char *network;
        char *host_interface; /* name of the veth's host end */
        char *interface;      /* name inside: "eth0" */
        char *ipv4_address;   /* with prefix length: "10.89.0.2/16" */
        char *ipv4_gateway;
        char *ipv6_address;
        char *ipv6_gateway;
        char *mac_address;
} NetworkEndpoint;
extern const ObjectType network_endpoint_type;

/* The exit record that a shim leaves in its run directory (exit.json) and sends on its control socket. */
typedef struct ExitRecord {
        int exit_code;
        bool oom_killed;
        uint64_t started; /* realtime usec; 0: the command was never executed */
        uint64_t finished;
        char *error_kind; /* set when the command was never executed: see error_kind_to_string */
        char *error;
} ExitRecord;
extern const ObjectType exit_record_type;

/* A process started in a running container. */
typedef struct ExecSpec {
        char **command;
        char **environment; /* over the container's */
        char *working_directory;
        char *user;
        bool terminal;
        bool open_stdin;
        bool detach;
        bool privileged;
        uint32_t rows, columns; /* initial window size; 0: unknown */
        char *id;               /* internal: given by berthd, 64 hex digits */
} ExecSpec;
extern const ObjectType exec_spec_type;

/* Letters, digits, "_", "." and "-", not beginning with a sign; at most CONTAINER_NAME_MAX. */
bool container_name_is_valid(const char *name) _pure_;
