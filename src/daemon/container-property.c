/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "daemon.h"
#include "object-bus.h"
#include "string-util.h"
#include "strv.h"

/* One line a property: a field of the specification or of the state, or a function. */
typedef struct ContainerProperty {
        const char *name;
        bool constant;
        const ObjectType *source; /* container_spec_type, container_state_type, or NULL */
        const char *signature;    /* without source */
        int (*append)(const Container *c, sd_bus_message *m);
} ContainerProperty;

static int append_map(sd_bus_message *m, char *const *map) {
        int r = sd_bus_message_open_container(m, 'a', "{ss}");

        for (size_t i = 0; r >= 0 && map && map[i]; i++) {
                const char *equal = strchr(map[i], '=');
                _cleanup_free_ char *key = strndup(map[i], equal ? equal - map[i] : strlen(map[i]));
                r = key ? sd_bus_message_append(m, "{ss}", key, equal ? equal + 1 : "") : -ENOMEM;
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_labels(const Container *c, sd_bus_message *m) {
        return append_map(m, c->effective.labels);
}

static int append_command(const Container *c, sd_bus_message *m) {
        return sd_bus_message_append_strv(m, c->effective.arguments);
}

static int append_leader(const Container *c, sd_bus_message *m) {
        return sd_bus_message_append(m, "u", (uint32_t) c->state.leader);
}

static int append_leader_command(const Container *c, sd_bus_message *m) {
        _cleanup_free_ char *command = NULL;

        int r = container_leader_command(c, &command);
        return r < 0 ? r : sd_bus_message_append(m, "s", command);
}

static int append_restart_policy(const Container *c, sd_bus_message *m) {
        const RestartPolicy *policy = &c->spec.restart;
        char text[64];

        if (policy->maximum_retry_count == 0)
                return sd_bus_message_append(m, "s", restart_policy_words[policy->name]);
        snprintf(text, sizeof(text), "%s:%u", restart_policy_words[policy->name],
                 policy->maximum_retry_count);
        return sd_bus_message_append(m, "s", text);
}

static int append_health(const Container *c, sd_bus_message *m) {
        return sd_bus_message_append(m, "s", health_status_words[c->state.health.status]);
}

static int append_unit(const Container *c, sd_bus_message *m) {
        return sd_bus_message_append(m, "s", container_is_active(c) ? strempty(c->state.unit) : "");
}

static int append_addresses(const Container *c, sd_bus_message *m) {
        int r = sd_bus_message_open_container(m, 'a', "s");

        for (size_t i = 0; r >= 0 && i < c->state.endpoints.n; i++) {
                const NetworkEndpoint *e = LIST_ITEM(&c->state.endpoints, NetworkEndpoint, i);
                const char *const addresses[] = { e->ipv4_address, e->ipv6_address };
                for (size_t k = 0; r >= 0 && k < ELEMENTSOF(addresses); k++) {
                        if (isempty(addresses[k]))
                                continue;
                        _cleanup_free_ char *bare = strndup(addresses[k], strcspn(addresses[k], "/"));
                        r = bare ? sd_bus_message_append(m, "s", bare) : -ENOMEM;
                }
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Published ports are another matter yet; the property is there so that clients need not change. */
static int append_ports(const Container *c, sd_bus_message *m) {
        return sd_bus_message_append(m, "as", 0);
}

#define SPEC &container_spec_type
#define STATE &container_state_type
static const ContainerProperty properties[] = {
        { "Id", true, SPEC },
        { "Name", true, SPEC },
        { "Image", true, SPEC },
        { "ImageDigest", true, SPEC },
        { "Command", false, .signature = "as", .append = append_command },
        { "Created", true, SPEC },
        { "Labels", false, .signature = "a{ss}", .append = append_labels },
        { "Terminal", true, SPEC },
        { "OpenStdin", true, SPEC },
        { "AutoRemove", false, SPEC },
        { "Status", false, STATE },
        { "Leader", false, .signature = "u", .append = append_leader },
        { "LeaderCommand", false, .signature = "s", .append = append_leader_command },
        { "ExitCode", false, STATE },
        { "OOMKilled", false, STATE },
        { "Error", false, STATE },
        { "Started", false, STATE },
        { "Finished", false, STATE },
        { "RestartCount", false, STATE },
        { "RestartPolicy", false, .signature = "s", .append = append_restart_policy },
        { "Health", false, .signature = "s", .append = append_health },
        { "Unit", false, .signature = "s", .append = append_unit },
        { "ControlGroup", false, STATE },
        { "Addresses", false, .signature = "as", .append = append_addresses },
        { "Ports", false, .signature = "as", .append = append_ports },
        { "NetworkMode", true, SPEC },
        { "UIDBase", true, SPEC },
        { "UIDCount", true, SPEC },
        { "StopTimeoutUSec", false, SPEC },
};
#define PROPERTIES_N ELEMENTSOF(properties)

/* The fields of those that have one, found once. */
static const Field *fields[PROPERTIES_N];
static sd_bus_vtable vtable[PROPERTIES_N];

static int append_property(const Container *c, size_t i, sd_bus_message *m) {
        if (properties[i].append)
                return properties[i].append(c, m);
        return field_append_bus(fields[i],
                                properties[i].source == SPEC ? (const void *) &c->spec : &c->state, m);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        for (size_t i = 0; i < PROPERTIES_N; i++)
                if (streq(properties[i].name, property))
                        return append_property(userdata, i, reply);
        return -ENOENT;
}

const sd_bus_vtable *container_property_vtable(size_t *ret_n) {
        for (size_t i = 0; i < PROPERTIES_N; i++) {
                const ContainerProperty *p = &properties[i];
                fields[i] = p->source ? object_find_field(p->source, p->name) : NULL;
                assert(fields[i] || p->append);
                vtable[i] = (sd_bus_vtable) SD_BUS_PROPERTY(
                        p->name, fields[i] ? field_bus_signature(fields[i]) : p->signature, get_property, 0,
                        p->constant ? SD_BUS_VTABLE_PROPERTY_CONST : SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE);
        }
        *ret_n = PROPERTIES_N;
        return vtable;
}

int container_append_properties(sd_bus_message *m, const Container *c) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (size_t i = 0; r >= 0 && i < PROPERTIES_N; i++)
                if ((r = sd_bus_message_open_container(m, 'e', "sv")) >= 0 &&
                    (r = sd_bus_message_append_basic(m, 's', properties[i].name)) >= 0 &&
                    (r = sd_bus_message_open_container(m, 'v', vtable[i].x.property.signature)) >= 0 &&
                    (r = append_property(c, i, m)) >= 0 && (r = sd_bus_message_close_container(m)) >= 0)
                        r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}
