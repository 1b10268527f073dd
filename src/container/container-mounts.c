/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-name.h"
#include "container-private.h"
#include "launch-mounts.h"
#include "log.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

/* Mounts that come and go after the container has been made. The running container's shim does it first; what it could do is
 * then written to the specification, for the next start, or with `temporary` only to the state of the run. */

#define CHANGES_MAX 64

struct ContainerMountChange {
        Container *container;
        char *id;
        bool temporary, removes;
        bool saving; /* the changed specification is being written, which can't be undone by the container's end */
        MountSpec mount; /* to remove one only its target counts */
        List before;     /* the specification's mounts, while the changed ones are being written */
        ContainerDone done;
        void *userdata;
        TAILQ_ENTRY(ContainerMountChange) list;
};
typedef struct ContainerMountChange Change;

static Change *change_free(Change *change) {
        if (!change)
                return NULL;
        object_done(&mount_spec_type, &change->mount);
        list_done(&change->before, &mount_spec_type);
        free(change->id);
        free(change);
        return NULL;
}
DEFINE_CLEANUP(Change *, change_free);

static void finish(Change *change, const Error *error) {
        Container *c = change->container;

        TAILQ_REMOVE(&c->mount_changes, change, list);
        c->n_mount_changes--;
        if (!error)
                container_tell_one(c, change->removes ? "unmount" : "mount", "target", change->mount.target);
        change->done(c, error, change->userdata);
        change_free(change);
}

void container_drop_mount_changes(Container *c) {
        _cleanup_error_ Error error = {};
        Change *change, *next;

        error_set(&error, ERROR_NOT_RUNNING, "container \"%s\" has ended", c->spec.name);
        for (change = TAILQ_FIRST(&c->mount_changes); change; change = next) {
                next = TAILQ_NEXT(change, list);
                if (!change->saving)
                        finish(change, &error);
        }
}

/* ---- images as mounts ---- */

bool container_uses_image(const Container *c, const char *digest) {
        const List *lists[] = { &c->spec.mounts, &c->state.temporary_mounts };

        if (streq_ptr(c->spec.image_digest, digest))
                return true;
        for (size_t k = 0; k < ELEMENTSOF(lists); k++)
                for (size_t i = 0; i < lists[k]->n; i++)
                        if (streq_ptr(LIST_ITEM(lists[k], MountSpec, i)->image_digest, digest))
                                return true;
        return false;
}

static int find_layers(Container *c, const MountSpec *mount, char ***ret, Error *error) {
        const Image *image = image_store_by_digest(c->context->images, strempty(mount->image_digest));

        if (!image)
                return error_set(error, ERROR_NO_SUCH_IMAGE,
                                 "the image %s, to be mounted on %s, is not here any more",
                                 strempty(mount->source), mount->target);
        int r = image_store_lower(c->context->images, &image->record, ret);
        return r < 0 ? error_set_errno(error, r, "cannot find the layers of image %s", mount->source) : 0;
}

int container_image_layers(Container *c, MountLayers *ret, Error *error) {
        *ret = (MountLayers){};
        for (size_t i = 0; i < c->spec.mounts.n; i++) {
                const MountSpec *mount = LIST_ITEM(&c->spec.mounts, MountSpec, i);
                if (mount->type != MOUNT_IMAGE)
                        continue;
                if (!ret->lower) {
                        ret->n = c->spec.mounts.n;
                        ret->lower = new0(char **, ret->n);
                }
                int r = ret->lower ? find_layers(c, mount, &ret->lower[i], error) : -ENOMEM;
                if (r < 0) {
                        mount_layers_done(ret);
                        return error_set_errno(error, r, "cannot start");
                }
        }
        return 0;
}

void mount_layers_done(MountLayers *layers) {
        for (size_t i = 0; i < layers->n; i++)
                strv_free(layers->lower[i]);
        free(layers->lower);
        *layers = (MountLayers){};
}

/* ---- the lists ---- */

static const MountSpec *find(const List *mounts, const char *target) {
        for (size_t i = 0; i < mounts->n; i++) {
                const MountSpec *m = LIST_ITEM(mounts, MountSpec, i);
                _cleanup_free_ char *normal = path_normalize(m->target);
                if (streq_ptr(normal, target))
                        return m;
        }
        return NULL;
}

/* All but `without` (which may be NULL), and then `with` (which may be NULL). */
static int copy_mounts(const List *from, const MountSpec *without, const MountSpec *with, List *ret) {
        List copy = {};
        int r = 0;

        for (size_t i = 0; i <= from->n && r >= 0; i++) {
                const MountSpec *m = i < from->n ? LIST_ITEM(from, MountSpec, i) : with;
                if (!m || m == without)
                        continue;
                MountSpec *target = list_append(&copy, &mount_spec_type);
                r = target ? object_copy(&mount_spec_type, target, m) : -ENOMEM;
        }
        if (r < 0)
                list_done(&copy, &mount_spec_type);
        else
                *ret = copy;
        return r;
}

/* ---- writing it down ---- */

static int work_save(void *userdata) {
        const Change *change = userdata;

        return container_write_spec(change->container, &change->container->spec);
}

static void on_saved(int code, void *userdata) {
        _cleanup_error_ Error error = {};
        Change *change = userdata;
        Container *c = change->container;

        c->saving = NULL;
        if (code != 0) {
                list_done(&c->spec.mounts, &mount_spec_type);
                c->spec.mounts = change->before;
                change->before = (List){};
                error_set_errno(&error, code > 0 && code < 128 ? -code : -EIO,
                                "cannot store the mounts of container \"%s\"", c->spec.name);
        }
        finish(change, code == 0 ? NULL : &error);
        if (c->remove_when_ended && !container_is_active(c))
                container_remove_now(c);
}

static int save_spec(Change *change, Error *error) {
        Container *c = change->container;
        const MountSpec *old = change->removes ? find(&c->spec.mounts, change->mount.target) : NULL;
        List after;

        if (c->saving)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being changed already",
                                 c->spec.name);
        int r = copy_mounts(&c->spec.mounts, old, change->removes ? NULL : &change->mount, &after);
        if (r < 0)
                return error_set_errno(error, r, "cannot change the mounts");
        change->before = c->spec.mounts;
        c->spec.mounts = after;
        r = child_run(c->context->event, work_save, on_saved, change, &c->saving);
        if (r < 0) {
                list_done(&c->spec.mounts, &mount_spec_type);
                c->spec.mounts = change->before;
                change->before = (List){};
                return error_set_errno(error, r, "cannot store the mounts of container \"%s\"",
                                       c->spec.name);
        }
        change->saving = true;
        return 0;
}

static int save_state(Change *change, Error *error) {
        Container *c = change->container;
        List *mounts = &c->state.temporary_mounts, after;

        int r = copy_mounts(mounts, change->removes ? find(mounts, change->mount.target) : NULL,
                            change->removes ? NULL : &change->mount, &after);
        if (r < 0)
                return error_set_errno(error, r, "cannot change the mounts");
        list_done(mounts, &mount_spec_type);
        *mounts = after;
        (void) container_save_state(c);
        return 0;
}

/* The running container has it, or there is none that runs. */
static void commit(Change *change) {
        _cleanup_error_ Error error = {};
        Container *c = change->container;
        bool of_run = change->removes ? find(&c->state.temporary_mounts, change->mount.target) != NULL
                                      : change->temporary;
        int r;

        if (!of_run && !change->temporary) {
                r = save_spec(change, &error);
                if (r < 0)
                        finish(change, &error);
                return;
        }
        r = of_run ? save_state(change, &error) : 0;
        finish(change, r < 0 ? &error : NULL);
}

void container_on_mount_done(Container *c, const ShimMessage *message) {
        _cleanup_error_ Error error = {};
        Change *change;

        TAILQ_FOREACH(change, &c->mount_changes, list)
                if (streq_ptr(change->id, message->id))
                        break;
        if (!change)
                return;
        if (message->exit.error_kind)
                error_set(&error, error_kind_from_string(message->exit.error_kind), "%s",
                          message->exit.error ?: "the mount failed");
        /* Whatever became of it: what should not be there is not. */
        if (change->removes && error.kind == ERROR_NO_SUCH_FILE)
                error_done(&error);
        if (error.kind != ERROR_NONE)
                finish(change, &error);
        else
                commit(change);
}

/* ---- asking for it ---- */

static int send_change(Change *change, Error *error) {
        Container *c = change->container;
        ShimMessage message = { .id = change->id };
        _cleanup_strv_free_ char **lower = NULL;
        int r = 0;

        if (!change->removes && change->mount.type == MOUNT_IMAGE)
                r = find_layers(c, &change->mount, &lower, error);
        if (r >= 0)
                r = launch_mount_make(&change->mount, lower, &message.mount, error);
        if (r >= 0)
                r = container_send(c, change->removes ? SHIM_UNMOUNT : SHIM_MOUNT, &message, -EBADF, error);
        object_done(&launch_mount_type, &message.mount);
        return r < 0 ? error_set_errno(error, r, "cannot change the mounts") : 0;
}

static int check_change(Container *c, const Change *change, Error *error) {
        const char *target = change->mount.target;
        bool known = find(&c->spec.mounts, target) || find(&c->state.temporary_mounts, target);
        const Change *other;

        TAILQ_FOREACH(other, &c->mount_changes, list)
                if (streq(other->mount.target, target))
                        return error_set(error, ERROR_IN_USE, "the mount on %s is being changed already",
                                         target);
        if (c->n_mount_changes >= CHANGES_MAX)
                return error_set(error, ERROR_LIMIT, "%d mounts are being changed already", CHANGES_MAX);
        if (container_is_active(c) && !container_is_up(c))
                return error_set(error, ERROR_IN_USE, "container \"%s\" is just starting or ending",
                                 c->spec.name);
        if (c->state.status == CONTAINER_REMOVING || c->saving)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being changed already",
                                 c->spec.name);
        if (known && !change->removes)
                return error_set(error, ERROR_IN_USE,
                                 "something is mounted on %s already (berthctl mount remove %s %s)", target,
                                 c->spec.name, target);
        if (!known && change->removes)
                return error_set(error, ERROR_NO_SUCH_FILE,
                                 "nothing was mounted on %s (berthctl mount ls %s)", target, c->spec.name);
        if (change->temporary && !container_is_up(c))
                return error_set(
                        error, ERROR_NOT_RUNNING,
                        "container \"%s\" is not running, so there is nothing to change for the time "
                        "that it does",
                        c->spec.name);
        return 0;
}

static int begin(Change *owned, Error *error) {
        _cleanup_(change_freep) Change *change = owned;
        Container *c = change->container;
        char *target = path_normalize(change->mount.target);

        if (!target)
                return error_set_errno(error, -ENOMEM, "cannot change the mounts");
        free_and_replace(change->mount.target, target);
        int r = container_id_make(&change->id);
        if (r >= 0)
                r = check_change(c, change, error);
        if (r >= 0 && container_is_up(c))
                r = send_change(change, error);
        if (r < 0)
                return error_set_errno(error, r, "cannot change the mounts of \"%s\"", c->spec.name);
        TAILQ_INSERT_TAIL(&c->mount_changes, change, list);
        c->n_mount_changes++;
        if (!container_is_up(c))
                commit(change);
        TAKE_PTR(change);
        return 0;
}

static Change *change_new(Container *c, bool removes, bool temporary, ContainerDone done, void *userdata) {
        Change *change = new0(Change, 1);

        if (change)
                *change = (Change){
                        .container = c,
                        .removes = removes,
                        .temporary = temporary,
                        .done = done,
                        .userdata = userdata,
                };
        return change;
}

int container_add_mount(Container *c, const MountSpec *mount, bool temporary, ContainerDone done,
                        void *userdata, Error *error) {
        _cleanup_(change_freep) Change *change = change_new(c, false, temporary, done, userdata);

        if (!change || object_copy(&mount_spec_type, &change->mount, mount) < 0)
                return error_set_errno(error, -ENOMEM, "cannot mount");
        return begin(TAKE_PTR(change), error);
}

int container_remove_mount(Container *c, const char *target, bool temporary, ContainerDone done,
                           void *userdata, Error *error) {
        _cleanup_(change_freep) Change *change = change_new(c, true, temporary, done, userdata);

        if (!path_is_absolute(target))
                return error_set(error, ERROR_INVALID, "the path in the container, \"%s\", must be absolute",
                                 target);
        if (!change || free_and_strdup(&change->mount.target, target) < 0)
                return error_set_errno(error, -ENOMEM, "cannot unmount");
        return begin(TAKE_PTR(change), error);
}
