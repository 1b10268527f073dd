/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "bus.h"
#include "daemon.h"
#include "log.h"
#include "object-bus.h"
#include "string-util.h"

int call_malformed(int r, Error *error) {
        return error_set(error, ERROR_INVALID, "the message is malformed: %s", strerror(-r));
}

static int reply_error(sd_bus_message *m, int r, const Error *error, bool interaction_helps) {
        /* Tells clients to ask again, with a password. */
        if (interaction_helps && sd_bus_message_get_allow_interactive_authorization(m) <= 0)
                return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                                                  "%s: a password is needed", error_text(error));
        return bus_reply_error(m, r, error);
}

int method_dispatch(Daemon *daemon, const Method *methods, sd_bus_message *m, void *object,
                    const char *const *details) {
        const char *name = sd_bus_message_get_member(m);
        _cleanup_error_ Error error = {};
        bool interaction_helps;

        while (methods->name && !streq(methods->name, name))
                methods++;
        if (!methods->name)
                return 0;
        int r = polkit_authorize(daemon->polkit, m, methods->action, details, &interaction_helps, &error);
        if (r == 0)
                return 1; /* it comes again */
        if (r < 0)
                return reply_error(m, r, &error, interaction_helps);

        Call call = { .daemon = daemon, .message = m, .action = methods->action, .object = object };
        r = methods->run(&call, &error);
        if (r < 0) {
                log_debug("%s: %s", name, error_text(&error));
                return bus_reply_error(m, r, &error);
        }
        return 1;
}

int call_reply(Call *call) {
        return sd_bus_reply_method_return(call->message, "");
}

sd_bus_message *call_hold(Call *call) {
        return sd_bus_message_ref(call->message);
}

void call_done(Container *container, const Error *error, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = userdata;

        int r = error ? bus_reply_error(m, -EIO, error) : sd_bus_reply_method_return(m, "");
        if (r < 0)
                log_debug_errno(r, "Failed to reply: %m");
}

int call_started(int r, sd_bus_message *held) {
        if (r < 0)
                sd_bus_message_unref(held);
        return r < 0 ? r : 0;
}

int call_read_options(Call *call, const ObjectType *type, void *options, Error *error) {
        return object_read_bus(type, options, call->message, OBJECT_STRICT, error);
}

int call_read(Call *call, Error *error, const char *types, ...) {
        va_list ap;

        va_start(ap, types);
        int r = sd_bus_message_readv(call->message, types, ap);
        va_end(ap);
        return r < 0 ? call_malformed(r, error) : r == 0 ? call_malformed(-ENODATA, error) : 0;
}
