/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "macro.h"

static inline void json_unrefp(json_t **json) {
        json_decref(*json);
}
#define _cleanup_json_ _cleanup_(json_unrefp)
