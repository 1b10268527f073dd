/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-name.h"
#include "launch-security.h"
#include "manager-secrets.h"
#include "manager-volumes.h"
#include "scope-property.h"
#include "security-module.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define NAME_TRIES 20

static void index_add(Manager *m, Container *c) {
        HASH_ADD_KEYPTR(by_id, m->containers_by_id, c->spec.id, strlen(c->spec.id), c);
        HASH_ADD_KEYPTR(by_name, m->containers_by_name, c->spec.name, strlen(c->spec.name), c);
}

static void index_remove(Manager *m, Container *c) {
        HASH_DELETE(by_id, m->containers_by_id, c);
        HASH_DELETE(by_name, m->containers_by_name, c);
}

static int check_name(Manager *m, const char *name, Error *error) {
        if (!container_name_is_valid(name))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is not a valid container name: letters, digits, \"_\", \".\" and "
                                 "\"-\" are, at most %d, "
                                 "beginning with a letter or digit",
                                 name, CONTAINER_NAME_MAX);
        const Container *other = manager_container_by_name(m, name);
        if (!other && strv_contains(m->reserved_names, name))
                return error_set(error, ERROR_NAME_TAKEN, "another container is being renamed to \"%s\"",
                                 name);
        if (other)
                return error_set(error, ERROR_NAME_TAKEN, "the name \"%s\" is taken by container %.*s", name,
                                 CONTAINER_ID_SHORT, other->spec.id);
        return 0;
}

static int choose_name(Manager *m, const char *wanted, char **ret, Error *error) {
        if (!isempty(wanted)) {
                int r = check_name(m, wanted, error);
                return r < 0 ? r : free_and_strdup(ret, wanted);
        }
        for (unsigned i = 0; i < NAME_TRIES; i++) {
                _cleanup_free_ char *name = NULL;
                int r = container_name_make_random(&name);
                /* With thousands of containers most are taken. */
                if (r >= 0 && i >= NAME_TRIES / 2) {
                        char *longer = format_string("%s_%u", name,
                                                     i * 1000 + (unsigned) now_usec(CLOCK_MONOTONIC) % 1000);
                        free_and_replace(name, longer);
                }
                if (r < 0 || !name)
                        return error_set_errno(error, -ENOMEM, "cannot choose a name");
                if (!manager_container_by_name(m, name)) {
                        *ret = TAKE_PTR(name);
                        return 0;
                }
        }
        return error_set(error, ERROR_LIMIT, "no free name was found; give one with --name");
}

static int check_properties(Manager *m, const ContainerSpec *spec, Error *error) {
        STRV_FOREACH(p, spec->properties) {
                _cleanup_free_ char *name = strndup(*p, strcspn(*p, "="));
                if (!name)
                        return error_set_errno(error, -ENOMEM, "cannot create");
                int r = scope_property_check(name, strchr(*p, '=') + 1, systemd_version(m->systemd), error);
                if (r < 0)
                        return r;
        }
        return isempty(spec->cgroup_parent) ? 0 : scope_slice_check(spec->cgroup_parent, error);
}

static int check_networks(Manager *m, const ContainerSpec *spec, Error *error) {
        for (size_t i = 0; i < spec->networks.n; i++) {
                const char *name = LIST_ITEM(&spec->networks, NetworkAttachment, i)->network;
                if (!networks_find(m->networks, name))
                        return error_set(error, ERROR_NO_SUCH_NETWORK, "there is no network \"%s\"", name);
        }
        return 0;
}

/* What would only fail at the start is better said now. */
static int check_spec(Manager *m, const ContainerSpec *spec, Error *error) {
        _cleanup_strv_free_ char **capabilities = NULL;
        int r;

        if ((r = check_properties(m, spec, error)) < 0 || (r = check_networks(m, spec, error)) < 0 ||
            (r = security_check(spec, error)) < 0)
                return r;
        return capabilities_make(spec, &capabilities, error);
}

typedef struct Creation {
        Manager *manager;
        ContainerDone done;
        void *userdata;
} Creation;

static void on_created(Container *c, const Error *error, void *userdata) {
        _cleanup_free_ Creation *creation = userdata;
        Manager *m = creation->manager;

        if (error) {
                index_remove(m, c);
                manager_settle_volumes(m);
                creation->done(c, error, creation->userdata);
                container_free(c);
                return;
        }
        c->reserved = false;
        manager_settle_volumes(m);
        m->hooks->container_added(m, c);
        manager_tell_container(c, "create", NULL);
        creation->done(c, NULL, creation->userdata);
}

static void on_volumes(Container *c, const Error *why, void *userdata) {
        _cleanup_error_ Error error = {};

        if (why)
                on_created(c, why, userdata);
        else if (container_create(c, on_created, userdata, &error) < 0)
                on_created(c, &error, userdata);
}

int manager_find_runnable(Manager *m, const char *name, Image **ret, Error *error) {
        int r = image_store_find(m->images, name, ret, error);

        if (r >= 0 && (*ret)->record.kind == IMAGE_INDEX)
                r = manager_resolve_index(m, *ret, name, ret, error);
        if (r >= 0 && (*ret)->record.kind == IMAGE_ARTIFACT)
                return error_set(error, ERROR_INVALID, "\"%s\" is an artifact (%s), not an image that runs",
                                 name, strempty((*ret)->record.artifact_type));
        return r;
}

/* The spec becomes whole: identity, image, ids. */
static int complete_spec(Manager *m, const char *name, ContainerSpec *spec, Error *error) {
        Image *image;
        int r;

        if ((r = choose_name(m, name, &spec->name, error)) < 0 ||
            (r = manager_find_runnable(m, spec->image, &image, error)) < 0 ||
            (r = manager_complete_mounts(m, spec, error)) < 0 ||
            (r = manager_check_secrets(m, spec, error)) < 0 ||
            (r = manager_complete_volumes(m, &image->record, spec, error)) < 0 ||
            (r = check_spec(m, spec, error)) < 0 || (r = manager_complete_namespaces(m, spec, error)) < 0)
                return r;
        bool has_ids = r > 0 && spec->user_namespace == USER_NAMESPACE_AUTO && !spec->privileged;
        spec->created = realtime_usec();
        if ((r = container_id_make(&spec->id)) < 0 ||
            (r = free_and_strdup(&spec->image_digest, image->record.digest)) < 0)
                return error_set_errno(error, r, "cannot create container \"%s\"", spec->name);
        image_store_touch(m->images, image);
        return has_ids ? 0 : manager_choose_ids(m, spec, error);
}

int manager_create_container(Manager *m, const char *name, ContainerSpec *spec, ContainerDone done,
                             void *userdata, Error *error) {
        _cleanup_(container_freep) Container *c = NULL;

        if (HASH_CNT(by_id, m->containers_by_id) >= CONTAINERS_MAX)
                return error_set(error, ERROR_LIMIT, "there are %d containers already; remove some",
                                 CONTAINERS_MAX);
        int r = complete_spec(m, name, spec, error);
        if (r < 0)
                return r;
        r = container_new(&m->context, spec, &c);
        if (r >= 0)
                r = container_update_effective(c);
        if (r < 0)
                return error_set_errno(error, r, "cannot create a container");
        if (strv_isempty(c->effective.arguments))
                return error_set(error, ERROR_INVALID,
                                 "no command was given, and the image \"%s\" has none of its own",
                                 c->spec.image);

        Creation *creation = new0(Creation, 1);
        if (!creation)
                return error_set_errno(error, -ENOMEM, "cannot create a container");
        *creation = (Creation){ .manager = m, .done = done, .userdata = userdata };
        /* The name is taken from here on. */
        c->reserved = true;
        index_add(m, c);
        r = manager_ready_volumes(m, c, on_volumes, creation, error);
        if (r < 0) {
                index_remove(m, c);
                free(creation);
                return r;
        }
        TAKE_PTR(c);
        return 0;
}

int manager_check_update(Manager *m, const Container *c, ContainerSpec *changes, char *const *names,
                         Error *error) {
        ContainerSpec spec;
        int r;

        if (strv_contains(names, "Mounts") && (r = manager_complete_mounts(m, changes, error)) < 0)
                return r;
        if ((r = container_update_spec(c, changes, names, &spec, error)) < 0)
                return r;
        r = check_spec(m, &spec, error);
        object_done(&container_spec_type, &spec);
        return r;
}

/* ---- renaming ---- */

typedef struct Renaming {
        Manager *manager;
        char *name;
        ContainerDone done;
        void *userdata;
} Renaming;

static void release_name(Manager *m, const char *name) {
        char **kept = m->reserved_names;

        STRV_FOREACH(s, m->reserved_names) {
                if (streq(*s, name))
                        free(*s);
                else
                        *kept++ = *s;
        }
        if (kept)
                *kept = NULL;
}

static void change_name(Manager *m, Container *c, char *new_name) {
        _cleanup_free_ char *old = c->spec.name;
        _cleanup_free_ char *attribute = string_join("oldName=", old);

        m->hooks->container_removed(m, c);
        HASH_DELETE(by_name, m->containers_by_name, c);
        c->spec.name = new_name;
        HASH_ADD_KEYPTR(by_name, m->containers_by_name, c->spec.name, strlen(c->spec.name), c);
        m->hooks->container_added(m, c);
        manager_tell_container(c, "rename", attribute ? (char *const[]){ attribute, NULL } : NULL);
}

static void on_renamed(Container *c, const Error *error, void *userdata) {
        Renaming *renaming = userdata;

        release_name(renaming->manager, renaming->name);
        if (!error)
                change_name(renaming->manager, c, TAKE_PTR(renaming->name));
        renaming->done(c, error, renaming->userdata);
        free(renaming->name);
        free(renaming);
}

int manager_rename_container(Manager *m, Container *c, const char *new_name, ContainerDone done,
                             void *userdata, Error *error) {
        int r = check_name(m, new_name, error);
        if (r < 0)
                return r;
        Renaming *renaming = new0(Renaming, 1);
        if (renaming) {
                *renaming = (Renaming){ .manager = m, .done = done, .userdata = userdata };
                renaming->name = strdup(new_name);
        }
        if (!renaming || !renaming->name || strv_extend(&m->reserved_names, new_name) < 0) {
                if (renaming)
                        free(renaming->name);
                free(renaming);
                return error_set_errno(error, -ENOMEM, "cannot rename \"%s\"", c->spec.name);
        }
        r = container_rename(c, new_name, on_renamed, renaming, error);
        if (r < 0) {
                release_name(m, new_name);
                free(renaming->name);
                free(renaming);
        }
        return r;
}
