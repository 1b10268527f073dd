/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where `cp` puts things, by docker's rules. Pure.
 *
 *   source       target                  result
 *   file         a folder                TARGET/name
 *   file         a file, or nothing      TARGET (its folder must exist); "TARGET/" is an error
 *   folder       a folder                TARGET/name, or for "folder/." its content into TARGET
 *   folder       nothing                 TARGET, with the folder's content
 *   folder       a file                  an error */

#include "error.h"

typedef struct CopySource {
        const char *path; /* absolute, as it was written: may end in "/" or "/." */
        bool is_directory;
} CopySource;

typedef struct CopyTarget {
        const char *path; /* absolute, as it was written */
        bool exists, is_directory;
} CopyTarget;

typedef struct CopyPlan {
        char *directory; /* exists; the archive is unpacked there */
        char *name; /* what the archive's one top-level entry is called there; "": its content goes right into it */
} CopyPlan;

int copy_plan_make(const CopySource *source, const CopyTarget *target, CopyPlan *ret, Error *error);
void copy_plan_done(CopyPlan *plan);

/* "CONTAINER:PATH". A local path with a colon begins with "/" or ".". Returns 1 and the parts, 0 for a local path. */
int copy_split(const char *word, char **ret_container, const char **ret_path);

/* The path of an archive's entry under its new name: "etc/passwd" with the top "etc" and the name "copy" is
 * "copy/passwd". top "": the archive has no single top. -EBADMSG: the entry does not lie below top. */
int copy_rename(const char *entry, const char *top, const char *name, char **ret);
