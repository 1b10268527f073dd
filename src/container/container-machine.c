/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "container-private.h"
#include "log.h"
#include "time-util.h"

/* Containers are machines to machinectl and to who asks nss-mymachines. */

#define MACHINE_DELAY_USEC (100 * USEC_PER_MSEC)

static int on_registered(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Container *c = userdata;

        c->machined_call = sd_bus_slot_unref(c->machined_call);
        if (sd_bus_message_is_method_error(reply, NULL))
                log_debug("machined does not register container %s: %s", c->spec.name,
                          sd_bus_message_get_error(reply)->message);
        return 1;
}

/* machined's names are host names, which know no underscore. */
static char *machine_name(const char *name) {
        char *copy = strndup(name, 64);

        for (char *p = copy; p && *p; p++)
                if (*p == '_')
                        *p = '-';
        return copy;
}

static int on_machine_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Container *c = userdata;
        uint8_t uuid[16];

        _cleanup_free_ char *name = machine_name(c->spec.name);
        for (size_t i = 0; i < sizeof(uuid); i++)
                if (sscanf(c->spec.id + 2 * i, "%2hhx", &uuid[i]) != 1)
                        return 0;
        if (!name || !container_is_up(c) ||
            sd_bus_message_new_method_call(c->context->bus, &m, "org.freedesktop.machine1",
                                           "/org/freedesktop/machine1", "org.freedesktop.machine1.Manager",
                                           "RegisterMachine") < 0 ||
            sd_bus_message_append(m, "s", name) < 0 ||
            sd_bus_message_append_array(m, 'y', uuid, sizeof(uuid)) < 0 ||
            sd_bus_message_append(m, "ssus", "berth", "container", (uint32_t) c->state.leader, "") < 0)
                return 0;
        c->machined_call = sd_bus_slot_unref(c->machined_call);
        (void) sd_bus_call_async(c->context->bus, &c->machined_call, m, on_registered, c, 0);
        return 0;
}

/* In its own time: most of those that live shorter than this would only be work for nobody. */
void container_register_machine(Container *c) {
        c->machined_timer = sd_event_source_disable_unref(c->machined_timer);
        (void) sd_event_add_time_relative(c->context->event, &c->machined_timer, CLOCK_MONOTONIC,
                                          MACHINE_DELAY_USEC, MACHINE_DELAY_USEC, on_machine_timer, c);
}
