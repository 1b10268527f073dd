/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages of the programs themselves (container output goes its own way). Started by systemd they go to stderr with
 * the "<N>" prefix that journald turns into a priority; by hand, to stderr behind the program's name. Libraries log
 * at debug only; who gives up logs once. */

#include <syslog.h>

#include "error.h"
#include "macro.h"

/* name: shown in front of each line ("berthctl"). Reads $BERTH_LOG_LEVEL (0-7 or a name) and $JOURNAL_STREAM. */
void log_setup(const char *name);
void log_set_max_level(int level);
bool log_enabled(int level);

/* r: 0 or a negative errno, which becomes %m. Returns r, for `return log_error_errno(r, "Failed to … %s: %m", x)`. */
int log_message(int level, int r, const char *format, ...) _printf_(3, 4);

#define log_full_errno(level, r, ...)                          \
        ({                                                     \
                int _r = (r);                                  \
                if (log_enabled(level))                        \
                        log_message((level), _r, __VA_ARGS__); \
                _r;                                            \
        })
#define log_debug(...) ((void) log_full_errno(LOG_DEBUG, 0, __VA_ARGS__))
#define log_info(...) ((void) log_full_errno(LOG_INFO, 0, __VA_ARGS__))
#define log_notice(...) ((void) log_full_errno(LOG_NOTICE, 0, __VA_ARGS__))
#define log_warning(...) ((void) log_full_errno(LOG_WARNING, 0, __VA_ARGS__))
#define log_error(...) ((void) log_full_errno(LOG_ERR, 0, __VA_ARGS__))
#define log_debug_errno(r, ...) log_full_errno(LOG_DEBUG, (r), __VA_ARGS__)
#define log_info_errno(r, ...) log_full_errno(LOG_INFO, (r), __VA_ARGS__)
#define log_warning_errno(r, ...) log_full_errno(LOG_WARNING, (r), __VA_ARGS__)
#define log_error_errno(r, ...) log_full_errno(LOG_ERR, (r), __VA_ARGS__)
#define log_oom() log_full_errno(LOG_ERR, -ENOMEM, "Out of memory.")

/* The text of an Error, for "%s". */
static inline const char *error_text(const Error *error) {
        return error->message ?: "out of memory";
}
