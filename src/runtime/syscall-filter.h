/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A compiled seccomp filter: what a worker makes out of a profile (seccomp-profile.h), a file keeps, and a new process puts
 * on itself. The file is the header and the instructions, as they are in this machine's memory: it is made and read in one
 * boot of one machine. */

#include <linux/filter.h>

#include "macro.h"

typedef struct SyscallFilter {
        uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
        struct sock_filter *instructions;
        size_t n_instructions; /* 1 to BPF_MAXINSNS */
} SyscallFilter;

/* -EBADMSG: it is no such file. */
int syscall_filter_read_at(int dir_fd, const char *path, SyscallFilter *ret);
int syscall_filter_write_at(int dir_fd, const char *path, const SyscallFilter *filter);
/* For this process and all that it executes. Takes no_new_privs or CAP_SYS_ADMIN in the user namespace. */
int syscall_filter_load(const SyscallFilter *filter);
void syscall_filter_done(SyscallFilter *filter);
