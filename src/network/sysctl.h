/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel's switches in /proc/sys/net of this network namespace. */

#include "macro.h"

bool sysctl_has_ipv6(void);

/* path: below /proc/sys/net. Writes only what is not there yet, so that nobody is notified in vain. 0 or a negative
 * errno. */
int sysctl_ensure(const char *path, const char *value);

/* Lets the host forward packets of the family (AF_INET, AF_INET6) between its interfaces, which the kernel has only
 * one working switch for: the answers to what containers send arrive on whatever interface the host's routes choose.
 * IPv6: a forwarding host no longer listens to router advertisements, and would lose its own default route; interfaces
 * that did are told to go on. */
int sysctl_enable_forwarding(int family);
