/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "session.h"

/* Registers the outputs, or what keeps them from being read. */
int session_prepare_output(Session *session, Poller *poller);
/* Tries again to log, while there is no journald. */
void session_retry_log(Session *session);
/* After the process's end: reads what is left and hands it on. True when all has been taken. */
bool session_drain_output(Session *session);
