/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls that no verb needs once it works, whoever may have taken it over by then: executing anything, mounting,
 * entering or making namespaces, looking into other processes, loading code into the kernel, and without the network
 * sockets as well. They fail with EPERM. Needs no_new_privs; holds for all threads made later. */

#include "macro.h"

int seccomp_filter_install(bool sockets);
