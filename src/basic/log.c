/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "parse-util.h"
#include "string-util.h"

static const char *program = "berth";
static int max_level = LOG_INFO;
static bool to_journal;

static int level_from_string(const char *s) {
        static const char *const names[] = { "emerg",   "alert",  "crit", "err",
                                             "warning", "notice", "info", "debug" };
        unsigned level;

        if (parse_unsigned(s, &level) >= 0 && level <= LOG_DEBUG)
                return level;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(s, names[i]))
                        return i;
        return -EINVAL;
}

void log_setup(const char *name) {
        const char *level = getenv("BERTH_LOG_LEVEL");

        program = name;
        to_journal = getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
        if (level && level_from_string(level) >= 0)
                max_level = level_from_string(level);
}

void log_set_max_level(int level) {
        max_level = level;
}

bool log_enabled(int level) {
        return level <= max_level;
}

int log_message(int level, int r, const char *format, ...) {
        PROTECT_ERRNO;
        char line[2048];
        va_list ap;

        errno = r < 0 ? -r : 0;
        va_start(ap, format);
        vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);

        if (to_journal)
                fprintf(stderr, "<%d>%s\n", level, line);
        else
                fprintf(stderr, "%s: %s\n", program, line);
        return r;
}
