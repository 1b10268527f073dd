/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver.h"
#include "fd-util.h"
#include "firewall.h"
#include "helper.h"
#include "link.h"
#include "log.h"
#include "string-util.h"
#include "strv.h"
#include "sysctl.h"

typedef struct Context {
        NetworkKernel kernel;
        Firewall firewall;
        char packet[HELPER_PACKET_MAX + 1];
} Context;

typedef int (*VerbFunction)(Context *context, const NetworkDriver *driver, const HelperRequest *request,
                            int fd, Error *error);

static int do_setup(Context *context, const NetworkDriver *driver, const HelperRequest *request, int fd,
                    Error *error) {
        int r = driver->setup(&context->kernel, &request->network, error);
        return r < 0 ? r
                     : firewall_ensure(&context->firewall, request->ruleset, request->network.interface,
                                       error);
}

static int do_attach(Context *context, const NetworkDriver *driver, const HelperRequest *request, int fd,
                     Error *error) {
        if (fd < 0)
                return error_set(error, ERROR_INVALID, "a network namespace is missing");

        /* What is needed was looked at when the addresses were reserved; it takes someone to remove it since then. */
        _cleanup_error_ Error first = {};
        int r = driver->attach(&context->kernel, &request->network, &request->endpoint, fd, &first);
        if (r >= 0)
                return 0;
        log_debug("Attaching %s failed (%s), checking its network.", request->endpoint.host_interface,
                  error_text(&first));
        r = do_setup(context, driver, request, fd, error);
        return r < 0 ? r
                     : driver->attach(&context->kernel, &request->network, &request->endpoint, fd, error);
}

static int do_detach(Context *context, const NetworkDriver *driver, const HelperRequest *request, int fd,
                     Error *error) {
        return driver->detach(&context->kernel, &request->network, &request->endpoint, error);
}

static int do_restore(Context *context, const NetworkDriver *driver, const HelperRequest *request, int fd,
                      Error *error) {
        int r = do_setup(context, driver, request, fd, error);
        if (r >= 0)
                r = driver->restore(&context->kernel, &request->network, request->members, error);
        context->kernel.repaired = false; /* this was the repair */
        return r;
}

static int do_teardown(Context *context, const NetworkDriver *driver, const HelperRequest *request, int fd,
                       Error *error) {
        return driver->teardown(&context->kernel, &request->network, error);
}

typedef struct Sweep {
        char *const *members;
        int orphans[128];
        size_t n;
} Sweep;

static int note_orphan(const Link *link, void *userdata) {
        Sweep *sweep = userdata;

        if (sweep->n < ELEMENTSOF(sweep->orphans) && host_interface_is_ours(link->name) &&
            !strv_contains(sweep->members, link->name))
                sweep->orphans[sweep->n++] = link->index;
        return 0;
}

static int do_sweep(Context *context, const NetworkDriver *driver, const HelperRequest *request, int fd,
                    Error *error) {
        /* A round takes as many as fit; one in which none can be removed is the last. */
        for (;;) {
                Sweep sweep = { .members = request->members };
                size_t removed = 0;

                int r = link_each(context->kernel.route, "veth", note_orphan, &sweep);
                if (r < 0 && r != -EINTR)
                        return error_set_errno(error, r, "cannot list the network interfaces");
                for (size_t i = 0; i < sweep.n; i++)
                        removed += link_remove(context->kernel.route, sweep.orphans[i]) == 0;
                if (removed == 0)
                        return 0;
        }
}

static const VerbFunction verbs[] = {
        [HELPER_SETUP] = do_setup,     [HELPER_ATTACH] = do_attach, [HELPER_DETACH] = do_detach,
        [HELPER_RESTORE] = do_restore, [HELPER_SWEEP] = do_sweep,   [HELPER_TEARDOWN] = do_teardown,
};

static int perform(Context *context, const char *text, size_t size, int fd, Error *error) {
        HelperRequest request;

        int r = object_from_json_text(&helper_request_type, &request, text, size, 0, error);
        if (r < 0)
                return r;
        const NetworkDriver *driver = network_driver_find(request.network.driver);
        if (driver)
                r = verbs[request.verb](context, driver, &request, fd, error);
        else
                r = error_set(error, ERROR_UNSUPPORTED, "there is no network driver \"%s\"",
                              request.network.driver);
        object_done(&helper_request_type, &request);
        return r;
}

static int reply(int socket, const Context *context, int r, Error *error) {
        HelperReply reply = { .repaired = context->kernel.repaired };
        size_t size;

        if (r < 0) {
                (void) error_set_errno(error, r, "cannot do what was asked");
                reply.kind = (char *) error_kind_to_string(error->kind);
                reply.message = error->message;
        }
        _cleanup_free_ char *text =
                object_to_json_text(&helper_reply_type, &reply, OBJECT_INTERNAL, false, &size);
        return text ? send_message(socket, text, size, NULL, 0) : -ENOMEM;
}

static int serve_one(int socket, Context *context) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_error_ Error error = {};
        size_t n_fds = 1;

        ssize_t size = receive_message(socket, context->packet, sizeof(context->packet), &fd, &n_fds);
        if (size <= 0)
                return (int) size;
        context->kernel.repaired = false;
        int r = perform(context, context->packet, (size_t) size, n_fds > 0 ? fd : -EBADF, &error);
        r = reply(socket, context, r, &error);
        return r < 0 ? r : 1;
}

/* Netlink checks the sender's capabilities, and the switches in /proc/sys/net can be written with this one alone. */
static int drop_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
                { .effective = 1U << CAP_NET_ADMIN, .permitted = 1U << CAP_NET_ADMIN },
        };

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return negative_errno();
        return syscall(SYS_capset, &header, data) < 0 ? negative_errno() : 0;
}

_noreturn_ void helper_main(int socket) {
        Context *context = new0(Context, 1);
        int r = context ? netlink_open(NETLINK_ROUTE, &context->kernel.route) : -ENOMEM;

        if (r >= 0)
                r = drop_capabilities();
        if (r >= 0)
                context->kernel.ipv6 = sysctl_has_ipv6();
        while (r >= 0) {
                r = serve_one(socket, context);
                if (r == 0 || r == -ECONNRESET || r == -EPIPE) /* berthd is gone */
                        _exit(EXIT_SUCCESS);
        }
        log_error_errno(r, "The network helper gives up: %m");
        _exit(EXIT_FAILURE);
}
