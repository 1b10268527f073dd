/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "container-secrets.h"
#include "fd-util.h"
#include "file-util.h"
#include "job.h"
#include "log.h"
#include "manager-secrets.h"
#include "manager-volumes.h"
#include "string-util.h"
#include "strv.h"

/* ---- what containers tell ---- */

static Manager *owner_of(const Container *container) {
        return container->context->owner;
}

static void on_changed(Container *c, const char *const *properties) {
        Manager *m = owner_of(c);

        if (!c->reserved)
                m->hooks->container_changed(m, c, properties);
        if (!container_is_active(c)) {
                manager_end_logs(m, c);
                manager_release_volumes(m);
        }
}

static char **event_attributes(const Container *c, char *const *attributes) {
        _cleanup_strv_free_ char **all = NULL;

        /* The labels first, so that none of them can pretend to be something else. */
        if (strv_copy_into(c->effective.labels, &all) < 0)
                return NULL;
        for (size_t i = 0; attributes && attributes[i]; i++)
                if (strv_map_put(&all, attributes[i]) < 0)
                        return NULL;
        if (strv_map_set(&all, "name", c->spec.name) < 0 || strv_map_set(&all, "image", c->spec.image) < 0)
                return NULL;
        return TAKE_PTR(all);
}

void manager_tell_container(Container *c, const char *action, char *const *attributes) {
        Manager *m = owner_of(c);
        _cleanup_strv_free_ char **all = event_attributes(c, attributes);

        if (all)
                m->hooks->event(m, "container", action, c->spec.id, all);
}

static void on_removed(Container *c) {
        Manager *m = owner_of(c);

        m->hooks->container_removed(m, c);
        HASH_DELETE(by_id, m->containers_by_id, c);
        HASH_DELETE(by_name, m->containers_by_name, c);
        manager_detach_jobs(m, c);
        manager_end_logs(m, c);
        if (c->remove_volumes)
                manager_remove_anonymous(m, &c->spec);
        container_free(c);
}

static Container *on_find(void *owner, const char *id) {
        Manager *m = owner;
        Container *c;

        HASH_FIND(by_id, m->containers_by_id, id, strlen(id), c);
        return c;
}

static bool on_unit_is_taken(void *owner, const char *unit) {
        Manager *m = owner;
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (container_is_active(c) && streq_ptr(c->state.unit, unit))
                        return true;
        return false;
}

static void on_remove_tree(void *owner, const char *name) {
        _cleanup_free_ char *path = string_join("containers/", name);

        if (path)
                manager_remove_tree(owner, path);
}

static void on_request_stop(const char *unit, void *userdata) {
        Manager *m = userdata;
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (streq_ptr(c->state.unit, unit))
                        container_request_stop(c);
}

static const char *on_name_of(const char *id, void *userdata) {
        Manager *m = userdata;
        Container *c;

        HASH_FIND(by_id, m->containers_by_id, id, strlen(id), c);
        return c ? c->spec.name : NULL;
}

/* ---- the object ---- */

int manager_new(sd_event *event, sd_bus *bus, const ManagerHooks *hooks, void *userdata, Manager **ret) {
        _cleanup_(manager_freep) Manager *m = new0(Manager, 1);

        if (!m)
                return -ENOMEM;
        *m = (Manager){
                .event = sd_event_ref(event),
                .bus = sd_bus_ref(bus),
                .hooks = hooks,
                .userdata = userdata,
                .state_fd = -EBADF,
                .context = {
                        .event = event,
                        .bus = bus,
                        .containers_fd = -EBADF,
                        .run_fd = -EBADF,
                        .owner = m,
                        .changed = on_changed,
                        .event_happened = manager_tell_container,
                        .removed = on_removed,
                        .unit_is_taken = on_unit_is_taken,
                        .find = on_find,
                        .remove_tree = on_remove_tree,
                },
        };
        TAILQ_INIT(&m->jobs);
        TAILQ_INIT(&m->secret_creations);
        TAILQ_INIT(&m->volume_works);
        TAILQ_INIT(&m->log_readers);
        int r = systemd_new(bus, on_request_stop, m, &m->systemd);
        if (r >= 0)
                r = shims_new(m->systemd, &m->shims);
        if (r < 0)
                return r;
        m->context.systemd = m->systemd;
        m->context.shims = m->shims;
        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m) {
        Container *c, *next;

        if (!m)
                return NULL;
        while (!TAILQ_EMPTY(&m->jobs))
                job_free(TAILQ_FIRST(&m->jobs));
        manager_end_logs(m, NULL);
        manager_drop_volume_works(m);
        worker_abandon(m->pruner);
        worker_abandon(m->remover);
        HASH_CLEAR(by_name, m->containers_by_name);
        HASH_ITER(by_id, m->containers_by_id, c, next) {
                HASH_DELETE(by_id, m->containers_by_id, c);
                container_free(c);
        }
        manager_free_secrets(m);
        volumes_close(m->volumes);
        networks_free(m->networks);
        shims_free(m->shims);
        systemd_free(m->systemd);
        image_store_close(m->images);
        list_done(&m->garbage, &image_record_type);
        strv_free(m->trash);
        strv_free(m->reserved_names);
        safe_close(m->context.containers_fd);
        safe_close(m->context.run_fd);
        safe_close(m->state_fd);
        sd_bus_unref(m->bus);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}

/* ---- loading ---- */

static int open_directories(Manager *m, Error *error) {
        m->state_fd = mkdir_open_at(AT_FDCWD, STATE_DIRECTORY, 0700);
        if (m->state_fd < 0)
                return error_set_errno(error, m->state_fd, "cannot open %s", STATE_DIRECTORY);
        m->context.containers_fd = mkdir_open_at(m->state_fd, "containers", 0700);
        if (m->context.containers_fd < 0)
                return error_set_errno(error, m->context.containers_fd, "cannot open %s/containers",
                                       STATE_DIRECTORY);
        m->context.run_fd = mkdir_open_at(AT_FDCWD, RUNTIME_DIRECTORY "/containers", 0700);
        if (m->context.run_fd < 0)
                return error_set_errno(error, m->context.run_fd, "cannot open %s/containers",
                                       RUNTIME_DIRECTORY);
        return 0;
}

static int read_boot_id(Manager *m, Error *error) {
        sd_id128_t id;

        int r = sd_id128_get_boot(&id);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the boot id");
        sd_id128_to_string(id, m->context.boot_id);
        return 0;
}

static void load_container(Manager *m, const char *id) {
        _cleanup_(container_freep) Container *c = NULL;
        _cleanup_error_ Error error = {};

        if (container_load(&m->context, id, &c, &error) < 0) {
                log_warning("Container %s is left alone: %s", id, error_text(&error));
                return;
        }
        if (manager_container_by_name(m, c->spec.name)) {
                log_warning("Container %s is left alone: there is another one with the name \"%s\".", id,
                            c->spec.name);
                return;
        }
        HASH_ADD_KEYPTR(by_id, m->containers_by_id, c->spec.id, strlen(c->spec.id), c);
        HASH_ADD_KEYPTR(by_name, m->containers_by_name, c->spec.name, strlen(c->spec.name), c);
        TAKE_PTR(c);
}

/* Those whose removal was cut off are finished with once all others are known. */
static void finish_removals(Manager *m) {
        STRV_FOREACH(path, m->trash) {
                const char *name = startswith(*path, "containers/");
                if (name && startswith(name, REMOVED_WITH_VOLUMES))
                        manager_finish_removal(m, name);
        }
}

static int load_volumes(Manager *m, Error *error) {
        _cleanup_strv_free_ char **leftovers = NULL;

        int r = volumes_open(m->state_fd, &m->volumes, &leftovers, error);
        if (r < 0)
                return r;
        m->context.volumes = m->volumes;
        for (Volume *volume = m->volumes->by_name; volume; volume = volume->hh.next)
                volume->owner = m;
        STRV_FOREACH(path, leftovers)
                if (strv_consume(&m->trash, string_join(VOLUMES_FOLDER "/", *path)) < 0)
                        return error_set_errno(error, -ENOMEM, "cannot load the volumes");
        return 0;
}

static int load_containers(Manager *m, Error *error) {
        _cleanup_closedir_ DIR *dir = opendir_at(m->context.containers_fd, ".");
        struct dirent *entry;

        while (dir && (entry = readdir_no_dot(dir)))
                if (startswith(entry->d_name, ".tmp-")) {
                        if (strv_consume(&m->trash, string_join("containers/", entry->d_name)) < 0)
                                return error_set_errno(error, -ENOMEM, "cannot load the containers");
                } else
                        load_container(m, entry->d_name);
        return dir ? 0
                   : error_set_errno(error, negative_errno(), "cannot read %s/containers", STATE_DIRECTORY);
}

/* Run directories of containers that do not run: an earlier berthd did not come to remove them. One that no container
 * has and whose shim lives stays: it runs, but its definition is gone. */
static void sweep_run_directories(Manager *m) {
        _cleanup_closedir_ DIR *dir = opendir_at(m->context.run_fd, ".");
        struct dirent *entry;
        Container *c;

        while (dir && (entry = readdir_no_dot(dir))) {
                _cleanup_free_ char *socket = string_join(entry->d_name, "/shim.sock");
                HASH_FIND(by_id, m->containers_by_id, entry->d_name, strlen(entry->d_name), c);
                if (!socket || (c && container_is_active(c)))
                        continue;
                if (!c && faccessat(m->context.run_fd, socket, F_OK, AT_SYMLINK_NOFOLLOW) >= 0) {
                        log_warning("A container %s may be running, but has no definition.", entry->d_name);
                        continue;
                }
                container_drop_secrets(m->context.run_fd, entry->d_name);
                if (remove_tree_at(m->context.run_fd, entry->d_name) < 0)
                        log_warning("Failed to remove the left run directory of container %s.",
                                    entry->d_name);
        }
}

static void adopt_addresses(Manager *m) {
        _cleanup_error_ Error restoring = {};
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next) {
                _cleanup_error_ Error error = {};
                if (container_is_active(c) &&
                    networks_adopt(m->networks, c->spec.id, &c->state.endpoints, &error) < 0)
                        log_warning("Container %s: %s", c->spec.name, error_text(&error));
        }
        if (networks_restore(m->networks, &restoring) < 0)
                log_warning("Failed to restore the networks: %s", error_text(&restoring));
}

int manager_load_configuration(Manager *m) {
        return daemon_conf_load(&m->conf);
}

int manager_load(Manager *m, Error *error) {
        Container *c, *next;
        int r;

        if ((r = manager_load_configuration(m)) < 0)
                return error_set_errno(error, r, "cannot read the configuration");
        if ((r = open_directories(m, error)) < 0 || (r = read_boot_id(m, error)) < 0 ||
            (r = image_store_open(STATE_DIRECTORY, &m->images, error)) < 0 ||
            (r = networks_new(m->event, m->state_fd, on_name_of, m, &m->networks, error)) < 0)
                return r;
        m->context.images = m->images;
        m->context.networks = m->networks;
        if ((r = manager_load_secrets(m, error)) < 0 || (r = load_volumes(m, error)) < 0 ||
            (r = load_containers(m, error)) < 0)
                return r;
        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (container_update_effective(c) < 0)
                        return error_set_errno(error, -ENOMEM, "cannot load the containers");
        sweep_run_directories(m);
        adopt_addresses(m);
        HASH_ITER(by_id, m->containers_by_id, c, next)
                container_recover(c);
        finish_removals(m);
        manager_settle_volumes(m);
        manager_release_volumes(m);
        return 0;
}

void manager_begin(Manager *m) {
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                container_restart_at_boot(c);
        if (systemd_ask_missed_requests(m->systemd) < 0)
                log_oom();
        manager_sweep(m);
}

/* ---- finding ---- */

Container *manager_container_by_name(Manager *m, const char *name) {
        Container *c;

        HASH_FIND(by_name, m->containers_by_name, name, strlen(name), c);
        return c;
}

static int find_by_prefix(Manager *m, const char *text, Container **ret, Error *error) {
        Container *c, *next, *found = NULL;

        HASH_ITER(by_id, m->containers_by_id, c, next) {
                if (c->reserved || !startswith(c->spec.id, text))
                        continue;
                if (found)
                        return error_set(
                                error, ERROR_AMBIGUOUS,
                                "\"%s\" is ambiguous: it is the beginning of the ids of \"%s\" and \"%s\"",
                                text, found->spec.name, c->spec.name);
                found = c;
        }
        if (!found)
                return error_set(error, ERROR_NO_SUCH_CONTAINER, "there is no container \"%s\"", text);
        *ret = found;
        return 0;
}

int manager_find_container(Manager *m, const char *text, Container **ret, Error *error) {
        Container *c = manager_container_by_name(m, text);

        if (c && !c->reserved) {
                *ret = c;
                return 0;
        }
        if (strlen(text) > CONTAINER_ID_LENGTH || !string_in_charset(text, "0123456789abcdef"))
                return error_set(error, ERROR_NO_SUCH_CONTAINER, "there is no container \"%s\"", text);
        return find_by_prefix(m, text, ret, error);
}

bool manager_is_stopping(const Manager *m) {
        Container *c, *next;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (m->context.shutting_down && c->state.status == CONTAINER_STOPPING)
                        return true;
        return false;
}

size_t manager_count_containers(const Manager *m, bool running) {
        Container *c, *next;
        size_t n = 0;

        HASH_ITER(by_id, m->containers_by_id, c, next)
                n += !c->reserved && (!running || container_is_active(c));
        return n;
}

static int compare_names(const void *a, const void *b) {
        return strcmp((*(Container *const *) a)->spec.name, (*(Container *const *) b)->spec.name);
}

int manager_list_containers(Manager *m, Container ***ret, size_t *ret_n) {
        Container *c, *next;
        size_t n = 0;

        Container **all = new0(Container *, HASH_CNT(by_id, m->containers_by_id) + 1);
        if (!all)
                return -ENOMEM;
        HASH_ITER(by_id, m->containers_by_id, c, next)
                if (!c->reserved)
                        all[n++] = c;
        qsort(all, n, sizeof(*all), compare_names);
        *ret = all;
        *ret_n = n;
        return 0;
}
