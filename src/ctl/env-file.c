/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <fcntl.h>

#include "env-file.h"
#include "file-util.h"
#include "string-util.h"
#include "strv.h"

#define FILE_SIZE_MAX (4 * MIB)
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

int env_put(const char *assignment, const char *(*lookup)(const char *name), char ***map, Error *error) {
        const char *value = "";
        int r;

        if (assignment[0] == '=' || !assignment[0])
                return error_set(error, ERROR_INVALID, "\"%s\" has no name in front of the \"=\"",
                                 assignment);
        if (strchr(assignment, '='))
                r = strv_map_put(map, assignment);
        else {
                if (lookup && !(value = lookup(assignment)))
                        return 0;
                r = strv_map_set(map, assignment, value);
        }
        return r < 0 ? error_set_errno(error, r, "cannot read \"%s\"", assignment) : 0;
}

static int parse_line(const char *line, const char *path, unsigned number,
                      const char *(*lookup)(const char *name), char ***map, Error *error) {
        line += strspn(line, " \t\v\f\r");
        if (!*line || *line == '#')
                return 0;
        size_t name_length = strcspn(line, "=");
        for (size_t i = 0; i < name_length; i++)
                if (isspace((unsigned char) line[i]))
                        return error_set(error, ERROR_INVALID,
                                         "%s, line %u: the name \"%.*s\" has white space in it", path,
                                         number, (int) name_length, line);
        int r = env_put(line, lookup, map, error);
        return r < 0 ? error_prefix(error, r, "%s, line %u", path, number) : 0;
}

int env_file_parse(const char *text, const char *path, const char *(*lookup)(const char *name), char ***map,
                   Error *error) {
        unsigned number = 1;

        if (!utf8_is_valid(text, strlen(text)))
                return error_set(error, ERROR_INVALID, "%s is not UTF-8", path);
        text = startswith(text, BYTE_ORDER_MARK) ?: text;
        for (const char *p = text; *p; number++) {
                size_t n = strcspn(p, "\n"), length = n;
                if (length > 0 && p[length - 1] == '\r')
                        length--;
                _cleanup_free_ char *line = strndup(p, length);
                if (!line)
                        return error_set_errno(error, -ENOMEM, "cannot read %s", path);
                int r = parse_line(line, path, number, lookup, map, error);
                if (r < 0)
                        return r;
                p += n + (p[n] == '\n');
        }
        return 0;
}

int env_file_load(const char *path, const char *(*lookup)(const char *name), char ***map, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, path, FILE_SIZE_MAX, &text, &size);
        if (r < 0)
                return error_set_errno(error, r, "cannot read %s", path);
        if (strlen(text) != size)
                return error_set(error, ERROR_INVALID, "%s has a NUL byte in it", path);
        return env_file_parse(text, path, lookup, map, error);
}
