/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mount.h>

#include "mount-options.h"
#include "path-util.h"
#include "plan-private.h"
#include "string-util.h"
#include "strv.h"

static int check_source(const char *source, Error *error) {
        if (isempty(source) || !path_is_absolute(source))
                return error_set(error, ERROR_INVALID, "mount source \"%s\" must be an absolute path",
                                 strempty(source));
        return 0;
}

/* How the ids of its files are seen, for an operation whose mount comes from the host. */
static int set_id_map(Plan *plan, const LaunchSpec *spec, const LaunchMount *mount, Op *op, Error *error) {
        char *lines;

        op->id_mapped = mount->id_mapped && (spec->uid_count > 0 || mount->id_map);
        if (!op->id_mapped || !mount->id_map)
                return 0;
        int r = id_map_parse(mount->id_map, spec->uid_base, spec->uid_count, &lines, error);
        if (r < 0)
                return r;
        op->id_map = plan_keep(plan, lines);
        return op->id_map ? 0 : -ENOMEM;
}

static int plan_bind(Plan *plan, const LaunchSpec *spec, const LaunchMount *mount, Op *op, Error *error) {
        int r = check_source(mount->source, error);

        op->type = OP_BIND;
        op->source = mount->source;
        op->create_source = mount->create_source;
        op->recursive = mount->recursive;
        return r < 0 ? r : set_id_map(plan, spec, mount, op, error);
}

static int plan_new_file_system(Plan *plan, const char *type, const char *data, Op *op) {
        op->type = OP_FILESYSTEM;
        op->source = type;
        op->data = data;
        return 0;
}

/* The layers of the image's nth overlay: names that no layer of the root has. */
static int plan_image_layers(Plan *plan, const Op *layer, const LaunchMount *mount, const char *name,
                             StringBuffer *options) {
        int r = string_buffer_append_string(options, "userxattr,lowerdir=");

        for (size_t i = 0; mount->lower[i] && r >= 0; i++) {
                Op op = *layer;
                op.source = mount->lower[i];
                op.target = plan_keep(plan, format_string("%s.%zu", name, i));
                r = op.target ? plan_add(plan, &op) : -ENOMEM;
                if (r >= 0)
                        r = string_buffer_appendf(options, "%s%s", i > 0 ? ":" : "", op.target);
        }
        return r;
}

static int plan_image(Plan *plan, const LaunchSpec *spec, const LaunchMount *mount, Op *op, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer options = {};
        size_t n = strv_length(mount->lower);
        Op layer = { OP_LAYER };

        if (n == 0 || n > OVERLAY_LAYERS_MAX)
                return error_set(error, ERROR_LIMIT, "the image has %zu layers; an overlay takes 1 to %d", n,
                                 OVERLAY_LAYERS_MAX);
        int r = set_id_map(plan, spec, mount, &layer, error);
        if (r < 0)
                return r;
        /* An overlay has two layers at least; a single one is what it would show. */
        if (n == 1) {
                op->type = OP_BIND;
                op->source = mount->lower[0];
                op->id_mapped = layer.id_mapped;
                op->id_map = layer.id_map;
                op->recursive = RECURSION_DISABLED;
                return 0;
        }
        op->type = OP_IMAGE;
        op->source = plan_keep(plan, format_string("i%zu", plan->n_ops));
        r = op->source ? plan_image_layers(plan, &layer, mount, op->source, &options) : -ENOMEM;
        if (r >= 0 && options.size > OVERLAY_OPTIONS_MAX)
                return error_set(error, ERROR_LIMIT, "the image has too many layers to be mounted");
        op->data = r >= 0 ? plan_keep(plan, TAKE_PTR(options.data)) : NULL;
        return op->data ? 0 : -ENOMEM;
}

static int plan_mount(Plan *plan, const LaunchSpec *spec, const LaunchMount *mount, Error *error) {
        static const MountType types[] = {
                [LAUNCH_BIND] = MOUNT_BIND,
                [LAUNCH_TMPFS] = MOUNT_TMPFS,
                [LAUNCH_IMAGE] = MOUNT_IMAGE,
                [LAUNCH_DEVPTS] = MOUNT_DEVPTS,
        };
        MountOptions options;
        const char *data = NULL;

        if (isempty(mount->target) || !path_is_absolute(mount->target))
                return error_set(error, ERROR_INVALID, "mount target \"%s\" must be an absolute path",
                                 strempty(mount->target));
        int r = mount_options_parse(types[mount->type], mount->options, &options, error);
        if (r < 0)
                return r;
        if (options.data && !(data = plan_keep(plan, options.data)))
                return -ENOMEM;
        Op op = {
                .target = mount->target,
                .attributes = options.attributes | (mount->read_only ? MOUNT_ATTR_RDONLY : 0),
                .propagation = options.propagation,
                .subpath = isempty(mount->subpath) ? NULL : mount->subpath,
                .of_spec = mount->of_spec,
        };
        switch ((LaunchMountType) mount->type) {
        case LAUNCH_BIND:
                r = plan_bind(plan, spec, mount, &op, error);
                break;
        case LAUNCH_TMPFS:
                r = plan_new_file_system(plan, "tmpfs", data, &op);
                break;
        case LAUNCH_DEVPTS:
                r = plan_new_file_system(plan, "devpts", data ?: "ptmxmode=0666,mode=0620", &op);
                break;
        case LAUNCH_IMAGE:
                r = plan_image(plan, spec, mount, &op, error);
                break;
        }
        return r < 0 ? r : plan_add(plan, &op);
}

int plan_mounts(Plan *plan, const LaunchSpec *spec, Error *error) {
        for (size_t i = 0; i < spec->mounts.n; i++) {
                const LaunchMount *mount = LIST_ITEM(&spec->mounts, LaunchMount, i);
                int r = plan_mount(plan, spec, mount, error);
                if (r < 0)
                        return error_set_errno(error, r, "cannot plan the mount on %s",
                                               strempty(mount->target));
        }
        return 0;
}

int plan_owners(Plan *plan, const LaunchSpec *spec) {
        int r = 0;

        for (size_t i = 0; i < spec->mounts.n && r >= 0; i++) {
                const LaunchMount *mount = LIST_ITEM(&spec->mounts, LaunchMount, i);
                if (mount->chown)
                        r = plan_add(plan, &(Op){ OP_CHOWN, .target = mount->target, .data = spec->user });
        }
        return r;
}

int plan_build_mount(const LaunchSpec *spec, const LaunchMount *mount, Plan *ret, Error *error) {
        _cleanup_(plan_done) Plan plan = {};
        int r = 0;

        if (strv_length(mount->lower) > 1)
                r = plan_add(&plan, &(Op){ OP_STAGING });
        if (r >= 0)
                r = plan_mount(&plan, spec, mount, error);
        if (r >= 0 && mount->chown)
                r = plan_add(&plan, &(Op){ OP_CHOWN, .target = mount->target, .data = spec->user });
        if (r < 0)
                return error_set_errno(error, r, "cannot plan the mount on %s", strempty(mount->target));
        *ret = plan;
        plan = (Plan){};
        return 0;
}
