/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "extract-internal.h"
#include "fd-util.h"
#include "overlay.h"
#include "string-util.h"

/* The directory hides what the layers below have in it. Whiteouts in it, made before, have lost their purpose. */
static int make_opaque(Extraction *x, int dir_fd, const char *path, Error *error) {
        _cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return extract_failed(error, negative_errno(), path);
        int r = overlay_set_opaque(fd);
        if (r == -EOPNOTSUPP)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the file system of the image store has no extended attributes (user.*)");
        if (r >= 0)
                r = overlay_drop_whiteouts(fd);
        if (r < 0)
                return extract_failed(error, r, path);
        x->tree->parent_opaque = 1;
        return 0;
}

static int hide_name(Extraction *x, int dir_fd, const char *name, const char *path, Error *error) {
        struct stat st;

        if (x->tree->parent_opaque < 0)
                x->tree->parent_opaque = overlay_is_opaque(dir_fd) > 0;
        if (x->tree->parent_opaque > 0)
                return 0;

        int r = overlay_make_whiteout_at(dir_fd, name);
        if (r == -EEXIST) {
                /* This layer has the name itself: then only what a directory would be merged with is hidden. */
                if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        return extract_failed(error, negative_errno(), path);
                r = S_ISDIR(st.st_mode) ? overlay_set_opaque_at(dir_fd, name) : 0;
        }
        return r < 0 ? extract_failed(error, r, path) : 0;
}

int extract_whiteout(Extraction *x, const char *path, Error *error) {
        const char *name;
        int dir_fd = tree_parent(x->tree, path, true, &name, error);

        if (dir_fd < 0)
                return dir_fd;
        if (streq(name, WHITEOUT_OPAQUE))
                return make_opaque(x, dir_fd, path, error);
        /* Other names with the doubled prefix are aufs' own bookkeeping. */
        if (startswith(name, WHITEOUT_META_PREFIX))
                return 0;
        const char *hidden = startswith(name, WHITEOUT_PREFIX);
        if (isempty(hidden) || streq(hidden, ".") || streq(hidden, ".."))
                return error_set(error, ERROR_CORRUPT, "\"%.200s\" is not a valid whiteout", path);
        return hide_name(x, dir_fd, hidden, path, error);
}
