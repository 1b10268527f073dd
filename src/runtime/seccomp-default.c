/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seccomp-default.h"

const char seccomp_default_profile[] =
#include "seccomp-default.inc"
        ;
