/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/prctl.h>
#include <unistd.h>

#include "child-message.h"
#include "fd-util.h"
#include "plan-apply.h"
#include "process.h"
#include "shim.h"

static int set_up(const Shim *shim, const Plan *plan, PlanContext *context, Error *error) {
        int r = 0;

        /* In a pid namespace that others are in this is the host's program with the host's memory, until the command
         * replaces it. */
        if (shim->spec.pid.mode != LAUNCH_PRIVATE && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return error_set_errno(error, negative_errno(), "cannot become invisible");
        if (shim->spec.uid_count > 0) {
                r = child_expect(PROCESS_CHANNEL, CHILD_MAPPED, NULL);
                if (r >= 0)
                        r = process_become_root();
        }
        if (r < 0)
                return error_set_errno(error, r, "cannot become root of the user namespace");
        return plan_apply(plan, context, error);
}

/* Says why at once, but does not end before GO: see shim_start(). */
_noreturn_ static void fail(const PlanContext *context, Error *error) {
        int kind = context->gone ? CHILD_GO : CHILD_MOUNT;

        process_report(error);
        while (kind > 0 && kind != CHILD_GO) {
                _cleanup_close_ int fd = -EBADF;
                kind = child_receive(PROCESS_CHANNEL, &fd, NULL);
        }
        _exit(error_kind_to_exit_status(error->kind));
}

void init_run(const Shim *shim, const Plan *plan, int channel, const SessionPipes *pipes) {
        const LaunchSpec *spec = &shim->spec;
        PlanContext context = PLAN_CONTEXT_INIT;
        const SyscallFilter *filter;
        Error error = {};

        int r = process_begin(channel, pipes, NULL);
        if (r < 0)
                _exit(1);
        context.spec = spec;
        context.channel = PROCESS_CHANNEL;
        r = process_read_filter(spec, &filter, &error);
        if (r >= 0)
                r = set_up(shim, plan, &context, &error);
        if (r < 0)
                fail(&context, &error);

        int terminal = TAKE_FD(context.terminal);
        plan_context_done(&context);
        process_execute(
                &(ProcessSpec){
                        .arguments = spec->arguments,
                        .environment = spec->environment,
                        .user = spec->user,
                        .groups = spec->groups,
                        .working_directory = spec->working_directory,
                        .capabilities = spec->capabilities,
                        .no_new_privileges = spec->no_new_privileges,
                        .filter = filter,
                        .apparmor_profile = spec->apparmor_profile,
                        .selinux_label = spec->selinux_label,
                        .with_reaper = spec->init,
                },
                pipes, terminal);
}
