/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The process that waits for the kernel so that berthd does not have to: a fork of berthd with CAP_NET_ADMIN and
 * nothing else, which does one request after the other. It is started when there is something to do, and ends when
 * berthd's end of the socket is closed, be that by a crash. */

#include "error.h"
#include "macro.h"

#include "helper-message.h"

#include <systemd/sd-event.h>

typedef struct Helper Helper;

int helper_new(sd_event *event, Helper **ret);
Helper *helper_free(Helper *helper); /* forgets what is queued, without callbacks */
DEFINE_CLEANUP(Helper *, helper_free);

/* r: 0 or a negative errno that `error` explains. */
typedef void (*HelperDone)(int r, const Error *error, bool repaired, void *userdata);

/* Queues a request; `done` is called from the event loop, unless helper_forget comes first. fd: handed along with it,
 * taken over also on failure; or -EBADF. */
int helper_call(Helper *helper, const HelperRequest *request, int fd, HelperDone done, void *userdata);
/* No callback with this userdata any more; what has not been sent yet is dropped. */
void helper_forget(Helper *helper, const void *userdata);

/* The helper's own life: reads requests from the socket until it is closed. */
_noreturn_ void helper_main(int socket);
