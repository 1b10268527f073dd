/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Methods of the manager (in s …, in h report, in a{sv} options, out o job) whose job writes a JSON document. */

#include "job-watch.h"

/* arguments: the texts in front of the descriptor, or NULL; append: further options, or NULL; progress may be NULL. */
int job_report(Ctl *ctl, const char *method, const char *const *arguments, AppendFilter append,
               void *userdata, Progress *progress, json_t **ret, Error *error);
