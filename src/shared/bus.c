/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"
#include "string-util.h"
#include "strv.h"

int bus_reply_error(sd_bus_message *call, int r, const Error *error) {
        if (!error || error->kind == ERROR_NONE) {
                Error made = {};
                error_set_errno(&made, r < 0 ? r : -EIO, "the call failed");
                r = bus_reply_error(call, r, &made);
                error_done(&made);
                return r;
        }
        return sd_bus_reply_method_errorf(call, error_kind_to_bus_name(error->kind), "%s",
                                          error->message ?: "out of memory");
}

int bus_error_get(sd_bus_message *reply, ErrorKind fallback, Error *ret) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        if (!e)
                return 0;
        bool own = startswith(e->name, "org.berth1.Error.");
        return error_set(ret, own ? error_kind_from_bus_name(e->name) : fallback, "%s",
                         isempty(e->message) ? e->name : e->message);
}

bool bus_reply_is_error(sd_bus_message *reply, const char *name) {
        return sd_bus_error_has_name(sd_bus_message_get_error(reply), name);
}

char *bus_object_path(const char *prefix, const char *name) {
        char *path;

        return sd_bus_path_encode(prefix, name, &path) < 0 ? NULL : path;
}

int bus_object_name(const char *path, const char *prefix, char **ret) {
        int r = sd_bus_path_decode(path, prefix, ret);

        return r < 0 ? r : r == 0 ? -ENOENT : 0;
}

int bus_close_containers(sd_bus_message *m, unsigned n) {
        int r = 0;

        for (; n > 0 && r >= 0; n--)
                r = sd_bus_message_close_container(m);
        return r;
}

int bus_append_strv_entry(sd_bus_message *m, const char *key, char *const *values) {
        int r;

        if (strv_isempty(values))
                return 0;
        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "as")) < 0 ||
            (r = sd_bus_message_append_strv(m, (char **) values)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}
