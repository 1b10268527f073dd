/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "extract.h"
#include "tree.h"
#include "worker.h"

/* Unpacks the archive out of the worker's first descriptor, compressed or not, to its very end: who writes into a pipe would
 * else get a signal for the last block. statistics may be NULL. */
int unpack_input(Worker *worker, Tree *tree, const ExtractOptions *options, ExtractStatistics *statistics,
                 Error *error);
