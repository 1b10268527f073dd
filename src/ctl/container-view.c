/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-view.h"
#include "container-spec.h"
#include "output.h"
#include "string-util.h"
#include "time-util.h"

bool container_is_running(const json_t *properties) {
        static const char *const words[] = { "running", "paused", "stopping", "starting" };
        const char *status = json_text(properties, "Status");

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(status, words[i]))
                        return true;
        return false;
}

static bool has_health(const char *health) {
        return *health && !streq(health, "none");
}

char *container_state_text(const json_t *properties) {
        const char *status = json_text(properties, "Status");

        if (streq(status, "exited"))
                return format_string("exited %" JSON_INTEGER_FORMAT "%s",
                                     json_integer_value(json_object_get(properties, "ExitCode")),
                                     json_flag(properties, "OOMKilled") ? " (out of memory)" : "");
        const char *health = json_text(properties, "Health");
        return has_health(health) ? format_string("%s (%s)", status, health) : strdup(status);
}

Color container_state_color(const json_t *properties) {
        const char *status = json_text(properties, "Status");

        if (streq(status, "running"))
                return streq(json_text(properties, "Health"), "unhealthy") ? COLOR_YELLOW : COLOR_GREEN;
        if (streq(status, "exited"))
                return json_number(properties, "ExitCode") == 0 ? COLOR_GREY : COLOR_RED;
        return streq(status, "created") ? COLOR_GREY : COLOR_YELLOW;
}

uint64_t container_since(const json_t *properties) {
        const char *status = json_text(properties, "Status");
        uint64_t since = 0;

        if (streq(status, "exited") || streq(status, "restarting"))
                since = json_number(properties, "Finished");
        else if (!streq(status, "created"))
                since = json_number(properties, "Started");
        return since > 0 ? since : json_number(properties, "Created");
}

/* "4 seconds", "About an hour" is too much of a good thing: one whole unit, spelled out. */
static char *spell_duration(uint64_t usec) {
        static const struct {
                uint64_t usec;
                const char *name;
        } units[] = { { 365 * USEC_PER_DAY, "year" }, { 30 * USEC_PER_DAY, "month" },
                      { 7 * USEC_PER_DAY, "week" },   { USEC_PER_DAY, "day" },
                      { USEC_PER_HOUR, "hour" },      { USEC_PER_MINUTE, "minute" } };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                unsigned long long n = usec / units[i].usec;
                if (n > 0)
                        return format_string("%llu %s%s", n, units[i].name, n == 1 ? "" : "s");
        }
        unsigned long long seconds = usec / USEC_PER_SEC;
        return format_string("%llu second%s", seconds, seconds == 1 ? "" : "s");
}

static char *spell_since(uint64_t usec) {
        uint64_t now = realtime_usec();

        return spell_duration(usec < now ? now - usec : 0);
}

char *container_docker_status(const json_t *properties) {
        const char *status = json_text(properties, "Status");
        _cleanup_free_ char *since = spell_since(container_since(properties));

        if (!since)
                return NULL;
        if (streq(status, "exited"))
                return format_string("Exited (%" JSON_INTEGER_FORMAT ") %s ago",
                                     json_integer_value(json_object_get(properties, "ExitCode")), since);
        if (streq(status, "restarting"))
                return format_string("Restarting (%" JSON_INTEGER_FORMAT ") %s ago",
                                     json_integer_value(json_object_get(properties, "ExitCode")), since);
        if (container_is_running(properties)) {
                const char *health = json_text(properties, "Health");
                _cleanup_free_ char *note = streq(status, "paused")     ? strdup(" (Paused)")
                                            : streq(health, "starting") ? strdup(" (health: starting)")
                                            : has_health(health)        ? string_join(" (", health, ")")
                                                                        : strdup("");
                return note ? format_string("Up %s%s", since, note) : NULL;
        }
        return strdup(streq(status, "created") ? "Created" : "Removal In Progress");
}

char *json_join(const json_t *array, const char *separator) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        json_t *item;
        size_t i;

        json_array_foreach(array, i, item)
                if ((i > 0 && string_buffer_append_string(&out, separator) < 0) ||
                    string_buffer_append_string(&out, strempty(json_string_value(item))) < 0)
                        return NULL;
        return out.data ? TAKE_PTR(out.data) : strdup("");
}

static int set_taken(json_t *object, const char *key, char *text) {
        int r = json_set_text(object, key, text);

        free(text);
        return r;
}

int container_add_docker_fields(json_t *p) {
        char created[HUMAN_MAX], *age = spell_since(json_number(p, "Created"));
        _cleanup_free_ char *running_for = age ? string_join(age, " ago") : NULL;
        int r;

        free(age);
        if ((r = json_set_text(p, "RunningFor", running_for)) < 0 ||
            (r = set_taken(p, "ID", strndup(json_text(p, "Id"), CONTAINER_ID_SHORT))) < 0 ||
            (r = json_set_text(p, "Names", json_text(p, "Name"))) < 0 ||
            (r = set_taken(p, "State", strdup(json_text(p, "Status")))) < 0 ||
            (r = set_taken(p, "Status", container_docker_status(p))) < 0 ||
            (r = json_set_text(p, "CreatedAt", format_local_time(json_number(p, "Created"), created))) < 0 ||
            (r = json_set_text(p, "Networks", json_text(p, "NetworkMode"))) < 0)
                return r;
        return 0;
}
