/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "container-view.h"
#include "human.h"
#include "image-view.h"
#include "job-report.h"
#include "output.h"
#include "string-util.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

/* What images, containers and volumes take on the disk: berthd measures, the lists say what is in use. */

const Option df_options[] = {
        { 0, "format", "TEMPLATE", "Print each row by a template, \"table …\" or json", option_string,
          offsetof(DiskOptions, format) },
        { 'v', "verbose", NULL, "Every image and container", option_flag, offsetof(DiskOptions, verbose) },
        {},
};

typedef struct Usage {
        json_t *report, *images, *containers, *volumes; /* the lists, with the sizes in them */
} Usage;

static void usage_done(Usage *usage) {
        json_decref(usage->report);
        json_decref(usage->images);
        json_decref(usage->containers);
        json_decref(usage->volumes);
}

static json_t *find(const json_t *list, const char *key, const char *value) {
        json_t *item;
        size_t i;

        json_array_foreach(list, i, item)
                if (streq(json_text(item, key), value))
                        return item;
        return NULL;
}

/* What was measured goes into the objects that berthd lists. */
static int merge(const json_t *measured, const char *key, json_t *list) {
        json_t *item;
        size_t i;

        json_array_foreach(measured, i, item) {
                json_t *object = find(list, key, json_text(item, key));
                if (object && json_object_update(object, item) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int get_usage(Ctl *ctl, Usage *usage, Error *error) {
        int r;

        if ((r = job_report(ctl, "DiskUsage", NULL, NULL, NULL, NULL, &usage->report, error)) < 0 ||
            (r = ctl_list(ctl, "ListImages", NULL, NULL, &usage->images, error)) < 0 ||
            (r = ctl_list(ctl, "ListVolumes", NULL, NULL, &usage->volumes, error)) < 0 ||
            (r = ctl_list_all_containers(ctl, &usage->containers, error)) < 0)
                return r;
        if ((r = merge(json_object_get(usage->report, "Images"), "Digest", usage->images)) < 0 ||
            (r = merge(json_object_get(usage->report, "Containers"), "Id", usage->containers)) < 0)
                return error_set_errno(error, r, "cannot measure");
        return 0;
}

/* ---- the summary ---- */

static json_t *make_row(const char *type, size_t total, size_t active, uint64_t size, uint64_t reclaimable) {
        return json_pack("{s:s, s:I, s:I, s:I, s:I}", "Type", type, "Total", (json_int_t) total, "Active",
                         (json_int_t) active, "Size", (json_int_t) size, "Reclaimable",
                         (json_int_t) reclaimable);
}

/* What `image prune --all` would free: at least what only unused images have. */
static json_t *summarize_images(const Usage *usage) {
        uint64_t reclaimable = 0;
        size_t i, active = 0;
        json_t *image;

        json_array_foreach(usage->images, i, image)
                if (json_number(image, "Containers") > 0)
                        active++;
                else
                        reclaimable += json_number(image, "UniqueSize");
        uint64_t size = json_number(usage->report, "ImagesSize");
        return make_row("Images", json_array_size(usage->images), active, size,
                        active == 0 ? size : reclaimable);
}

static json_t *summarize_containers(const Usage *usage) {
        uint64_t size = 0, reclaimable = 0;
        size_t i, active = 0;
        json_t *container;

        json_array_foreach(usage->containers, i, container) {
                uint64_t own = json_number(container, "Size");
                bool running = container_is_running(container);
                size += own;
                active += running;
                reclaimable += running ? 0 : own;
        }
        return make_row("Containers", json_array_size(usage->containers), active, size, reclaimable);
}

static json_t *summarize_volumes(const Usage *usage) {
        const json_t *measured = json_object_get(usage->report, "Volumes");
        uint64_t size = 0, reclaimable = 0;
        size_t i, active = 0;
        json_t *volume;

        json_array_foreach(usage->volumes, i, volume) {
                bool used = json_array_size(json_object_get(volume, "UsedBy")) > 0;
                uint64_t own = json_number(find(measured, "Name", json_text(volume, "Name")), "Size");
                size += own;
                active += used;
                reclaimable += used ? 0 : own;
        }
        return make_row("Local Volumes", json_array_size(usage->volumes), active, size, reclaimable);
}

static int summarize(const Usage *usage, json_t **ret) {
        /* There is no build cache yet; docker's scripts look for its row. */
        json_t *rows = json_pack("[o, o, o, o]", summarize_images(usage), summarize_containers(usage),
                                 summarize_volumes(usage), make_row("Build Cache", 0, 0, 0, 0));

        if (!rows)
                return -ENOMEM;
        *ret = rows;
        return 0;
}

static int print_summary(Ctl *ctl, const json_t *rows) {
        static const TableColumn columns[] = { { "TYPE", 0, 0 },
                                               { "TOTAL", 0, 2, .right = true },
                                               { "ACTIVE", 0, 3, .right = true },
                                               { "SIZE", 0, 0, .right = true },
                                               { "RECLAIMABLE", 0, 1, .right = true } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *row;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(rows, i, row) {
                uint64_t size = json_number(row, "Size"), reclaimable = json_number(row, "Reclaimable");
                char total[24], active[24], size_text[HUMAN_MAX], part[HUMAN_MAX];
                snprintf(total, sizeof(total), "%llu", (unsigned long long) json_number(row, "Total"));
                snprintf(active, sizeof(active), "%llu", (unsigned long long) json_number(row, "Active"));
                _cleanup_free_ char *percent =
                        format_string("%s (%u%%)", format_size_short(reclaimable, part),
                                      size > 0 ? (unsigned) (reclaimable * 100 / size) : 0);
                const char *cells[] = { json_text(row, "Type"), total, active,
                                        format_size_short(size, size_text), percent };
                if (r >= 0)
                        r = table_add(table, cells);
        }
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

/* ---- everything ---- */

static int add_image_row(Table *table, const json_t *image, uint64_t now) {
        char age[HUMAN_MAX], size[HUMAN_MAX], shared[HUMAN_MAX], unique[HUMAN_MAX], users[24];
        const json_t *names = json_object_get(image, "Names");
        const char *first = json_string_value(json_array_get(names, 0));
        _cleanup_free_ char *name = first ? image_familiar_name(first) : strdup("<none>");
        _cleanup_free_ char *id = strndup(image_short_id(json_text(image, "Id")), IMAGE_ID_SHORT);

        snprintf(users, sizeof(users), "%llu", (unsigned long long) json_number(image, "Containers"));
        const char *cells[] = { name,
                                id,
                                format_ago(json_number(image, "Created"), now, age),
                                format_size_short(json_number(image, "Size"), size),
                                format_size_short(json_number(image, "SharedSize"), shared),
                                format_size_short(json_number(image, "UniqueSize"), unique),
                                users };
        return name && id ? table_add(table, cells) : -ENOMEM;
}

static int print_images(Ctl *ctl, const json_t *images) {
        static const TableColumn columns[] = { { "IMAGE", 10, 0 },
                                               { "ID", 6, 3 },
                                               { "CREATED", 0, 4 },
                                               { "SIZE", 0, 0, .right = true },
                                               { "SHARED", 0, 1, .right = true },
                                               { "UNIQUE", 0, 1, .right = true },
                                               { "CONTAINERS", 0, 2, .right = true } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *image;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(images, i, image)
                if (r >= 0)
                        r = add_image_row(table, image, realtime_usec());
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

static int print_containers(Ctl *ctl, const json_t *containers) {
        static const TableColumn columns[] = {
                { "CONTAINER", 8, 0 }, { "IMAGE", 8, 2 }, { "STATE", 0, 1 }, { "SIZE", 0, 0, .right = true }
        };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *container;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(containers, i, container) {
                char size[HUMAN_MAX];
                const char *cells[] = { json_text(container, "Name"), json_text(container, "Image"),
                                        json_text(container, "Status"),
                                        format_size_short(json_number(container, "Size"), size) };
                if (r >= 0)
                        r = table_add(table, cells);
        }
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

static int print_all(Ctl *ctl, const Usage *usage) {
        ctl_page(ctl);
        int r = print_images(ctl, usage->images);
        if (r < 0)
                return r;
        putchar('\n');
        return print_containers(ctl, usage->containers);
}

/* ---- the verb ---- */

static int print_json(Ctl *ctl, const DiskOptions *o, const Usage *usage, json_t *rows, Error *error) {
        if (!o->verbose)
                return output_json(ctl, rows, error);
        _cleanup_json_ json_t *all =
                json_pack("{s:O, s:O}", "Images", usage->images, "Containers", usage->containers);
        int r = all ? json_format_times(all) : -ENOMEM;
        return r < 0 ? r : output_json(ctl, all, error);
}

int verb_df(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(usage_done) Usage usage = {};
        _cleanup_json_ json_t *rows = NULL;
        const DiskOptions *o = options;
        Ctl *ctl = context;

        int r = get_usage(ctl, &usage, error);
        if (r < 0)
                return r;
        r = summarize(&usage, &rows);
        if (r >= 0 && o->format)
                r = output_format(ctl, o->format, rows, error);
        else if (r >= 0 && ctl_wants_json(ctl))
                r = print_json(ctl, o, &usage, rows, error);
        else if (r >= 0)
                r = o->verbose ? print_all(ctl, &usage) : print_summary(ctl, rows);
        return r < 0 ? error_set_errno(error, r, "cannot print the disk usage") : EXIT_SUCCESS;
}
