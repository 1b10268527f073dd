/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "driver.h"

#include "string-util.h"

static const NetworkDriver *const drivers[] = {
        &bridge_driver,
};

const NetworkDriver *network_driver_find(const char *name) {
        if (isempty(name))
                return &bridge_driver;
        for (size_t i = 0; i < ELEMENTSOF(drivers); i++)
                if (streq(drivers[i]->name, name))
                        return drivers[i];
        return NULL;
}

bool host_interface_is_ours(const char *name) {
        const char *digits = startswith(name, HOST_INTERFACE_PREFIX);

        return digits && strlen(digits) == HOST_INTERFACE_DIGITS &&
               string_in_charset(digits, "0123456789abcdef");
}
