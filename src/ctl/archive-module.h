/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of ctl-archive.so. */

#include "local-archive.h"

int local_unpack(int directory_fd, int tar_fd, const UnpackOptions *options, Error *error);
int local_pack(const char *path, int tar_fd, const PackOptions *options, Error *error);
int local_list(int tar_fd, uint64_t usec, char ***names);

extern const LocalArchive local_archive;
