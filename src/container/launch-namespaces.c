/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch-namespaces.h"
#include "string-util.h"
#include "strv.h"

static LaunchNamespace namespace_make(NamespaceMode mode, const LaunchNamespace *shared) {
        switch (mode) {
        case NAMESPACE_OF_HOST:
                return (LaunchNamespace){ .mode = LAUNCH_HOST };
        case NAMESPACE_OF_CONTAINER:
                return *shared;
        default:
                return (LaunchNamespace){};
        }
}

static LaunchNamespace network_make(NetworkMode mode, const LaunchNamespace *shared) {
        switch (mode) {
        case NETWORK_HOST:
                return (LaunchNamespace){ .mode = LAUNCH_HOST };
        case NETWORK_CONTAINER:
                return *shared;
        default:
                return (LaunchNamespace){};
        }
}

/* As Docker: the container's root may use low ports, and everybody may ping. */
static int set_network_sysctls(LaunchSpec *l) {
        char ping_range[32];
        int r = 0;

        snprintf(ping_range, sizeof(ping_range), "0 %u", l->uid_count > 0 ? l->uid_count - 1 : INT32_MAX);
        if (!strv_map_get(l->sysctls, "net.ipv4.ip_unprivileged_port_start"))
                r = strv_map_set(&l->sysctls, "net.ipv4.ip_unprivileged_port_start", "0");
        if (r >= 0 && !strv_map_get(l->sysctls, "net.ipv4.ping_group_range"))
                r = strv_map_set(&l->sysctls, "net.ipv4.ping_group_range", ping_range);
        return r;
}

static int copy_devices(const List *from, List *to) {
        for (size_t i = 0; from && i < from->n; i++) {
                LaunchDevice *target = list_append(to, &launch_device_type);
                int r = target ? object_copy(&launch_device_type, target, LIST_ITEM(from, LaunchDevice, i))
                               : -ENOMEM;
                if (r < 0)
                        return r;
        }
        return 0;
}

int launch_namespaces_make(const LaunchInputs *in, LaunchSpec *l, Error *error) {
        static const LaunchShared nothing;
        const LaunchShared *shared = in->shared ?: &nothing;
        const ContainerSpec *spec = in->spec;
        const char *hostname = shared->hostname ?: in->effective->hostname;
        int r;

        l->uid_base = spec->uid_base;
        l->uid_count = spec->uid_count;
        l->keep_uid = spec->keep_uid;
        l->keep_gid = spec->keep_gid;
        l->user_namespace = shared->user;
        l->network = network_make(spec->network, &shared->network);
        l->pid = namespace_make(spec->pid_namespace, &shared->pid);
        l->ipc = namespace_make(spec->ipc_namespace, &shared->ipc);
        l->uts = namespace_make(spec->uts_namespace, NULL);
        l->cgroup = namespace_make(spec->cgroup_namespace, NULL);
        l->shm_size = spec->shm_size;
        l->oom_score_adj = spec->oom_score_adj;
        if ((r = free_and_strdup(&l->hostname, l->uts.mode == LAUNCH_HOST ? NULL : hostname)) < 0 ||
            (r = strv_copy_into(spec->time_offsets, &l->time_offsets)) < 0 ||
            (r = strv_copy_into(spec->groups, &l->groups)) < 0 ||
            (r = strv_copy_into(spec->ulimits, &l->ulimits)) < 0 ||
            (r = strv_copy_into(spec->sysctls, &l->sysctls)) < 0 ||
            (r = copy_devices(in->devices, &l->devices)) < 0)
                return r;
        return l->network.mode == LAUNCH_PRIVATE ? set_network_sysctls(l) : 0;
}
