/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "scope-message.h"
#include "scope-property.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define SLICE "machine-berth.slice"

/* When berthd's own time-out has passed it kills; systemd's must not come first. */
#define STOP_MARGIN_USEC (10 * USEC_PER_SEC)

/* At a shutdown these must still be there while the container stops. */
#define SCOPE_AFTER                                                                                        \
        "berthd.service", "berth-shims.service", "dbus.socket", "dbus.service", "systemd-journald.socket", \
                "systemd-machined.service", "network.target", "nss-lookup.target", "local-fs.target"

/* Terminals and what is in every /dev. All is in the unit, since a reload of systemd makes the rules anew from that. */
static const struct {
        const char *device, *access;
} usual_devices[] = {
        { "/dev/char/1:3", "rwm" }, /* null */
        { "/dev/char/1:5", "rwm" }, /* zero */
        { "/dev/char/1:7", "rwm" }, /* full */
        { "/dev/char/1:8", "rwm" }, /* random */
        { "/dev/char/1:9", "rwm" }, /* urandom */
        { "/dev/char/5:0", "rwm" }, /* tty */
        { "/dev/char/5:1", "rwm" }, /* console */
        { "/dev/char/5:2", "rwm" }, /* ptmx */
        { "char-pts", "rwm" },
};

static int append_device_list(sd_bus_message *m, const ScopeSpec *scope) {
        int r = sd_bus_message_open_container(m, 'a', "(ss)");

        for (size_t i = 0; i < ELEMENTSOF(usual_devices) && r >= 0; i++)
                r = sd_bus_message_append(m, "(ss)", usual_devices[i].device, usual_devices[i].access);
        for (size_t i = 0; scope->devices && scope->devices[i] && r >= 0; i++) {
                const char *equal = strchr(scope->devices[i], '=');
                _cleanup_free_ char *device = strndup(scope->devices[i], equal - scope->devices[i]);
                r = device ? sd_bus_message_append(m, "(ss)", device, equal + 1) : -ENOMEM;
        }
        if (r >= 0 && scope->make_devices)
                r = sd_bus_message_append(m, "(ss)(ss)", "char-*", "m", "block-*", "m");
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_devices(sd_bus_message *m, const ScopeSpec *scope) {
        int r = sd_bus_message_append(m, "(sv)", "DevicePolicy", "s", scope->any_device ? "auto" : "strict");

        if (r < 0 || scope->any_device)
                return r;
        if ((r = sd_bus_message_open_container(m, 'r', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "DeviceAllow")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a(ss)")) < 0 ||
            (r = append_device_list(m, scope)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, char *const *properties, Error *error) {
        for (size_t i = 0; properties && properties[i]; i++) {
                const char *value = strchr(properties[i], '=') + 1;
                _cleanup_free_ char *name = strndup(properties[i], value - 1 - properties[i]);
                if (!name)
                        return error_set_errno(error, -ENOMEM, "cannot ask systemd");
                int r = scope_property_append(m, name, value, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_defaults(sd_bus_message *m, char *const *before, char *const *after, Error *error) {
        for (size_t i = 0; before && before[i]; i++) {
                _cleanup_free_ char *name = strndup(before[i], strcspn(before[i], "="));
                if (!name)
                        return error_set_errno(error, -ENOMEM, "cannot ask systemd");
                if (strv_map_get(after, name))
                        continue;
                int r = scope_property_append_default(m, name, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

int scope_append(sd_bus_message *m, const ScopeSpec *scope, Error *error) {
        uint64_t timeout = scope->stop_timeout > USEC_INFINITY - STOP_MARGIN_USEC
                                   ? USEC_INFINITY
                                   : scope->stop_timeout + STOP_MARGIN_USEC;
        int r;

        if ((r = sd_bus_message_append(m, "ss", scope->unit, "fail")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "(sv)")) < 0 ||
            (r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s", scope->description, "PIDs",
                                       "au", 1, (uint32_t) scope->pid, "Slice", "s",
                                       isempty(scope->slice) ? SLICE : scope->slice, "Delegate", "b", 1)) <
                    0 ||
            (r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)", "Controller", "s", "org.berth1",
                                       "KillSignal", "i", (int32_t) scope->kill_signal, "SendSIGHUP", "b", 0,
                                       "TimeoutStopUSec", "t", timeout, "CollectMode", "s",
                                       "inactive-or-failed")) < 0 ||
            (r = sd_bus_message_append(m, "(sv)", "After", "as", 9, SCOPE_AFTER)) < 0 ||
            (r = append_devices(m, scope)) < 0)
                return error_set_errno(error, r, "cannot ask systemd for %s", scope->unit);

        if ((r = append_properties(m, scope->properties, error)) < 0)
                return r;
        if ((r = sd_bus_message_close_container(m)) < 0 ||
            (r = sd_bus_message_append(m, "a(sa(sv))", 0)) < 0)
                return error_set_errno(error, r, "cannot ask systemd for %s", scope->unit);
        return 0;
}

int scope_append_changes(sd_bus_message *m, char *const *before, char *const *after, Error *error) {
        int r = append_defaults(m, before, after, error);

        return r < 0 ? r : append_properties(m, after, error);
}
