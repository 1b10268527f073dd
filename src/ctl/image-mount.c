/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "image-view.h"
#include "output.h"
#include "string-util.h"
#include "table.h"
#include "verbs-ctl.h"

const Option unmount_options[] = {
        { 'a', "all", NULL, "All images that are mounted", option_flag, offsetof(UnmountOptions, all) },
        {},
};

/* ---- what is mounted ---- */

static bool is_mounted(const json_t *image) {
        return !isempty(json_text(image, "MountPoint"));
}

static int list_mounted(Ctl *ctl, json_t **ret, Error *error) {
        _cleanup_json_ json_t *all = NULL, *mounted = json_array();
        json_t *image;
        size_t i;

        int r = ctl_list(ctl, "ListImages", NULL, NULL, &all, error);
        if (r < 0)
                return r;
        json_array_foreach(all, i, image)
                if (is_mounted(image) && json_array_append(mounted, image) < 0)
                        return error_set_errno(error, -ENOMEM, "cannot list images");
        *ret = TAKE_PTR(mounted);
        return 0;
}

static int print_table(Ctl *ctl, const json_t *list) {
        static const TableColumn columns[] = { { "NAME", 10, 0 }, { "PATH", 0, 0 } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *image;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(list, i, image) {
                _cleanup_free_ char *name = image_display_name(image);
                const char *cells[] = { name, json_text(image, "MountPoint") };
                if (r >= 0)
                        r = name ? table_add(table, cells) : -ENOMEM;
        }
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

static int print_json(Ctl *ctl, const json_t *list, Error *error) {
        _cleanup_json_ json_t *out = json_array();
        json_t *image;
        size_t i;

        json_array_foreach(list, i, image)
                if (json_array_append_new(out,
                                          json_pack("{s:s, s:O, s:s}", "Digest", json_text(image, "Digest"),
                                                    "Names", json_object_get(image, "Names"), "MountPoint",
                                                    json_text(image, "MountPoint"))) < 0)
                        return -ENOMEM;
        return output_json(ctl, out, error);
}

static int show_mounted(Ctl *ctl, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        json_t *image;
        size_t i;

        int r = list_mounted(ctl, &list, error);
        if (r < 0)
                return r;
        if (ctl_wants_json(ctl))
                r = print_json(ctl, list, error);
        else if (ctl->quiet)
                json_array_foreach(list, i, image)
                        puts(json_text(image, "MountPoint"));
        else if (json_array_size(list) > 0)
                r = print_table(ctl, list);
        else if (!ctl->no_legend)
                puts("No image is mounted: berthctl image mount IMAGE does that.");
        return r < 0 ? error_set_errno(error, r, "cannot list what is mounted") : EXIT_SUCCESS;
}

/* ---- the verbs ---- */

int verb_mount(void *context, char **arguments, void *options, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;

        if (!arguments[0])
                return show_mounted(context, error);
        int r = ctl_call_method(context, NULL, NULL, "MountImage", CALL_SHORT, &reply, error, "s",
                                arguments[0]);
        if (r < 0)
                return ctl_cannot(error, r, "mount", arguments[0]);
        r = sd_bus_message_read(reply, "s", &path);
        if (r < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        puts(path);
        return EXIT_SUCCESS;
}

/* Prints what it says, and goes on with the next. Returns an exit status. */
static int unmount(Ctl *ctl, const char *name) {
        _cleanup_error_ Error error = {};

        int r = ctl_call_method(ctl, NULL, NULL, "UnmountImage", CALL_SHORT, NULL, &error, "s", name);
        if (r >= 0)
                return EXIT_SUCCESS;
        (void) ctl_cannot(&error, r, "unmount", name);
        ctl_report(&error);
        return EXIT_FAILURE;
}

static int unmount_all(Ctl *ctl, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        int status = EXIT_SUCCESS;
        json_t *image;
        size_t i;

        int r = list_mounted(ctl, &list, error);
        if (r < 0)
                return r;
        json_array_foreach(list, i, image)
                status |= unmount(ctl, json_text(image, "Digest"));
        return status;
}

int verb_unmount(void *context, char **arguments, void *options, Error *error) {
        const UnmountOptions *o = options;
        int status = EXIT_SUCCESS;

        if (o->all == !!arguments[0])
                return error_set(error, ERROR_INVALID,
                                 o->all ? "--all and names of images exclude each other"
                                        : "image unmount needs the name of an image, or --all");
        if (o->all)
                return unmount_all(context, error);
        for (char **name = arguments; *name; name++)
                status |= unmount(context, *name);
        return status;
}
