/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bus-json.h"
#include "bus.h"
#include "container-view.h"
#include "fd-util.h"
#include "human.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

const Option secret_create_options[] = {
        { 'l', "label", "KEY=VALUE", "Set a label", option_strings, offsetof(SecretCreateOptions, labels) },
        { 0, "replace", NULL, "Give another content to one that is there already", option_flag,
          offsetof(SecretCreateOptions, replace) },
        {},
};

void secret_create_options_done(void *options) {
        SecretCreateOptions *o = options;

        strv_free(o->labels);
}

static int open_content(const char *file, Error *error) {
        int fd = streq(file, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                  : open(file, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? error_set_errno(error, negative_errno(), "cannot open %s", file) : fd;
}

static int append_options(sd_bus_message *m, const SecretCreateOptions *o) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
            (o->replace && (r = sd_bus_message_append(m, "{sv}", "Replace", "b", 1)) < 0) ||
            (r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "Labels")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "a{ss}")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{ss}")) < 0)
                return r;
        STRV_FOREACH(label, o->labels) {
                _cleanup_free_ char *key = strndup(*label, strcspn(*label, "="));
                const char *equals = strchr(*label, '=');
                if (!key)
                        return -ENOMEM;
                if ((r = sd_bus_message_append(m, "{ss}", key, equals ? equals + 1 : "")) < 0)
                        return r;
        }
        return bus_close_containers(m, 4);
}

int verb_secret_create(void *context, char **arguments, void *options, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;
        Ctl *ctl = context;

        int r = ctl_check_local(ctl, error);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = open_content(arguments[1], error);
        if (fd < 0 || (r = ctl_message_new(ctl, NULL, NULL, "CreateSecret", &m, error)) < 0)
                return MIN(r, fd);
        if ((r = sd_bus_message_append(m, "sh", arguments[0], fd)) < 0 ||
            (r = append_options(m, options)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        r = ctl_call(ctl, m, CALL_FOR_EVER, NULL, error);
        if (r < 0)
                return ctl_cannot(error, r, "create secret", arguments[0]);
        puts(arguments[0]);
        return EXIT_SUCCESS;
}

int verb_secret_rm(void *context, char **arguments, void *options, Error *error) {
        int status = EXIT_SUCCESS;

        STRV_FOREACH(name, arguments) {
                _cleanup_error_ Error own = {};
                int r = ctl_call_method(context, NULL, NULL, "RemoveSecret", CALL_SHORT, NULL, &own, "s",
                                        *name);
                if (r < 0) {
                        (void) ctl_cannot(&own, r, "remove secret", *name);
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                } else
                        puts(*name);
        }
        return status;
}

/* berthd's properties of one secret with its users, as one object. */
static int read_secret(sd_bus_message *m, json_t **ret) {
        _cleanup_json_ json_t *secret = NULL, *users = NULL;

        int r = bus_message_to_json(m, &secret);
        if (r >= 0)
                r = bus_message_to_json(m, &users);
        if (r < 0)
                return r;
        if (json_object_set(secret, "UsedBy", users) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(secret);
        return 0;
}

static int read_secrets(sd_bus_message *m, json_t *list) {
        int r = sd_bus_message_enter_container(m, 'a', "(a{sv}as)");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "a{sv}as")) > 0) {
                json_t *secret;
                if ((r = read_secret(m, &secret)) < 0)
                        return r;
                if (json_array_append_new(list, secret) < 0)
                        return -ENOMEM;
                r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int print_table(const Ctl *ctl, json_t *list, Error *error) {
        static const TableColumn columns[] = {
                { "NAME", 8, 0, false },
                { "SIZE", 0, 0, true },
                { "CREATED", 0, 1, false },
                { "USED BY", 8, 2, false },
        };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *item;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(list, i, item) {
                char size[HUMAN_MAX], when[HUMAN_MAX];
                _cleanup_free_ char *users = NULL;
                if (r < 0)
                        break;
                users = json_join(json_object_get(item, "UsedBy"), ", ");
                r = table_add(table, (const char *const[]){
                                             json_text(item, "Name"),
                                             format_size_short(json_number(item, "Size"), size),
                                             format_ago(json_number(item, "Created"), realtime_usec(), when),
                                             users,
                                     });
        }
        if (r >= 0)
                r = table_print(table, stdout, !ctl->no_legend, table_output_width());
        return r < 0 ? error_set_errno(error, r, "cannot print") : EXIT_SUCCESS;
}

int verb_secret_ls(void *context, char **arguments, void *options, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ json_t *list = json_array();
        Ctl *ctl = context;
        json_t *item;
        size_t i;

        int r = ctl_call_method(ctl, NULL, NULL, "ListSecrets", CALL_SHORT, &reply, error, NULL);
        if (r < 0)
                return r;
        if (!list || (r = read_secrets(reply, list)) < 0)
                return error_set_errno(error, r < 0 ? r : -ENOMEM, "cannot understand berthd");
        if (ctl_wants_json(ctl)) {
                (void) json_format_times(list);
                return output_json(ctl, list, error);
        }
        if (!ctl->quiet)
                return print_table(ctl, list, error);
        json_array_foreach(list, i, item)
                puts(json_text(item, "Name"));
        return EXIT_SUCCESS;
}

int verb_secret_inspect(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *list = json_array();
        Ctl *ctl = context;
        int r = 0;

        STRV_FOREACH(name, arguments) {
                _cleanup_message_ sd_bus_message *reply = NULL;
                json_t *secret = NULL;
                r = ctl_call_method(ctl, NULL, NULL, "InspectSecret", CALL_SHORT, &reply, error, "s", *name);
                if (r < 0)
                        return ctl_cannot(error, r, "inspect secret", *name);
                if ((r = read_secret(reply, &secret)) < 0 || json_array_append_new(list, secret) < 0)
                        return error_set_errno(error, r < 0 ? r : -ENOMEM, "cannot understand berthd");
        }
        (void) json_format_times(list);
        return output_json(ctl, list, error);
}
