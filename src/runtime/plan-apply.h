/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Carries out a plan in the container's first process, which has all its namespaces (but the cgroup's) and all
 * capabilities in them. Nothing here reads the host's file system but through the mounts that the shim sends. */

#include "plan.h"

typedef struct PlanContext {
        const LaunchSpec *spec;
        int channel;  /* the child-message.h socket to the shim (borrowed) */
        int root;     /* the new root, O_PATH; closed by plan_context_done() */
        bool gone;    /* OP_WAIT is behind it */
        int terminal; /* the slave of the container's terminal, or -EBADF; owned */
        int empty;    /* a read-only tmpfs, the cover of masked directories; owned */
        /* For a container that runs: the mounts that would come over the channel, and its first process, whose mount namespace
         * is joined once there is something to attach. */
        int *sources;
        size_t n_sources, next_source;
        int leader;    /* pidfd, or -EBADF (borrowed) */
        int attached;  /* then: the mount that was asked for, once it is in its place; owned */
        int ipv6_conf; /* /proc/sys/net/ipv6/conf from before /proc/sys became read-only, or -EBADF; owned */
} PlanContext;
#define PLAN_CONTEXT_INIT                   \
        ((PlanContext){ .channel = -EBADF,  \
                        .root = -EBADF,     \
                        .terminal = -EBADF, \
                        .empty = -EBADF,    \
                        .leader = -EBADF,   \
                        .attached = -EBADF, \
                        .ipv6_conf = -EBADF })

/* Does all operations in order. The error says which one failed, on what. */
int plan_apply(const Plan *plan, PlanContext *context, Error *error);
void plan_context_done(PlanContext *context);
