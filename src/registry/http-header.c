/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <curl/curl.h>
#include <strings.h>

#include "http-header.h"
#include "parse-util.h"
#include "string-util.h"
#include "time-util.h"

char *header_value(const char *line, size_t size, const char *name) {
        size_t n = strlen(name);

        if (size <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
                return NULL;
        const char *begin = line + n + 1, *end = line + size;
        while (begin < end && strchr(" \t", *begin))
                begin++;
        while (end > begin && strchr(" \t\r\n", end[-1]))
                end--;
        return strndup(begin, end - begin);
}

int parse_retry_after(const char *value, uint64_t now_realtime_usec, uint64_t *ret_usec) {
        uint64_t seconds;

        if (parse_u64(value, &seconds) >= 0) {
                *ret_usec = MIN(seconds, USEC_INFINITY / USEC_PER_SEC - 1) * USEC_PER_SEC;
                return 0;
        }
        time_t date = curl_getdate(value, NULL);
        if (date < 0)
                return -EINVAL;
        uint64_t moment = (uint64_t) date * USEC_PER_SEC;
        *ret_usec = moment > now_realtime_usec ? moment - now_realtime_usec : 0;
        return 0;
}

/* Cuts the text at the separator and parses what stands before it. */
static int take_number(char **p, char separator, uint64_t *ret) {
        char *end = strchr(*p, separator);

        if (!end)
                return -EINVAL;
        *end = 0;
        if (parse_u64(*p, ret) < 0)
                return -EINVAL;
        *p = end + 1;
        return 0;
}

int parse_content_range(const char *value, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_total) {
        uint64_t first, last, total = UINT64_MAX;

        if (strncasecmp(value, "bytes ", 6) != 0)
                return -EINVAL;
        _cleanup_free_ char *copy = strdup(value + 6);
        char *p = copy;
        if (!copy || take_number(&p, '-', &first) < 0 || take_number(&p, '/', &last) < 0)
                return -EINVAL;
        if (!streq(p, "*") && parse_u64(p, &total) < 0)
                return -EINVAL;
        if (first > last || last >= total)
                return -EINVAL;
        *ret_first = first;
        *ret_last = last;
        *ret_total = total;
        return 0;
}

int parse_upload_range(const char *value, uint64_t *ret_received) {
        _cleanup_free_ char *copy = strdup(startswith(value, "bytes=") ?: value);
        uint64_t first, last;
        char *p = copy;

        if (!copy || take_number(&p, '-', &first) < 0 || parse_u64(p, &last) < 0 || first != 0 ||
            last == UINT64_MAX)
                return -EINVAL;
        *ret_received = last > 0 ? last + 1 : 0;
        return 0;
}

char *parse_next_page(const char *value) {
        const char *begin = strchr(value, '<'), *end = begin ? strchr(begin, '>') : NULL;
        const char *query = begin ? strchr(begin, '?') : NULL;

        if (!end || !query || query > end || !strstr(end, "rel=\"next\"") == !strstr(end, "rel=next"))
                return NULL;
        for (const char *p = ++query; p < end; p++)
                if (*p <= ' ' || *p > '~' || strchr("#\"\\<", *p))
                        return NULL;
        return strndup(query, end - query);
}

char *media_type_of(const char *content_type) {
        char *type = strndup(content_type, strcspn(content_type, "; \t"));

        for (char *p = type; p && *p; p++)
                *p = (char) tolower((unsigned char) *p);
        return type;
}
