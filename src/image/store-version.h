/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The version of the store's form, in store.json beside what the OCI image layout asks for: {"Version": N}. */

#include "error.h"
#include "macro.h"

#define STORE_VERSION 1

/* Brings the store in the directory (which is locked) up to this version, step by step, each of which may be interrupted
 * at any moment and made again. A store without store.json is a new one, or of the first berth, which had none.
 * ERROR_UNSUPPORTED for one of a newer berth, ERROR_CORRUPT. */
int store_version_update(int dir_fd, const char *directory, Error *error);
