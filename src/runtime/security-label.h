/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "error.h"
#include "macro.h"

/* Under which AppArmor profile and SELinux label this process's next execve(2) puts it; NULL or empty: no change. The
 * process is in the container, whose root may have mounted anything on /proc. */
int security_label_set(const char *apparmor_profile, const char *selinux_label, Error *error);
