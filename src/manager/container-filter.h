/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What ListContainers and ListImages are asked for. */

#include "manager.h"

typedef struct ContainerFilter {
        bool all;
        char **names, **ids, **images, **statuses, **labels;
        int *exit_codes;
        size_t n_exit_codes;
        char *before, *since; /* names or ids */
} ContainerFilter;

typedef struct ImageFilter {
        char **references; /* shell patterns */
        bool dangling;
        char **labels;
} ImageFilter;
extern const ObjectType image_filter_type;

/* Reads a{sv}. ERROR_INVALID. */
int container_filter_read(sd_bus_message *m, ContainerFilter *ret, Error *error);
void container_filter_done(ContainerFilter *filter);
/* A filter made ready for a manager: names became objects. ERROR_NO_SUCH_CONTAINER for before and since. */
typedef struct ContainerMatch {
        const ContainerFilter *filter;
        const Container *before, *since;
        char **image_digests;
} ContainerMatch;
int container_match_prepare(Manager *manager, const ContainerFilter *filter, ContainerMatch *ret,
                            Error *error);
void container_match_done(ContainerMatch *match);
bool container_matches(const Container *container, const ContainerMatch *match);

bool image_matches(const Image *image, const ImageFilter *filter);
