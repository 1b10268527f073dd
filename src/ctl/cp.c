/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus-json.h"
#include "cp-plan.h"
#include "fd-util.h"
#include "job-watch.h"
#include "local-archive.h"
#include "path-util.h"
#include "string-util.h"
#include "verbs-ctl.h"

#define LINKS_MAX 16

const Option cp_options[] = {
        { 'a', "archive", NULL, "Keep owner, group and set-id bits", option_flag,
          offsetof(CopyOptions, archive) },
        { 'L', "follow-link", NULL, "Copy what the source points to, when it is a symbolic link",
          option_flag, offsetof(CopyOptions, follow_link) },
        {},
};

/* One side of the copy. */
typedef struct Place {
        char *container, *object; /* NULL: local */
        char *path;               /* absolute, as it was written otherwise */
        bool is_stream;           /* "-" */
        bool exists, is_directory;
} Place;

static void place_done(Place *place) {
        free(place->container);
        free(place->object);
        free(place->path);
}

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot copy");
}

/* ---- what is there ---- */

/* "x/" and "x/." mean the folder, also where x is a symbolic link to it. */
static bool goes_through(const char *path) {
        return endswith(path, "/") || endswith(path, "/.");
}

/* What the path of a symbolic link really means. */
static int follow(char **path, const char *target) {
        _cleanup_free_ char *parent = strndup(*path, path_basename(*path) - *path);
        char *next = path_is_absolute(target) ? strdup(target) : parent ? path_join(parent, target) : NULL;

        if (!next)
                return -ENOMEM;
        free_and_replace(*path, next);
        return 0;
}

static int stat_container(Ctl *ctl, const char *object, const char *path, json_t **ret, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *normal = path_normalize(path);

        if (!normal)
                return out_of_memory(error);
        int r = ctl_call_method(ctl, object, CONTAINER_INTERFACE, "StatPath", CALL_SHORT, &reply, error, "s",
                                normal);
        if (r < 0)
                return r;
        r = bus_message_to_json(reply, ret);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

/* One look at *path. Returns 1 when it is a symbolic link, and makes *path its target. */
static int look_once(Ctl *ctl, Place *place, char **path, Error *error) {
        _cleanup_error_ Error own = {};
        _cleanup_json_ json_t *st = NULL;

        int r = stat_container(ctl, place->object, *path, &st, &own);
        place->exists = r >= 0;
        if (r < 0 && own.kind == ERROR_NO_SUCH_FILE)
                return 0;
        if (r < 0) {
                error_move(error, &own);
                return r;
        }
        mode_t mode = (mode_t) json_number(st, "Mode");
        place->is_directory = S_ISDIR(mode);
        const char *target = json_text(st, "LinkTarget");
        if (!S_ISLNK(mode) || isempty(target))
                return 0;
        return follow(path, target) < 0 ? out_of_memory(error) : 1;
}

/* follow_links: a link that is the path itself is looked through; the path of a target becomes that of what is behind. */
static int look_in_container(Ctl *ctl, Place *place, bool follow_links, bool is_target, Error *error) {
        _cleanup_free_ char *path = strdup(place->path);

        if (!path)
                return out_of_memory(error);
        for (unsigned i = 0; i < LINKS_MAX; i++) {
                int r = look_once(ctl, place, &path, error);
                if (r < 0)
                        return r;
                if (r > 0 && (follow_links || goes_through(place->path)))
                        continue;
                if (is_target && r == 0 && i > 0)
                        free_and_replace(place->path, TAKE_PTR(path));
                return 0;
        }
        return error_set(error, ERROR_INVALID, "%s: too many symbolic links", place->path);
}

static int look_locally(Place *place, bool follow_links, Error *error) {
        struct stat st;
        bool through = follow_links || goes_through(place->path);

        if ((through ? stat(place->path, &st) : lstat(place->path, &st)) < 0) {
                if (errno != ENOENT && errno != ENOTDIR)
                        return error_set_errno(error, negative_errno(), "cannot read %s", place->path);
                /* "file/" is there, but no folder: the plan says what is wrong with that. */
                _cleanup_free_ char *normal = path_normalize(place->path);
                place->exists = normal && lstat(normal, &st) >= 0;
                place->is_directory = place->exists && S_ISDIR(st.st_mode);
                return 0;
        }
        place->exists = true;
        place->is_directory = S_ISDIR(st.st_mode);
        return 0;
}

/* Container paths are absolute or begin at its root. */
static int parse_place(Ctl *ctl, const char *word, Place *ret, Error *error) {
        const char *path = word;

        if (streq(word, "-")) {
                ret->is_stream = true;
                return 0;
        }
        int r = copy_split(word, &ret->container, &path);
        if (r < 0)
                return out_of_memory(error);
        if (r > 0 && isempty(path))
                return error_set(error, ERROR_INVALID, "\"%s\" lacks a path behind the colon", word);
        if (r > 0 && (r = ctl_find_container(ctl, ret->container, &ret->object, error)) < 0)
                return r;
        _cleanup_free_ char *here = ret->container ? strdup("/") : get_current_dir_name();
        ret->path = path_is_absolute(path) ? strdup(path) : here ? path_join(here, path) : NULL;
        return ret->path ? 0 : out_of_memory(error);
}

static int look(Ctl *ctl, Place *place, bool follow_links, bool is_target, Error *error) {
        if (place->is_stream)
                return 0;
        return place->object ? look_in_container(ctl, place, follow_links, is_target, error)
                             : look_locally(place, follow_links, error);
}

static int make_plan(const Place *from, const Place *to, CopyPlan *ret, Error *error) {
        const CopySource source = { from->path, from->is_directory };
        const CopyTarget target = { to->path, to->exists, to->is_directory };

        return copy_plan_make(&source, &target, ret, error);
}

/* ---- out of a container ---- */

static int unpack_here(int tar, const CopyPlan *plan, const CopyOptions *o, Error *error) {
        const UnpackOptions options = { .name = plan->name, .ownership = o->archive };
        const LocalArchive *archive;

        int r = local_archive_load(&archive, error);
        if (r < 0)
                return r;
        _cleanup_close_ int directory = open(plan->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return error_set_errno(error, negative_errno(), "cannot write to %s", plan->directory);
        return archive->unpack(directory, tar, &options, error);
}

static int receive(int tar, const Place *from, const Place *to, const CopyOptions *o, Error *error) {
        _cleanup_(copy_plan_done) CopyPlan plan = {};

        if (to->is_stream) {
                int r = copy_bytes(tar, STDOUT_FILENO);
                return r < 0 ? error_set_errno(error, r, "cannot write the archive") : 0;
        }
        int r = make_plan(from, to, &plan, error);
        return r < 0 ? r : unpack_here(tar, &plan, o, error);
}

static int copy_out(Ctl *ctl, const Place *from, const Place *to, const CopyOptions *o, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_free_ char *path = path_normalize(from->path);
        _cleanup_error_ Error own = {};
        _cleanup_job_ Job job = {};
        int tar, r;

        if (!from->exists)
                return error_set(error, ERROR_NO_SUCH_FILE, "there is no %s in \"%s\"", from->path,
                                 from->container);
        if (to->is_stream && isatty(STDOUT_FILENO))
                return error_set(error, ERROR_INVALID, "an archive is not written to a terminal (use >)");
        if (!path)
                return out_of_memory(error);
        if ((r = ctl_message_new(ctl, from->object, CONTAINER_INTERFACE, "GetArchive", &m, error)) < 0)
                return r;
        if ((r = sd_bus_message_append(m, "sa{sv}", path, 2, "FollowLink", "b",
                                       o->follow_link || goes_through(from->path), "CancelOnDisconnect", "b",
                                       true)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = job_start(ctl, m, NULL, &job, &reply, error)) < 0)
                return r;
        if ((r = sd_bus_message_read_basic(reply, 'h', &tar)) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        r = receive(tar, from, to, o, &own);
        if (r < 0) {
                error_move(error, &own);
                return r;
        }
        return job_wait(&job, error);
}

/* ---- into a container ---- */

static int pack_here(int tar, const Place *from, const CopyPlan *plan, const CopyOptions *o, Error *error) {
        const PackOptions options = { .name = plan->name,
                                      .follow_link = o->follow_link || goes_through(from->path) };
        const LocalArchive *archive;

        int r = local_archive_load(&archive, error);
        return r < 0 ? r : archive->pack(from->path, tar, &options, error);
}

static int call_put(Ctl *ctl, const Place *to, const char *directory, int tar, const CopyOptions *o,
                    Job *job, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;

        int r = ctl_message_new(ctl, to->object, CONTAINER_INTERFACE, "PutArchive", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "sha{sv}", directory, tar, 3, "NoOverwriteDirNonDir", "b", true,
                                       "CopyIds", "b", o->archive, "CancelOnDisconnect", "b", true)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return job_start(ctl, m, NULL, job, NULL, error);
}

/* What berthd says about the archive is the better explanation than our broken pipe. */
static int finish_put(Job *job, int written, Error *own, Error *error) {
        _cleanup_error_ Error theirs = {};
        int r = job_wait(job, &theirs);

        if (r < 0 && (written >= 0 || strstr(strempty(own->message), "roken pipe"))) {
                error_move(error, &theirs);
                return r;
        }
        if (written < 0)
                error_move(error, own);
        return written;
}

static int put_stream(Ctl *ctl, const Place *to, const CopyOptions *o, Error *error) {
        _cleanup_error_ Error own = {};
        _cleanup_job_ Job job = {};

        if (isatty(STDIN_FILENO))
                return error_set(error, ERROR_INVALID,
                                 "an archive is expected on standard input, which is a terminal");
        if (!to->exists || !to->is_directory)
                return error_set(error, ERROR_INVALID,
                                 "%s is not a folder in \"%s\", so nothing can be unpacked there", to->path,
                                 to->container);
        int r = call_put(ctl, to, to->path, STDIN_FILENO, o, &job, error);
        return r < 0 ? r : finish_put(&job, 0, &own, error);
}

static int copy_in(Ctl *ctl, const Place *from, const Place *to, const CopyOptions *o, Error *error) {
        _cleanup_(copy_plan_done) CopyPlan plan = {};
        _cleanup_error_ Error own = {};
        _cleanup_job_ Job job = {};
        int pipe_fds[2], r;

        if (from->is_stream)
                return put_stream(ctl, to, o, error);
        if (!from->exists)
                return error_set(error, ERROR_NO_SUCH_FILE, "there is no %s here", from->path);
        if ((r = make_plan(from, to, &plan, error)) < 0)
                return r;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "cannot copy");
        (void) signal(SIGPIPE, SIG_IGN);
        r = call_put(ctl, to, plan.directory, pipe_fds[0], o, &job, error);
        /* berthd has the reading end now; ours would keep the pipe alive when its worker dies. */
        safe_close(pipe_fds[0]);
        if (r < 0) {
                safe_close(pipe_fds[1]);
                return r;
        }
        r = pack_here(pipe_fds[1], from, &plan, o, &own);
        safe_close(pipe_fds[1]);
        return finish_put(&job, r, &own, error);
}

int verb_cp(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(place_done) Place from = {}, to = {};
        const CopyOptions *o = options;
        int r;

        if ((r = parse_place(context, arguments[0], &from, error)) < 0 ||
            (r = parse_place(context, arguments[1], &to, error)) < 0)
                return r;
        if (from.object && to.object)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "one side must be here: berthctl cp %s - | berthctl cp - %s copies between "
                                 "containers",
                                 arguments[0], arguments[1]);
        if (!from.object && !to.object)
                return error_set(error, ERROR_INVALID, "one side must be in a container (CONTAINER:PATH)");
        if ((r = look(context, &from, o->follow_link, false, error)) < 0 ||
            (r = look(context, &to, true, true, error)) < 0)
                return r;
        r = from.object ? copy_out(context, &from, &to, o, error) : copy_in(context, &from, &to, o, error);
        return r < 0 ? ctl_cannot(error, r, "copy", arguments[0]) : EXIT_SUCCESS;
}
