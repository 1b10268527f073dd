/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "seccomp-filter.h"

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#define FOREIGN_CALLS 0x40000000 /* x32 shares the architecture, from this number on */
#elif defined(__aarch64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef NATIVE_ARCHITECTURE

static const unsigned denied_calls[] = {
        /* execution */
        SYS_execve,
        SYS_execveat,
        /* mounts and namespaces */
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_chroot,
        SYS_move_mount,
        SYS_open_tree,
        SYS_fsopen,
        SYS_fsconfig,
        SYS_fsmount,
        SYS_fspick,
        SYS_mount_setattr,
        SYS_unshare,
        SYS_setns,
        SYS_open_by_handle_at,
/* other processes */
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks by it */
        SYS_ptrace,
#endif
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_kcmp,
        SYS_pidfd_getfd,
        SYS_pidfd_open,
        /* the kernel */
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_io_uring_setup,
        SYS_io_uring_enter,
        SYS_io_uring_register,
        SYS_keyctl,
        SYS_add_key,
        SYS_request_key,
        SYS_kexec_load,
        SYS_kexec_file_load,
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_reboot,
        SYS_swapon,
        SYS_swapoff,
        SYS_acct,
        SYS_quotactl,
        SYS_settimeofday,
        SYS_clock_settime,
        SYS_adjtimex,
        SYS_clock_adjtime,
        SYS_sethostname,
        SYS_setdomainname,
        SYS_syslog,
        SYS_personality,
        SYS_vhangup,
#ifdef SYS_iopl
        SYS_iopl,
        SYS_ioperm,
#endif
};

static const unsigned socket_calls[] = { SYS_socket, SYS_connect, SYS_bind,
                                         SYS_listen, SYS_accept,  SYS_accept4 };

#define PROGRAM_MAX (ELEMENTSOF(denied_calls) + ELEMENTSOF(socket_calls) + 10)
#define FIELD(name) offsetof(struct seccomp_data, name)

int seccomp_filter_install(bool sockets) {
        struct sock_filter program[PROGRAM_MAX];
        unsigned short n = 0;

        program[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch));
        program[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0);
        program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
        program[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr));
#ifdef FOREIGN_CALLS
        program[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, 0, 1);
        program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
#endif
        size_t n_sockets = sockets ? 0 : ELEMENTSOF(socket_calls);
        size_t left = ELEMENTSOF(denied_calls) + n_sockets;
        for (size_t i = 0; i < ELEMENTSOF(denied_calls) + n_sockets; i++) {
                unsigned call = i < ELEMENTSOF(denied_calls) ? denied_calls[i]
                                                             : socket_calls[i - ELEMENTSOF(denied_calls)];
                /* A match jumps over the remaining comparisons and the return for all others. */
                program[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, left--, 0);
        }
        program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        program[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);

        const struct sock_fprog filter = { .len = n, .filter = program };
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
                return errno == EINVAL ? 0 : negative_errno(); /* EINVAL: a kernel without it */
        return 0;
}

#else

/* The other fences of the sandbox stand on every architecture. */
int seccomp_filter_install(bool sockets) {
        return 0;
}

#endif
