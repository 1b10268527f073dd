/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "seccomp-profile.h"
#include "string-util.h"

#define X32_BIT 0x40000000

static void release_context(scmp_filter_ctx *context) {
        if (*context)
                seccomp_release(*context);
}

static int add_rule_for(scmp_filter_ctx context, const SeccompRule *rule, int number, size_t first,
                        size_t n) {
        struct scmp_arg_cmp comparisons[SECCOMP_CONDITIONS_MAX];

        for (size_t i = 0; i < n; i++) {
                const SeccompCondition *c = &rule->conditions[first + i];
                comparisons[i] = (struct scmp_arg_cmp){ c->index, c->operation, c->value, c->value_two };
        }
        return seccomp_rule_add_array(context, rule->action, number, n, comparisons);
}

static bool has_repeated_argument(const SeccompRule *rule) {
        unsigned seen = 0;

        for (size_t i = 0; i < rule->n_conditions; i++) {
                unsigned bit = 1U << rule->conditions[i].index;
                if (seen & bit)
                        return true;
                seen |= bit;
        }
        return false;
}

/* libseccomp compares an argument only once a rule: where a profile does so twice, its conditions are alternatives, as with
 * Docker. */
static int add_rule(scmp_filter_ctx context, const SeccompRule *rule, int number) {
        int r = 0;

        if (!has_repeated_argument(rule))
                return add_rule_for(context, rule, number, 0, rule->n_conditions);
        for (size_t i = 0; i < rule->n_conditions && r >= 0; i++)
                r = add_rule_for(context, rule, number, i, 1);
        return r;
}

static int add_rules(const SeccompProfile *profile, scmp_filter_ctx context, int *ret_last, Error *error) {
        int last = 0;

        for (size_t i = 0; i < profile->n_rules; i++) {
                const SeccompRule *rule = &profile->rules[i];
                int number = seccomp_syscall_resolve_name(rule->name);
                if (number == __NR_SCMP_ERROR)
                        continue;
                last = MAX(last, number);
                if (rule->action == profile->default_action)
                        continue;
                int r = add_rule(context, rule, number);
                /* The same rule twice is no mistake. */
                if (r < 0 && r != -EEXIST)
                        return error_set_errno(error, r, "its rule for %s can't be compiled", rule->name);
        }
        *ret_last = last;
        return 0;
}

static int set_up(const SeccompProfile *profile, scmp_filter_ctx context) {
        int r = 0;

        for (size_t i = 0; i < profile->n_architectures && r >= 0; i++) {
                r = seccomp_arch_add(context, profile->architectures[i]);
                if (r == -EEXIST)
                        r = 0;
        }
        /* A tree instead of a list: a search among four hundred numbers takes nine steps. */
        return r < 0 ? r : seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

/* What comes before the profile's own: calls of this architecture with a number beyond `last` are unknown. */
static size_t put_unknown(struct sock_filter *to, int last) {
        const struct sock_filter unknown[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 4),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
                BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        };

        memcpy(to, unknown, sizeof(unknown));
        return ELEMENTSOF(unknown);
}

static int export(scmp_filter_ctx context, const SeccompProfile *profile, int last, SyscallFilter *ret,
                  Error *error) {
        _cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
        _cleanup_free_ struct sock_filter *all = new_array(struct sock_filter, BPF_MAXINSNS);
        bool refuses = (profile->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
        struct stat st;

        int r = fd < 0 ? negative_errno() : all ? seccomp_export_bpf(context, fd) : -ENOMEM;
        if (r >= 0 && fstat(fd, &st) < 0)
                r = negative_errno();
        if (r < 0)
                return error_set_errno(error, r, "it can't be compiled");
        size_t n = refuses && last > 0 ? put_unknown(all, last) : 0;
        if (n + st.st_size / sizeof(*all) > BPF_MAXINSNS)
                return error_set(error, ERROR_LIMIT, "it takes more than the kernel's %d instructions",
                                 BPF_MAXINSNS);
        if (lseek(fd, 0, SEEK_SET) < 0 || read_full(fd, all + n, st.st_size) != st.st_size)
                return error_set_errno(error, -EIO, "it can't be compiled");
        *ret = (SyscallFilter){ profile->flags, TAKE_PTR(all), n + st.st_size / sizeof(*all) };
        return 0;
}

int seccomp_profile_compile(const SeccompProfile *profile, SyscallFilter *ret, Error *error) {
        _cleanup_(release_context) scmp_filter_ctx context = seccomp_init(profile->default_action);
        int last = 0;

        int r = context ? set_up(profile, context) : -ENOMEM;
        if (r < 0)
                return error_set_errno(error, r, "it can't be compiled");
        r = add_rules(profile, context, &last, error);
        return r < 0 ? r : export(context, profile, last, ret, error);
}
