/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the verbs share beside worker.h. */

#include <jansson.h>

#include "content-store.h"
#include "worker.h"

int report_setup(void); /* signals; before anything else */
int report_result(Worker *worker, const WorkerResult *result, Error *error);
/* Writes a JSON document to the descriptor, then reports an empty result. */
int report_document(Worker *worker, int fd, const json_t *document, Error *error);
/* The store in the request's state directory, with progress and cancelling connected. */
int report_open_content(Worker *worker, ContentStore **ret, Error *error);
