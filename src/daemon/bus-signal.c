/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"
#include "log.h"
#include "string-util.h"
#include "time-util.h"

/* What the manager tells becomes signals, once the name is ours. */

static Daemon *announcer(Manager *manager) {
        Daemon *daemon = manager->userdata;

        return daemon->announcing ? daemon : NULL;
}

static void emit_object(Manager *manager, char *path, bool added) {
        _cleanup_free_ char *owned = path;
        Daemon *daemon = announcer(manager);

        if (!daemon || !owned)
                return;
        int r = added ? sd_bus_emit_object_added(daemon->bus, owned)
                      : sd_bus_emit_object_removed(daemon->bus, owned);
        if (r < 0)
                log_debug_errno(r, "Failed to announce %s: %m", owned);
}

static void emit_changed(Manager *manager, char *path, const char *interface,
                         const char *const *properties) {
        _cleanup_free_ char *owned = path;
        Daemon *daemon = announcer(manager);

        if (!daemon || !owned)
                return;
        int r = sd_bus_emit_properties_changed_strv(daemon->bus, owned, interface, (char **) properties);
        if (r < 0)
                log_debug_errno(r, "Failed to announce a change of %s: %m", owned);
}

static void container_added(Manager *manager, Container *container) {
        emit_object(manager, container_path(container), true);
}

static void container_removed(Manager *manager, Container *container) {
        emit_object(manager, container_path(container), false);
}

static void container_changed(Manager *manager, Container *container, const char *const *properties) {
        emit_changed(manager, container_path(container), CONTAINER_INTERFACE, properties);
}

static void image_added(Manager *manager, Image *image) {
        emit_object(manager, image_path(image->record.digest), true);
}

static void image_removed(Manager *manager, Image *image) {
        emit_object(manager, image_path(image->record.digest), false);
}

static void image_changed(Manager *manager, Image *image) {
        static const char *const properties[] = { "Names", NULL };

        emit_changed(manager, image_path(image->record.digest), IMAGE_INTERFACE, properties);
}

static void volume_added(Manager *manager, Volume *volume) {
        emit_object(manager, volume_path(volume), true);
}

static void volume_removed(Manager *manager, Volume *volume) {
        emit_object(manager, volume_path(volume), false);
}

static void job_added(Manager *manager, Job *job) {
        emit_object(manager, job_path(job), true);
}

static void job_removed(Manager *manager, Job *job) {
        emit_object(manager, job_path(job), false);
}

static void job_changed(Manager *manager, Job *job) {
        static const char *const properties[] = { "State", NULL };

        emit_changed(manager, job_path(job), JOB_INTERFACE, properties);
}

static void job_progress(Manager *manager, Job *job, const WorkerProgress *progress) {
        _cleanup_free_ char *path = job_path(job);
        Daemon *daemon = announcer(manager);

        if (daemon && path)
                (void) sd_bus_emit_signal(daemon->bus, path, JOB_INTERFACE, "Progress", "sstt",
                                          strempty(progress->id), strempty(progress->status),
                                          progress->current, progress->total);
}

static int append_attributes(sd_bus_message *m, char *const *attributes) {
        int r = sd_bus_message_open_container(m, 'a', "{ss}");

        for (size_t i = 0; r >= 0 && attributes && attributes[i]; i++) {
                const char *equal = strchr(attributes[i], '=');
                _cleanup_free_ char *key = equal ? strndup(attributes[i], equal - attributes[i]) : NULL;
                if (key)
                        r = sd_bus_message_append(m, "{ss}", key, equal + 1);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void event(Manager *manager, const char *type, const char *action, const char *id,
                  char *const *attributes) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Daemon *daemon = announcer(manager);
        int r;

        if (!daemon)
                return;
        if ((r = sd_bus_message_new_signal(daemon->bus, &m, BERTH_PATH, MANAGER_INTERFACE, "Event")) < 0 ||
            (r = sd_bus_message_append(m, "ssst", type, action, id, realtime_usec())) < 0 ||
            (r = append_attributes(m, attributes)) < 0 || (r = sd_bus_send(daemon->bus, m, NULL)) < 0)
                log_debug_errno(r, "Failed to announce an event: %m");
}

const ManagerHooks daemon_hooks = {
        container_added, container_removed, container_changed, image_added, image_removed,
        image_changed,   job_added,         job_removed,       job_changed, job_progress,
        event,           volume_added,      volume_removed,
};
