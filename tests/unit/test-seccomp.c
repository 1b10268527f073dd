/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiled profiles are run here, by an interpreter of the few instructions that filters are made of: what a filter says
 * is compared, not what its profile looks like. */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "file-util.h"
#include "seccomp-default.h"
#include "seccomp-profile.h"
#include "string-util.h"
#include "test.h"

#define BIT(capability) (UINT64_C(1) << (capability))
#define CALLS_MAX 600

static uint32_t jump(const struct sock_filter *i, uint32_t a) {
        bool taken = false;

        switch (BPF_OP(i->code)) {
        case BPF_JA:
                return i->k;
        case BPF_JEQ:
                taken = a == i->k;
                break;
        case BPF_JGT:
                taken = a > i->k;
                break;
        case BPF_JGE:
                taken = a >= i->k;
                break;
        case BPF_JSET:
                taken = a & i->k;
                break;
        default:
                CHECK(!"a jump that is known");
        }
        return taken ? i->jt : i->jf;
}

static uint32_t run(const SyscallFilter *filter, const struct seccomp_data *data) {
        uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {};

        for (size_t pc = 0; pc < filter->n_instructions; pc++) {
                const struct sock_filter *i = &filter->instructions[pc];
                switch (BPF_CLASS(i->code)) {
                case BPF_LD:
                        if (BPF_MODE(i->code) == BPF_ABS)
                                memcpy(&a, (const char *) data + i->k, sizeof(a));
                        else
                                a = BPF_MODE(i->code) == BPF_MEM ? memory[i->k] : i->k;
                        break;
                case BPF_ST:
                        memory[i->k] = a;
                        break;
                case BPF_ALU:
                        CHECK(BPF_OP(i->code) == BPF_AND);
                        a &= BPF_SRC(i->code) == BPF_X ? x : i->k;
                        break;
                case BPF_JMP:
                        pc += jump(i, a);
                        break;
                case BPF_RET:
                        return i->k;
                default:
                        CHECK(!"an instruction that is known");
                }
        }
        CHECK(!"an end");
        return SECCOMP_RET_KILL_PROCESS;
}

static int compile(const char *text, const SeccompTarget *target, SyscallFilter *ret, Error *error) {
        _cleanup_(seccomp_profile_done) SeccompProfile profile = {};

        int r = seccomp_profile_read(text, strlen(text), target, &profile, error);
        return r < 0 ? r : seccomp_profile_compile(&profile, ret, error);
}

static const uint32_t architectures[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386 };

static uint32_t ask(const SyscallFilter *filter, uint32_t architecture, int number, uint64_t first,
                    uint64_t second) {
        return run(filter,
                   &(struct seccomp_data){ .nr = number, .arch = architecture, .args = { first, second } });
}

static bool allows(const SyscallFilter *filter, uint32_t architecture, int number, uint64_t first,
                   uint64_t second) {
        return ask(filter, architecture, number, first, second) == SECCOMP_RET_ALLOW;
}

/* The values that any of the two profiles distinguishes, and their neighbours. */
static size_t list_values(uint64_t *values) {
        static const uint64_t edges[] = { 8, 38, 39, 40, 0x20000, 0x20008, 0x7e020000, UINT32_MAX };
        size_t n = 0;

        values[n++] = 0;
        for (size_t i = 0; i < ELEMENTSOF(edges); i++) {
                values[n++] = edges[i] - 1;
                values[n++] = edges[i];
                values[n++] = edges[i] + 1;
                values[n++] = edges[i] | UINT64_C(1) << 40;
        }
        for (unsigned bit = 0; bit < 64; bit++)
                values[n++] = UINT64_C(1) << bit;
        return n;
}

static unsigned compare(const SyscallFilter *ours, const SyscallFilter *docker, uint32_t architecture,
                        int number) {
        static uint64_t values[128];
        static size_t n;
        unsigned differences = 0;

        if (n == 0)
                n = list_values(values);
        for (size_t i = 0; i < n; i++)
                for (unsigned argument = 0; argument < 2; argument++) {
                        uint64_t first = argument == 0 ? values[i] : 0,
                                 second = argument == 1 ? values[i] : 0;
                        if (!allows(ours, architecture, number, first, second) ||
                            allows(docker, architecture, number, first, second))
                                continue;
                        if (differences++ == 0)
                                fprintf(stderr, "call %d of %x with %llx, %llx is allowed by us only\n",
                                        number, architecture, (unsigned long long) first,
                                        (unsigned long long) second);
                }
        return differences;
}

/* Whatever we allow Docker allows, under the same conditions. */
static void check_strictness(const char *docker_text, const SeccompTarget *target) {
        _cleanup_(syscall_filter_done) SyscallFilter ours = {}, docker = {};
        _cleanup_error_ Error error = {};
        unsigned allowed = 0;

        CHECK(compile(seccomp_default_profile, target, &ours, &error) >= 0);
        CHECK(compile(docker_text, target, &docker, &error) >= 0);
        if (error.kind != ERROR_NONE) {
                fprintf(stderr, "%s\n", error.message);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(architectures); i++)
                for (int number = 0; number < CALLS_MAX; number++) {
                        CHECK(compare(&ours, &docker, architectures[i], number) == 0);
                        CHECK(compare(&ours, &docker, architectures[i], number | 0x40000000) == 0); /* x32 */
                        allowed += allows(&ours, architectures[i], number, 0, 0);
                }
        /* It allows something at all. */
        CHECK(allowed > 500);
        CHECK(!allows(&ours, AUDIT_ARCH_AARCH64, 0, 0, 0));
}

static void test_strictness(const char *docker_text) {
        static const unsigned capabilities[] = {
                CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN,  CAP_SYS_BOOT,  CAP_SYS_CHROOT, CAP_SYS_MODULE,
                CAP_SYS_PACCT,       CAP_SYS_PTRACE, CAP_SYS_RAWIO, CAP_SYS_TIME,   CAP_SYS_TTY_CONFIG,
                CAP_SYS_NICE,        CAP_SYSLOG,     CAP_BPF,       CAP_PERFMON,    CAP_NET_ADMIN,
        };
        SeccompTarget target = { .architecture = "amd64", .kernel = { 6, 1 } };

        check_strictness(docker_text, &target);
        for (size_t i = 0; i < ELEMENTSOF(capabilities); i++) {
                target.capabilities = BIT(capabilities[i]);
                check_strictness(docker_text, &target);
        }
        target.capabilities = UINT64_C(0xa80425fb);
        check_strictness(docker_text, &target);
        target.capabilities = UINT64_MAX;
        check_strictness(docker_text, &target);
        target.kernel[0] = 4;
        target.capabilities = 0;
        check_strictness(docker_text, &target);
}

static void check_call(const SyscallFilter *filter, const char *name, uint64_t first, bool allowed) {
        int number = seccomp_syscall_resolve_name(name);

        if (allows(filter, AUDIT_ARCH_X86_64, number, first, 0) == allowed)
                return;
        fprintf(stderr, "%s(%llx) is %s\n", name, (unsigned long long) first,
                allowed ? "refused" : "allowed");
        test_failures++;
}

/* What programs need, and what a container must not have. */
static void test_default(void) {
        _cleanup_(syscall_filter_done) SyscallFilter filter = {}, admin = {};
        SeccompTarget target = { UINT64_C(0xa80425fb), "amd64", { 6, 1 } };

        CHECK(compile(seccomp_default_profile, &target, &filter, NULL) >= 0);
        static const char *const needed[] = { "read",   "execve",    "openat",    "mmap",  "futex",
                                              "chroot", "setresuid", "capset",    "prctl", "clone",
                                              "socket", "ptrace",    "arch_prctl" };
        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                check_call(&filter, needed[i], 0, true);
        static const char *const refused[] = { "mount",           "unshare",
                                               "setns",           "bpf",
                                               "keyctl",          "add_key",
                                               "io_uring_setup",  "init_module",
                                               "kexec_load",      "reboot",
                                               "swapon",          "userfaultfd",
                                               "perf_event_open", "open_by_handle_at",
                                               "move_mount",      "clock_settime" };
        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                check_call(&filter, refused[i], 0, false);
        check_call(&filter, "clone", 0x10000000 /* CLONE_NEWUSER */, false);
        check_call(&filter, "clone", 0x01200011, true);
        check_call(&filter, "socket", 40, false);
        check_call(&filter, "socket", 38, false);
        check_call(&filter, "socket", 1, true);
        check_call(&filter, "personality", 0x0040000 /* ADDR_NO_RANDOMIZE */, false);
        /* Libraries fall back to clone, and from calls that are newer than the profile. */
        int clone3 = seccomp_syscall_resolve_name("clone3");
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, clone3, 0, 0) == (SECCOMP_RET_ERRNO | ENOSYS));
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, 599, 0, 0) == (SECCOMP_RET_ERRNO | ENOSYS));
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, seccomp_syscall_resolve_name("mount"), 0, 0) ==
              (SECCOMP_RET_ERRNO | EPERM));

        target.capabilities |= BIT(CAP_SYS_ADMIN);
        CHECK(compile(seccomp_default_profile, &target, &admin, NULL) >= 0);
        check_call(&admin, "mount", 0, true);
        check_call(&admin, "clone3", 0, true);
        check_call(&admin, "reboot", 0, false);
}

static void test_format(void) {
        static const char text[] =
                "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"], "
                "\"syscalls\": ["
                "{\"name\": \"mkdir\", \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38},"
                "{\"names\": [\"rmdir\", \"no_such_call\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"},"
                "{\"names\": [\"dup\"], \"action\": \"SCMP_ACT_TRAP\", \"args\": ["
                "{\"index\": 0, \"value\": 3, \"op\": \"SCMP_CMP_EQ\"}, {\"index\": 0, \"value\": 5, "
                "\"op\": "
                "\"SCMP_CMP_EQ\"}]},"
                "{\"names\": [\"pipe\"], \"action\": \"SCMP_ACT_ERRNO\", \"excludes\": {\"arches\": "
                "[\"amd64\"]}},"
                "{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", \"includes\": {\"minKernel\": "
                "\"9.9\"}}]}";
        _cleanup_(syscall_filter_done) SyscallFilter filter = {};
        const SeccompTarget target = { 0, "amd64", { 6, 1 } };

        CHECK(compile(text, &target, &filter, NULL) >= 0);
        CHECK(filter.flags == SECCOMP_FILTER_FLAG_LOG);
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, 83, 0, 0) == (SECCOMP_RET_ERRNO | 38));
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, 84, 0, 0) == SECCOMP_RET_KILL_PROCESS);
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, 32, 3, 0) == SECCOMP_RET_TRAP);
        CHECK(ask(&filter, AUDIT_ARCH_X86_64, 32, 5, 0) == SECCOMP_RET_TRAP);
        check_call(&filter, "dup", 4, true);
        check_call(&filter, "pipe", 0, true);
        check_call(&filter, "sync", 0, true);
        check_call(&filter, "getpid", 0, true);
}

static void test_mistakes(void) {
        static const struct {
                const char *text, *message;
                ErrorKind kind;
        } cases[] = {
                { "", "line 1: '[' or '{' expected near end of file", ERROR_INVALID },
                { "[]", "it is not a JSON object", ERROR_INVALID },
                { "{}", "defaultAction is missing", ERROR_INVALID },
                { "{\"defaultAction\": \"X\"}", "defaultAction \"X\" is no action", ERROR_INVALID },
                { "{\"defaultAction\": 1}", "defaultAction is not a text", ERROR_INVALID },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": {}}", "syscalls is not a list",
                  ERROR_INVALID },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"F\"]}", "flags[0] \"F\" is no flag",
                  ERROR_INVALID },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"Z80\"]}",
                  "architectures[0]: \"Z80\" is no architecture", ERROR_INVALID },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"dup\"], "
                  "\"action\": "
                  "\"SCMP_ACT_NOTIFY\"}]}",
                  "syscalls[0].action is SCMP_ACT_NOTIFY, which needs a program that answers; berth has "
                  "none",
                  ERROR_UNSUPPORTED },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"action\": \"SCMP_ACT_KILL\"}]}",
                  "syscalls[0] must have either name or names", ERROR_INVALID },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"name\": \"dup\", \"action\": "
                  "\"SCMP_ACT_KILL\", \"args\": [{\"index\": 6, \"op\": \"SCMP_CMP_EQ\"}]}]}",
                  "syscalls[0].args[0].index is more than 5", ERROR_LIMIT },
                { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"name\": \"dup\", \"action\": "
                  "\"SCMP_ACT_KILL\", \"args\": [{\"op\": \"SCMP_CMP_XX\"}]}]}",
                  "syscalls[0].args[0].op \"SCMP_CMP_XX\" is no comparison", ERROR_INVALID },
        };
        const SeccompTarget target = { 0, "amd64", { 6, 1 } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(syscall_filter_done) SyscallFilter filter = {};
                _cleanup_error_ Error error = {};
                CHECK(compile(cases[i].text, &target, &filter, &error) < 0);
                CHECK(error.kind == cases[i].kind);
                CHECK_STRING(error.message, cases[i].message);
        }
}

int main(int argc, char *argv[]) {
        _cleanup_free_ char *docker = NULL;

        CHECK(argc == 2 && read_file_at(AT_FDCWD, argv[1], MIB, &docker, NULL) >= 0);
#ifdef __x86_64__
        if (docker)
                test_strictness(docker);
        test_default();
        test_format();
#endif
        test_mistakes();
        return TEST_RESULT();
}
