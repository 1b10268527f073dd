/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus-json.h"
#include "bus.h"
#include "create-options.h"
#include "env-file.h"
#include "string-util.h"
#include "strv.h"
#include "update.h"
#include "verbs-ctl.h"

#define O(member) offsetof(UpdateOptions, member)

const Option update_options[] = {
        { 0, "dry-run", NULL, "Only say what would change, and when", option_flag, O(dry_run) },
        { 'e', "env", "NAME[=VALUE]", "Set an environment variable, without a value to the one it has here",
          option_strings, O(environment) },
        { 0, "env-file", "FILE", "Set those in a file, a NAME=VALUE a line", option_strings, O(env_files),
          WORD_FILE },
        { 0, "env-rm", "NAME", "Take an environment variable away again", option_strings, O(env_removed) },
        { 'f', "force", NULL, "Also to less memory than it uses now: the kernel may kill in it", option_flag,
          O(force) },
        { 'l', "label", "KEY[=VALUE]", "Set a label", option_strings, O(labels) },
        { 0, "label-rm", "KEY", "Take a label away again", option_strings, O(labels_removed) },
        { 0, "restart", "POLICY", "no, always, unless-stopped or on-failure[:COUNT]", option_string,
          O(restart), WORD_CHOICE, "no|always|unless-stopped|on-failure" },
        { 0, "stop-signal", "SIGNAL", "The signal that asks it to end", option_signal, O(stop_signal),
          WORD_SIGNAL },
        { 0, "stop-timeout", "SECONDS", "How long it may take to end before it is killed, -1 for ever",
          option_duration, O(stop_timeout) },
        {},
};

void update_options_done(void *options) {
        UpdateOptions *o = options;

        resource_options_done(&o->resources);
        strv_free(o->environment);
        strv_free(o->env_files);
        strv_free(o->env_removed);
        strv_free(o->labels);
        strv_free(o->labels_removed);
}

/* ---- what it has, as maps ---- */

static int read_map(const json_t *object, char ***ret) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) object, key, value) {
                int r = strv_map_set(ret, key, strempty(json_string_value(value)));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_list(const json_t *list, char ***ret) {
        json_t *item;
        size_t i;

        json_array_foreach((json_t *) list, i, item) {
                int r = strv_map_put(ret, strempty(json_string_value(item)));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_specification(Ctl *ctl, const char *path, UpdatedMaps *ret, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *details = NULL;

        int r = ctl_call_method(ctl, path, CONTAINER_INTERFACE, "Inspect", CALL_SHORT, &reply, error, "");
        if (r < 0)
                return r;
        r = bus_message_to_json(reply, &details);
        const json_t *spec = json_object_get(details, "Spec");
        if (r >= 0)
                r = read_map(json_object_get(spec, "Properties"), &ret->properties);
        if (r >= 0)
                r = read_map(json_object_get(spec, "Labels"), &ret->labels);
        if (r >= 0)
                r = read_list(json_object_get(spec, "Environment"), &ret->environment);
        return r < 0 ? error_set_errno(error, r, "cannot read its specification") : 0;
}

static void updated_maps_done(UpdatedMaps *maps) {
        strv_free(maps->properties);
        strv_free(maps->labels);
        strv_free(maps->environment);
}

/* ---- what it shall have ---- */

static const char *from_environment(const char *name) {
        return getenv(name);
}

static int change_maps(const UpdateOptions *o, UpdatedMaps *maps, Error *error) {
        ResourceOptions resources = o->resources;
        int r;

        resources.update = true;
        if ((r = resource_options_apply(&resources, &maps->properties, error)) < 0 ||
            (r = create_fill_map(o->env_files, o->environment, from_environment, &maps->environment,
                                 error)) < 0 ||
            (r = create_fill_map(NULL, o->labels, NULL, &maps->labels, error)) < 0)
                return r;
        STRV_FOREACH(name, o->env_removed)
                strv_map_remove(maps->environment, *name);
        STRV_FOREACH(key, o->labels_removed)
                strv_map_remove(maps->labels, *key);
        return 0;
}

static int append_map(sd_bus_message *m, const char *name, char *const *map) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a{ss}")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{ss}")) < 0)
                return r;
        for (size_t i = 0; map && map[i]; i++) {
                size_t size = strcspn(map[i], "=");
                _cleanup_free_ char *key = strndup(map[i], size);
                if (!key)
                        return -ENOMEM;
                if ((r = sd_bus_message_append(m, "{ss}", key, map[i] + size + 1)) < 0)
                        return r;
        }
        return bus_close_containers(m, 3);
}

static int append_list(sd_bus_message *m, const char *name, char *const *list) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", name)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(m, (char **) list)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

static int append_restart(sd_bus_message *m, const RestartPolicy *policy) {
        return sd_bus_message_append(m, "{sv}", "Restart", "a{sv}", 2, "Name", "s",
                                     restart_policy_words[policy->name], "MaximumRetryCount", "u",
                                     policy->maximum_retry_count);
}

/* Only what differs from what it has. */
static int append_changes(sd_bus_message *m, const UpdateOptions *o, const RestartPolicy *policy,
                          const UpdatedMaps *before, const UpdatedMaps *after) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0 && !strv_equal(before->properties, after->properties))
                r = append_map(m, "Properties", after->properties);
        if (r >= 0 && !strv_equal(before->labels, after->labels))
                r = append_map(m, "Labels", after->labels);
        if (r >= 0 && !strv_equal(before->environment, after->environment))
                r = append_list(m, "Environment", after->environment);
        if (r >= 0 && o->restart)
                r = append_restart(m, policy);
        if (r >= 0 && o->stop_signal)
                r = sd_bus_message_append(m, "{sv}", "StopSignal", "s", o->stop_signal);
        if (r >= 0 && o->stop_timeout.set)
                r = sd_bus_message_append(m, "{sv}", "StopTimeoutUSec", "t", o->stop_timeout.usec);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r
                     : sd_bus_message_append(m, "a{sv}", 2, "DryRun", "b", (int) o->dry_run, "Force", "b",
                                             (int) o->force);
}

/* ---- one container ---- */

static int print_effects(const Ctl *ctl, const char *name, const UpdateOptions *o, sd_bus_message *reply) {
        _cleanup_strv_free_ char **live = NULL, **later = NULL;
        const char *now = o->dry_run ? "would change at once" : "changed";
        const char *next = o->dry_run ? "would change at its next start" : "changes at its next start";
        int r;

        if ((r = sd_bus_message_read_strv(reply, &live)) < 0 ||
            (r = sd_bus_message_read_strv(reply, &later)) < 0)
                return r;
        if (ctl->quiet) {
                puts(name);
                return 0;
        }
        _cleanup_free_ char *live_text = strv_join(live, ", "), *later_text = strv_join(later, ", ");
        if (strv_isempty(live) && strv_isempty(later))
                printf("%s: nothing to change\n", name);
        if (!strv_isempty(live))
                printf("%s: %s: %s\n", name, now, strempty(live_text));
        if (!strv_isempty(later))
                printf("%s: %s: %s\n", name, next, strempty(later_text));
        return 0;
}

static int update_one(Ctl *ctl, const char *name, const UpdateOptions *o, const RestartPolicy *policy,
                      Error *error) {
        _cleanup_(updated_maps_done) UpdatedMaps before = {}, after = {};
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = ctl_find_container(ctl, name, &path, error)) < 0 ||
            (r = read_specification(ctl, path, &before, error)) < 0 ||
            (r = strv_copy_into(before.properties, &after.properties)) < 0 ||
            (r = strv_copy_into(before.labels, &after.labels)) < 0 ||
            (r = strv_copy_into(before.environment, &after.environment)) < 0 ||
            (r = change_maps(o, &after, error)) < 0 ||
            (r = ctl_message_new(ctl, path, CONTAINER_INTERFACE, "Update", &m, error)) < 0 ||
            (r = append_changes(m, o, policy, &before, &after)) < 0 ||
            (r = ctl_call(ctl, m, CALL_SHORT, &reply, error)) < 0 ||
            (r = print_effects(ctl, name, o, reply)) < 0)
                return ctl_cannot(error, r, "update", name);
        return 0;
}

int verb_update(void *context, char **arguments, void *options, Error *error) {
        const UpdateOptions *o = options;
        RestartPolicy policy = {};
        int status = EXIT_SUCCESS;
        Ctl *ctl = context;

        int r = create_fill_restart(o->restart, &policy, error);
        if (r < 0)
                return r;
        STRV_FOREACH(name, arguments) {
                _cleanup_error_ Error own = {};
                if (update_one(ctl, *name, o, &policy, &own) < 0) {
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                }
        }
        return status;
}
