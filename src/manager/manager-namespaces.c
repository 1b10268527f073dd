/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-util.h"
#include "manager.h"
#include "namespace-check.h"
#include "string-util.h"
#include "uid-range.h"

/* What a new container shares with others, and which ids it has. */

/* A name in a request becomes an id, which stays the same. */
static int resolve(Manager *m, char **name, Container **ret, Error *error) {
        int r = manager_find_container(m, *name, ret, error);

        return r < 0 ? r : free_and_strdup(name, (*ret)->spec.id);
}

static int check_shareable(const Container *other, Error *error) {
        return other->spec.ipc_namespace == NAMESPACE_PRIVATE
                       ? error_set(error, ERROR_INVALID,
                                   "container \"%s\" does not share its IPC namespace: make it with "
                                   "--ipc=shareable",
                                   other->spec.name)
                       : 0;
}

int manager_complete_namespaces(Manager *m, ContainerSpec *spec, Error *error) {
        const Container *first = NULL;
        Container *other;
        const struct {
                bool wanted;
                char **name;
        } all[] = {
                { spec->network == NETWORK_CONTAINER, &spec->network_container },
                { spec->pid_namespace == NAMESPACE_OF_CONTAINER, &spec->pid_container },
                { spec->ipc_namespace == NAMESPACE_OF_CONTAINER, &spec->ipc_container },
        };

        int r = namespaces_check(spec, error);
        for (size_t i = 0; i < ELEMENTSOF(all) && r >= 0; i++) {
                if (!all[i].wanted)
                        continue;
                r = resolve(m, all[i].name, &other, error);
                if (r >= 0 && all[i].name == &spec->ipc_container)
                        r = check_shareable(other, error);
                if (r < 0)
                        return r;
                if (first && (first->spec.uid_base != other->spec.uid_base))
                        return error_set(
                                error, ERROR_INVALID,
                                "\"%s\" and \"%s\" have different user ids, so that no container can "
                                "share namespaces of both",
                                first->spec.name, other->spec.name);
                first = other;
        }
        if (r < 0 || !first)
                return r;
        spec->uid_base = first->spec.uid_base;
        spec->uid_count = first->spec.uid_count;
        spec->keep_uid = first->spec.keep_uid;
        spec->keep_gid = first->spec.keep_gid;
        return 1;
}

/* ---- ids ---- */

static int check_range(Manager *m, const ContainerSpec *spec, Error *error) {
        uint64_t base = spec->user_namespace_base, end = base + UID_RANGE_SIZE;
        Container *c, *next;
        uint64_t id;

        if (end > UINT32_MAX)
                return error_set(error, ERROR_INVALID, "%llu is too high for the first of %u user ids",
                                 (unsigned long long) base, (unsigned) UID_RANGE_SIZE);
        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (c->spec.uid_count > 0 && c->spec.uid_base < end &&
                    base < (uint64_t) c->spec.uid_base + c->spec.uid_count)
                        return error_set(
                                error, ERROR_IN_USE,
                                "the user ids from %llu on are those of container \"%s\" (%u to %u)",
                                (unsigned long long) base, c->spec.name, c->spec.uid_base,
                                c->spec.uid_base + c->spec.uid_count - 1);
        if (uid_range_has_host_user(base, UID_RANGE_SIZE, &id))
                return error_set(
                        error, ERROR_IN_USE,
                        "the user ids from %llu on include %llu, which is a user or group of the host",
                        (unsigned long long) base, (unsigned long long) id);
        return 0;
}

/* The same container gets the same range, when it is free. */
static uint64_t seed_of(const char *id) {
        char digits[17];

        (void) snprintf(digits, sizeof(digits), "%s", id);
        return strtoull(digits, NULL, 16);
}

static int keep_ids(ContainerSpec *spec, Error *error) {
        if (spec->keep_uid == 0 || spec->keep_gid == 0)
                return error_set(error, ERROR_INVALID,
                                 "--userns=keep-id keeps the ids of the user who makes the container, which "
                                 "root's can't be");
        if (!isempty(spec->user))
                return 0;
        spec->user = format_string("%u:%u", spec->keep_uid, spec->keep_gid);
        return spec->user ? 0 : -ENOMEM;
}

int manager_choose_ids(Manager *m, ContainerSpec *spec, Error *error) {
        UidRanges ranges = {};
        Container *c, *next;
        int r;

        if (spec->user_namespace != USER_NAMESPACE_KEEP_ID)
                spec->keep_uid = spec->keep_gid = 0;
        if (spec->user_namespace == USER_NAMESPACE_HOST || spec->privileged) {
                spec->uid_base = spec->uid_count = 0;
                return 0;
        }
        spec->uid_count = UID_RANGE_SIZE;
        if (spec->user_namespace == USER_NAMESPACE_ID) {
                spec->uid_base = spec->user_namespace_base;
                return check_range(m, spec, error);
        }
        HASH_ITER(by_id, m->containers_by_id, c, next)
                uid_ranges_mark(&ranges, c->spec.uid_base, c->spec.uid_count);
        uid_ranges_mark_host(&ranges);
        r = uid_ranges_choose(&ranges, seed_of(spec->id), &spec->uid_base, error);
        return r >= 0 && spec->user_namespace == USER_NAMESPACE_KEEP_ID ? keep_ids(spec, error) : r;
}
