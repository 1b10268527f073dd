/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>

#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

int parse_u64(const char *s, uint64_t *ret) {
        char *end;

        if (!isdigit((unsigned char) s[0]))
                return -EINVAL;
        errno = 0;
        unsigned long long v = strtoull(s, &end, 10);
        if (errno > 0)
                return -errno;
        if (*end)
                return -EINVAL;
        *ret = v;
        return 0;
}

int parse_i64(const char *s, int64_t *ret) {
        char *end;

        if (!isdigit((unsigned char) s[0]) && !(s[0] == '-' && isdigit((unsigned char) s[1])))
                return -EINVAL;
        errno = 0;
        long long v = strtoll(s, &end, 10);
        if (errno > 0)
                return -errno;
        if (*end)
                return -EINVAL;
        *ret = v;
        return 0;
}

int parse_unsigned(const char *s, unsigned *ret) {
        uint64_t v;
        int r = parse_u64(s, &v);

        if (r < 0)
                return r;
        if (v > UINT32_MAX)
                return -ERANGE;
        *ret = v;
        return 0;
}

int parse_bool(const char *s) {
        static const char *const yes[] = { "1", "yes", "true", "on", "y", "t" };
        static const char *const no[] = { "0", "no", "false", "off", "n", "f" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(s, yes[i]) == 0)
                        return 1;
                if (strcasecmp(s, no[i]) == 0)
                        return 0;
        }
        return -EINVAL;
}

static int parse_size_with(const char *s, unsigned base, uint64_t *ret) {
        static const char units[] = "bkmgtp";
        char *end;

        if (!isdigit((unsigned char) s[0]))
                return -EINVAL;
        errno = 0;
        double v = strtod(s, &end);
        if (errno > 0 || v < 0)
                return -ERANGE;
        end += strspn(end, " ");
        if (*end) {
                const char *unit = strchr(units, tolower((unsigned char) *end));
                if (!unit)
                        return -EINVAL;
                for (const char *u = units; u < unit; u++)
                        v *= base;
                end++;
                if (*end == 'i' && unit > units)
                        end++;
                if (tolower((unsigned char) *end) == 'b' && unit > units)
                        end++;
                if (*end)
                        return -EINVAL;
        }
        if (v >= 18446744073709551615.0)
                return -ERANGE;
        *ret = (uint64_t) v;
        return 0;
}

int parse_size(const char *s, uint64_t *ret) {
        return parse_size_with(s, 1024, ret);
}

int parse_size_decimal(const char *s, uint64_t *ret) {
        return parse_size_with(s, 1000, ret);
}

int parse_duration(const char *s, uint64_t *ret_usec) {
        static const struct {
                const char *suffix;
                uint64_t usec;
        } units[] = {
                { "us", 1 },
                { "ms", USEC_PER_MSEC },
                { "s", USEC_PER_SEC },
                { "sec", USEC_PER_SEC },
                { "m", USEC_PER_MINUTE },
                { "min", USEC_PER_MINUTE },
                { "h", USEC_PER_HOUR },
                { "d", USEC_PER_DAY },
                { "w", 7 * USEC_PER_DAY },
                { "", USEC_PER_SEC },
        };
        double sum = 0;

        if (!s[0])
                return -EINVAL;
        while (*s) {
                char *end;
                size_t i;

                if (!isdigit((unsigned char) *s))
                        return -EINVAL;
                double v = strtod(s, &end);
                size_t n = 0;
                while (isalpha((unsigned char) end[n]))
                        n++;
                for (i = 0; i < ELEMENTSOF(units); i++)
                        if (strlen(units[i].suffix) == n && strncmp(end, units[i].suffix, n) == 0)
                                break;
                if (i == ELEMENTSOF(units))
                        return -EINVAL;
                sum += v * units[i].usec;
                s = end + n;
                s += strspn(s, " ");
        }
        if (sum >= (double) INT64_MAX)
                return -ERANGE;
        *ret_usec = (uint64_t) sum;
        return 0;
}

int parse_mode(const char *s, mode_t *ret) {
        unsigned v = 0;

        if (!string_in_charset(s, "01234567") || strlen(s) > 6)
                return -EINVAL;
        for (; *s; s++)
                v = v * 8 + (*s - '0');
        if (v > 07777)
                return -ERANGE;
        *ret = v;
        return 0;
}

int parse_signal(const char *s) {
        unsigned n;

        if (parse_unsigned(s, &n) >= 0)
                return n >= 1 && n < (unsigned) NSIG ? (int) n : -ERANGE;
        if (strncasecmp(s, "SIG", 3) == 0)
                s += 3;
        if (strncasecmp(s, "RTMIN", 5) == 0 || strncasecmp(s, "RTMAX", 5) == 0) {
                int base = tolower((unsigned char) s[4]) == 'n' ? SIGRTMIN : SIGRTMAX;
                int sign = s[5] == '-' ? -1 : 1;
                if (!s[5])
                        return base;
                if ((s[5] != '+' && s[5] != '-') || parse_unsigned(s + 6, &n) < 0 || n > 64)
                        return -EINVAL;
                int signal = base + sign * (int) n;
                return signal >= SIGRTMIN && signal <= SIGRTMAX ? signal : -ERANGE;
        }
        for (int i = 1; i < NSIG; i++) {
                const char *name = sigabbrev_np(i);
                if (name && strcasecmp(name, s) == 0)
                        return i;
        }
        return -EINVAL;
}

const char *signal_to_string(int signal, char buffer[static 16]) {
        const char *name = sigabbrev_np(signal);

        if (name)
                snprintf(buffer, 16, "SIG%s", name);
        else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
                snprintf(buffer, 16, "SIGRTMIN+%d", signal - SIGRTMIN);
        else
                snprintf(buffer, 16, "%d", signal);
        return buffer;
}
