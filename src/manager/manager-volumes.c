/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager-volumes.h"

#include <sys/mount.h>

#include "container-name.h"
#include "image-prune.h"
#include "log.h"
#include "random-util.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"
#include "volume-driver.h"
#include "volume-mount.h"

/* Ids of project quotas: far from those that people give by hand. */
#define PROJECT_BASE UINT32_C(0x40000000)
#define PROJECT_MASK UINT32_C(0x3fffffff)

void volume_wish_done(VolumeWish *wish) {
        object_done(&volume_spec_type, &wish->spec);
        strv_free(wish->lower);
        free(wish->path);
        *wish = (VolumeWish){};
}

int manager_find_volume(Manager *m, const char *name, Volume **ret, Error *error) {
        *ret = volumes_find(m->volumes, name);
        return *ret ? 0 : error_set(error, ERROR_NO_SUCH_VOLUME, "there is no volume \"%s\"", name);
}

static void tell(Manager *m, const char *action, const VolumeSpec *spec) {
        _cleanup_strv_free_ char **attributes = NULL;

        if (strv_copy_into(spec->labels, &attributes) >= 0 &&
            strv_map_set(&attributes, "driver", spec->driver) >= 0)
                m->hooks->event(m, "volume", action, spec->name, attributes);
}

/* ---- what may be made ---- */

static int check_alike(const Volume *volume, const VolumeSpec *spec, Error *error) {
        if (volume_spec_equal(&volume->spec, spec))
                return 0;
        return error_set(
                error, ERROR_NAME_TAKEN,
                "volume \"%s\" is there already, with another driver, other options or another size",
                spec->name);
}

int manager_check_volume(Manager *m, VolumeSpec *spec, bool alike, Error *error) {
        if (isempty(spec->name)) {
                int r = container_id_make(&spec->name);
                if (r < 0)
                        return error_set_errno(error, r, "cannot make a volume");
                spec->anonymous = true;
        } else if (!volume_name_is_valid(spec->name))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is not a valid name of a volume: letters, digits, \"_\", \".\" and "
                                 "\"-\" are, at most %d, beginning with a letter or digit",
                                 spec->name, VOLUME_NAME_MAX);
        int r = volume_driver_check(spec, error);
        if (r < 0)
                return r;
        if (isempty(spec->driver) && free_and_strdup(&spec->driver, "local") < 0)
                return error_set_errno(error, -ENOMEM, "cannot make a volume");
        const Volume *volume = volumes_find(m->volumes, spec->name);
        if (volume)
                return alike ? check_alike(volume, spec, error) : 0;
        if (volumes_count(m->volumes) >= VOLUMES_MAX)
                return error_set(error, ERROR_LIMIT, "there are %d volumes already; remove some",
                                 VOLUMES_MAX);
        return volume_mount_probe(spec, error);
}

static uint32_t choose_project(Manager *m) {
        for (;;) {
                uint32_t project = PROJECT_BASE | (random_u64() & PROJECT_MASK);
                bool taken = false;
                for (Volume *v = m->volumes->by_name; v; v = v->hh.next)
                        taken |= v->spec.project == project;
                if (!taken)
                        return project;
        }
}

/* ---- making ---- */

struct VolumeWork {
        Manager *manager;
        VolumeWish wish;
        WorkerProcess *worker; /* NULL: waits for another one of the name */
        bool makes;            /* else it fills one */
        VolumeDone done;
        void *userdata;
        TAILQ_ENTRY(VolumeWork) list;
};

static VolumeWork *work_free(VolumeWork *work) {
        if (!work)
                return NULL;
        worker_abandon(work->worker);
        volume_wish_done(&work->wish);
        free(work);
        return NULL;
}
DEFINE_CLEANUP(VolumeWork *, work_free);

void manager_drop_volume_works(Manager *m) {
        for (VolumeWork *work; (work = TAILQ_FIRST(&m->volume_works));) {
                TAILQ_REMOVE(&m->volume_works, work, list);
                work_free(work);
        }
}

static bool is_worked_on(Manager *m, const char *name) {
        VolumeWork *work;

        TAILQ_FOREACH(work, &m->volume_works, list)
                if (work->worker && streq(work->wish.spec.name, name))
                        return true;
        return false;
}

static bool wants_filling(Manager *m, const VolumeWork *work, const Volume *volume) {
        return work->wish.lower && !volume_needs_mount(&volume->spec) && volume->users == 0 &&
               !manager_volume_is_used(m, volume, VOLUME_USED_RUNNING) &&
               volume_is_empty(m->volumes, volume) > 0;
}

static int fill_request(VolumeWork *work, WorkerRequest *request) {
        VolumeWish *wish = &work->wish;

        request->unclaimed = wish->unclaimed;
        if (free_and_strdup(&request->verb, work->makes ? "volume-create" : "volume-fill") < 0 ||
            free_and_strdup(&request->state_directory, STATE_DIRECTORY) < 0 ||
            free_and_strdup(&request->path, wish->path) < 0 ||
            strv_copy_into(wish->lower, &request->lower) < 0)
                return -ENOMEM;
        return object_copy(&volume_spec_type, &request->volume, &wish->spec);
}

static void on_work_ended(const Error *error, void *userdata);
static const WorkerHooks work_hooks = { .ended = on_work_ended };

static int begin_worker(VolumeWork *work, Error *error) {
        Manager *m = work->manager;
        WorkerRequest request;

        object_init(&worker_request_type, &request);
        int r = fill_request(work, &request);
        if (r >= 0)
                r = worker_start(m->event, &request, NULL, 0, &work_hooks, work, &work->worker, error);
        object_done(&worker_request_type, &request);
        return r < 0 ? error_set_errno(error, r, "cannot make volume \"%s\"", work->wish.spec.name) : 0;
}

/* 1: nothing is to do, *ret is the volume. 0: it goes on. */
static int step(VolumeWork *work, Volume **ret, Error *error) {
        VolumeSpec *spec = &work->wish.spec;
        Manager *m = work->manager;

        if (is_worked_on(m, spec->name))
                return 0;
        Volume *volume = volumes_find(m->volumes, spec->name);
        if (volume) {
                int r = work->wish.alike ? check_alike(volume, spec, error) : 0;
                if (r < 0)
                        return r;
                *ret = volume;
                if (!wants_filling(m, work, volume))
                        return 1;
                spec->project = volume->spec.project;
                spec->size = volume->spec.size;
                return begin_worker(work, error);
        }
        work->makes = true;
        spec->created = realtime_usec();
        spec->project = spec->size > 0 && !volume_needs_mount(spec) ? choose_project(m) : 0;
        return begin_worker(work, error);
}

static void finish(VolumeWork *work, Volume *volume, const Error *error) {
        TAILQ_REMOVE(&work->manager->volume_works, work, list);
        work->done(volume, work->makes, error, work->userdata);
        work_free(work);
}

/* Those who waited for the name, until one of them works. Any of them may go while another one is told. */
static void continue_works(Manager *m, const char *name) {
        VolumeWork *work;

        do {
                TAILQ_FOREACH(work, &m->volume_works, list)
                        if (!work->worker && streq(work->wish.spec.name, name))
                                break;
                if (!work || is_worked_on(m, name))
                        return;
                _cleanup_error_ Error error = {};
                Volume *volume = NULL;
                int r = step(work, &volume, &error);
                if (r != 0)
                        finish(work, volume, r < 0 ? &error : NULL);
        } while (work);
}

int manager_take_volume(Manager *m, const char *name, Volume **ret, Error *error) {
        int r = volumes_take(m->volumes, name, ret, error);

        if (r < 0)
                return r;
        (*ret)->owner = m;
        m->hooks->volume_added(m, *ret);
        tell(m, "create", &(*ret)->spec);
        return 0;
}

static void on_work_ended(const Error *why, void *userdata) {
        _cleanup_free_ char *name = NULL;
        _cleanup_error_ Error error = {};
        VolumeWork *work = userdata;
        Manager *m = work->manager;
        Volume *volume = NULL;
        int r = 0;

        work->worker = NULL;
        name = strdup(work->wish.spec.name);
        if (why)
                r = error_set(&error, why->kind, "%s", error_text(why));
        else if (work->makes)
                r = manager_take_volume(m, work->wish.spec.name, &volume, &error);
        else
                volume = volumes_find(m->volumes, work->wish.spec.name);
        finish(work, r < 0 ? NULL : volume, r < 0 ? &error : NULL);
        if (name)
                continue_works(m, name);
}

int manager_make_volume(Manager *m, VolumeWish *wish, VolumeDone done, void *userdata, Volume **ret,
                        Error *error) {
        _cleanup_(work_freep) VolumeWork *work = new0(VolumeWork, 1);

        if (!work)
                return error_set_errno(error, -ENOMEM, "cannot make a volume");
        *work = (VolumeWork){ .manager = m, .wish = *wish, .done = done, .userdata = userdata };
        *wish = (VolumeWish){};
        int r = step(work, ret, error);
        if (r != 0)
                return r;
        TAILQ_INSERT_TAIL(&m->volume_works, work, list);
        TAKE_PTR(work);
        return 0;
}

int manager_clone_request(Manager *m, const Volume *volume, const char *name, WorkerRequest *request,
                          Error *error) {
        if (!isempty(name) && (volumes_find(m->volumes, name) || is_worked_on(m, name)))
                return error_set(error, ERROR_NAME_TAKEN, "there is a volume \"%s\" already", name);
        object_init(&worker_request_type, request);
        VolumeSpec *spec = &request->volume;
        int r = object_copy(&volume_spec_type, spec, &volume->spec);
        spec->anonymous = false;
        spec->created = realtime_usec();
        spec->project = spec->project > 0 ? choose_project(m) : 0;
        if (r >= 0)
                r = free_and_strdup(&spec->name, name);
        if (r >= 0)
                r = manager_check_volume(m, spec, false, error);
        if (r >= 0 && (free_and_strdup(&request->verb, "volume-create") < 0 ||
                       free_and_strdup(&request->source_volume, volume->spec.name) < 0))
                r = -ENOMEM;
        if (r < 0) {
                object_done(&worker_request_type, request);
                return error_set_errno(error, r, "cannot clone volume \"%s\"", volume->spec.name);
        }
        return 0;
}

/* ---- removing ---- */

static int check_free(Manager *m, const Volume *volume, const char *what, Error *error) {
        _cleanup_strv_free_ char **users = NULL;

        int r = manager_volume_users(m, volume, &users);
        if (r < 0)
                return error_set_errno(error, r, "cannot %s volume \"%s\"", what, volume->spec.name);
        if (users) {
                _cleanup_free_ char *names = strv_join(users, ", ");
                return error_set(error, ERROR_IN_USE, "volume \"%s\" is used by container %s",
                                 volume->spec.name, strempty(names));
        }
        if (volume->users > 0 || is_worked_on(m, volume->spec.name))
                return error_set(error, ERROR_IN_USE, "volume \"%s\" is being worked on", volume->spec.name);
        return 0;
}

/* What is mounted would be in the way of deleting what it is mounted on. */
static int detach(Volume *volume, Error *error) {
        _cleanup_free_ char *path = volume_data_path(volume->spec.name);

        if (!path || !volume_is_mounted(volume))
                return 0;
        return umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 && errno != EINVAL
                       ? error_set_errno(error, negative_errno(), "cannot unmount volume \"%s\"",
                                         volume->spec.name)
                       : 0;
}

int manager_remove_volume(Manager *m, Volume *volume, Error *error) {
        _cleanup_free_ char *hidden = NULL;
        VolumeSpec spec;
        int r;

        if ((r = check_free(m, volume, "remove", error)) < 0 || (r = detach(volume, error)) < 0)
                return r;
        if (object_copy(&volume_spec_type, &spec, &volume->spec) < 0)
                return error_set_errno(error, -ENOMEM, "cannot remove volume \"%s\"", volume->spec.name);
        m->hooks->volume_removed(m, volume);
        r = volumes_remove(m->volumes, volume, &hidden, error);
        if (r >= 0) {
                _cleanup_free_ char *path = string_join(VOLUMES_FOLDER "/", hidden);
                tell(m, "destroy", &spec);
                if (path)
                        manager_remove_tree(m, path);
        } else
                m->hooks->volume_added(m, volume);
        object_done(&volume_spec_type, &spec);
        return r;
}

int manager_rename_volume(Manager *m, Volume *volume, const char *name, Error *error) {
        if (!volume_name_is_valid(name))
                return error_set(error, ERROR_INVALID, "\"%s\" is not a valid name of a volume", name);
        if (volumes_find(m->volumes, name) || is_worked_on(m, name))
                return error_set(error, ERROR_NAME_TAKEN, "there is a volume \"%s\" already", name);
        int r = check_free(m, volume, "rename", error);
        if (r < 0 || (r = detach(volume, error)) < 0)
                return r;
        m->hooks->volume_removed(m, volume);
        r = volumes_rename(m->volumes, volume, name, error);
        m->hooks->volume_added(m, volume);
        if (r >= 0)
                tell(m, "rename", &volume->spec);
        return r;
}

/* ---- prune ---- */

static bool may_go(Manager *m, const Volume *volume, const PruneImagesOptions *options) {
        return (options->all || volume->spec.anonymous) && check_free(m, volume, "prune", NULL) >= 0 &&
               (options->until == 0 || volume->spec.created < options->until) &&
               labels_match(volume->spec.labels, options->labels, options->except_labels);
}

int manager_prune_volumes(Manager *m, const PruneImagesOptions *options, PruneResult *ret, Error *error) {
        _cleanup_(prune_result_done) PruneResult result = {};
        _cleanup_free_ Volume **all = NULL;
        size_t n;

        int r = volumes_list(m->volumes, &all, &n);
        m->many_removals = true;
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (!may_go(m, all[i], options))
                        continue;
                r = strv_extend(&result.deleted, all[i]->spec.name);
                if (r >= 0 && !options->dry_run)
                        r = manager_remove_volume(m, all[i], error);
        }
        m->many_removals = false;
        if (r < 0)
                return error_set_errno(error, r, "cannot prune the volumes");
        *ret = result;
        result = (PruneResult){};
        return 0;
}
