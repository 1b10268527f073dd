/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"
#include "capability.h"
#include "child-message.h"
#include "command.h"
#include "fd-util.h"
#include "process-util.h"
#include "process.h"
#include "pty-util.h"
#include "reaper.h"
#include "security-label.h"
#include "string-util.h"
#include "strv.h"

int process_begin(int channel, const SessionPipes *pipes, int *keep) {
        int kept = PROCESS_CHANNEL + 1;

        reset_signals();
        (void) setsid();
        for (int i = 0; i < 3; i++)
                if (pipes->fds[i] >= 0 && dup2(pipes->fds[i], i) < 0)
                        return negative_errno();
        if (keep) {
                /* Out of the way of the numbers that are given away below. */
                int moved = fcntl(*keep, F_DUPFD_CLOEXEC, MAX(channel, kept) + 1);
                if (moved < 0)
                        return negative_errno();
                *keep = moved;
        }
        /* The pipes are above the standard streams, so nothing is overwritten that is still needed. */
        if (dup3(channel, PROCESS_CHANNEL, O_CLOEXEC) < 0 && errno != EINVAL)
                return negative_errno();
        if (keep) {
                if (dup3(*keep, kept, O_CLOEXEC) < 0)
                        return negative_errno();
                *keep = kept;
        }
        if (close_range(keep ? kept + 1 : kept, ~0U, 0) < 0)
                return negative_errno();
        umask(022);
        return 0;
}

int process_read_filter(const LaunchSpec *spec, const SyscallFilter **ret, Error *error) {
        static SyscallFilter filter;

        *ret = NULL;
        if (!spec->filters_calls)
                return 0;
        int r = syscall_filter_read_at(AT_FDCWD, SECCOMP_FILE, &filter);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the container's filter of system calls");
        *ret = &filter;
        return 0;
}

int process_become_root(void) {
        if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
                return negative_errno();
        return 0;
}

void process_report(Error *error) {
        if (error->kind == ERROR_FAILED || error->kind == ERROR_NONE)
                error->kind = ERROR_START_FAILED;
        (void) child_send_error(PROCESS_CHANNEL, error);
}

void process_fail(Error *error) {
        process_report(error);
        _exit(error_kind_to_exit_status(error->kind));
}

/* The terminal, or the pipes (which are in place) and /dev/null where there is none. What was made for this process
 * belongs to its user, who may then open /dev/stdout himself. */
static int set_streams(const ProcessSpec *spec, const SessionPipes *pipes, int terminal, uid_t uid,
                       Error *error) {
        if (terminal >= 0 && !spec->with_reaper) {
                int r = pty_take(terminal);
                if (r < 0)
                        return error_set_errno(error, r, "cannot make the terminal the controlling one");
        }
        for (int i = 0; i < 3; i++) {
                _cleanup_close_ int null = -EBADF;
                if (terminal >= 0 && dup2(terminal, i) < 0)
                        return error_set_errno(error, negative_errno(), "cannot set the standard streams");
                if (terminal < 0 && pipes->fds[i] < 0) {
                        null = open("/dev/null", O_RDWR | O_CLOEXEC);
                        if (null < 0 || dup2(null, i) < 0)
                                return error_set_errno(error, negative_errno(),
                                                       "cannot open /dev/null in the container");
                        continue;
                }
                if (fchown(i, uid, -1) < 0 && errno != EPERM && errno != EINVAL)
                        return error_set_errno(error, negative_errno(),
                                               "cannot give the standard streams to the user");
        }
        return 0;
}

/* Returns whether it worked; as root it may fail where the user himself may go (NFS), and the other way round. */
static int enter_directory(const char *path, Error *error) {
        char where[4096];

        if (chdir(path) < 0)
                return negative_errno();
        /* A descriptor of the host's, or a symlink into /proc that leads to one, must not become the working directory. */
        if (!getcwd(where, sizeof(where)) || where[0] != '/')
                return error_set(error, ERROR_INVALID,
                                 "the working directory %s is not inside the container", path);
        return 0;
}

static int change_user(const ProcessSpec *spec, const Account *account, Error *error) {
        const char *directory = isempty(spec->working_directory) ? "/" : spec->working_directory;
        int entered = enter_directory(directory, error);

        int r = account_become(account, error);
        if (r < 0)
                return r;
        if (entered == -EACCES || entered == -EPERM)
                entered = enter_directory(directory, error);
        return entered < 0 ? error_set(error, ERROR_INVALID, "cannot enter the working directory %s: %s",
                                       directory, strerror(-entered))
                           : 0;
}

/* A filter comes last, since it may forbid whatever else is done here, and without no_new_privs that takes CAP_SYS_ADMIN.
 * The capability is kept for it: as the bounding set does not have it, execve(2) takes it away again. */
static bool keeps_admin(const ProcessSpec *spec) {
        return spec->filter && !spec->no_new_privileges;
}

static int become_user(const ProcessSpec *spec, const Account *account, uint64_t *ret_set, Error *error) {
        uint64_t set = CAPABILITIES_ALL;
        int r = 0;

        if (!spec->all_capabilities)
                r = capabilities_from_names(spec->capabilities, &set, error);
        if (r < 0)
                return r;
        r = capabilities_drop_bounding(set);
        if (r >= 0 && keeps_admin(spec) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                r = negative_errno();
        if (r < 0)
                return error_set_errno(error, r, "cannot drop capabilities");
        if ((r = security_label_set(spec->apparmor_profile, spec->selinux_label, error)) < 0 ||
            (r = change_user(spec, account, error)) < 0)
                return r;
        *ret_set = account->uid == 0 ? set : 0;
        r = capabilities_apply(*ret_set | (keeps_admin(spec) ? UINT64_C(1) << CAP_SYS_ADMIN : 0));
        if (r < 0)
                return error_set_errno(error, r, "cannot set the capabilities");
        if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_set_errno(error, negative_errno(), "cannot forbid new privileges");
        return 0;
}

static int load_filter(const ProcessSpec *spec, Error *error) {
        int r = spec->filter ? syscall_filter_load(spec->filter) : 0;

        return r < 0 ? error_set_errno(error, r, "cannot load the filter of system calls") : 0;
}

/* The reaper, which is not replaced by anything, is confined like the rest of the container: who can trace it must gain
 * nothing by that. */
static int make_reaper(const ProcessSpec *spec, uint64_t set, Error *error) {
        int r = load_filter(spec, error);

        if (r < 0)
                return r;
        r = capabilities_apply(set);
        if (r < 0)
                return error_set_errno(error, r, "cannot set the capabilities of the reaper");
        return reaper_fork(error); /* returns in the child */
}

static int complete_environment(char ***environment, const Account *account, bool has_terminal) {
        int r = 0;

        if (!strv_map_get(*environment, "HOME"))
                r = strv_map_set(environment, "HOME", account->home);
        if (r >= 0 && has_terminal && !strv_map_get(*environment, "TERM"))
                r = strv_map_set(environment, "TERM", "xterm");
        return r;
}

static void run_command(const ProcessSpec *spec, char *const *environment, Error *error) {
        _cleanup_free_ char *path = NULL;

        if (strv_isempty(spec->arguments)) {
                error_set(error, ERROR_INVALID, "there is no command to execute");
                return;
        }
        if (command_find(spec->arguments[0], environment, &path, error) < 0)
                return;
        int r = child_send(PROCESS_CHANNEL, CHILD_EXECUTING, -EBADF);
        if (r < 0)
                error_set_errno(error, r, "the shim is gone");
        else if (spec->with_reaper || load_filter(spec, error) >= 0)
                (void) command_execute(path, spec->arguments, environment, error);
}

void process_execute(const ProcessSpec *spec, const SessionPipes *pipes, int terminal) {
        char **environment = spec->environment;
        Account account = {};
        uint64_t set = 0;
        Error error = {};

        int r = account_lookup(spec->user, spec->groups, &account, &error);
        if (r >= 0)
                r = set_streams(spec, pipes, terminal, account.uid, &error);
        if (r >= 0 && terminal > PROCESS_CHANNEL)
                safe_close(terminal);
        if (r >= 0)
                r = complete_environment(&environment, &account, terminal >= 0);
        if (r >= 0)
                r = become_user(spec, &account, &set, &error);
        if (r >= 0 && spec->with_reaper)
                r = make_reaper(spec, set, &error);
        if (r >= 0)
                run_command(spec, environment, &error);
        process_fail(&error);
}
