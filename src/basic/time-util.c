/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdio.h>

#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

uint64_t now_usec(clockid_t clock) {
        struct timespec ts;

        assert(clock_gettime(clock, &ts) == 0);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

char *format_rfc3339(uint64_t usec, char buffer[static RFC3339_MAX]) {
        time_t seconds = usec / USEC_PER_SEC;
        struct tm tm;

        if (usec == 0 || usec == USEC_INFINITY || !gmtime_r(&seconds, &tm))
                return strcpy(buffer, "0001-01-01T00:00:00Z");
        size_t n = strftime(buffer, RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(buffer + n, RFC3339_MAX - n, ".%06uZ", (unsigned) (usec % USEC_PER_SEC));
        return buffer;
}

/* Digits after a dot, as microseconds; *s moves behind them. */
static uint64_t parse_fraction(const char **s) {
        uint64_t usec = 0, scale = USEC_PER_SEC;

        if (**s != '.')
                return 0;
        for ((*s)++; isdigit((unsigned char) **s); (*s)++) {
                scale /= 10;
                usec += (uint64_t) (**s - '0') * scale;
        }
        return usec;
}

int parse_rfc3339(const char *s, uint64_t *ret_usec) {
        struct tm tm = {};
        int64_t offset = 0;

        s = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!s)
                return -EINVAL;
        uint64_t fraction = parse_fraction(&s);
        if (*s == '+' || *s == '-') {
                unsigned h, m;
                if (sscanf(s + 1, "%2u:%2u", &h, &m) != 2 || strlen(s) != 6)
                        return -EINVAL;
                offset = (int64_t) (h * 3600 + m * 60) * (*s == '+' ? 1 : -1);
        } else if (!streq(s, "Z"))
                return -EINVAL;

        time_t seconds = timegm(&tm);
        if (seconds == -1)
                return -EINVAL;
        seconds -= offset;
        *ret_usec = seconds < 0 ? 0 : (uint64_t) seconds * USEC_PER_SEC + fraction;
        return 0;
}

int parse_moment(const char *s, uint64_t *ret_usec) {
        struct tm tm = { .tm_isdst = -1 };
        uint64_t duration;

        if (parse_rfc3339(s, ret_usec) >= 0)
                return 0;

        const char *rest = strptime(s, "%Y-%m-%d %H:%M:%S", &tm);
        if (!rest)
                rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!rest)
                rest = strptime(s, "%Y-%m-%d", &tm);
        if (rest && !*rest) {
                time_t t = mktime(&tm);
                if (t < 0)
                        return -EINVAL;
                *ret_usec = (uint64_t) t * USEC_PER_SEC;
                return 0;
        }

        size_t digits = strspn(s, "0123456789");
        if (digits > 8 && strspn(s, "0123456789.") == strlen(s)) {
                const char *p = s + digits;
                uint64_t fraction = parse_fraction(&p);
                if (*p)
                        return -EINVAL;
                *ret_usec = strtoull(s, NULL, 10) * USEC_PER_SEC + fraction;
                return 0;
        }

        int r = parse_duration(s, &duration);
        if (r < 0)
                return r;
        uint64_t now = realtime_usec();
        *ret_usec = duration < now ? now - duration : 0;
        return 0;
}

char *format_age(uint64_t usec, char buffer[static 32]) {
        static const struct {
                const char *suffix;
                uint64_t usec;
        } units[] = { { "y", 365 * USEC_PER_DAY }, { "month", 30 * USEC_PER_DAY },
                      { "w", 7 * USEC_PER_DAY },   { "d", USEC_PER_DAY },
                      { "h", USEC_PER_HOUR },      { "min", USEC_PER_MINUTE },
                      { "s", USEC_PER_SEC } };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (usec < units[i].usec)
                        continue;
                uint64_t whole = usec / units[i].usec, rest = usec % units[i].usec;
                int n = snprintf(buffer, 32, "%llu%s", (unsigned long long) whole, units[i].suffix);
                if (i + 1 < ELEMENTSOF(units) && rest >= units[i + 1].usec)
                        snprintf(buffer + n, 32 - n, " %llu%s",
                                 (unsigned long long) (rest / units[i + 1].usec), units[i + 1].suffix);
                return buffer;
        }
        return strcpy(buffer, "0s");
}
