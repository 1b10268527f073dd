/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Devices that a container is given: Docker's "/dev/x[:/dev/y][:rwm]", where /dev/x may be a directory of devices, and its
 * rules "c 1:3 rwm", as systemd's DeviceAllow= knows them. */

#include "container-spec.h"
#include "launch-spec.h"

#define DEVICES_MAX 1024

typedef struct DeviceSet {
        List nodes;     /* LaunchDevice */
        char **allowed; /* map for DeviceAllow=: "/dev/char/1:3" = "rwm" */
} DeviceSet;
void device_set_done(DeviceSet *set);

/* An entry that CDI knows: "vendor.com/class=name". */
bool device_is_cdi(const char *device) _pure_;
/* The wording only: ERROR_INVALID. */
int device_check(const char *device, Error *error);
int device_rule_check(const char *rule, Error *error);
/* What the host has of them now. With all (privileged): every device of the host. */
int devices_resolve(char *const *devices, char *const *rules, bool all, DeviceSet *ret, Error *error);
