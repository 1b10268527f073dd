/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "daemon.h"
#include "object-bus.h"
#include "strv.h"

typedef struct Update {
        sd_bus_message *message;
        char **live, **later;
} Update;

static Update *update_free(Update *update) {
        if (!update)
                return NULL;
        sd_bus_message_unref(update->message);
        strv_free(update->live);
        strv_free(update->later);
        free(update);
        return NULL;
}
DEFINE_CLEANUP(Update *, update_free);

static void reply_update(Container *c, const Error *why, void *userdata) {
        _cleanup_(update_freep) Update *update = userdata;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        if (why) {
                (void) bus_reply_error(update->message, -EIO, why);
                return;
        }
        if (sd_bus_message_new_method_return(update->message, &reply) >= 0 &&
            sd_bus_message_append_strv(reply, update->live) >= 0 &&
            sd_bus_message_append_strv(reply, update->later) >= 0)
                (void) sd_bus_send(NULL, reply, NULL);
}

static int update(Call *call, ContainerSpec *changes, char **names, const UpdateOptions *options,
                  Error *error) {
        _cleanup_(update_freep) Update *answer = new0(Update, 1);
        Container *c = call->object;
        int r;

        if (!answer || container_update_effects(c, names, &answer->live, &answer->later) < 0)
                return error_set_errno(error, -ENOMEM, "cannot change container \"%s\"", c->spec.name);
        answer->message = call_hold(call);
        if ((r = manager_check_update(call->daemon->manager, c, changes, names, error)) < 0)
                return r;
        if (options->dry_run || strv_isempty(names)) {
                reply_update(c, NULL, TAKE_PTR(answer));
                return 0;
        }
        r = container_update(c, changes, names, options, reply_update, answer, error);
        if (r >= 0)
                TAKE_PTR(answer);
        return r;
}

int method_update(Call *call, Error *error) {
        _cleanup_strv_free_ char **names = NULL;
        ContainerSpec changes;
        UpdateOptions options;

        int r = object_read_bus_part(&container_spec_type, &changes, call->message, &names, error);
        if (r < 0)
                return r;
        r = call_read_options(call, &update_options_type, &options, error);
        if (r >= 0)
                r = update(call, &changes, names, &options, error);
        object_done(&container_spec_type, &changes);
        return r;
}
