/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus-json.h"
#include "container-view.h"
#include "output.h"
#include "string-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(ShowOptions, member)

const Option show_options[] = {
        { 'f', "format", "TEMPLATE", "Print each by a template ({{.State.Status}}) or as json",
          option_string, O(format) },
        { 0, "type", "TYPE", "Look for a container or an image only", option_choice, O(type), WORD_CHOICE,
          "container|image" },
        {},
};

/* Inspect of one object. */
static int inspect(Ctl *ctl, const char *path, const char *interface, json_t **ret, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = ctl_call_method(ctl, path, interface, "Inspect", CALL_SHORT, &reply, error, NULL);
        if (r < 0)
                return r;
        r = bus_message_to_json(reply, ret);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

/* The properties, and what Inspect adds to them. */
static int show_container(Ctl *ctl, const char *path, json_t **ret, Error *error) {
        _cleanup_json_ json_t *properties = NULL, *details = NULL;
        int r;

        if ((r = ctl_properties(ctl, path, CONTAINER_INTERFACE, &properties, error)) < 0 ||
            (r = inspect(ctl, path, CONTAINER_INTERFACE, &details, error)) < 0)
                return r;
        if (json_object_update_missing(properties, details) < 0)
                return error_set_errno(error, -ENOMEM, "cannot show it");
        *ret = TAKE_PTR(properties);
        return 0;
}

/* ---- what docker's templates look for, beside what is really there ---- */

static int set(json_t *object, const char *key, json_t *value) {
        /* A name that berth uses itself stays what it is. */
        if (json_object_get(object, key)) {
                json_decref(value);
                return 0;
        }
        return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int add_state(json_t *item) {
        json_t *state = json_object_get(item, "State");
        const char *status = json_text(item, "Status");
        int r;

        if (!json_is_object(state)) {
                state = json_object();
                if (json_object_set_new(item, "State", state) < 0)
                        return -ENOMEM;
        }
        if ((r = set(state, "Status", json_string(status))) < 0 ||
            (r = set(state, "Running", json_boolean(container_is_running(item)))) < 0 ||
            (r = set(state, "Paused", json_boolean(streq(status, "paused")))) < 0 ||
            (r = set(state, "Restarting", json_boolean(streq(status, "restarting")))) < 0 ||
            (r = set(state, "OOMKilled", json_false())) < 0 ||
            (r = set(state, "Pid", json_integer((json_int_t) json_number(item, "Leader")))) < 0 ||
            (r = set(state, "ExitCode", json_incref(json_object_get(item, "ExitCode")))) < 0 ||
            (r = set(state, "Error", json_string(json_text(item, "Error")))) < 0 ||
            (r = set(state, "StartedAt", json_incref(json_object_get(item, "Started")))) < 0 ||
            (r = set(state, "FinishedAt", json_incref(json_object_get(item, "Finished")))) < 0)
                return r;
        return 0;
}

static int add_config(json_t *item) {
        const json_t *spec = json_object_get(item, "Spec");
        json_t *config = json_object();
        int r;

        if (!config || json_object_set_new(item, "Config", config) < 0)
                return -ENOMEM;
        if ((r = set(config, "Image", json_string(json_text(item, "Image")))) < 0 ||
            (r = set(config, "Cmd", json_incref(json_object_get(item, "Command")))) < 0 ||
            (r = set(config, "Env", json_incref(json_object_get(item, "Environment")))) < 0 ||
            (r = set(config, "Labels", json_incref(json_object_get(item, "Labels")))) < 0 ||
            (r = set(config, "Tty", json_incref(json_object_get(item, "Terminal")))) < 0 ||
            (r = set(config, "OpenStdin", json_incref(json_object_get(item, "OpenStdin")))) < 0 ||
            (r = set(config, "Hostname", json_string(json_text(spec, "Hostname")))) < 0 ||
            (r = set(config, "User", json_string(json_text(spec, "User")))) < 0 ||
            (r = set(config, "WorkingDir", json_string(json_text(spec, "WorkingDirectory")))) < 0)
                return r;
        return 0;
}

static int add_network(json_t *item) {
        const char *address = json_string_value(json_array_get(json_object_get(item, "Addresses"), 0));
        json_t *settings = json_object();

        if (!settings || json_object_set_new(item, "NetworkSettings", settings) < 0)
                return -ENOMEM;
        size_t n = strcspn(strempty(address), "/");
        return set(settings, "IPAddress", json_stringn(strempty(address), n));
}

static int prepare_for_template(json_t *list) {
        json_t *item;
        size_t i;
        int r;

        json_array_foreach(list, i, item)
                if (json_object_get(item, "Status") &&
                    ((r = add_state(item)) < 0 || (r = add_config(item)) < 0 || (r = add_network(item)) < 0))
                        return r;
        return json_format_times(list);
}

/* ---- show ---- */

/* `show NAME` means a container first, then an image, as docker inspect does. */
static int show_one(Ctl *ctl, const char *name, const char *type, json_t **ret, Error *error) {
        _cleanup_free_ char *path = NULL;
        _cleanup_error_ Error first = {};
        int r;

        if (!type || streq(type, "container")) {
                if ((r = ctl_find_container(ctl, name, &path, &first)) >= 0)
                        return show_container(ctl, path, ret, error);
                if (type || first.kind != ERROR_NO_SUCH_CONTAINER) {
                        error_move(error, &first);
                        return r;
                }
        }
        _cleanup_error_ Error second = {};
        if ((r = ctl_find_image(ctl, name, &path, &second)) >= 0)
                return inspect(ctl, path, IMAGE_INTERFACE, ret, error);
        if (type || second.kind != ERROR_NO_SUCH_IMAGE) {
                error_move(error, &second);
                return r;
        }
        /* The suggestion among the containers is the more likely one. */
        if (strstr(strempty(first.message), "did you mean")) {
                error_move(error, &first);
                return r;
        }
        return error_set(error, ERROR_NO_SUCH_CONTAINER, "there is no container and no image \"%s\"", name);
}

static int show(Ctl *ctl, char **names, const ShowOptions *o, const char *type, Error *error) {
        _cleanup_json_ json_t *list = json_array();
        int status = EXIT_SUCCESS, r;

        if (!list)
                return error_set_errno(error, -ENOMEM, "cannot show anything");
        for (char **name = names; *name; name++) {
                _cleanup_error_ Error own = {};
                json_t *item = NULL;
                if (show_one(ctl, *name, type, &item, &own) < 0) {
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                } else if (json_array_append_new(list, item) < 0)
                        return error_set_errno(error, -ENOMEM, "cannot show %s", *name);
        }
        if (o->format) {
                if ((r = prepare_for_template(list)) < 0)
                        return error_set_errno(error, r, "cannot show anything");
                r = output_format(ctl, o->format, list, error);
                return r < 0 ? r : status;
        }
        if ((r = json_format_times(list)) < 0)
                return error_set_errno(error, r, "cannot show anything");
        ctl_page(ctl);
        r = output_json(ctl, list, error);
        return r < 0 ? r : status;
}

int verb_show(void *context, char **arguments, void *options, Error *error) {
        const ShowOptions *o = options;

        return show(context, arguments, o, o->type, error);
}

int verb_show_image(void *context, char **arguments, void *options, Error *error) {
        return show(context, arguments, options, "image", error);
}
