/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-compare.h"
#include "file-util.h"
#include "layer-check.h"
#include "overlay.h"
#include "string-util.h"
#include "strv.h"

/* Each level holds four open files. */
#define DEPTH_MAX 1000

#define COMPARED                                                                            \
        (FILE_DIFFERS_TYPE | FILE_DIFFERS_MODE | FILE_DIFFERS_OWNER | FILE_DIFFERS_XATTRS | \
         FILE_DIFFERS_CONTENT | FILE_DIFFERS_TIME)

static const struct {
        FileDifference difference;
        const char *words;
} descriptions[] = {
        { FILE_DIFFERS_TYPE, "is another kind of file" },
        { FILE_DIFFERS_CONTENT, "has another content" },
        { FILE_DIFFERS_MODE, "has another mode" },
        { FILE_DIFFERS_OWNER, "has another owner" },
        { FILE_DIFFERS_XATTRS, "has other extended attributes" },
        { FILE_DIFFERS_TIME, "has another time" },
};

typedef struct Comparison {
        bool (*cancelled)(void);
        LayerDifference difference;
} Comparison;

void layer_difference_done(LayerDifference *difference) {
        free(difference->first);
        *difference = (LayerDifference){};
}

static int found(Comparison *c, const char *path, const char *what) {
        if (c->difference.n++ > 0)
                return 0;
        c->difference.first = format_string("\"%.200s\" %s", isempty(path) ? "/" : path, what);
        return c->difference.first ? 0 : -ENOMEM;
}

static int compare_directories(Comparison *c, int good_fd, int fd, const char *path, unsigned depth);

static FileDifference wanted_of(const struct stat *st) {
        bool made_by_us = S_ISDIR(st->st_mode) || overlay_stat_is_whiteout(st);

        return made_by_us ? COMPARED & ~FILE_DIFFERS_TIME : COMPARED;
}

static int compare_files(Comparison *c, int good_fd, int fd, const char *path, unsigned depth) {
        struct stat good, st;

        if (fstat(good_fd, &good) < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        int r = file_compare(good_fd, &good, fd, &st, wanted_of(&good), c->cancelled);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(descriptions); i++)
                if (r & descriptions[i].difference)
                        return found(c, path, descriptions[i].words);
        if (S_ISDIR(good.st_mode))
                return compare_directories(c, good_fd, fd, path, depth);
        return good.st_nlink != st.st_nlink ? found(c, path, "has other hard links") : 0;
}

static int open_entry(int dir_fd, const char *name) {
        int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? negative_errno() : fd;
}

static int compare_entry(Comparison *c, int good_dir, int dir, const char *name, const char *parent,
                         unsigned depth) {
        _cleanup_free_ char *path = isempty(parent) ? strdup(name) : string_join(parent, "/", name);

        if (!path)
                return -ENOMEM;
        if (c->cancelled && c->cancelled())
                return -ECANCELED;
        _cleanup_close_ int good_fd = open_entry(good_dir, name), fd = open_entry(dir, name);
        if (good_fd == -ENOENT)
                return found(c, path, "does not belong there");
        if (fd == -ENOENT)
                return found(c, path, "is missing");
        int r = good_fd < 0 || fd < 0 ? MIN(good_fd, fd) : compare_files(c, good_fd, fd, path, depth);
        /* A disk that is going is just what one looks for. */
        return r == -EIO || r == -EUCLEAN || r == -EBADMSG ? found(c, path, "can't be read") : r;
}

/* Both lists are sorted; each name once. */
static int compare_names(Comparison *c, int good_fd, int fd, char **good, char **there, const char *path,
                         unsigned depth) {
        int r = 0;

        while (r >= 0 && ((good && *good) || (there && *there))) {
                int order = !(good && *good) ? 1 : !(there && *there) ? -1 : strcmp(*good, *there);
                const char *name = order <= 0 ? *good : *there;
                if (order <= 0)
                        good++;
                if (order >= 0)
                        there++;
                r = compare_entry(c, good_fd, fd, name, path, depth + 1);
        }
        return r;
}

/* The fds may be O_PATH. */
static int compare_directories(Comparison *c, int good_path_fd, int path_fd, const char *path,
                               unsigned depth) {
        _cleanup_strv_free_ char **good = NULL, **there = NULL;

        if (depth > DEPTH_MAX)
                return -ELOOP;
        _cleanup_close_ int good_fd = openat(good_path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (good_fd < 0)
                return negative_errno();
        _cleanup_close_ int fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return negative_errno();
        int r = overlay_is_opaque(good_fd) != overlay_is_opaque(fd)
                        ? found(c, path, "hides other files of the layers below")
                        : 0;
        if (r >= 0)
                r = list_directory_at(good_fd, ".", &good);
        if (r >= 0)
                r = list_directory_at(fd, ".", &there);
        return r < 0 ? r : compare_names(c, good_fd, fd, good, there, path, depth);
}

int layer_compare(int good_fd, int fd, bool (*cancelled)(void), LayerDifference *ret) {
        Comparison c = { .cancelled = cancelled };

        int r = compare_files(&c, good_fd, fd, "", 0);
        if (r < 0)
                layer_difference_done(&c.difference);
        else
                *ret = c.difference;
        return r;
}
