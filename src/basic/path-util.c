/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path-util.h"
#include "string-util.h"

char *path_join(const char *a, const char *b) {
        size_t n = strlen(a);

        while (n > 0 && a[n - 1] == '/')
                n--;
        b += strspn(b, "/");
        return format_string("%.*s/%s", (int) n, a, b);
}

const char *path_basename(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

char *path_normalize(const char *path) {
        bool absolute = path_is_absolute(path);
        char *normal = malloc(strlen(path) + 2);
        size_t n = 0, floor = absolute ? 1 : 0;

        if (!normal)
                return NULL;
        if (absolute)
                normal[n++] = '/';
        for (const char *p = path;;) {
                p += strspn(p, "/");
                size_t k = strcspn(p, "/");
                if (k == 0)
                        break;
                if (k == 2 && p[0] == '.' && p[1] == '.') {
                        while (n > floor && normal[n - 1] != '/')
                                n--;
                        if (n > floor)
                                n--;
                } else if (!(k == 1 && p[0] == '.')) {
                        if (n > floor)
                                normal[n++] = '/';
                        memcpy(normal + n, p, k);
                        n += k;
                }
                p += k;
        }
        if (n == 0)
                normal[n++] = '.';
        normal[n] = 0;
        return normal;
}
