/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "time-util.h"

static const char *scale_size(uint64_t bytes, double *ret) {
        static const char *const units[] = { "", "K", "M", "G", "T", "P", "E" };
        size_t i = 0;
        double v = (double) bytes;

        /* 1023.97 KiB would be rounded to 1024.0. */
        while (v >= 1023.95 && i + 1 < ELEMENTSOF(units)) {
                v /= 1024;
                i++;
        }
        *ret = v;
        return units[i];
}

char *format_size_short(uint64_t bytes, char buffer[static HUMAN_MAX]) {
        double v;
        const char *unit = scale_size(bytes, &v);

        if (!*unit)
                snprintf(buffer, HUMAN_MAX, "%.0fB", v);
        else
                snprintf(buffer, HUMAN_MAX, v < 9.95 ? "%.1f%s" : "%.0f%s", v, unit);
        return buffer;
}

char *format_size(uint64_t bytes, char buffer[static HUMAN_MAX]) {
        double v;
        const char *unit = scale_size(bytes, &v);

        if (!*unit)
                snprintf(buffer, HUMAN_MAX, "%.0f B", v);
        else
                snprintf(buffer, HUMAN_MAX, "%.1f %siB", v, unit);
        return buffer;
}

char *format_ago(uint64_t usec, uint64_t now, char buffer[static HUMAN_MAX]) {
        char age[32];

        if (usec == 0 || usec == USEC_INFINITY)
                return strcpy(buffer, "never");
        (void) format_age(usec < now ? now - usec : 0, age);
        age[strcspn(age, " ")] = 0;
        snprintf(buffer, HUMAN_MAX, "%s ago", age);
        return buffer;
}

char *format_size_part(uint64_t part, uint64_t whole, char buffer[static HUMAN_MAX]) {
        double v;
        const char *unit = scale_size(whole, &v);

        snprintf(buffer, HUMAN_MAX, *unit ? "%.1f/%.1f %siB" : "%.0f/%.0f %sB",
                 whole > 0 ? v * ((double) part / (double) whole) : 0, v, unit);
        return buffer;
}

static struct tm local_time(uint64_t usec) {
        time_t seconds = usec / USEC_PER_SEC;
        struct tm tm = {};

        (void) localtime_r(&seconds, &tm);
        return tm;
}

char *format_local_time(uint64_t usec, char buffer[static HUMAN_MAX]) {
        struct tm tm = local_time(usec);

        if (usec == 0)
                return strcpy(buffer, "never");
        (void) strftime(buffer, HUMAN_MAX, "%a %Y-%m-%d %H:%M:%S %Z", &tm);
        return buffer;
}

char *format_log_time(uint64_t usec, char buffer[static HUMAN_MAX]) {
        struct tm tm = local_time(usec);

        (void) strftime(buffer, HUMAN_MAX, "%b %d %H:%M:%S", &tm);
        return buffer;
}

char *format_cpu_time(uint64_t usec, char buffer[static HUMAN_MAX]) {
        if (usec < USEC_PER_SEC)
                snprintf(buffer, HUMAN_MAX, "%llums", (unsigned long long) (usec / USEC_PER_MSEC));
        else if (usec < USEC_PER_MINUTE)
                snprintf(buffer, HUMAN_MAX, "%.1fs", (double) usec / USEC_PER_SEC);
        else {
                char age[32];
                snprintf(buffer, HUMAN_MAX, "%s", format_age(usec, age));
        }
        return buffer;
}
