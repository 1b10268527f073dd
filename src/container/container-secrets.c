/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "container-private.h"
#include "container-secrets.h"
#include "log.h"
#include "path-util.h"
#include "string-util.h"

#define SECRETS_PATH "/run/secrets"

/* Normalized and absolute, as the container sees it. */
static char *target_of(const SecretAttachment *a) {
        const char *target = isempty(a->target) ? a->secret : a->target;
        _cleanup_free_ char *absolute =
                path_is_absolute(target) ? strdup(target) : path_join(SECRETS_PATH, target);

        return absolute ? path_normalize(absolute) : NULL;
}

/* The part below /run/secrets, or NULL. */
static const char *below_secrets(const char *target) {
        return startswith(target, SECRETS_PATH "/");
}

static char *file_of(const char *target, size_t i) {
        const char *below = below_secrets(target);

        return below ? string_join("dir/", below) : format_string("files/%zu", i);
}

/* ---- checks ---- */

static int check_ids(const ContainerSpec *spec, const SecretAttachment *a, Error *error) {
        /* The ids are chosen later, and are as many as this. */
        uint32_t count = spec->user_namespace == USER_NAMESPACE_HOST ? UINT32_MAX : 65536;

        if (a->uid >= count || a->gid >= count)
                return error_set(error, ERROR_INVALID,
                                 "secret \"%s\": the container has only the ids 0 to %u", a->secret,
                                 count - 1);
        return 0;
}

static int check_target(const SecretAttachment *a, const char *target, Error *error) {
        if (streq(target, "/") || streq(target, SECRETS_PATH) || startswith(target, "/proc/") ||
            startswith(target, "/sys/") || startswith(target, "/dev/"))
                return error_set(error, ERROR_INVALID, "secret \"%s\" can't be at %s", a->secret, target);
        return 0;
}

/* Neither the same, nor one the folder of the other. */
static bool targets_clash(const char *a, const char *b) {
        const char *rest = startswith(a, b) ?: startswith(b, a);

        return rest && (!*rest || *rest == '/');
}

int container_check_secrets(const ContainerSpec *spec, Error *error) {
        for (size_t i = 0; i < spec->secrets.n; i++) {
                const SecretAttachment *a = LIST_ITEM(&spec->secrets, SecretAttachment, i);
                _cleanup_free_ char *target = target_of(a);
                if (!target)
                        return error_set_errno(error, -ENOMEM, "cannot check the secrets");
                int r = check_ids(spec, a, error);
                if (r >= 0)
                        r = check_target(a, target, error);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < i; k++) {
                        _cleanup_free_ char *other =
                                target_of(LIST_ITEM(&spec->secrets, SecretAttachment, k));
                        if (other && targets_clash(target, other))
                                return error_set(error, ERROR_INVALID, "two secrets can't be at %s and %s",
                                                 other, target);
                }
        }
        return 0;
}

/* ---- a start ---- */

static int add_request(const SecretAttachment *a, size_t i, WorkerRequest *request) {
        _cleanup_free_ char *target = target_of(a);
        SecretAttachment *wanted = list_append(&request->secrets, &secret_attachment_type);

        int r = wanted && target ? object_copy(&secret_attachment_type, wanted, a) : -ENOMEM;
        if (r < 0)
                return r;
        char *file = file_of(target, i);
        free_and_replace(wanted->target, file);
        return wanted->target ? 0 : -ENOMEM;
}

int container_prepare_secrets(Container *c, WorkerRequest *request, Error *error) {
        int r = 0;

        if (c->spec.secrets.n == 0)
                return 0;
        request->path = string_join(RUNTIME_DIRECTORY "/containers/", c->spec.id, "/" SECRETS_MOUNT);
        request->uid_base = c->spec.uid_base;
        if (!request->path || free_and_strdup(&request->verb, "decrypt-secrets") < 0 ||
            free_and_strdup(&request->state_directory, STATE_DIRECTORY) < 0)
                r = -ENOMEM;
        for (size_t i = 0; r >= 0 && i < c->spec.secrets.n; i++)
                r = add_request(LIST_ITEM(&c->spec.secrets, SecretAttachment, i), i, request);
        return r < 0 ? error_set_errno(error, r, "cannot prepare the secrets of container \"%s\"",
                                       c->spec.name)
                     : 1;
}

void container_drop_secrets(int run_fd, const char *id) {
        _cleanup_free_ char *relative = string_join(id, "/" SECRETS_MOUNT);
        _cleanup_free_ char *path = string_join(RUNTIME_DIRECTORY "/containers/", id, "/" SECRETS_MOUNT);

        if (!relative || !path || faccessat(run_fd, relative, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
                log_warning_errno(negative_errno(), "Failed to unmount %s: %m", path);
}

/* ---- the launch document ---- */

static int add_bind(LaunchSpec *l, const char *directory, const char *file, const char *target) {
        LaunchMount *m = list_append(&l->mounts, &launch_mount_type);

        if (!m)
                return -ENOMEM;
        /* Not id-mapped: the files have the container's ids already, since older kernels can't map a tmpfs. */
        m->type = LAUNCH_BIND;
        m->read_only = true;
        m->source = string_join(directory, "/" SECRETS_MOUNT "/", file);
        int r = free_and_strdup(&m->target, target);
        if (r >= 0)
                r = free_and_strdup(&m->options, "nosuid,nodev,noexec");
        return r >= 0 && m->source ? 0 : -ENOMEM;
}

int launch_secrets_make(const LaunchInputs *in, LaunchSpec *l) {
        bool has_directory = false;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < in->spec->secrets.n; i++) {
                _cleanup_free_ char *target = target_of(LIST_ITEM(&in->spec->secrets, SecretAttachment, i));
                if (!target)
                        return -ENOMEM;
                if (!below_secrets(target)) {
                        _cleanup_free_ char *file = file_of(target, i);
                        r = file ? add_bind(l, in->run_directory, file, target) : -ENOMEM;
                } else if (!has_directory) {
                        has_directory = true;
                        r = add_bind(l, in->run_directory, "dir", SECRETS_PATH);
                }
        }
        return r;
}
