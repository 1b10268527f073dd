/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch-mounts.h"
#include "path-util.h"
#include "string-util.h"

static const char *const etc_files[] = { "hostname", "hosts", "resolv.conf" };

static int add_mount(LaunchSpec *l, LaunchMountType type, const char *source, const char *target,
                     const char *options, LaunchMount **ret) {
        LaunchMount *m = list_append(&l->mounts, &launch_mount_type);

        if (!m)
                return -ENOMEM;
        m->type = type;
        *ret = m;
        int r = free_and_strdup(&m->source, source);
        if (r >= 0)
                r = free_and_strdup(&m->options, options);
        if (r < 0)
                return r;
        m->target = path_normalize(target);
        return m->target ? 0 : -ENOMEM;
}

static bool is_mounted(const LaunchSpec *l, const char *target) {
        for (size_t i = 0; i < l->mounts.n; i++)
                if (streq_ptr(LIST_ITEM(&l->mounts, LaunchMount, i)->target, target))
                        return true;
        return false;
}

static int add_own_mounts(const LaunchInputs *in, LaunchSpec *l, Error *error) {
        for (size_t i = 0; i < in->spec->mounts.n; i++) {
                const MountSpec *wanted = LIST_ITEM(&in->spec->mounts, MountSpec, i);
                _cleanup_free_ char *target = path_normalize(wanted->target);
                LaunchMount *m;

                if (target && is_mounted(l, target))
                        return error_set(error, ERROR_INVALID, "two mounts have the same target %s", target);
                int r = target ? add_mount(l, wanted->type == MOUNT_TMPFS ? LAUNCH_TMPFS : LAUNCH_BIND,
                                           wanted->source, target, wanted->options, &m)
                               : -ENOMEM;
                if (r < 0)
                        return error_set_errno(error, r, "mount %s", wanted->target);
                m->read_only = wanted->read_only;
                m->create_source = wanted->create_source;
                m->id_mapped = wanted->type == MOUNT_BIND;
        }
        return 0;
}

/* Over what the image has, unless the user mounts a file of their own there. The files belong to the container's root
 * already, since /run is a tmpfs, which older kernels can't id-map. */
static int add_etc_mounts(const LaunchInputs *in, LaunchSpec *l) {
        for (size_t i = 0; i < ELEMENTSOF(etc_files); i++) {
                _cleanup_free_ char *source = path_join(in->run_directory, etc_files[i]);
                _cleanup_free_ char *target = path_join("/etc", etc_files[i]);
                LaunchMount *m;

                if (!source || !target)
                        return -ENOMEM;
                if (is_mounted(l, target) || is_mounted(l, "/etc"))
                        continue;
                int r = add_mount(l, LAUNCH_BIND, source, target, NULL, &m);
                if (r < 0)
                        return r;
        }
        return 0;
}

static size_t depth(const char *path) {
        size_t n = 0;

        for (; *path; path++)
                n += *path == '/';
        return n;
}

/* What is mounted below another mount comes after it. Insertion keeps the order of equals. */
static void sort_mounts(List *mounts) {
        LaunchMount *m = mounts->items;

        for (size_t i = 1; i < mounts->n; i++) {
                LaunchMount moved = m[i];
                size_t k = i;
                for (; k > 0 && depth(m[k - 1].target) > depth(moved.target); k--)
                        m[k] = m[k - 1];
                m[k] = moved;
        }
}

int launch_mounts_make(const LaunchInputs *in, LaunchSpec *l, Error *error) {
        int r;

        if ((r = add_own_mounts(in, l, error)) < 0 || (r = add_etc_mounts(in, l)) < 0)
                return r;
        sort_mounts(&l->mounts);
        return 0;
}
