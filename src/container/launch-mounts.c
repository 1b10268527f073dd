/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch-mounts.h"
#include "container-secrets.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

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

static const LaunchMountType launch_types[] = {
        [MOUNT_BIND] = LAUNCH_BIND,   [MOUNT_TMPFS] = LAUNCH_TMPFS,   [MOUNT_VOLUME] = LAUNCH_BIND,
        [MOUNT_IMAGE] = LAUNCH_IMAGE, [MOUNT_DEVPTS] = LAUNCH_DEVPTS,
};

/* Where its files are on the host; NULL when it has none there. */
static int find_source(const MountSpec *wanted, char **ret, Error *error) {
        if (wanted->type == MOUNT_BIND)
                return free_and_strdup(ret, wanted->source);
        if (wanted->type != MOUNT_VOLUME)
                return 0;
        if (isempty(wanted->source))
                return error_set(error, ERROR_CORRUPT, "the volume has no name");
        *ret = string_join(STATE_DIRECTORY "/volumes/", wanted->source, "/data");
        return *ret ? 0 : -ENOMEM;
}

int launch_mount_make(const MountSpec *wanted, char *const *lower, LaunchMount *ret, Error *error) {
        bool has_files = wanted->type != MOUNT_TMPFS && wanted->type != MOUNT_DEVPTS;
        bool unmapped = streq(strempty(wanted->id_map), "none");
        LaunchMount *m = ret;
        int r;

        m->type = launch_types[wanted->type];
        m->read_only = wanted->read_only;
        m->create_source = wanted->create_source;
        m->recursive = wanted->recursive;
        m->id_mapped = has_files && !unmapped;
        m->chown = wanted->chown;
        m->of_spec = true;
        if ((r = find_source(wanted, &m->source, error)) < 0 ||
            (r = free_and_strdup(&m->subpath, wanted->subpath)) < 0 ||
            (r = free_and_strdup(&m->options, wanted->options)) < 0 ||
            (r = free_and_strdup(&m->id_map, unmapped || isempty(wanted->id_map) ? NULL : wanted->id_map)) <
                    0 ||
            (r = strv_copy_into(lower, &m->lower)) < 0)
                return r;
        m->target = path_normalize(wanted->target);
        return m->target ? 0 : -ENOMEM;
}

static int add_own_mounts(const LaunchInputs *in, LaunchSpec *l, Error *error) {
        for (size_t i = 0; i < in->spec->mounts.n; i++) {
                const MountSpec *wanted = LIST_ITEM(&in->spec->mounts, MountSpec, i);
                _cleanup_free_ char *target = path_normalize(wanted->target);

                if (target && is_mounted(l, target))
                        return error_set(error, ERROR_INVALID, "two mounts have the same target %s", target);
                LaunchMount *m = target ? list_append(&l->mounts, &launch_mount_type) : NULL;
                int r = m ? launch_mount_make(wanted, in->image_lower ? in->image_lower[i] : NULL, m, error)
                          : -ENOMEM;
                if (r < 0)
                        return error_set_errno(error, r, "mount %s", wanted->target);
        }
        return 0;
}

/* What programs take for granted that they can write to, and what a systemd wants to find empty, where nothing else is
 * mounted. */
static int add_writable_tmpfs(const LaunchInputs *in, LaunchSpec *l) {
        static const struct {
                const char *target, *options;
                bool for_read_only, for_systemd;
        } all[] = {
                { "/run", "mode=755,exec", true, true },
                { "/run/lock", "mode=1777", false, true },
                { "/tmp", "mode=1777,exec", true, true },
                { "/var/tmp", "mode=1777,exec", true, false },
        };
        bool for_read_only = in->spec->read_only && in->spec->read_only_tmpfs;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(all) && r >= 0; i++) {
                LaunchMount *m;
                bool wanted = (for_read_only && all[i].for_read_only) ||
                              (in->effective->systemd && all[i].for_systemd);
                if (wanted && !is_mounted(l, all[i].target))
                        r = add_mount(l, LAUNCH_TMPFS, NULL, all[i].target, all[i].options, &m);
        }
        return r;
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

        if ((r = add_own_mounts(in, l, error)) < 0 || (r = add_writable_tmpfs(in, l)) < 0 ||
            (r = add_etc_mounts(in, l)) < 0 || (r = launch_secrets_make(in, l)) < 0)
                return r;
        sort_mounts(&l->mounts);
        return 0;
}
