/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The text of berth's own profile, seccomp-default.json. */
extern const char seccomp_default_profile[];
