/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The container's own side of its network, done by init in its network namespace: lo up, and the addresses and routes
 * of the interfaces that berthd has put there.
 *
 * This speaks rtnetlink directly instead of through libnl: all requests go out as one datagram and the answers come
 * back as a few, and the shim neither loads nor relocates two more libraries, which would double the time in which it
 * starts and its memory. What is needed is small: up, address, default route. */

#include "launch-spec.h"

/* A neighbour on the same bridge that announces itself as an IPv6 router is not believed. conf_fd: /proc/sys/net/ipv6/conf
 * of the container's network namespace, writable. */
int interfaces_ignore_routers(int conf_fd, const LaunchInterface *interfaces, size_t n, Error *error);
/* ERROR_START_FAILED names interface and address. */
int interfaces_configure(const LaunchInterface *interfaces, size_t n, Error *error);
