/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "launch-namespace.h"
#include "namespace-check.h"
#include "string-util.h"
#include "strv.h"
#include "ulimit.h"

/* ---- kernel parameters ---- */

typedef enum SysctlOwner {
        OWNER_NETWORK,
        OWNER_IPC,
        OWNER_UTS,
} SysctlOwner;

static const char *const owner_words[] = { "network", "IPC", "UTS" };

/* A name with a full stop at its end stands for all below it. */
static const struct {
        const char *name;
        SysctlOwner owner;
} sysctls[] = {
        { "fs.mqueue.", OWNER_IPC },      { "kernel.domainname", OWNER_UTS },
        { "kernel.hostname", OWNER_UTS }, { "kernel.msgmax", OWNER_IPC },
        { "kernel.msgmnb", OWNER_IPC },   { "kernel.msgmni", OWNER_IPC },
        { "kernel.sem", OWNER_IPC },      { "kernel.shm_rmid_forced", OWNER_IPC },
        { "kernel.shmall", OWNER_IPC },   { "kernel.shmmax", OWNER_IPC },
        { "kernel.shmmni", OWNER_IPC },   { "net.", OWNER_NETWORK },
};

static bool owns(const ContainerSpec *spec, SysctlOwner owner) {
        switch (owner) {
        case OWNER_NETWORK:
                return spec->network == NETWORK_BRIDGE || spec->network == NETWORK_NONE;
        case OWNER_IPC:
                return spec->ipc_namespace == NAMESPACE_PRIVATE ||
                       spec->ipc_namespace == NAMESPACE_SHAREABLE;
        case OWNER_UTS:
                return spec->uts_namespace == NAMESPACE_PRIVATE;
        }
        return false;
}

/* As sysctl(8), the first separator decides which of both separates. */
static char *sysctl_name(const char *assignment) {
        char *name = strndup(assignment, strcspn(assignment, "="));

        if (name && name[strcspn(name, "./")] == '/')
                for (char *p = name; *p; p++)
                        *p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
        return name;
}

/* As a path below /proc/sys it must lead straight down: a part of "..", which is "//" in this form, would lead out of what
 * is allowed. */
static bool sysctl_name_is_valid(const char *name) {
        for (const char *part = name;; part++) {
                size_t n = strcspn(part, ".");
                if (strspn(part, "/") >= n)
                        return false;
                part += n;
                if (!*part)
                        return true;
        }
}

static int check_sysctl(const ContainerSpec *spec, const char *assignment, Error *error) {
        _cleanup_free_ char *name = sysctl_name(assignment);

        if (!name)
                return error_set_errno(error, -ENOMEM, "cannot check a sysctl");
        if (!sysctl_name_is_valid(name))
                return error_set(error, ERROR_INVALID, "\"%s\" is no name of a sysctl", name);
        for (size_t i = 0; i < ELEMENTSOF(sysctls); i++) {
                const char *rest = startswith(name, sysctls[i].name);
                if (!rest || (*rest && !endswith(sysctls[i].name, ".")))
                        continue;
                if (owns(spec, sysctls[i].owner))
                        return 0;
                return error_set(
                        error, ERROR_INVALID,
                        "the sysctl %s belongs to the %s namespace, of which the container has none "
                        "of its own",
                        name, owner_words[sysctls[i].owner]);
        }
        return error_set(error, ERROR_INVALID,
                         "the sysctl %s is the whole host's: no namespace has one of its own; set it on the "
                         "host, with sysctl(8)",
                         name);
}

/* ---- namespaces ---- */

static int check_modes(const ContainerSpec *spec, Error *error) {
        const struct {
                const char *kind;
                NamespaceMode mode;
                const char *container;
                bool joins, shares;
        } all[] = {
                { "pid", spec->pid_namespace, spec->pid_container, true, false },
                { "ipc", spec->ipc_namespace, spec->ipc_container, true, true },
                { "uts", spec->uts_namespace, NULL, false, false },
                { "cgroup", spec->cgroup_namespace, NULL, false, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                bool is_join = all[i].mode == NAMESPACE_OF_CONTAINER;
                if ((is_join && !all[i].joins) || (all[i].mode == NAMESPACE_SHAREABLE && !all[i].shares))
                        return error_set(error, ERROR_INVALID, "the %s namespace can't be \"%s\"",
                                         all[i].kind, namespace_mode_words[all[i].mode]);
                if (is_join != !isempty(all[i].container))
                        return error_set(error, ERROR_INVALID,
                                         "a container is named for the %s namespace if and only if it is "
                                         "that container's",
                                         all[i].kind);
        }
        if ((spec->network == NETWORK_CONTAINER) != !isempty(spec->network_container))
                return error_set(
                        error, ERROR_INVALID,
                        "a container is named for the network if and only if it is that container's");
        return 0;
}

static int check_conflicts(const ContainerSpec *spec, Error *error) {
        bool shares = spec->network == NETWORK_CONTAINER || spec->pid_namespace == NAMESPACE_OF_CONTAINER ||
                      spec->ipc_namespace == NAMESPACE_OF_CONTAINER;
        bool own_ids =
                spec->user_namespace == USER_NAMESPACE_KEEP_ID || spec->user_namespace == USER_NAMESPACE_ID;
        const struct {
                bool bad;
                const char *why;
        } rules[] = {
                { shares && own_ids, "a container that shares namespaces of another has its user ids too: "
                                     "leave --userns away, or "
                                     "use host" },
                { spec->uts_namespace == NAMESPACE_OF_HOST && !isempty(spec->hostname),
                  "a container with the host's UTS namespace has the host's name: leave the host name "
                  "away" },
                { spec->network == NETWORK_CONTAINER && !isempty(spec->hostname),
                  "a container in another one's network has that one's host name: leave the host name "
                  "away" },
                { spec->network == NETWORK_CONTAINER && !strv_isempty(spec->extra_hosts),
                  "a container in another one's network has that one's /etc/hosts: add hosts there" },
                { spec->network == NETWORK_CONTAINER &&
                          (!strv_isempty(spec->dns) || !strv_isempty(spec->dns_search) ||
                           !strv_isempty(spec->dns_options)),
                  "a container in another one's network has that one's name servers: set them there" },
                { spec->shm_size > 0 && (spec->ipc_namespace == NAMESPACE_OF_HOST ||
                                         spec->ipc_namespace == NAMESPACE_OF_CONTAINER),
                  "a container that shares its IPC namespace has no /dev/shm of its own: leave its size "
                  "away" },
                { spec->user_namespace == USER_NAMESPACE_ID && spec->user_namespace_base == 0,
                  "--userns=id:N needs the first id on the host; for the host's own ids use host" },
                { spec->user_namespace != USER_NAMESPACE_ID && spec->user_namespace_base > 0,
                  "a first user id goes with the user namespace mode \"id\" only" },
                { own_ids && spec->privileged,
                  "a privileged container has the host's user ids: leave --userns away" },
                { spec->oom_score_adj < -1000 || spec->oom_score_adj > 1000,
                  "the OOM score adjustment must be from -1000 to 1000" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (rules[i].bad)
                        return error_set(error, ERROR_INVALID, "%s", rules[i].why);
        return 0;
}

static int check_time(char *const *offsets, Error *error) {
        char line[64];

        for (size_t i = 0; offsets && offsets[i]; i++)
                if (time_offset_line(offsets[i], line) < 0)
                        return error_set(
                                error, ERROR_INVALID,
                                "\"%s\" is not a time offset CLOCK=SECONDS, where CLOCK is monotonic "
                                "or boottime",
                                offsets[i]);
        if (!strv_isempty(offsets) && access("/proc/self/ns/time", F_OK) < 0)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "this kernel has no time namespaces, which time offsets take");
        return 0;
}

int namespaces_check(const ContainerSpec *spec, Error *error) {
        struct rlimit limit;
        int resource, r;

        if ((r = check_modes(spec, error)) < 0 || (r = check_conflicts(spec, error)) < 0 ||
            (r = check_time(spec->time_offsets, error)) < 0)
                return r;
        STRV_FOREACH(s, spec->sysctls)
                if ((r = check_sysctl(spec, *s, error)) < 0)
                        return r;
        STRV_FOREACH(s, spec->ulimits)
                if ((r = ulimit_parse(*s, strchr(*s, '=') ? strchr(*s, '=') + 1 : "", &resource, &limit,
                                      error)) < 0)
                        return r;
        STRV_FOREACH(s, spec->devices) {
                if (device_is_cdi(*s))
                        return error_set(
                                error, ERROR_UNSUPPORTED,
                                "\"%s\" is a device of CDI, which this berth does not read: name its "
                                "nodes, as in --device=/dev/X",
                                *s);
                if ((r = device_check(*s, error)) < 0)
                        return r;
        }
        STRV_FOREACH(s, spec->device_cgroup_rules)
                if ((r = device_rule_check(*s, error)) < 0)
                        return r;
        return 0;
}
