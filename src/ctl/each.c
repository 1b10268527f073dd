/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "ctl.h"
#include "string-util.h"
#include "strv.h"

typedef struct Each Each;

typedef struct EachOne {
        Each *each;
        const char *name;
        char *path;
        sd_bus_slot *slot;
} EachOne;

struct Each {
        const EachCall *call;
        bool quiet;
        size_t pending;
        bool failed;
};

static void report_failure(Each *each, const EachOne *one, int r, Error *error) {
        if (error->kind == ERROR_NO_SUCH_CONTAINER && each->call->missing_is_fine)
                return;
        (void) ctl_cannot(error, r, each->call->verb, one->name);
        ctl_report(error);
        each->failed = true;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ignored) {
        EachOne *one = userdata;
        Each *each = one->each;
        _cleanup_error_ Error error = {};
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        each->pending--;
        if (e) {
                int r = ctl_error_from_bus(e, 0, &error);
                if (!(error.kind == ERROR_ALREADY && each->call->already_is_fine)) {
                        report_failure(each, one, r, &error);
                        return 0;
                }
        }
        if (each->call->succeeded && !e)
                (void) each->call->succeeded(one->name, reply, each->call->userdata);
        else if (!each->call->succeeded && !each->quiet)
                puts(one->name);
        return 0;
}

static int begin(Ctl *ctl, EachOne *one, Error *error) {
        const EachCall *call = one->each->call;
        _cleanup_message_ sd_bus_message *m = NULL;

        int r = ctl_message_new(ctl, one->path, CONTAINER_INTERFACE, call->member, &m, error);
        if (r < 0)
                return r;
        if ((call->append && (r = call->append(m, call->userdata)) < 0) ||
            (r = sd_bus_call_async(ctl->bus, &one->slot, m, on_reply, one, CALL_FOR_EVER)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        one->each->pending++;
        return 0;
}

static int wait_for_all(Ctl *ctl, Each *each, Error *error) {
        while (each->pending > 0) {
                int r = sd_bus_process(ctl->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(ctl->bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return error_set_errno(error, r, "the connection to the bus was lost");
        }
        return 0;
}

static bool is_repeated(const EachOne *ones, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (streq_ptr(ones[k].path, ones[i].path))
                        return true;
        return false;
}

int ctl_call_each(Ctl *ctl, char **names, const EachCall *call, Error *error) {
        Each each = { .call = call, .quiet = ctl->quiet };
        size_t n = strv_length(names);
        _cleanup_free_ EachOne *ones = new0(EachOne, n + 1);

        if (!ones)
                return error_set_errno(error, -ENOMEM, "cannot %s", call->verb);
        for (size_t i = 0; i < n; i++) {
                _cleanup_error_ Error own = {};
                ones[i] = (EachOne){ .each = &each, .name = names[i] };
                int r = ctl_find_container(ctl, names[i], &ones[i].path, &own);
                if (r >= 0 && !is_repeated(ones, i))
                        r = begin(ctl, &ones[i], &own);
                if (r < 0)
                        report_failure(&each, &ones[i], r, &own);
        }
        int r = wait_for_all(ctl, &each, error);
        for (size_t i = 0; i < n; i++) {
                sd_bus_slot_unref(ones[i].slot);
                free(ones[i].path);
        }
        return r < 0 ? r : each.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
