/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"
#include "polkit-agent.h"
#include "string-util.h"

/* Errors that are not berth's own, in words that help. `%s` is what the bus said. */
static const struct {
        const char *name;
        ErrorKind kind;
        const char *explanation; /* stands for the message of the bus; NULL: that is good enough */
} foreign_errors[] = {
        { SD_BUS_ERROR_SERVICE_UNKNOWN, ERROR_FAILED,
          "berthd does not run and can't be started (is berth installed? systemctl status berthd)" },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, ERROR_FAILED, "berthd does not run (systemctl status berthd)" },
        { "org.freedesktop.DBus.Error.Spawn.ChildExited", ERROR_FAILED,
          "berthd does not start (systemctl status berthd, journalctl -u berthd)" },
        { "org.freedesktop.systemd1.NoSuchUnit", ERROR_FAILED,
          "berthd does not start: its unit is missing (is berth installed completely?)" },
        { "org.freedesktop.systemd1.UnitMasked", ERROR_FAILED,
          "berthd does not start: its unit is masked (systemctl unmask berthd)" },
        { "org.freedesktop.DBus.Error.TimedOut", ERROR_FAILED,
          "berthd does not start in time (systemctl status berthd, journalctl -u berthd)" },
        { SD_BUS_ERROR_TIMEOUT, ERROR_FAILED, "berthd does not answer in time (systemctl status berthd)" },
        { SD_BUS_ERROR_NO_REPLY, ERROR_FAILED,
          "berthd went away while it worked on this (journalctl -u berthd)" },
        { SD_BUS_ERROR_DISCONNECTED, ERROR_FAILED, "the connection to the bus was lost" },
        { SD_BUS_ERROR_ACCESS_DENIED, ERROR_DENIED,
          "you may not do this (try sudo, or ask for the right in polkit)" },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, ERROR_DENIED,
          "you may not do this without a password, and nothing here can ask for it (try sudo)" },
        { SD_BUS_ERROR_UNKNOWN_OBJECT, ERROR_NO_SUCH_CONTAINER, "it has just been removed" },
};

int ctl_error_from_bus(const sd_bus_error *e, int r, Error *error) {
        if (!e || !sd_bus_error_is_set(e))
                return error_set_errno(error, r < 0 ? r : -EIO, "cannot talk to berthd");
        if (startswith(e->name, "org.berth1.Error."))
                return error_set(error, error_kind_from_bus_name(e->name), "%s",
                                 isempty(e->message) ? e->name : e->message);
        for (size_t i = 0; i < ELEMENTSOF(foreign_errors); i++)
                if (streq(e->name, foreign_errors[i].name))
                        return error_set(error, foreign_errors[i].kind, "%s", foreign_errors[i].explanation);
        return error_set(error, ERROR_FAILED, "%s", isempty(e->message) ? e->name : e->message);
}

bool ctl_error_is_disconnect(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY);
}

static int open_bus(const Ctl *ctl, sd_bus **ret) {
        if (ctl->host)
                return sd_bus_open_system_remote(ret, ctl->host);
        if (ctl->user)
                return sd_bus_open_user(ret);
        return sd_bus_open_system(ret);
}

int ctl_connect(Ctl *ctl, Error *error) {
        if (ctl->bus)
                return 0;
        int r = open_bus(ctl, &ctl->bus);
        if (r < 0 && ctl->host)
                return error_set_errno(error, r, "cannot reach the bus of %s", ctl->host);
        if (r == -ENOMEDIUM && ctl->user)
                return error_set(error, ERROR_FAILED,
                                 "you have no bus of your own: it comes with a login session");
        if (r < 0 && ctl->user)
                return error_set_errno(error, r, "cannot reach your user's bus (is there a session?)");
        if (r < 0)
                return error_set_errno(error, r,
                                       "cannot reach the system bus (does systemd run this machine?)");
        /* polkit may ask for a password where the user has an agent for that. */
        (void) sd_bus_set_allow_interactive_authorization(ctl->bus, true);
        return 0;
}

void ctl_disconnect(Ctl *ctl) {
        if (ctl->bus)
                ctl->bus = sd_bus_flush_close_unref(ctl->bus);
}

static bool is_one_of(const char *member, const char *const *members, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (streq(members[i], member))
                        return true;
        return false;
}

/* Methods that take or give a descriptor, which no connection to another machine can carry. */
static bool passes_descriptors(const char *member) {
        static const char *const members[] = { "Attach",       "Exec",       "Logs",          "Changes",
                                               "GetArchive",   "PutArchive", "Export",        "LoadImages",
                                               "ImportImage",  "SaveImages", "CompareImages", "SignImage",
                                               "LoginRegistry" };

        return is_one_of(member, members, ELEMENTSOF(members));
}

int ctl_check_local(const Ctl *ctl, Error *error) {
        if (!ctl->host)
                return 0;
        return error_set(error, ERROR_UNSUPPORTED,
                         "streams and files can't be passed to another host (ssh %s berthctl … works)",
                         ctl->host);
}

/* Methods that everybody may call; before any other polkit may want a password. */
static bool is_free(const char *member) {
        static const char *const members[] = { "GetContainer", "ListContainers", "GetImage", "ListImages",
                                               "Version",      "Wait",           "Get",      "GetAll" };

        return is_one_of(member, members, ELEMENTSOF(members));
}

int ctl_message_new(Ctl *ctl, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret, Error *error) {
        int r = ctl_connect(ctl, error);

        if (r < 0)
                return r;
        if (passes_descriptors(member) && (r = ctl_check_local(ctl, error)) < 0)
                return r;
        if (!ctl->host && !is_free(member))
                polkit_agent_open();
        r = sd_bus_message_new_method_call(ctl->bus, ret, BERTH_SERVICE, path ?: BERTH_PATH,
                                           interface ?: MANAGER_INTERFACE, member);
        return r < 0 ? error_set_errno(error, r, "cannot talk to berthd") : 0;
}

int ctl_call(Ctl *ctl, sd_bus_message *m, uint64_t timeout, sd_bus_message **ret, Error *error) {
        _cleanup_bus_error_ sd_bus_error e = SD_BUS_ERROR_NULL;

        int r = sd_bus_call(ctl->bus, m, timeout, &e, ret);
        return r < 0 ? ctl_error_from_bus(&e, r, error) : 0;
}

int ctl_call_method(Ctl *ctl, const char *path, const char *interface, const char *member, uint64_t timeout,
                    sd_bus_message **ret, Error *error, const char *types, ...) {
        _cleanup_message_ sd_bus_message *m = NULL;
        va_list ap;

        int r = ctl_message_new(ctl, path, interface, member, &m, error);
        if (r < 0)
                return r;
        va_start(ap, types);
        r = isempty(types) ? 0 : sd_bus_message_appendv(m, types, ap);
        va_end(ap);
        if (r < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return ctl_call(ctl, m, timeout, ret, error);
}
