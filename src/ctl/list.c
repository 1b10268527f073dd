/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cgroup.h"
#include "container-view.h"
#include "filter.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(ListOptions, member)

const Option list_options[] = {
        { 'a', "all", NULL, "Also those that do not run", option_flag, O(all) },
        { 'f', "filter", "NAME=VALUE",
          "Only those with this name, id, label, status, ancestor (image), exited (code), before or since "
          "(container)",
          option_strings, O(filters) },
        { 0, "format", "TEMPLATE", "Print each by a template ({{.Name}}), \"table …\" or json",
          option_string, O(format) },
        { 'n', "last", "NUMBER", "Only the last created", option_unsigned, O(last) },
        { 'l', "latest", NULL, "Only the one created last", option_flag, O(latest) },
        { 0, "no-trunc", NULL, "Do not shorten to the width of the terminal", option_flag, O(no_trunc) },
        { 's', "size", NULL, NULL, option_flag, O(size) },
        {},
};

void list_options_done(void *options) {
        ListOptions *o = options;

        strv_free(o->filters);
}

/* ---- order ---- */

static int newer_first(const void *a, const void *b) {
        uint64_t x = json_number(*(json_t *const *) a, "Created"),
                 y = json_number(*(json_t *const *) b, "Created");

        return x < y ? 1 : x > y ? -1 : 0;
}

/* The n newest, newest first. */
static int keep_newest(json_t *list, size_t n) {
        size_t total = json_array_size(list);
        _cleanup_free_ json_t **items = new0(json_t *, total + 1);

        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < total; i++)
                items[i] = json_incref(json_array_get(list, i));
        qsort(items, total, sizeof(json_t *), newer_first);
        int r = json_array_clear(list) < 0 ? -ENOMEM : 0;
        for (size_t i = 0; i < total; i++) {
                if (i < n && r >= 0 && json_array_append(list, items[i]) < 0)
                        r = -ENOMEM;
                json_decref(items[i]);
        }
        return r;
}

/* ---- the table ---- */

static const TableColumn columns[] = {
        { "NAME", 8, 0 },
        { "IMAGE", 8, 2 },
        { "STATE", 6, 0 },
        { "SINCE", 0, 3 },
        { "ADDRESS", 8, 4 },
        { "PORTS", 6, 5 },
        { "CPU", 0, 7, .right = true },
        { "MEMORY", 0, 6, .right = true },
};

/* Of one processor, since it was started. */
static void format_cpu(const CgroupUsage *usage, uint64_t since, uint64_t now,
                       char buffer[static HUMAN_MAX]) {
        if (usage->cpu_usec == CGROUP_UNKNOWN || since == 0 || now <= since)
                snprintf(buffer, HUMAN_MAX, "%s", glyph(GLYPH_DASH));
        else
                snprintf(buffer, HUMAN_MAX, "%.1f%%",
                         100.0 * (double) usage->cpu_usec / (double) (now - since));
}

static void format_memory(const CgroupUsage *usage, char buffer[static HUMAN_MAX]) {
        if (usage->memory >= CGROUP_UNLIMITED)
                snprintf(buffer, HUMAN_MAX, "%s", glyph(GLYPH_DASH));
        else
                (void) format_size_short(usage->memory, buffer);
}

/* Addresses without their prefix length, the first one only: the others are in `status`. */
static char *first_address(const json_t *properties) {
        const char *s = json_string_value(json_array_get(json_object_get(properties, "Addresses"), 0));

        return s ? strndup(s, strcspn(s, "/")) : strdup(glyph(GLYPH_DASH));
}

static int add_container(const Ctl *ctl, Table *table, const json_t *item, uint64_t now) {
        char since[HUMAN_MAX], cpu[HUMAN_MAX], memory[HUMAN_MAX];
        _cleanup_free_ char *state = container_state_text(item), *address = first_address(item);
        _cleanup_free_ char *ports = json_join(json_object_get(item, "Ports"), ", ");
        CgroupUsage usage;

        if (!state || !address || !ports)
                return -ENOMEM;
        cgroup_usage(ctl->host || !container_is_running(item) ? NULL : json_text(item, "ControlGroup"),
                     &usage);
        format_cpu(&usage, json_number(item, "Started"), now, cpu);
        format_memory(&usage, memory);
        const char *cells[] = { json_text(item, "Name"),
                                json_text(item, "Image"),
                                state,
                                format_ago(container_since(item), now, since),
                                address,
                                *ports ? ports : glyph(GLYPH_DASH),
                                cpu,
                                memory };
        int r = table_add(table, cells);
        if (r >= 0)
                table_set_color(table, 2, container_state_color(item));
        return r;
}

static size_t count_running(const json_t *list) {
        json_t *item;
        size_t i, n = 0;

        json_array_foreach(list, i, item)
                n += container_is_running(item);
        return n;
}

static int print_table(Ctl *ctl, const ListOptions *o, json_t *list) {
        _cleanup_(table_freep) Table *table = NULL;
        size_t i, n = json_array_size(list), running = count_running(list);
        json_t *item;

        if (n == 0) {
                if (!ctl->no_legend)
                        puts(o->all && !o->filters ? "No containers yet: berthctl run -it IMAGE makes one."
                             : o->filters          ? "No containers like that."
                                                   : "No containers run (berthctl list shows all).");
                return 0;
        }
        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(list, i, item)
                if (r >= 0)
                        r = add_container(ctl, table, item, realtime_usec());
        if (r < 0)
                return r;
        ctl_page(ctl);
        r = table_print(table, stdout, !ctl->no_legend, o->no_trunc ? 0 : table_output_width());
        if (r >= 0 && !ctl->no_legend)
                printf("%zu container%s, %zu running.\n", n, n == 1 ? "" : "s", running);
        return r;
}

/* What templates see: properties under docker's names as well, times as text. */
static int prepare_for_template(json_t *list) {
        json_t *item;
        size_t i;
        int r;

        json_array_foreach(list, i, item)
                if ((r = container_add_docker_fields(item)) < 0)
                        return r;
        return json_format_times(list);
}

static int list_containers(Ctl *ctl, ListOptions *o, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_(container_filter_done) ContainerFilter filter = { .all = o->all };
        int r;

        if ((r = container_filter_parse(o->filters, &filter, error)) < 0 ||
            (r = ctl_list(ctl, "ListContainers", container_filter_append, &filter, &list, error)) < 0)
                return r;
        uint32_t last = o->latest ? 1 : o->last;
        if (last > 0)
                r = keep_newest(list, last);
        if (r >= 0 && ctl->quiet)
                r = output_names(list);
        else if (r >= 0 && o->format) {
                r = prepare_for_template(list);
                if (r >= 0)
                        return output_format(ctl, o->format, list, error);
        } else if (r >= 0 && ctl_wants_json(ctl)) {
                r = json_format_times(list);
                if (r >= 0)
                        return output_json(ctl, list, error);
        } else if (r >= 0)
                r = print_table(ctl, o, list);
        return r < 0 ? error_set_errno(error, r, "cannot list containers") : EXIT_SUCCESS;
}

int verb_list(void *context, char **arguments, void *options, Error *error) {
        ListOptions *o = options;

        o->all = true;
        return list_containers(context, o, error);
}

int verb_ps(void *context, char **arguments, void *options, Error *error) {
        ListOptions *o = options;

        o->all = o->all || o->latest || o->last > 0;
        return list_containers(context, o, error);
}
