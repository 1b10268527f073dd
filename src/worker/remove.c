/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "path-util.h"
#include "reclaim.h"
#include "report.h"
#include "string-util.h"

/* Deleting: trees of containers, images' files, and what killed workers have left. */

int verb_prune(Worker *worker, Error *error) {
        _cleanup_(content_closep) ContentStore *content = NULL;
        const WorkerRequest *request = &worker->request;
        WorkerResult result = {};

        int r = report_open_content(worker, &content, error);
        if (r >= 0)
                r = request->everything ? content_reclaim_orphans(content, &result.size, error)
                                        : content_reclaim(content, request->blobs, request->layers,
                                                          request->records, true, &result.size, error);
        if (r < 0)
                return r;
        /* The job that berthd makes for itself has no one who watches its progress: it says when others may add again. */
        if (!request->everything)
                (void) worker_send_progress(
                        worker->socket,
                        &(WorkerProgress){ .id = (char *) "store", .status = (char *) "released" });
        r = content_delete_aside(content, error);
        return r < 0 ? r : report_result(worker, &result, error);
}

int verb_sweep(Worker *worker, Error *error) {
        _cleanup_(content_closep) ContentStore *content = NULL;
        WorkerResult result = {};

        int r = report_open_content(worker, &content, error);
        if (r >= 0)
                r = content_sweep(content, worker->request.everything, worker->request.layers, &result.size,
                                  error);
        return r < 0 ? r : report_result(worker, &result, error);
}

/* Only what lies properly below the state directory, and never one of its own folders. */
static int path_below_state(const Worker *worker, const char *path, const char **ret, Error *error) {
        const char *rest = startswith(path, worker->request.state_directory);

        rest = rest && *rest == '/' ? rest + strspn(rest, "/") : NULL;
        _cleanup_free_ char *plain = path_normalize(path);
        if (!plain)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        const char *slash = rest ? strchr(rest, '/') : NULL;
        if (!streq(plain, path) || !slash || !slash[1])
                return error_set(error, ERROR_INVALID,
                                 "\"%.200s\" is not inside a folder of the state directory", path);
        *ret = rest;
        return 0;
}

static int remove_path(Worker *worker, int state_fd, const char *path, Error *error) {
        const char *rest = NULL;
        int r = path_below_state(worker, path, &rest, error);

        if (r < 0)
                return r;
        /* The folder is ours, but nobody says that it can't have been replaced by a link. */
        _cleanup_free_ char *parent = strndup(rest, strrchr(rest, '/') - rest);
        if (!parent)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        _cleanup_close_ int fd = open_in_root(state_fd, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd == -ENOENT)
                return 0;
        r = fd < 0 ? fd : remove_tree_at(fd, path_basename(path));
        return r < 0 ? error_set_errno(error, r, "can't remove %s", path) : 0;
}

int verb_remove(Worker *worker, Error *error) {
        _cleanup_close_ int state_fd =
                open(worker->request.state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        WorkerResult result = {};

        if (state_fd < 0)
                return error_set_errno(error, negative_errno(), "can't open %s",
                                       worker->request.state_directory);
        for (char **path = worker->request.paths; path && *path; path++) {
                if (worker_cancelled())
                        return worker_set_cancelled(error);
                int r = remove_path(worker, state_fd, *path, error);
                if (r < 0)
                        return r;
        }
        return report_result(worker, &result, error);
}
