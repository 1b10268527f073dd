/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus-json.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(EventsOptions, member)

const Option events_options[] = {
        { 'f', "filter", "NAME=VALUE", "Only those with this type, event, container, image or label",
          option_strings, O(filters) },
        { 0, "format", "TEMPLATE", "Print each by a template ({{.Action}}), or as json", option_string,
          O(format) },
        { 0, "until", "TIME", "End at this time", option_moment, O(until) },
        {},
};

void events_options_done(void *options) {
        EventsOptions *o = options;

        strv_free(o->filters);
}

typedef struct Events {
        Ctl *ctl;
        const EventsOptions *options;
        Error *error;
        int result;
} Events;

/* ---- filters: values of the same name are alternatives, different names must all fit ---- */

static bool value_fits(const json_t *event, const char *name, const char *value) {
        const json_t *attributes = json_object_get(event, "Attributes");

        if (streq(name, "type"))
                return streq(json_text(event, "Type"), value);
        if (streq(name, "event") || streq(name, "action"))
                return streq(json_text(event, "Action"), value);
        if (streq(name, "container"))
                return streq(json_text(event, "Type"), "container") &&
                       (streq(json_text(attributes, "name"), value) ||
                        startswith(json_text(event, "ID"), value));
        if (streq(name, "image"))
                return streq(json_text(attributes, "image"), value) ||
                       streq(json_text(event, "ID"), value) ||
                       (streq(json_text(event, "Type"), "image") &&
                        streq(json_text(attributes, "name"), value));
        size_t n = strcspn(value, "=");
        _cleanup_free_ char *key = strndup(value, n);
        const json_t *label = key ? json_object_get(attributes, key) : NULL;
        return label && (!value[n] || streq(strempty(json_string_value(label)), value + n + 1));
}

static bool filters_fit(char **filters, const json_t *event) {
        STRV_FOREACH(filter, filters) {
                size_t n = strcspn(*filter, "=");
                _cleanup_free_ char *name = strndup(*filter, n);
                bool fits = false;
                STRV_FOREACH(other, filters)
                        if (name && strncmp(*other, *filter, n + 1) == 0)
                                fits = fits || value_fits(event, name, *other + n + 1);
                if (!fits)
                        return false;
        }
        return true;
}

static int check_filters(char **filters, Error *error) {
        static const char *const names[] = {
                "type=", "event=", "action=", "container=", "image=", "label="
        };

        STRV_FOREACH(filter, filters) {
                bool known = false;
                for (size_t i = 0; i < ELEMENTSOF(names); i++)
                        known = known || startswith(*filter, names[i]);
                if (!known)
                        return error_set(
                                error, ERROR_INVALID,
                                "--filter: \"%s\" is not type=, event=, container=, image= or label=…",
                                *filter);
        }
        return 0;
}

/* ---- printing ---- */

static void print_event(const json_t *event, uint64_t time) {
        char buffer[RFC3339_MAX];
        const char *key, *separator = "";
        json_t *value;

        printf("%s %s %s %s (", format_rfc3339(time, buffer), json_text(event, "Type"),
               json_text(event, "Action"), json_text(event, "ID"));
        json_object_foreach(json_object_get(event, "Attributes"), key, value) {
                printf("%s%s=%s", separator, key, strempty(json_string_value(value)));
                separator = ", ";
        }
        puts(")");
}

static int output_event(Events *events, json_t *event, uint64_t time) {
        _cleanup_json_ json_t *list = json_pack("[O]", event);
        int r = list ? json_format_times(list) : -ENOMEM;

        if (r < 0)
                return error_set_errno(events->error, r, "cannot print the event");
        if (events->options->format)
                return output_format(events->ctl, events->options->format, list, events->error);
        if (ctl_wants_json(events->ctl))
                return output_format(events->ctl, "json", list, events->error);
        print_event(event, time);
        return 0;
}

static int on_event(sd_bus_message *m, void *userdata, sd_bus_error *ignored) {
        _cleanup_json_ json_t *event = NULL, *attributes = NULL;
        const char *type, *action, *id;
        Events *events = userdata;
        uint64_t time;

        int r = sd_bus_message_read(m, "ssst", &type, &action, &id, &time);
        if (r < 0 || bus_message_to_json(m, &attributes) < 0)
                return 0;
        event = json_pack("{s:s, s:s, s:s, s:I, s:O}", "Type", type, "Action", action, "ID", id, "Time",
                          (json_int_t) time, "Attributes", attributes);
        if (!event || !filters_fit(events->options->filters, event))
                return 0;
        r = output_event(events, event, time);
        fflush(stdout);
        if (r < 0)
                events->result = r;
        return 0;
}

static int follow(Events *events) {
        while (events->result >= 0) {
                uint64_t timeout = UINT64_MAX, now = realtime_usec();
                int r = sd_bus_process(events->ctl->bus, NULL);
                if (r < 0)
                        return error_set_errno(events->error, r, "the connection to the bus was lost");
                if (r > 0)
                        continue;
                if (events->options->until > 0) {
                        if (now >= events->options->until)
                                return EXIT_SUCCESS;
                        timeout = events->options->until - now;
                }
                r = sd_bus_wait(events->ctl->bus, timeout);
                if (r < 0 && r != -EINTR)
                        return error_set_errno(events->error, r, "the connection to the bus was lost");
        }
        return events->result;
}

int verb_events(void *context, char **arguments, void *options, Error *error) {
        Events events = { .ctl = context, .options = options, .error = error };
        _cleanup_slot_ sd_bus_slot *slot = NULL;
        int r;

        if ((r = check_filters(events.options->filters, error)) < 0 ||
            (r = ctl_connect(events.ctl, error)) < 0)
                return r;
        r = sd_bus_match_signal(events.ctl->bus, &slot, BERTH_SERVICE, BERTH_PATH, MANAGER_INTERFACE,
                                "Event", on_event, &events);
        return r < 0 ? error_set_errno(error, r, "cannot listen to berthd") : follow(&events);
}
