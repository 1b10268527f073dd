/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus-json.h"
#include "output.h"
#include "string-util.h"
#include "verbs-ctl.h"

const Option system_options[] = {
        { 'f', "format", "TEMPLATE", "Print by a template, or as json", option_string,
          offsetof(SystemOptions, format) },
        {},
};

static int get_version(Ctl *ctl, json_t **ret, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = ctl_call_method(ctl, NULL, NULL, "Version", CALL_SHORT, &reply, error, NULL);
        if (r < 0)
                return r;
        r = bus_message_to_json(reply, ret);
        if (r >= 0)
                r = json_set_text(*ret, "ClientVersion", BERTH_VERSION);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

/* Labels are right-aligned, as in `status`. */
static void print_member(const json_t *object, const char *key, const char *label) {
        const json_t *value = json_object_get(object, key);

        if (json_is_string(value) && *json_string_value(value))
                printf("%18s: %s\n", label, json_string_value(value));
        else if (json_is_integer(value))
                printf("%18s: %" JSON_INTEGER_FORMAT "\n", label, json_integer_value(value));
}

typedef struct Member {
        const char *key, *label;
} Member;

static int print_object(Ctl *ctl, const SystemOptions *o, json_t *object, const Member *members, size_t n,
                        Error *error) {
        if (o->format) {
                _cleanup_json_ json_t *list = json_pack("[O]", object);
                return list ? output_format(ctl, o->format, list, error)
                            : error_set_errno(error, -ENOMEM, "cannot print");
        }
        if (ctl_wants_json(ctl))
                return output_json(ctl, object, error);
        for (size_t i = 0; i < n; i++)
                print_member(object, members[i].key, members[i].label);
        return EXIT_SUCCESS;
}

int verb_version(void *context, char **arguments, void *options, Error *error) {
        static const Member members[] = {
                { "ClientVersion", "berthctl" },     { "Version", "berthd" },
                { "ApiVersion", "D-Bus interface" }, { "KernelVersion", "Kernel" },
                { "SystemdVersion", "systemd" },
        };
        _cleanup_json_ json_t *version = NULL;

        int r = get_version(context, &version, error);
        return r < 0 ? r : print_object(context, options, version, members, ELEMENTSOF(members), error);
}

int verb_info(void *context, char **arguments, void *options, Error *error) {
        static const Member members[] = {
                { "Containers", "Containers" },  { "ContainersRunning", "Running" },
                { "Images", "Images" },          { "StateDirectory", "State directory" },
                { "Version", "berthd" },         { "KernelVersion", "Kernel" },
                { "SystemdVersion", "systemd" },
        };
        _cleanup_json_ json_t *version = NULL, *properties = NULL;
        int r;

        if ((r = get_version(context, &version, error)) < 0 ||
            (r = ctl_properties(context, BERTH_PATH, MANAGER_INTERFACE, &properties, error)) < 0)
                return r;
        if (json_object_update_missing(properties, version) < 0)
                return error_set_errno(error, -ENOMEM, "cannot print");
        return print_object(context, options, properties, members, ELEMENTSOF(members), error);
}
