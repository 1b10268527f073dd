/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "container-private.h"
#include "fd-util.h"
#include "file-util.h"
#include "project-quota.h"
#include "seccomp-cache.h"
#include "string-util.h"
#include "strv.h"

/* Ids of project quotas: 28 bits of the container's id, and these. Volumes have others. */
#define PROJECT_BASE UINT32_C(0x30000000)

/* fsync() may take tens of milliseconds: a forked child does it. A container that goes away at its exit need not
 * survive a power cut, so its few files are written right here. */
typedef struct Saving {
        Container *container;
        ContainerDone done;
        void *userdata;
        char *name;      /* rename: the new one */
        char *temporary; /* create: the directory until it is complete */
} Saving;

static Saving *saving_free(Saving *saving) {
        if (!saving)
                return NULL;
        free(saving->name);
        free(saving->temporary);
        free(saving);
        return NULL;
}
DEFINE_CLEANUP(Saving *, saving_free);

/* Both count for one project: the overlay renames files from one into the other, which can't cross projects. Not what
 * is berth's own beside them, so that a full container can still be written about. */
static int limit_storage(const ContainerSpec *spec, int directory_fd) {
        static const char *const names[] = { "upper", "work" };
        char digits[8] = "";
        int r = 0;

        memcpy(digits, spec->id, sizeof(digits) - 1);
        uint32_t project = PROJECT_BASE | (uint32_t) strtoul(digits, NULL, 16);
        for (size_t i = 0; i < ELEMENTSOF(names) && r >= 0; i++) {
                _cleanup_close_ int fd = openat(directory_fd, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? negative_errno() : project_quota_set(fd, project, spec->storage_size);
        }
        return r;
}

static int write_directory(const Saving *saving) {
        const Container *c = saving->container;
        int containers = c->context->containers_fd;

        if (mkdirat(containers, saving->temporary, 0700) < 0)
                return negative_errno();
        _cleanup_close_ int fd = openat(containers, saving->temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || mkdirat(fd, "upper", 0755) < 0 || mkdirat(fd, "work", 0755) < 0 ||
            fchmodat(fd, "upper", 0755, 0) < 0)
                return negative_errno();
        int r = c->spec.storage_size > 0 ? limit_storage(&c->spec, fd) : 0;
        if (r >= 0)
                r = object_save_at(&container_spec_type, &c->spec, fd, "spec.json", !c->spec.auto_remove);
        if (r >= 0)
                r = object_save_at(&container_state_type, &c->state, fd, "state.json", false);
        if (r < 0)
                return r;
        if (renameat(containers, saving->temporary, containers, c->spec.id) < 0)
                return negative_errno();
        return !c->spec.auto_remove && fsync(containers) < 0 ? negative_errno() : 0;
}

static int work_create(void *userdata) {
        return write_directory(userdata);
}

static void on_created(int code, void *userdata) {
        _cleanup_(saving_freep) Saving *saving = userdata;
        _cleanup_error_ Error error = {};
        Container *c = saving->container;

        c->saving = NULL;
        if (code != 0) {
                (void) remove_tree_at(c->context->containers_fd, saving->temporary);
                (void) remove_tree_at(c->context->containers_fd, c->spec.id);
                error_set_errno(&error, code > 0 && code < 128 ? -code : -EIO,
                                "cannot store container \"%s\"", c->spec.name);
        }
        saving->done(c, code == 0 ? NULL : &error, saving->userdata);
}

/* Takes saving over when it succeeds. */
static int store(Saving *saving, Error *error) {
        Container *c = saving->container;
        int r;

        if (c->spec.auto_remove) {
                r = write_directory(saving);
                on_created(r < 0 ? -r : 0, saving);
                return 0;
        }
        r = child_run(c->context->event, work_create, on_created, saving, &c->saving);
        return r < 0 ? error_set_errno(error, r, "cannot create container \"%s\"", c->spec.name) : 0;
}

static void on_checked(const Error *why, void *userdata) {
        _cleanup_(saving_freep) Saving *saving = userdata;
        _cleanup_error_ Error error = {};

        saving->container->checking = NULL;
        if (!why && store(saving, &error) >= 0)
                TAKE_PTR(saving);
        else
                saving->done(saving->container, why ?: &error, saving->userdata);
}

/* A profile of its own is compiled now, so that its mistakes are told to who made them. Returns 1 when on_checked()
 * follows. */
static int check_profile(Saving *saving, Error *error) {
        static const WorkerHooks hooks = { .ended = on_checked };
        Container *c = saving->container;
        WorkerRequest request;

        if (isempty(c->spec.seccomp_profile))
                return 0;
        object_init(&worker_request_type, &request);
        int r = seccomp_cache_prepare(&c->spec, &request, error);
        if (r > 0) {
                r = worker_start(c->context->event, &request, NULL, 0, &hooks, saving, &c->checking, error);
                r = r < 0 ? r : 1;
        }
        object_done(&worker_request_type, &request);
        return r;
}

int container_create(Container *c, ContainerDone done, void *userdata, Error *error) {
        _cleanup_(saving_freep) Saving *saving = new0(Saving, 1);

        if (saving) {
                *saving = (Saving){ .container = c, .done = done, .userdata = userdata };
                saving->temporary = string_join(".tmp-", c->spec.id);
        }
        if (!saving || !saving->temporary || free_and_strdup(&c->state.boot_id, c->context->boot_id) < 0)
                return error_set_errno(error, -ENOMEM, "cannot create container \"%s\"", c->spec.name);
        int r = check_profile(saving, error);
        if (r == 0)
                r = store(saving, error);
        if (r < 0)
                return r;
        TAKE_PTR(saving);
        return 0;
}

/* ---- renaming ---- */

static int work_rename(void *userdata) {
        Saving *saving = userdata;
        ContainerSpec spec = saving->container->spec; /* shares all but the name, and is never released */

        spec.name = saving->name;
        return container_write_spec(saving->container, &spec);
}

static void on_renamed(int code, void *userdata) {
        _cleanup_(saving_freep) Saving *saving = userdata;
        _cleanup_error_ Error error = {};
        Container *c = saving->container;

        c->saving = NULL;
        if (code != 0) {
                error_set_errno(&error, code > 0 && code < 128 ? -code : -EIO,
                                "cannot rename container \"%s\"", c->spec.name);
                saving->done(c, &error, saving->userdata);
                return;
        }
        if (container_is_active(c) && c->shim_fd >= 0) {
                ShimMessage message = { .name = saving->name, .image = c->spec.image };
                (void) container_send(c, SHIM_RENAME, &message, -EBADF, NULL);
        }
        /* The name itself is the index's key, so the owner of the index changes it, in done(). */
        saving->done(c, NULL, saving->userdata);
        if (c->remove_when_ended && !container_is_active(c))
                container_remove_now(c);
}

int container_rename(Container *c, const char *new_name, ContainerDone done, void *userdata, Error *error) {
        _cleanup_(saving_freep) Saving *saving = new0(Saving, 1);

        if (c->saving)
                return error_set(error, ERROR_IN_USE, "container \"%s\" is being changed already",
                                 c->spec.name);
        if (saving) {
                *saving = (Saving){ .container = c, .done = done, .userdata = userdata };
                saving->name = strdup(new_name);
        }
        if (!saving || !saving->name)
                return error_set_errno(error, -ENOMEM, "cannot rename container \"%s\"", c->spec.name);
        int r = child_run(c->context->event, work_rename, on_renamed, saving, &c->saving);
        if (r < 0)
                return error_set_errno(error, r, "cannot rename container \"%s\"", c->spec.name);
        TAKE_PTR(saving);
        return 0;
}
