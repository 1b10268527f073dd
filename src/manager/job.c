/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "fd-util.h"
#include "job.h"
#include "log.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define JOBS_RUNNING_MAX 8
#define JOB_ITEMS_MAX 2000
#define LINGER_USEC (60 * USEC_PER_SEC)

const char *const job_state_words[] = { "running", "done", "failed", NULL };

static void job_finish(Job *job, const Error *error);

static void job_result_done(JobResult *result) {
        strv_free(result->images);
        free(result->digest);
        free(result->name);
        free(result->link_target);
        free(result->warning);
        strv_free(result->untagged);
        strv_free(result->deleted);
        *result = (JobResult){};
}

static void release_input(Job *job) {
        object_done(&worker_request_type, &job->request);
        close_many(job->fds, job->n_fds);
        job->n_fds = 0;
}

static void release_container(Job *job) {
        if (job->container)
                job->container->users--;
        job->container = NULL;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        TAILQ_REMOVE(&job->manager->jobs, job, list);
        job->manager->n_jobs--;
        worker_abandon(job->worker);
        release_container(job);
        for (JobWaiter *w; (w = TAILQ_FIRST(&job->waiters));) {
                TAILQ_REMOVE(&job->waiters, w, list);
                free(w);
        }
        release_input(job);
        job_result_done(&job->result);
        list_done(&job->items, &worker_progress_type);
        error_done(&job->error);
        sd_bus_track_unref(job->track);
        sd_event_source_disable_unref(job->linger);
        free(job->type);
        free(job->subject);
        free(job->action);
        free(job->owner);
        free(job);
        return NULL;
}
DEFINE_CLEANUP(Job *, job_free);

Job *manager_find_job(Manager *m, unsigned id) {
        Job *job;

        TAILQ_FOREACH(job, &m->jobs, list)
                if (job->id == id)
                        return job;
        return NULL;
}

static int on_owner_gone(sd_bus_track *track, void *userdata) {
        job_cancel(userdata);
        return 1; /* 0 would mean: call again */
}

static int track_owner(Job *job) {
        if (!(job->flags & JOB_CANCEL_ON_DISCONNECT))
                return 0;
        int r = sd_bus_track_new(job->manager->bus, &job->track, on_owner_gone, job);
        return r < 0 ? r : sd_bus_track_add_name(job->track, job->owner);
}

static int job_fill(Job *job, const int *fds, size_t n_fds, const JobParameters *p) {
        int r;

        if ((r = free_and_strdup(&job->type, job->request.verb)) < 0 ||
            (r = free_and_strdup(&job->subject, strempty(p->subject))) < 0 ||
            (r = free_and_strdup(&job->action, p->action)) < 0 ||
            (r = free_and_strdup(&job->owner, sd_bus_message_get_sender(p->call))) < 0 ||
            (r = free_and_strdup(&job->request.state_directory, STATE_DIRECTORY)) < 0)
                return r;
        for (size_t i = 0; i < n_fds; i++) {
                int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
                if (fd < 0)
                        return negative_errno();
                job->fds[job->n_fds++] = fd;
        }
        job->request.limits = job->manager->conf.limits;
        job->request.downloads = job->manager->conf.downloads;
        return track_owner(job);
}

/* Those that have ended stay for a while, so that their results can be read, but not in the way of others. */
static bool make_room(Manager *m) {
        Job *job;

        if (m->n_jobs < JOBS_MAX)
                return true;
        TAILQ_FOREACH(job, &m->jobs, list) {
                if (!job->linger)
                        continue;
                m->hooks->job_removed(m, job);
                job_free(job);
                return true;
        }
        return false;
}

int job_new(Manager *m, WorkerRequest *request, const int *fds, size_t n_fds, const JobParameters *p,
            Job **ret, Error *error) {
        if (!make_room(m))
                return error_set(error, ERROR_LIMIT, "%d jobs are running or waiting already", JOBS_MAX);
        Job *job = new0(Job, 1);
        if (!job)
                return error_set_errno(error, -ENOMEM, "cannot make a job");
        *job = (Job){ .manager = m, .id = ++m->last_job_id, .flags = p->flags, .request = *request };
        *request = (WorkerRequest){};
        TAILQ_INIT(&job->waiters);
        TAILQ_INSERT_TAIL(&m->jobs, job, list);
        m->n_jobs++;
        int r = job_fill(job, fds, n_fds, p);
        if (r < 0) {
                job_free(job);
                return error_set_errno(error, r, "cannot make a job");
        }
        job->container = p->container;
        job->thaw = p->pause;
        if (job->container)
                job->container->users++;
        m->hooks->job_added(m, job);
        if (p->image || p->nothing) {
                job->result.existed = p->image;
                r = p->image ? strv_extend(&job->result.images, p->image) : 0;
                if (r < 0)
                        error_set_errno(&job->error, r, "cannot pull");
                job_finish(job, NULL);
        } else
                manager_run_jobs(m);
        *ret = job;
        return 0;
}

/* ---- its end ---- */

static int on_linger(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;

        job->manager->hooks->job_removed(job->manager, job);
        job_free(job);
        return 0;
}

static void job_complete(Job *job) {
        Manager *m = job->manager;

        job->state = job->error.kind != ERROR_NONE ? JOB_FAILED : JOB_DONE;
        if (job->started)
                m->n_jobs_running--;
        job->started = false;
        release_container(job);
        release_input(job);
        job->track = sd_bus_track_unref(job->track);
        m->hooks->job_changed(m, job);
        for (JobWaiter *w; (w = TAILQ_FIRST(&job->waiters));) {
                TAILQ_REMOVE(&job->waiters, w, list);
                w->done(job, job->state == JOB_FAILED ? &job->error : NULL, w->userdata);
                free(w);
        }
        if (sd_event_add_time_relative(m->event, &job->linger, CLOCK_MONOTONIC, LINGER_USEC, USEC_PER_SEC,
                                       on_linger, job) < 0)
                log_oom();
        manager_continue_pruning(m);
}

static void on_thawed(Container *c, const Error *error, void *userdata) {
        if (error)
                log_warning("Failed to unpause container %s after a job: %s", c->spec.name,
                            error_text(error));
        job_complete(userdata);
}

/* Who waits finds the container running again. */
static void job_finish(Job *job, const Error *error) {
        Container *c = job->container;

        job->worker = NULL;
        if (error && job->error.kind == ERROR_NONE)
                error_set(&job->error, error->kind, "%s", error_text(error));
        if (c && job->thaw && c->state.status == CONTAINER_PAUSED &&
            container_pause(c, false, on_thawed, job, NULL) >= 0)
                return;
        job_complete(job);
}

int job_wait(Job *job, JobDone done, void *userdata) {
        if (job->state != JOB_RUNNING) {
                done(job, job->state == JOB_FAILED ? &job->error : NULL, userdata);
                return 0;
        }
        JobWaiter *w = new0(JobWaiter, 1);
        if (!w)
                return -ENOMEM;
        *w = (JobWaiter){ .done = done, .userdata = userdata };
        TAILQ_INSERT_TAIL(&job->waiters, w, list);
        return 0;
}

void job_cancel(Job *job) {
        _cleanup_error_ Error error = {};

        if (job->state != JOB_RUNNING)
                return;
        error_set(&error, ERROR_CANCELLED, "cancelled");
        if (job->worker)
                worker_cancel(job->worker); /* its end follows */
        else if (!job->started)
                job_finish(job, &error);
        else /* its container is being paused or unpaused: that ends first */
                error_move(&job->error, &error);
}

void manager_detach_jobs(Manager *m, Container *c) {
        Job *job;

        TAILQ_FOREACH(job, &m->jobs, list) {
                if (job->container != c)
                        continue;
                job->container->users--;
                job->container = NULL;
                if (job->worker)
                        worker_cancel(job->worker);
        }
}

/* ---- what the worker says ---- */

static void on_progress(const WorkerProgress *progress, void *userdata) {
        WorkerProgress *item = NULL;
        Job *job = userdata;

        for (size_t i = 0; i < job->items.n && !item; i++)
                if (streq_ptr(LIST_ITEM(&job->items, WorkerProgress, i)->id, progress->id))
                        item = LIST_ITEM(&job->items, WorkerProgress, i);
        if (!item && job->items.n < JOB_ITEMS_MAX)
                item = list_append(&job->items, &worker_progress_type);
        if (!item || free_and_strdup(&item->id, progress->id) < 0 ||
            free_and_strdup(&item->status, progress->status) < 0)
                return;
        item->current = progress->current;
        item->total = progress->total;
        if ((job->flags & JOB_TAKES_STOCK) && streq_ptr(progress->id, WORKER_ITEM_STORE) &&
            streq_ptr(progress->status, WORKER_STATUS_LISTED)) {
                job->listed = true;
                manager_run_jobs(job->manager);
        }
        job->manager->hooks->job_progress(job->manager, job, item);
}

static void take_images(Job *job, const WorkerResult *result) {
        for (size_t i = 0; i < result->images.n; i++) {
                const WorkerImage *made = LIST_ITEM(&result->images, WorkerImage, i);
                _cleanup_error_ Error error = {};
                Image *image;

                int r = manager_add_image(job->manager, job->type, strempty(made->record.digest),
                                          made->names, &image, &error);
                if (r >= 0)
                        r = strv_extend(&job->result.images, image->record.digest);
                if (r < 0) {
                        error_set_errno(&error, r, "cannot take in an image");
                        error_move(&job->error, &error);
                        return;
                }
        }
}

static void take_pushed(Job *job, const WorkerResult *result) {
        for (size_t i = 0; i < result->images.n; i++) {
                const WorkerImage *pushed = LIST_ITEM(&result->images, WorkerImage, i);
                _cleanup_error_ Error error = {};
                if (manager_take_pushed(job->manager, strempty(pushed->record.digest), pushed->names,
                                        &error) < 0)
                        log_warning("Failed to take in what push made: %s", error_text(&error));
        }
}

static void on_result(const WorkerResult *result, void *userdata) {
        Job *job = userdata;

        if (streq(job->type, "push"))
                take_pushed(job, result);
        else
                take_images(job, result);
        job->result.existed |= result->existed;
        job->result.size += result->size;
        job->result.mode = result->mode;
        job->result.modified = result->modified;
        if ((result->digest && free_and_strdup(&job->result.digest, result->digest) < 0) ||
            (result->warning && free_and_strdup(&job->result.warning, result->warning) < 0) ||
            free_and_strdup(&job->result.name, result->name) < 0 ||
            free_and_strdup(&job->result.link_target, result->link_target) < 0)
                log_oom();
}

static void on_ended(const Error *error, void *userdata) {
        job_finish(userdata, error);
}

/* ---- its beginning ---- */

int container_files_request(Manager *m, const Container *c, WorkerRequest *request) {
        const Image *image = image_store_by_digest(m->images, strempty(c->spec.image_digest));

        int r = image ? image_store_lower(m->images, &image->record, &request->lower) : -ENOENT;
        if (r < 0)
                return r;
        if (free_and_strdup(&request->id, c->spec.id) < 0 ||
            free_and_strdup(&request->name, c->spec.name) < 0 ||
            free_and_strdup(&request->base_digest, c->spec.image_digest) < 0)
                return -ENOMEM;
        free_and_replace(request->upper, string_join(STATE_DIRECTORY "/containers/", c->spec.id, "/upper"));
        free_and_replace(request->work, string_join(STATE_DIRECTORY "/containers/", c->spec.id, "/work"));
        request->leader = c->executed ? c->state.leader : 0;
        request->leader_start_time = c->executed ? c->state.leader_start_time : 0;
        request->uid_base = c->spec.uid_base;
        request->uid_count = c->spec.uid_count;
        return request->upper && request->work ? 0 : -ENOMEM;
}

static void start_worker(Job *job) {
        static const WorkerHooks hooks = { on_progress, on_result, on_ended };
        _cleanup_error_ Error error = {};

        int r = job->container ? container_files_request(job->manager, job->container, &job->request) : 0;
        if (r >= 0)
                r = worker_start(job->manager->event, &job->request, job->fds, job->n_fds, &hooks, job,
                                 &job->worker, &error);
        release_input(job);
        if (r < 0) {
                error_set_errno(&error, r, "cannot start the job");
                job_finish(job, &error);
        }
}

static void on_paused(Container *c, const Error *error, void *userdata) {
        Job *job = userdata;

        if (job->state != JOB_RUNNING)
                return;
        if (error)
                job->thaw = false;
        if (error || job->error.kind != ERROR_NONE)
                job_finish(job, error);
        else
                start_worker(job);
}

static void job_begin(Job *job) {
        _cleanup_error_ Error error = {};

        job->started = true;
        job->manager->n_jobs_running++;
        job->thaw = job->thaw && job->container && job->container->state.status == CONTAINER_RUNNING;
        if (!job->thaw) {
                start_worker(job);
                return;
        }
        if (container_pause(job->container, true, on_paused, job, &error) < 0) {
                job->thaw = false;
                job_finish(job, &error);
        }
}

bool manager_uses_store(const Manager *m) {
        Job *job;

        TAILQ_FOREACH(job, &m->jobs, list)
                if (job->started && (job->flags & (JOB_ADDS_IMAGES | JOB_TAKES_STOCK)))
                        return true;
        return false;
}

/* Those that came first have their turn first: who takes stock does not wait for ever for a moment without pulls. */
static bool may_begin(const Manager *m, const Job *job) {
        bool in_front = true;
        Job *other;

        if (!(job->flags & (JOB_ADDS_IMAGES | JOB_TAKES_STOCK)))
                return true;
        if ((m->pruner && !m->pruner_released) || ((job->flags & JOB_TAKES_STOCK) && manager_uses_store(m)))
                return false;
        TAILQ_FOREACH(other, &m->jobs, list) {
                in_front = in_front && other != job;
                if (other->state == JOB_RUNNING && (other->flags & JOB_TAKES_STOCK) &&
                    (other->started ? !other->listed : in_front))
                        return false;
        }
        return true;
}

void manager_run_jobs(Manager *m) {
        Job *job;

        /* Beginning one may end it at once, and its end may begin others, so each look starts at the front. */
again:
        TAILQ_FOREACH(job, &m->jobs, list) {
                if (m->n_jobs_running >= JOBS_RUNNING_MAX)
                        return;
                if (job->started || job->state != JOB_RUNNING || !may_begin(m, job))
                        continue;
                job_begin(job);
                goto again;
        }
}
