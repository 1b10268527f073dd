/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/queue.h>

#include "bus.h"
#include "scope-message.h"
#include "string-util.h"
#include "strv.h"
#include "systemd.h"
#include "time-util.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_PATH SYSTEMD_PATH "/unit"

/* A scope whose last process is gone is collected within milliseconds; this is for one that is not. */
#define OLD_UNIT_RETRY_USEC (50 * USEC_PER_MSEC)
#define OLD_UNIT_TIMEOUT_USEC (15 * USEC_PER_SEC)

struct UnitJob {
        Systemd *systemd;
        char *unit;
        char *path; /* of systemd's job, once known */
        const ScopeSpec *scope;
        SystemdDone done;
        void *userdata;
        sd_bus_slot *call;
        sd_event_source *retry;
        uint64_t deadline; /* of waiting for the old unit to go; 0: not waiting */
        LIST_ENTRY(UnitJob) list;
};

struct Systemd {
        sd_bus *bus;
        LIST_HEAD(, UnitJob) jobs;
        void (*request_stop)(const char *unit, void *userdata);
        void *userdata;
        sd_bus_slot *job_removed, *unit_removed, *stop_requests, *missed, *version_call;
        unsigned version;
        bool subscribed;
};

static int job_send_scope(UnitJob *job, Error *error);

static UnitJob *job_new(Systemd *systemd, const char *unit, SystemdDone done, void *userdata) {
        UnitJob *job = new0(UnitJob, 1);

        if (!job)
                return NULL;
        *job = (UnitJob){ .systemd = systemd, .unit = strdup(unit), .done = done, .userdata = userdata };
        LIST_INSERT_HEAD(&systemd->jobs, job, list);
        return job->unit ? job : unit_job_drop(job);
}

UnitJob *unit_job_drop(UnitJob *job) {
        if (!job)
                return NULL;
        LIST_REMOVE(job, list);
        sd_bus_slot_unref(job->call);
        sd_event_source_disable_unref(job->retry);
        free(job->unit);
        free(job->path);
        free(job);
        return NULL;
}

static void job_finish(UnitJob *job, const Error *error) {
        SystemdDone done = job->done;
        void *userdata = job->userdata;

        unit_job_drop(job);
        done(error && error->kind != ERROR_NONE ? error : NULL, userdata);
}

/* systemd says what happens to units only while somebody is subscribed to it. berthd is only while it waits for an old
 * unit to go, since otherwise each change of any unit would be sent to the whole bus. */
static void update_subscription(Systemd *systemd) {
        UnitJob *job;
        bool wanted = false;

        LIST_FOREACH(job, &systemd->jobs, list)
                wanted |= job->deadline > 0;
        if (wanted == systemd->subscribed)
                return;
        systemd->subscribed = wanted;
        (void) sd_bus_call_method_async(systemd->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, MANAGER_INTERFACE,
                                        wanted ? "Subscribe" : "Unsubscribe", NULL, NULL, NULL);
}

static void job_retry_scope(UnitJob *job) {
        _cleanup_error_ Error error = {};

        if (job_send_scope(job, &error) < 0)
                job_finish(job, &error);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        job_retry_scope(userdata);
        return 0;
}

static int job_wait_for_old_unit(UnitJob *job) {
        uint64_t now = now_usec(CLOCK_MONOTONIC);

        if (job->deadline == 0)
                job->deadline = now + OLD_UNIT_TIMEOUT_USEC;
        else if (now > job->deadline)
                return -ETIMEDOUT;
        update_subscription(job->systemd);
        job->retry = sd_event_source_disable_unref(job->retry);
        return sd_event_add_time_relative(sd_bus_get_event(job->systemd->bus), &job->retry, CLOCK_MONOTONIC,
                                          OLD_UNIT_RETRY_USEC, 0, on_retry, job);
}

static int on_job_started(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        UnitJob *job = userdata;
        _cleanup_error_ Error error = {};
        const char *path;

        job->call = sd_bus_slot_unref(job->call);
        if (job->scope && bus_reply_is_error(reply, "org.freedesktop.systemd1.UnitExists") &&
            job_wait_for_old_unit(job) >= 0)
                return 1;
        if (bus_error_get(reply, ERROR_START_FAILED, &error) < 0) {
                (void) error_prefix(&error, -EIO, "systemd does not start %s", job->unit);
                job_finish(job, &error);
                return 1;
        }
        job->deadline = 0;
        update_subscription(job->systemd);
        if (sd_bus_message_read(reply, "o", &path) < 0 || free_and_strdup(&job->path, path) < 0) {
                error_set(&error, ERROR_START_FAILED, "systemd's answer about %s is malformed", job->unit);
                job_finish(job, &error);
        }
        return 1;
}

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *path, *unit, *result;
        UnitJob *job;

        if (sd_bus_message_read(m, "uoss", NULL, &path, &unit, &result) < 0)
                return 0;
        LIST_FOREACH(job, &systemd->jobs, list)
                if (streq_ptr(job->path, path))
                        break;
        if (!job)
                return 0;

        _cleanup_error_ Error error = {};
        if (!streq(result, "done"))
                error_set(&error, ERROR_START_FAILED,
                          "systemd could not start %s (job result \"%s\"); see: systemctl status %s", unit,
                          result, unit);
        job_finish(job, &error);
        return 0;
}

static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *unit;
        UnitJob *job;

        if (sd_bus_message_read(m, "so", &unit, NULL) < 0)
                return 0;
        LIST_FOREACH(job, &systemd->jobs, list)
                if (job->deadline > 0 && !job->call && streq(job->unit, unit)) {
                        job_retry_scope(job);
                        break;
                }
        return 0;
}

static int on_request_stop(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        _cleanup_free_ char *unit = NULL;

        if (bus_object_name(sd_bus_message_get_path(m), UNIT_PATH, &unit) >= 0)
                systemd->request_stop(unit, systemd->userdata);
        return 0;
}

static int ask_property(Systemd *systemd, const char *path, const char *interface, const char *property,
                        sd_bus_message_handler_t answer, void *userdata, sd_bus_slot **ret_slot) {
        return sd_bus_call_method_async(systemd->bus, ret_slot, SYSTEMD_NAME, path,
                                        "org.freedesktop.DBus.Properties", "Get", answer, userdata, "ss",
                                        interface, property);
}

/* "252.39-1~deb12u1", "256~rc3" */
static int on_version(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *text;

        systemd->version_call = sd_bus_slot_unref(systemd->version_call);
        if (!sd_bus_message_is_method_error(answer, NULL) &&
            sd_bus_message_read(answer, "v", "s", &text) >= 0)
                systemd->version = (unsigned) strtoul(text, NULL, 10);
        return 1;
}

unsigned systemd_version(const Systemd *systemd) {
        return systemd->version;
}

int systemd_new(sd_bus *bus, void (*request_stop)(const char *unit, void *userdata), void *userdata,
                Systemd **ret) {
        _cleanup_(systemd_freep) Systemd *s = new0(Systemd, 1);
        int r;

        if (!s)
                return -ENOMEM;
        *s = (Systemd){ .bus = sd_bus_ref(bus), .request_stop = request_stop, .userdata = userdata };
        LIST_INIT(&s->jobs);
        if ((r = sd_bus_match_signal_async(bus, &s->job_removed, SYSTEMD_NAME, SYSTEMD_PATH,
                                           MANAGER_INTERFACE, "JobRemoved", on_job_removed, NULL, s)) < 0 ||
            (r = sd_bus_match_signal_async(bus, &s->unit_removed, SYSTEMD_NAME, SYSTEMD_PATH,
                                           MANAGER_INTERFACE, "UnitRemoved", on_unit_removed, NULL, s)) <
                    0 ||
            (r = sd_bus_match_signal_async(bus, &s->stop_requests, SYSTEMD_NAME, NULL,
                                           "org.freedesktop.systemd1.Scope", "RequestStop", on_request_stop,
                                           NULL, s)) < 0 ||
            (r = ask_property(s, SYSTEMD_PATH, MANAGER_INTERFACE, "Version", on_version, s,
                              &s->version_call)) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Systemd *systemd_free(Systemd *systemd) {
        if (!systemd)
                return NULL;
        while (!LIST_EMPTY(&systemd->jobs))
                unit_job_drop(LIST_FIRST(&systemd->jobs));
        sd_bus_slot_unref(systemd->job_removed);
        sd_bus_slot_unref(systemd->unit_removed);
        sd_bus_slot_unref(systemd->stop_requests);
        sd_bus_slot_unref(systemd->missed);
        sd_bus_slot_unref(systemd->version_call);
        sd_bus_unref(systemd->bus);
        free(systemd);
        return NULL;
}

static int job_send_scope(UnitJob *job, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        int r = sd_bus_message_new_method_call(job->systemd->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                               MANAGER_INTERFACE, "StartTransientUnit");
        if (r >= 0)
                r = scope_append(m, job->scope, error);
        if (r >= 0)
                r = sd_bus_call_async(job->systemd->bus, &job->call, m, on_job_started, job, 0);
        return r < 0 ? error_set_errno(error, r, "cannot ask systemd for %s", job->unit) : 0;
}

int systemd_start_scope(Systemd *systemd, const ScopeSpec *scope, SystemdDone done, void *userdata,
                        UnitJob **ret, Error *error) {
        UnitJob *job = job_new(systemd, scope->unit, done, userdata);

        if (!job)
                return error_set_errno(error, -ENOMEM, "cannot start %s", scope->unit);
        job->scope = scope;
        int r = job_send_scope(job, error);
        if (r < 0) {
                unit_job_drop(job);
                return r;
        }
        *ret = job;
        return 0;
}

int systemd_start_unit(Systemd *systemd, const char *unit, SystemdDone done, void *userdata, UnitJob **ret) {
        UnitJob *job = job_new(systemd, unit, done, userdata);

        if (!job)
                return -ENOMEM;
        int r = sd_bus_call_method_async(systemd->bus, &job->call, SYSTEMD_NAME, SYSTEMD_PATH,
                                         MANAGER_INTERFACE, "StartUnit", on_job_started, job, "ss", unit,
                                         "replace");
        if (r < 0) {
                unit_job_drop(job);
                return r;
        }
        *ret = job;
        return 0;
}

static int on_unit_called(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        UnitJob *job = userdata;
        _cleanup_error_ Error error = {};

        if (bus_error_get(reply, ERROR_FAILED, &error) < 0 && error.kind == ERROR_FAILED &&
            (bus_reply_is_error(reply, SD_BUS_ERROR_NOT_SUPPORTED) ||
             bus_reply_is_error(reply, SD_BUS_ERROR_UNKNOWN_METHOD)))
                error.kind = ERROR_UNSUPPORTED;
        job_finish(job, &error);
        return 1;
}

int systemd_call_unit(Systemd *systemd, const char *method, const char *unit, SystemdDone done,
                      void *userdata, UnitJob **ret) {
        UnitJob *job = job_new(systemd, unit, done, userdata);

        if (!job)
                return -ENOMEM;
        int r = sd_bus_call_method_async(systemd->bus, &job->call, SYSTEMD_NAME, SYSTEMD_PATH,
                                         MANAGER_INTERFACE, method, on_unit_called, job, "s", unit);
        if (r < 0) {
                unit_job_drop(job);
                return r;
        }
        *ret = job;
        return 0;
}

static int append_changes(sd_bus_message *m, const char *unit, char *const *before, char *const *after,
                          Error *error) {
        int r;

        if ((r = sd_bus_message_append(m, "sb", unit, 1)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "(sv)")) < 0)
                return error_set_errno(error, r, "cannot ask systemd to change %s", unit);
        if ((r = scope_append_changes(m, before, after, error)) < 0)
                return r;
        r = sd_bus_message_close_container(m);
        return r < 0 ? error_set_errno(error, r, "cannot ask systemd to change %s", unit) : 0;
}

int systemd_change_properties(Systemd *systemd, const char *unit, char *const *before, char *const *after,
                              SystemdDone done, void *userdata, UnitJob **ret, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (strv_isempty(before) && strv_isempty(after))
                return 1;
        int r = sd_bus_message_new_method_call(systemd->bus, &m, SYSTEMD_NAME, SYSTEMD_PATH,
                                               MANAGER_INTERFACE, "SetUnitProperties");
        if (r < 0)
                return error_set_errno(error, r, "cannot ask systemd to change %s", unit);
        if ((r = append_changes(m, unit, before, after, error)) < 0)
                return r;
        UnitJob *job = job_new(systemd, unit, done, userdata);
        if (!job)
                return error_set_errno(error, -ENOMEM, "cannot ask systemd to change %s", unit);
        r = sd_bus_call_async(systemd->bus, &job->call, m, on_unit_called, job, 0);
        if (r < 0) {
                unit_job_drop(job);
                return error_set_errno(error, r, "cannot ask systemd to change %s", unit);
        }
        *ret = job;
        return 0;
}

int systemd_ask_stopping(Systemd *systemd, sd_bus_message_handler_t answer, void *userdata,
                         sd_bus_slot **ret_slot) {
        return ask_property(systemd, SYSTEMD_PATH, MANAGER_INTERFACE, "SystemState", answer, userdata,
                            ret_slot);
}

bool systemd_is_stopping(sd_bus_message *answer) {
        const char *state;

        return !sd_bus_message_is_method_error(answer, NULL) &&
               sd_bus_message_read(answer, "v", "s", &state) >= 0 && streq(state, "stopping");
}

static int on_missed_requests(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Systemd *systemd = userdata;
        const char *unit, *state;

        systemd->missed = sd_bus_slot_unref(systemd->missed);
        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
                return 1;
        while (sd_bus_message_read(reply, "(ssssssouso)", &unit, NULL, NULL, &state, NULL, NULL, NULL, NULL,
                                   NULL, NULL) > 0)
                if (streq(state, "deactivating"))
                        systemd->request_stop(unit, systemd->userdata);
        return 1;
}

int systemd_ask_missed_requests(Systemd *systemd) {
        return sd_bus_call_method_async(systemd->bus, &systemd->missed, SYSTEMD_NAME, SYSTEMD_PATH,
                                        MANAGER_INTERFACE, "ListUnitsByPatterns", on_missed_requests,
                                        systemd, "asas", 1, "deactivating", 1, "berth-*.scope");
}

int systemd_ask_cgroup(Systemd *systemd, const char *service, sd_bus_message_handler_t answer,
                       void *userdata, sd_bus_slot **ret_slot) {
        _cleanup_free_ char *path = bus_object_path(UNIT_PATH, service);

        if (!path)
                return -ENOMEM;
        return ask_property(systemd, path, "org.freedesktop.systemd1.Service", "ControlGroup", answer,
                            userdata, ret_slot);
}
