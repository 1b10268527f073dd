/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <string.h>

#include "file-util.h"
#include "parse-util.h"
#include "uid-range.h"

void uid_ranges_mark(UidRanges *ranges, uint64_t first, uint64_t count) {
        if (count == 0 || first > UINT32_MAX)
                return;
        uint64_t last = first + MIN(count, (uint64_t) UINT32_MAX) - 1;
        uint64_t end = (uint64_t) UID_RANGE_LAST + UID_RANGE_SIZE - 1;
        if (last < UID_RANGE_FIRST || first > end)
                return;
        first = MAX(first, (uint64_t) UID_RANGE_FIRST);
        last = MIN(last, end);
        for (uint64_t i = (first - UID_RANGE_FIRST) / UID_RANGE_SIZE;
             i <= (last - UID_RANGE_FIRST) / UID_RANGE_SIZE; i++)
                ranges->taken[i / 8] |= (uint8_t) (1U << (i % 8));
}

/* The number in the n-th field of a line that ends at `end`. */
static int field_number(const char *line, const char *end, int n, uint64_t *ret) {
        char digits[16];

        for (; n > 0; n--) {
                line = memchr(line, ':', end - line);
                if (!line)
                        return -EINVAL;
                line++;
        }
        size_t size = strcspn(line, ":\n");
        if (size >= sizeof(digits) || line + size > end)
                return -EINVAL;
        memcpy(digits, line, size);
        digits[size] = 0;
        return parse_u64(digits, ret);
}

void uid_ranges_mark_text(UidRanges *ranges, const char *text, int first, int count) {
        for (const char *line = text; *line;) {
                const char *end = strchrnul(line, '\n');
                uint64_t id, n = 1;
                if (field_number(line, end, first, &id) >= 0 &&
                    (count < 0 || field_number(line, end, count, &n) >= 0))
                        uid_ranges_mark(ranges, id, n);
                line = *end ? end + 1 : end;
        }
}

/* nspawn keeps a lock file per range that a container of its uses, named by the first id. */
static void mark_nspawn(UidRanges *ranges) {
        _cleanup_closedir_ DIR *dir = opendir_at(AT_FDCWD, "/run/systemd/nspawn-uid");
        struct dirent *entry;
        uint64_t id;

        while (dir && (entry = readdir_no_dot(dir)))
                if (parse_u64(entry->d_name, &id) >= 0)
                        uid_ranges_mark(ranges, id, UID_RANGE_SIZE);
}

void uid_ranges_mark_host(UidRanges *ranges) {
        static const struct {
                const char *path;
                int first, count;
        } files[] = {
                { "/etc/passwd", 2, -1 },
                { "/etc/group", 2, -1 },
                { "/etc/subuid", 1, 2 },
                { "/etc/subgid", 1, 2 },
        };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = NULL;
                if (read_file_at(AT_FDCWD, files[i].path, 4 * MIB, &text, NULL) >= 0)
                        uid_ranges_mark_text(ranges, text, files[i].first, files[i].count);
        }
        mark_nspawn(ranges);
}

static bool text_has_id(const char *text, uint64_t first, uint64_t count, uint64_t *ret_id) {
        for (const char *line = text; *line;) {
                const char *end = strchrnul(line, '\n');
                uint64_t id;
                if (field_number(line, end, 2, &id) >= 0 && id >= first && id - first < count) {
                        *ret_id = id;
                        return true;
                }
                line = *end ? end + 1 : end;
        }
        return false;
}

bool uid_range_has_host_user(uint64_t first, uint64_t count, uint64_t *ret_id) {
        static const char *const files[] = { "/etc/passwd", "/etc/group" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = NULL;
                if (read_file_at(AT_FDCWD, files[i], 4 * MIB, &text, NULL) >= 0 &&
                    text_has_id(text, first, count, ret_id))
                        return true;
        }
        return false;
}

int uid_ranges_choose(const UidRanges *ranges, uint64_t seed, uint32_t *ret_base, Error *error) {
        for (uint32_t k = 0; k < UID_RANGES_N; k++) {
                uint32_t i = (seed % UID_RANGES_N + k) % UID_RANGES_N;
                if (ranges->taken[i / 8] & (1U << (i % 8)))
                        continue;
                *ret_base = UID_RANGE_FIRST + i * UID_RANGE_SIZE;
                return 0;
        }
        return error_set(error, ERROR_LIMIT,
                         "all %u ranges of user ids for containers are taken; remove containers, or use "
                         "--userns=host",
                         (unsigned) UID_RANGES_N);
}
