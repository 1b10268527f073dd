/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "extract-internal.h"
#include "fd-util.h"
#include "file-util.h"
#include "overlay.h"
#include "string-util.h"

int extract_failed(Error *error, int r, const char *path) {
        return error_set_errno(error, r, "can't unpack \"%.200s\"", path);
}

/* The worker is in another mount namespace than the container, where removing a mount point would not be refused but
 * take the mount along. */
static bool is_mount_point(int dir_fd, const char *name) {
        struct statx sx;

        return statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &sx) >= 0 &&
               (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int extract_make_room(Extraction *x, int dir_fd, const char *name, bool directory, Error *error) {
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : extract_failed(error, negative_errno(), name);
        if (S_ISDIR(st.st_mode) && directory)
                return EXTRACT_MERGE;
        if (!x->options.layer && is_mount_point(dir_fd, name))
                return error_set(error, ERROR_IN_USE,
                                 "\"%.200s\" can't be replaced: something is mounted there", name);
        bool whiteout = x->options.layer && overlay_stat_is_whiteout(&st);
        if (x->options.no_overwrite_dir_non_dir && S_ISDIR(st.st_mode) != directory)
                return error_set(error, ERROR_INVALID, "can't overwrite %s \"%.200s\" with a %s",
                                 directory ? "the file" : "the directory", name,
                                 directory ? "directory" : "file");
        int r = S_ISDIR(st.st_mode)                                ? remove_tree_at(dir_fd, name)
                : unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? negative_errno()
                                                                   : 0;
        if (r < 0)
                return extract_failed(error, r, name);
        return whiteout && directory ? EXTRACT_OPAQUE : 0;
}

static int set_directory_times(Extraction *x, Error *error) {
        for (size_t i = 0; i < x->n_times; i++) {
                const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, x->times[i].modified };
                const char *path = x->times[i].path, *name = ".";
                _cleanup_close_ int root_fd = -EBADF;
                struct stat st;

                int dir_fd;
                if (isempty(path))
                        dir_fd = root_fd = tree_open_root(x->tree, error);
                else
                        dir_fd = tree_parent(x->tree, path, false, &name, NULL);
                /* A later entry, or the container, may have put something else in its place. */
                if (dir_fd < 0 || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISDIR(st.st_mode))
                        continue;
                if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
                        return extract_failed(error, negative_errno(), path);
        }
        return 0;
}

static int dispatch_entry(Extraction *x, const TarEntry *entry, Error *error) {
        const char *slash = strrchr(entry->path, '/');

        if (x->options.layer && startswith(slash ? slash + 1 : entry->path, WHITEOUT_PREFIX))
                return extract_whiteout(x, entry->path, error);
        x->statistics.entries++;
        x->statistics.size += entry->size;
        return extract_entry(x, entry, error);
}

int extract_archive(Tree *tree, TarReader *reader, const ExtractOptions *options, ExtractStatistics *ret,
                    Error *error) {
        Extraction x = { .tree = tree, .reader = reader, .options = *options };
        TarEntry entry;
        int r;

        while ((r = tar_reader_next(reader, &entry, error)) > 0) {
                r = dispatch_entry(&x, &entry, error);
                if (r < 0)
                        break;
        }
        tree_forget(tree);
        if (r >= 0)
                r = set_directory_times(&x, error);
        for (size_t i = 0; i < x.n_times; i++)
                free(x.times[i].path);
        free(x.times);
        if (r >= 0 && ret)
                *ret = x.statistics;
        return r;
}
