/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "change-list.h"
#include "output.h"
#include "string-util.h"
#include "table.h"
#include "verbs-ctl.h"

/* ---- top ---- */

/* The id inside the container of one on the host. */
static uint64_t inner_uid(const json_t *properties, uint32_t uid) {
        uint64_t base = json_number(properties, "UIDBase"), count = json_number(properties, "UIDCount");

        return count > 0 && uid >= base && uid < base + count ? uid - base : uid;
}

static int add_process(const json_t *properties, json_t *list, uint32_t pid, uint32_t uid, const char *name,
                       const char *line) {
        json_t *item = json_pack("{s:I, s:I, s:I, s:s%, s:s%}", "PID", (json_int_t) pid, "UID",
                                 (json_int_t) inner_uid(properties, uid), "HostUID", (json_int_t) uid,
                                 "Name", name, strlen(name), "Command", isempty(line) ? name : line,
                                 strlen(isempty(line) ? name : line));

        return item && json_array_append_new(list, item) >= 0 ? 0 : -EINVAL;
}

static int read_processes(sd_bus_message *reply, const json_t *properties, json_t *list) {
        const char *name, *line;
        uint32_t pid, uid;
        int r;

        if ((r = sd_bus_message_enter_container(reply, 'a', "(uuss)")) < 0)
                return r;
        while ((r = sd_bus_message_read(reply, "(uuss)", &pid, &uid, &name, &line)) > 0)
                /* Command lines are bytes; what is no text is left out of JSON, not out of the list. */
                if (add_process(properties, list, pid, uid, name, line) < 0 &&
                    (r = add_process(properties, list, pid, uid, "?", "?")) < 0)
                        return r;
        return r;
}

static int print_processes(Ctl *ctl, const json_t *list) {
        static const TableColumn columns[] = { { "PID", 0, 0, .right = true },
                                               { "UID", 0, 1, .right = true },
                                               { "COMMAND", 10, 0 } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *item;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(list, i, item) {
                char pid[24], uid[24];
                snprintf(pid, sizeof(pid), "%llu", (unsigned long long) json_number(item, "PID"));
                snprintf(uid, sizeof(uid), "%llu", (unsigned long long) json_number(item, "UID"));
                const char *cells[] = { pid, uid, json_text(item, "Command") };
                if (r >= 0)
                        r = table_add(table, cells);
        }
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

int verb_top(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *properties = NULL, *list = json_array();
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        Ctl *ctl = context;
        int r;

        if ((r = ctl_find_container(ctl, arguments[0], &path, error)) < 0 ||
            (r = ctl_properties(ctl, path, CONTAINER_INTERFACE, &properties, error)) < 0 ||
            (r = ctl_call_method(ctl, path, CONTAINER_INTERFACE, "Processes", CALL_SHORT, &reply, error,
                                 NULL)) < 0)
                return ctl_cannot(error, r, "show the processes of", arguments[0]);
        if (!list || (r = read_processes(reply, properties, list)) < 0)
                return error_set_errno(error, list ? r : -ENOMEM, "cannot understand berthd");
        if (ctl_wants_json(ctl))
                return output_json(ctl, list, error);
        r = print_processes(ctl, list);
        return r < 0 ? error_set_errno(error, r, "cannot print the processes") : EXIT_SUCCESS;
}

/* ---- diff ---- */

int verb_diff(void *context, char **arguments, void *options, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        Ctl *ctl = context;
        int fd, r;

        if ((r = ctl_find_container(ctl, arguments[0], &path, error)) < 0 ||
            (r = ctl_call_method(ctl, path, CONTAINER_INTERFACE, "Changes", CALL_SHORT, &reply, error,
                                 NULL)) < 0)
                return ctl_cannot(error, r, "compare", arguments[0]);
        if ((r = sd_bus_message_read_basic(reply, 'h', &fd)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        r = change_list_print(ctl, fd, error);
        return r < 0 ? ctl_cannot(error, r, "compare", arguments[0]) : EXIT_SUCCESS;
}
