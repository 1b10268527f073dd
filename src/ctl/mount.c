/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <unistd.h>

#include "bus-json.h"
#include "mount-option.h"
#include "object-bus.h"
#include "output.h"
#include "string-util.h"
#include "table.h"
#include "verbs-ctl.h"

const Option mount_change_options[] = {
        { 0, "temporary", NULL, "Until it stops only: its next start knows nothing of it", option_flag,
          offsetof(MountChangeOptions, temporary) },
        {},
};
const Option mount_list_options[] = {
        { 0, "format", "TEMPLATE", "Print each by a template ({{.Target}}) or as json", option_string,
          offsetof(MountListOptions, format) },
        {},
};

/* ---- adding ---- */

/* "type=bind,…" is --mount's, all else is -v's. */
static int parse_mount(const char *s, List *mounts, Error *error) {
        bool fields = s[strcspn(s, "=:/")] == '=';
        _cleanup_free_ char *directory = get_current_dir_name();

        if (!directory)
                return error_set_errno(error, negative_errno(), "cannot tell the current folder");
        return (fields ? mount_parse_mount : mount_parse_volume)(s, directory, mounts, error);
}

static int append_temporary(sd_bus_message *m, const MountChangeOptions *o) {
        return sd_bus_message_append(m, "a{sv}", 1, "Temporary", "b", (int) o->temporary);
}

static int add_one(Ctl *ctl, const char *path, const MountSpec *mount, const MountChangeOptions *o,
                   Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;

        int r = ctl_message_new(ctl, path, CONTAINER_INTERFACE, "AddMount", &m, error);
        if (r < 0)
                return r;
        r = object_append_bus(&mount_spec_type, mount, m, 0);
        if (r >= 0)
                r = append_temporary(m, o);
        return r < 0 ? error_set_errno(error, r, "cannot talk to berthd")
                     : ctl_call(ctl, m, CALL_FOR_EVER, NULL, error);
}

int verb_mount_add(void *context, char **arguments, void *options, Error *error) {
        _cleanup_free_ char *path = NULL;
        List mounts = {};
        int r = 0;

        /* All are understood before the first is made. */
        for (char **s = arguments + 1; *s && r >= 0; s++)
                r = parse_mount(*s, &mounts, error);
        if (r >= 0)
                r = ctl_find_container(context, arguments[0], &path, error);
        for (size_t i = 0; i < mounts.n && r >= 0; i++)
                r = add_one(context, path, LIST_ITEM(&mounts, MountSpec, i), options, error);
        list_done(&mounts, &mount_spec_type);
        return r < 0 ? ctl_cannot(error, r, "mount into", arguments[0]) : EXIT_SUCCESS;
}

/* ---- removing ---- */

int verb_mount_remove(void *context, char **arguments, void *options, Error *error) {
        _cleanup_free_ char *path = NULL;

        int r = ctl_find_container(context, arguments[0], &path, error);
        for (char **target = arguments + 1; *target && r >= 0; target++) {
                _cleanup_message_ sd_bus_message *m = NULL;
                r = ctl_message_new(context, path, CONTAINER_INTERFACE, "RemoveMount", &m, error);
                if (r < 0)
                        break;
                r = sd_bus_message_append(m, "s", *target);
                if (r >= 0)
                        r = append_temporary(m, options);
                r = r < 0 ? error_set_errno(error, r, "cannot talk to berthd")
                          : ctl_call(context, m, CALL_FOR_EVER, NULL, error);
        }
        return r < 0 ? ctl_cannot(error, r, "unmount from", arguments[0]) : EXIT_SUCCESS;
}

/* ---- listing ---- */

static int take_list(const json_t *mounts, bool temporary, json_t *list) {
        json_t *mount;
        size_t i;

        json_array_foreach(mounts, i, mount)
                if (json_object_set_new(mount, "Temporary", json_boolean(temporary)) < 0 ||
                    json_array_append(list, mount) < 0)
                        return -ENOMEM;
        return 0;
}

static int load_mounts(Ctl *ctl, const char *name, json_t **ret, Error *error) {
        _cleanup_json_ json_t *details = NULL, *list = json_array();
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = ctl_find_container(ctl, name, &path, error)) < 0 ||
            (r = ctl_call_method(ctl, path, CONTAINER_INTERFACE, "Inspect", CALL_SHORT, &reply, error,
                                 NULL)) < 0)
                return r;
        r = bus_message_to_json(reply, &details);
        if (r >= 0)
                r = take_list(json_object_get(json_object_get(details, "Spec"), "Mounts"), false, list);
        if (r >= 0)
                r = take_list(json_object_get(json_object_get(details, "State"), "TemporaryMounts"), true,
                              list);
        if (r < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        *ret = TAKE_PTR(list);
        return 0;
}

/* "ro, rslave, temporary" */
static char *describe_options(const json_t *mount) {
        _cleanup_(string_buffer_done) StringBuffer out = {};
        const char *options = json_text(mount, "Options"), *id_map = json_text(mount, "IdMap");
        const struct {
                bool set;
                const char *before, *text;
        } parts[] = {
                { json_flag(mount, "ReadOnly"), "", "ro" },
                { !isempty(options), "", options },
                { !isempty(id_map), "idmap=", id_map },
                { json_flag(mount, "Temporary"), "", "temporary" },
        };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (parts[i].set && string_buffer_appendf(&out, "%s%s%s", out.size > 0 ? "," : "",
                                                          parts[i].before, parts[i].text) < 0)
                        return NULL;
        return out.data ? TAKE_PTR(out.data) : strdup("");
}

static int print_table(const Ctl *ctl, const json_t *list) {
        static const TableColumn columns[] = {
                { "TARGET", 12, 0 }, { "TYPE", 0, 0 }, { "SOURCE", 12, 0 }, { "OPTIONS", 8, 1 }
        };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *mount;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(list, i, mount) {
                const char *subpath = json_text(mount, "Subpath"), *type = json_text(mount, "Type");
                _cleanup_free_ char *options = describe_options(mount);
                _cleanup_free_ char *source =
                        string_join(json_text(mount, "Source"), isempty(subpath) ? "" : "/", subpath);
                const char *cells[] = { json_text(mount, "Target"), isempty(type) ? "bind" : type, source,
                                        options };
                if (r >= 0)
                        r = options && source ? table_add(table, cells) : -ENOMEM;
        }
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

int verb_mount_list(void *context, char **arguments, void *options, Error *error) {
        const MountListOptions *o = options;
        _cleanup_json_ json_t *list = NULL;
        const Ctl *ctl = context;
        json_t *mount;
        size_t i;

        int r = load_mounts(context, arguments[0], &list, error);
        if (r < 0)
                return ctl_cannot(error, r, "list the mounts of", arguments[0]);
        if (o->format)
                r = output_format(ctl, o->format, list, error);
        else if (ctl_wants_json(ctl))
                r = output_json(ctl, list, error);
        else if (ctl->quiet)
                json_array_foreach(list, i, mount)
                        puts(json_text(mount, "Target"));
        else if (json_array_size(list) > 0)
                r = print_table(ctl, list);
        else if (!ctl->no_legend)
                printf("%s mounts nothing: berthctl mount add %s SOURCE:PATH does that.\n", arguments[0],
                       arguments[0]);
        return r < 0 ? error_set_errno(error, r, "cannot list mounts") : EXIT_SUCCESS;
}
