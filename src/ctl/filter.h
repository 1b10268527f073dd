/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `--filter NAME=VALUE` as the filter dictionaries of ListContainers and ListImages. */

#include <systemd/sd-bus.h>

#include "error.h"

typedef struct ContainerFilter {
        bool all;
        char **names, **ids, **images, **statuses, **labels, **exit_codes;
        char *before, *since;
} ContainerFilter;

int container_filter_parse(char **filters, ContainerFilter *ret, Error *error);
void container_filter_done(ContainerFilter *filter);
/* An AppendFilter; userdata: the ContainerFilter. */
int container_filter_append(sd_bus_message *m, void *userdata);

typedef struct ImageFilter {
        char **references, **labels;
        int dangling; /* -1: does not matter */
} ImageFilter;

int image_filter_parse(char **filters, ImageFilter *ret, Error *error);
void image_filter_done(ImageFilter *filter);
int image_filter_append(sd_bus_message *m, void *userdata);
