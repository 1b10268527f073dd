/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "daemon.h"
#include "log.h"
#include "registries-conf.h"
#include "string-util.h"
#include "time-util.h"

/* berthd: new, load, request the name, run. Everything it owns outlives it: containers under their shims, files in the
 * state directory. */

#define SETTLE_TURN_USEC (50 * USEC_PER_MSEC)
#define SETTLE_TURNS 200

static Daemon *daemon_free(Daemon *daemon) {
        if (!daemon)
                return NULL;
        manager_free(daemon->manager);
        polkit_free(daemon->polkit);
        sd_bus_flush_close_unref(daemon->bus);
        sd_event_unref(daemon->event);
        free(daemon);
        return NULL;
}
DEFINE_CLEANUP(Daemon *, daemon_free);

/* Each container takes three descriptors. Shims get the usual limit back (shims.c). */
static void raise_file_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
}

static int connect_bus(Daemon *daemon) {
        int r;

        if ((r = sd_bus_open_system_with_description(&daemon->bus, "berthd")) < 0 ||
            (r = sd_bus_attach_event(daemon->bus, daemon->event, SD_EVENT_PRIORITY_NORMAL)) < 0 ||
            (r = sd_bus_set_exit_on_disconnect(daemon->bus, true)) < 0)
                return log_error_errno(r, "Failed to connect to the system bus: %m");
        return 0;
}

/* At a shutdown systemd stops berthd as soon as the scopes are empty, which may be before the last shims have reported
 * how their containers ended. */
static int on_settle_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *daemon = userdata;

        if (daemon->settle_turns-- == 0 || !manager_is_stopping(daemon->manager))
                return sd_event_exit(daemon->event, 0);
        (void) sd_event_source_set_time_relative(source, SETTLE_TURN_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Daemon *daemon = userdata;

        (void) sd_notify(false, "STOPPING=1");
        if (daemon->settle_turns > 0 || !manager_is_stopping(daemon->manager) ||
            sd_event_add_time_relative(daemon->event, NULL, CLOCK_MONOTONIC, SETTLE_TURN_USEC, 0,
                                       on_settle_timer, daemon) < 0)
                return sd_event_exit(daemon->event, 0);
        daemon->settle_turns = SETTLE_TURNS;
        return 0;
}

/* Without the files, short names mean what they always did, and workers refuse to speak to registries: better than no
 * berthd at all. */
static void load_names(void) {
        _cleanup_error_ Error error = {};

        if (registries_conf_load_names(&error) < 0)
                log_error("%s; nothing can be pulled or pushed until that is mended.", error_text(&error));
}

/* What runs goes on with what it was started with. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Daemon *daemon = userdata;

        (void) sd_notify(false, "RELOADING=1");
        load_names();
        int r = manager_load_configuration(daemon->manager);
        if (r < 0)
                log_error_errno(r, "Failed to read the configuration again; going on with the old one: %m");
        else
                log_info("Configuration read again.");
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int daemon_new(Daemon **ret) {
        _cleanup_(daemon_freep) Daemon *daemon = new0(Daemon, 1);
        int r;

        if (!daemon)
                return log_oom();
        if ((r = sd_event_default(&daemon->event)) < 0 ||
            (r = sd_event_add_signal(daemon->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_terminate,
                                     daemon)) < 0 ||
            (r = sd_event_add_signal(daemon->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_terminate,
                                     daemon)) < 0 ||
            (r = sd_event_add_signal(daemon->event, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_reload,
                                     daemon)) < 0)
                return log_error_errno(r, "Failed to set up the event loop: %m");
        (void) sd_event_set_watchdog(daemon->event, true);
        if ((r = connect_bus(daemon)) < 0)
                return r;
        if ((r = polkit_new(daemon->bus, &daemon->polkit)) < 0 ||
            (r = manager_new(daemon->event, daemon->bus, &daemon_hooks, daemon, &daemon->manager)) < 0 ||
            (r = bus_manager_add(daemon)) < 0 || (r = bus_container_add(daemon)) < 0 ||
            (r = bus_image_add(daemon)) < 0 || (r = bus_job_add(daemon)) < 0 ||
            (r = bus_volume_add(daemon)) < 0)
                return log_error_errno(r, "Failed to set up the D-Bus objects: %m");
        *ret = TAKE_PTR(daemon);
        return 0;
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Daemon *daemon = userdata;
        uint32_t answer;

        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &answer) < 0 ||
            answer != 1) {
                log_error("Failed to get the name %s on the system bus: another berthd has it, or its "
                          "policy is not installed.",
                          BERTH_NAME);
                return sd_event_exit(daemon->event, EXIT_FAILURE);
        }
        daemon->announcing = true;
        (void) sd_notify(false, "READY=1");
        manager_begin(daemon->manager);
        return 1;
}

static int run(void) {
        _cleanup_(daemon_freep) Daemon *daemon = NULL;
        _cleanup_error_ Error error = {};

        raise_file_limit();
        load_names();
        int r = daemon_new(&daemon);
        if (r < 0)
                return r;
        if (manager_load(daemon->manager, &error) < 0) {
                log_error("%s", error_text(&error));
                return -EIO;
        }
        r = sd_bus_request_name_async(daemon->bus, NULL, BERTH_NAME, 0, on_name, daemon);
        if (r < 0)
                return log_error_errno(r, "Failed to request the name %s: %m", BERTH_NAME);
        return sd_event_loop(daemon->event);
}

int main(int argc, char **argv) {
        log_setup("berthd");
        if (argc == 2 && streq(argv[1], "--version")) {
                puts("berth " BERTH_VERSION);
                return EXIT_SUCCESS;
        }
        if (argc > 1) {
                fprintf(argc == 2 && streq(argv[1], "--help") ? stdout : stderr,
                        "berthd: manages containers. It is started by systemd (berthd.service) and takes no "
                        "arguments; see berthctl(1).\n");
                return argc == 2 && streq(argv[1], "--help") ? EXIT_SUCCESS : EXIT_FAILURE;
        }
        return run() != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
