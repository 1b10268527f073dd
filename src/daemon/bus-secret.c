/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "daemon.h"
#include "manager-secrets.h"
#include "object-bus.h"
#include "strv.h"

/* The manager's methods for secrets. No message ever has the content of one: it comes by a descriptor that only a worker
 * reads, and nothing gives it back but a start of a container. */

static void reply_created(const Error *error, void *userdata) {
        call_done(NULL, error, userdata);
}

int method_create_secret(Call *call, Error *error) {
        SecretOptions options;
        const char *name;
        int content, r;

        if ((r = call_read(call, error, "sh", &name, &content)) < 0 ||
            (r = call_read_options(call, &secret_options_type, &options, error)) < 0)
                return r;
        sd_bus_message *held = call_hold(call);
        r = call_started(manager_create_secret(call->daemon->manager, name, content, &options, reply_created,
                                               held, error),
                         held);
        object_done(&secret_options_type, &options);
        return r;
}

/* What is known of it, and the containers that are given it. */
static int append_secret(sd_bus_message *m, Manager *manager, const SecretSpec *secret) {
        _cleanup_strv_free_ char **users = NULL;

        int r = manager_secret_users(manager, secret->name, &users);
        if (r >= 0)
                r = object_append_bus(&secret_spec_type, secret, m, OBJECT_INTERNAL);
        return r < 0 ? r : sd_bus_message_append_strv(m, users);
}

int method_list_secrets(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Manager *m = call->daemon->manager;

        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(a{sv}as)");
        for (size_t i = 0; r >= 0 && i < m->secrets.n; i++)
                if ((r = sd_bus_message_open_container(reply, 'r', "a{sv}as")) >= 0 &&
                    (r = append_secret(reply, m, LIST_ITEM(&m->secrets, SecretSpec, i))) >= 0)
                        r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? error_set_errno(error, r, "cannot list the secrets") : sd_bus_send(NULL, reply, NULL);
}

int method_inspect_secret(Call *call, Error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const SecretSpec *secret;
        const char *name;
        int r;

        if ((r = call_read(call, error, "s", &name)) < 0 ||
            (r = manager_find_secret(call->daemon->manager, name, &secret, error)) < 0)
                return r;
        r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_secret(reply, call->daemon->manager, secret);
        return r < 0 ? error_set_errno(error, r, "cannot describe the secret \"%s\"", name)
                     : sd_bus_send(NULL, reply, NULL);
}

int method_remove_secret(Call *call, Error *error) {
        const char *name;

        int r = call_read(call, error, "s", &name);
        if (r >= 0)
                r = manager_remove_secret(call->daemon->manager, name, error);
        return r < 0 ? r : call_reply(call);
}
