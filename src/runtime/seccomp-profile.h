/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Seccomp profiles in Docker's JSON: defaultAction, defaultErrnoRet, flags, architectures or archMap, and syscalls, each
 * with names (or the older name), action, errnoRet, args, includes and excludes (caps, arches, minKernel). Other members
 * are comments.
 *
 * Reading picks the rules that apply to one container on one machine; compiling makes a filter of them by libseccomp,
 * which is why all of this runs in workers only. The text may be a stranger's. */

#include "error.h"
#include "syscall-filter.h"

#define SECCOMP_CONDITIONS_MAX 6
#define SECCOMP_RULES_MAX 20000

/* What the conditions of a profile are about. */
typedef struct SeccompTarget {
        uint64_t capabilities;    /* the bounding set */
        const char *architecture; /* in Go's words: "amd64" */
        unsigned kernel[2];       /* major, minor */
} SeccompTarget;

typedef struct SeccompCondition {
        unsigned index; /* of the argument */
        int operation;  /* enum scmp_compare */
        uint64_t value, value_two;
} SeccompCondition;

typedef struct SeccompRule {
        const char *name; /* of the system call; borrowed from the profile's text */
        uint32_t action;  /* SCMP_ACT_* */
        SeccompCondition conditions[SECCOMP_CONDITIONS_MAX];
        size_t n_conditions;
} SeccompRule;

typedef struct SeccompProfile {
        struct json_t *json;
        uint32_t default_action;
        uint32_t flags;          /* SECCOMP_FILTER_FLAG_* */
        uint32_t *architectures; /* SCMP_ARCH_*, beside this machine's own */
        size_t n_architectures;
        SeccompRule *rules;
        size_t n_rules, n_allocated;
} SeccompProfile;

/* The machine that this runs on, with this bounding set. */
int seccomp_target_get(uint64_t capabilities, SeccompTarget *ret);

/* ERROR_INVALID, ERROR_UNSUPPORTED and ERROR_LIMIT say what is wrong, and where. */
int seccomp_profile_read(const char *text, size_t size, const SeccompTarget *target, SeccompProfile *ret,
                         Error *error);
void seccomp_profile_done(SeccompProfile *profile);

/* System calls that this libseccomp does not know can't be allowed, and are passed over. What is newer than all that the
 * profile names fails as unknown (ENOSYS) instead of forbidden, so that programs fall back to what they did before. */
int seccomp_profile_compile(const SeccompProfile *profile, SyscallFilter *ret, Error *error);
