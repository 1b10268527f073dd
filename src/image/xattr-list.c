/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <sys/xattr.h>

#include "overlay.h"
#include "string-util.h"
#include "tree.h"
#include "xattr-list.h"

void xattr_list_done(XattrList *list) {
        for (size_t i = 0; i < list->n; i++) {
                free((char *) list->items[i].name);
                free((void *) list->items[i].value);
        }
        free(list->items);
}

static int read_xattr(XattrList *list, const char *path, const char *name) {
        _cleanup_free_ char *value = malloc(XATTR_SIZE_MAX);

        if (!value || array_reserve(&list->items, &list->allocated, list->n + 1, sizeof(TarXattr)) < 0)
                return -ENOMEM;
        ssize_t size = getxattr(path, name, value, XATTR_SIZE_MAX);
        if (size < 0)
                return errno == ENODATA ? 0 : negative_errno();
        char *key = strdup(name), *fitting = realloc(value, MAX(size, (ssize_t) 1));
        if (fitting)
                TAKE_PTR(value);
        if (!key || !fitting) {
                free(key);
                free(fitting);
                return -ENOMEM;
        }
        list->items[list->n++] = (TarXattr){ .name = key, .value = fitting, .size = size };
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const TarXattr *) a)->name, ((const TarXattr *) b)->name);
}

int xattr_list_read(int fd, XattrList *ret) {
        _cleanup_(xattr_list_done) XattrList list = {};
        _cleanup_free_ char *names = malloc(XATTR_LIST_MAX);
        char path[FD_PATH_MAX];

        if (!names)
                return -ENOMEM;
        ssize_t size = listxattr(fd_path(fd, path), names, XATTR_LIST_MAX);
        if (size < 0 && errno != EOPNOTSUPP && errno != EPERM)
                return negative_errno();
        for (const char *name = names; name < names + size; name += strlen(name) + 1) {
                int r = xattr_is_private(name) ? 0 : read_xattr(&list, path, name);
                if (r < 0)
                        return r;
        }
        if (list.n > 1)
                qsort(list.items, list.n, sizeof(TarXattr), compare_names);
        *ret = list;
        list = (XattrList){};
        return 0;
}

bool xattr_list_equal(const XattrList *a, const XattrList *b) {
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const TarXattr *x = &a->items[i], *y = &b->items[i];
                if (!streq(x->name, y->name) || x->size != y->size ||
                    memcmp(x->value, y->value, x->size) != 0)
                        return false;
        }
        return true;
}
