/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus-json.h"
#include "human.h"
#include "output.h"
#include "string-util.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

/* Steps that made files have a layer, in the same order; the others are empty. */
static int make_steps(const json_t *details, json_t **ret) {
        const json_t *history = json_object_get(details, "History"),
                     *layers = json_object_get(details, "Layers");
        _cleanup_json_ json_t *steps = json_array();
        size_t i, layer = 0;
        json_t *step;

        if (!steps)
                return -ENOMEM;
        json_array_foreach(history, i, step) {
                json_t *copy = json_deep_copy(step);
                const json_t *made = json_flag(step, "EmptyLayer") ? NULL : json_array_get(layers, layer++);
                json_int_t size = made ? json_integer_value(json_object_get(made, "UnpackedSize")) : 0;
                /* The newest step stands first. */
                if (json_object_set_new(copy, "Size", json_integer(size)) < 0 ||
                    json_array_insert_new(steps, 0, copy) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(steps);
        return 0;
}

static int add_step(Table *table, const json_t *step, uint64_t now) {
        char created[HUMAN_MAX], size[HUMAN_MAX];
        const char *cells[] = { format_ago(json_number(step, "Created"), now, created),
                                format_size_short(json_number(step, "Size"), size),
                                json_text(step, "CreatedBy"), json_text(step, "Comment") };

        return table_add(table, cells);
}

static int print_steps(Ctl *ctl, const json_t *steps, bool no_trunc) {
        static const TableColumn columns[] = { { "CREATED", 0, 2 },
                                               { "SIZE", 0, 3, .right = true },
                                               { "CREATED BY", 12, 0 },
                                               { "COMMENT", 8, 4 } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *step;
        size_t i;

        if (json_array_size(steps) == 0) {
                puts("This image has no history.");
                return 0;
        }
        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(steps, i, step)
                if (r >= 0)
                        r = add_step(table, step, realtime_usec());
        if (r < 0)
                return r;
        ctl_page(ctl);
        return table_print(table, stdout, !ctl->no_legend, no_trunc ? 0 : table_output_width());
}

int verb_history(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *details = NULL, *steps = NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        const ImagesOptions *o = options;
        Ctl *ctl = context;
        int r;

        if ((r = ctl_find_image(ctl, arguments[0], &path, error)) < 0 ||
            (r = ctl_call_method(ctl, path, IMAGE_INTERFACE, "Inspect", CALL_SHORT, &reply, error, NULL)) <
                    0)
                return r;
        if ((r = bus_message_to_json(reply, &details)) < 0 || (r = make_steps(details, &steps)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        if (o->format || ctl_wants_json(ctl)) {
                if ((r = json_format_times(steps)) >= 0)
                        r = o->format ? output_format(ctl, o->format, steps, error)
                                      : output_json(ctl, steps, error);
        } else
                r = print_steps(ctl, steps, o->no_trunc);
        return r < 0 ? error_set_errno(error, r, "cannot print the history") : EXIT_SUCCESS;
}
