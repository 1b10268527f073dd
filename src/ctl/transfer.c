/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "archive-file.h"
#include "bus.h"
#include "credentials-ctl.h"
#include "fd-util.h"
#include "human.h"
#include "image-view.h"
#include "job-watch.h"
#include "log.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"
#include "terminal.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(TransferOptions, member)

const Option pull_options[] = {
        { 'a', "all-tags", NULL, "Get every tag of the repository", option_flag, O(all_tags) },
        { 0, "insecure", NULL, "Talk to a registry without TLS, or with a certificate that is not trusted",
          option_flag, O(insecure) },
        { 0, "platform", "OS/ARCH", "The platform to pull, instead of this machine's", option_string,
          O(platform) },
        { 0, "policy", "WHEN",
          "Ask the registry always (the default), when the image is missing, never, or newer: always, but "
          "what is here will do when the registry can't be reached",
          option_choice, O(policy), WORD_CHOICE, "always|missing|never|newer" },
        {},
};

const Option load_options[] = {
        { 'i', "input", "FILE", "Read this file instead of standard input", option_string, O(input),
          WORD_FILE },
        {},
};

const Option import_options[] = {
        { 'c', "change", "INSTRUCTION", "Apply a Dockerfile instruction (CMD, ENV, …) to the image",
          option_strings, O(changes) },
        { 'm', "message", "TEXT", "A comment for its history", option_string, O(message) },
        { 0, "platform", "OS/ARCH", "The platform that the image is for", option_string, O(platform) },
        {},
};

const Option save_options[] = {
        { 'o', "output", "FILE", "Write to this file instead of standard output", option_string, O(output),
          WORD_FILE },
        {},
};

const Option export_options[] = {
        { 'o', "output", "FILE", "Write to this file instead of standard output", option_string, O(output),
          WORD_FILE },
        {},
};

static int set_pause(const Option *option, const char *value, void *target, Error *error) {
        return option_flag_off(option, value, target, error);
}

const Option commit_options[] = {
        { 'a', "author", "NAME", "Who made it", option_string, O(author) },
        { 'c', "change", "INSTRUCTION", "Apply a Dockerfile instruction (CMD, ENV, …) to the image",
          option_strings, O(changes) },
        { 'm', "message", "TEXT", "A comment for its history", option_string, O(message) },
        { 'p', "pause", NULL, "Pause the container meanwhile (the default; --pause=no does not)", set_pause,
          O(no_pause) },
        {},
};

void transfer_options_done(void *options) {
        TransferOptions *o = options;

        strv_free(o->changes);
}

/* ---- the options of the methods ---- */

typedef struct Entry {
        const char *key, *text; /* NULL: left out */
        bool is_flag, flag;
} Entry;

static int append_entries(sd_bus_message *m, const Entry *entries, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (entries[i].is_flag)
                        r = sd_bus_message_append(m, "{sv}", entries[i].key, "b", entries[i].flag);
                else if (entries[i].text)
                        r = sd_bus_message_append(m, "{sv}", entries[i].key, "s", entries[i].text);
        }
        return r;
}

static int append_options(sd_bus_message *m, const Entry *entries, size_t n, char **changes) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r < 0 || (r = job_append_options(m)) < 0 || (r = append_entries(m, entries, n)) < 0 ||
            (r = bus_append_strv_entry(m, "Changes", changes)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* With what the registry is to be shown. */
static int append_remote_options(Ctl *ctl, sd_bus_message *m, const char *reference, const Entry *entries,
                                 size_t n, Error *error) {
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r < 0 || (r = job_append_options(m)) < 0 || (r = append_entries(m, entries, n)) < 0 ||
            (r = ctl_append_credentials(ctl, m, reference, error)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return 0;
}

/* Runs a job to its end without a display. */
static int run_job(Ctl *ctl, sd_bus_message *m, json_t **ret_result, Error *error) {
        _cleanup_job_ Job job = {};

        int r = job_start(ctl, m, NULL, &job, NULL, error);
        if (r < 0 || (r = job_wait(&job, error)) < 0)
                return r;
        if (ret_result)
                *ret_result = TAKE_PTR(job.result);
        return 0;
}

/* ---- pull ---- */

/* "linux/amd64": what is asked for, or this machine in the words of the image specification. */
static char *platform_name(const char *platform) {
        static const char *const machines[][2] = {
                { "x86_64", "amd64" },
                { "aarch64", "arm64" },
                { "armv7l", "arm/v7" },
                { "i686", "386" },
        };
        struct utsname name;

        if (platform)
                return strdup(platform);
        if (uname(&name) < 0)
                return strdup("linux");
        for (size_t i = 0; i < ELEMENTSOF(machines); i++)
                if (streq(name.machine, machines[i][0]))
                        return string_join("linux/", machines[i][1]);
        return string_join("linux/", name.machine);
}

typedef struct PullOptions {
        const char *platform, *policy;
        bool insecure, quiet, digest_only, all_tags;
        FILE *out;
} PullOptions;

static int print_title(const char *reference, const PullOptions *o, Error *error) {
        _cleanup_free_ char *canonical = NULL, *platform = platform_name(o->platform);

        int r = reference_canonicalize(reference, &canonical, error);
        if (r < 0)
                return r;
        /* Of all tags the one that goes without saying is not meant. */
        const char *tag = o->all_tags ? endswith(canonical, ":latest") : NULL;
        int n = tag ? (int) (tag - canonical) : (int) strlen(canonical);
        fprintf(o->out, "%.*s (%s)%s\n", n, canonical, strempty(platform), o->all_tags ? ", all tags" : "");
        return 0;
}

static void print_pulled(const char *reference, const json_t *result, const Progress *progress,
                         uint64_t usec, const PullOptions *o) {
        _cleanup_free_ char *name = o->all_tags ? strdup(reference) : image_familiar_name(reference);
        size_t n_images = json_array_size(json_object_get(result, "Images")), n = progress_items(progress);
        char which[64] = "", size[HUMAN_MAX];

        if (o->all_tags)
                snprintf(which, sizeof(which), "%zu tag%s of ", n_images, n_images == 1 ? "" : "s");
        else
                snprintf(which, sizeof(which), " (%.19s%s)", json_text(result, "Digest"),
                         glyph(GLYPH_ELLIPSIS));
        const char *before = o->all_tags ? which : "", *behind = o->all_tags ? "" : which;
        if (json_flag(result, "Existed"))
                fprintf(o->out, "%s%s %s up to date%s\n", before, strempty(name),
                        o->all_tags && n_images != 1 ? "are" : "is", behind);
        else
                fprintf(o->out, "Pulled %s%s, %zu layer%s, %s in %.1f s%s\n", before, strempty(name), n,
                        n == 1 ? "" : "s", format_size(progress_bytes(progress), size),
                        (double) usec / USEC_PER_SEC, behind);
}

/* Each image's object is named by its digest. */
static void print_digests(const json_t *result) {
        json_t *path;
        size_t i;

        json_array_foreach(json_object_get(result, "Images"), i, path) {
                const char *slash = strrchr(strempty(json_string_value(path)), '/');
                _cleanup_free_ char *hex = NULL;
                if (slash && sd_bus_path_decode(json_string_value(path), BERTH_PATH "/image", &hex) > 0)
                        printf("sha256:%s\n", hex);
        }
}

static int pull_failed(const char *reference, bool cancelled, int r, Error *error) {
        _cleanup_free_ char *name = NULL;
        _cleanup_error_ Error ignored = {};

        if (cancelled || error->kind == ERROR_CANCELLED) {
                error_done(error);
                return error_set(error, ERROR_CANCELLED,
                                 "pulling %s was cancelled; what was fetched is kept for the next time",
                                 reference);
        }
        if (error->message && startswith(error->message, "cannot "))
                return r;
        (void) reference_canonicalize(reference, &name, &ignored);
        return error_prefix(error, r, "cannot pull %s", name ?: reference);
}

static int pull(Ctl *ctl, const char *reference, const PullOptions *o, Error *error) {
        const Entry entries[] = { { "Platform", o->platform },
                                  { "Policy", o->policy },
                                  { "AllTags", .is_flag = true, .flag = o->all_tags },
                                  { "Insecure", .is_flag = true, .flag = o->insecure } };
        _cleanup_(progress_freep) Progress *progress = NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};
        uint64_t begin = now_usec(CLOCK_MONOTONIC);

        int r = ctl_message_new(ctl, NULL, NULL, "PullImage", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "s", reference)) < 0 ||
            (r = append_remote_options(ctl, m, reference, entries, ELEMENTSOF(entries), error)) < 0 ||
            (r = progress_new(o->out, o->quiet ? PROGRESS_QUIET : PROGRESS_AUTO, &progress)) < 0)
                return error_set_errno(error, r, "cannot pull %s", reference);
        if (!o->quiet && (r = print_title(reference, o, error)) < 0)
                return r;
        r = job_start(ctl, m, progress, &job, NULL, error);
        if (r >= 0)
                r = job_wait(&job, error);
        if (r < 0)
                return pull_failed(reference, job.cancelling, r, error);
        if (o->digest_only)
                print_digests(job.result);
        else if (!o->quiet)
                print_pulled(reference, job.result, progress, now_usec(CLOCK_MONOTONIC) - begin, o);
        const char *warning = json_text(job.result, "Warning");
        if (!isempty(warning))
                log_warning("%s: %s", reference, warning);
        return 0;
}

int transfer_pull(Ctl *ctl, const char *reference, const char *platform, const char *policy, bool quiet,
                  FILE *out, Error *error) {
        PullOptions o = { .platform = platform, .policy = policy, .quiet = quiet || ctl->quiet, .out = out };

        return pull(ctl, reference, &o, error);
}

int verb_pull(void *context, char **arguments, void *options, Error *error) {
        const TransferOptions *o = options;
        Ctl *ctl = context;
        PullOptions pull_options_ = { .platform = o->platform,
                                      .policy = o->policy ?: "always",
                                      .insecure = o->insecure,
                                      .all_tags = o->all_tags,
                                      .quiet = ctl->quiet,
                                      .digest_only = ctl->quiet,
                                      .out = stdout };
        int status = EXIT_SUCCESS;

        for (char **reference = arguments; *reference; reference++) {
                _cleanup_error_ Error own = {};
                int r = pull(ctl, *reference, &pull_options_, &own);
                if (r >= 0)
                        continue;
                if (own.kind == ERROR_CANCELLED || !arguments[1]) {
                        error_move(error, &own);
                        return r;
                }
                ctl_report(&own);
                status = EXIT_FAILURE;
        }
        return status;
}

/* ---- load, import ---- */

static void print_loaded(Ctl *ctl, const json_t *result) {
        json_t *path, *name;
        size_t i, k;

        json_array_foreach(json_object_get(result, "Images"), i, path) {
                _cleanup_json_ json_t *properties = NULL;
                _cleanup_error_ Error ignored = {};
                if (ctl_properties(ctl, json_string_value(path), IMAGE_INTERFACE, &properties, &ignored) < 0)
                        continue;
                json_t *names = json_object_get(properties, "Names");
                json_array_foreach(names, k, name) {
                        _cleanup_free_ char *familiar = image_familiar_name(json_string_value(name));
                        printf("%s%s\n", ctl->quiet ? "" : "Loaded ", strempty(familiar));
                }
                if (json_array_size(names) == 0)
                        printf("%s%s\n", ctl->quiet ? "" : "Loaded ", json_text(properties, "Id"));
        }
}

int verb_load(void *context, char **arguments, void *options, Error *error) {
        const TransferOptions *o = options;
        const char *file = o->input ?: arguments[0];
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *result = NULL;
        _cleanup_close_ int fd = archive_file_open_input(file, error);

        if (fd < 0)
                return fd;
        int r = ctl_message_new(context, NULL, NULL, "LoadImages", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "h", fd)) < 0 || (r = append_options(m, NULL, 0, NULL)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = run_job(context, m, &result, error)) < 0)
                return ctl_cannot(error, r, "load", file ?: "standard input");
        print_loaded(context, result);
        return EXIT_SUCCESS;
}

int verb_import(void *context, char **arguments, void *options, Error *error) {
        const TransferOptions *o = options;
        const Entry entries[] = { { "Comment", o->message }, { "Platform", o->platform } };
        const char *reference = strempty(arguments[1]);
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *result = NULL;
        _cleanup_close_ int fd = archive_file_open_input(arguments[0], error);

        if (fd < 0)
                return fd;
        int r = ctl_message_new(context, NULL, NULL, "ImportImage", &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_append(m, "hs", fd, reference)) < 0 ||
            (r = append_options(m, entries, ELEMENTSOF(entries), o->changes)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = run_job(context, m, &result, error)) < 0)
                return ctl_cannot(error, r, "import", arguments[0]);
        puts(json_text(result, "Digest"));
        return EXIT_SUCCESS;
}

/* ---- save, export, commit ---- */

/* A job that writes a tar to a file or to standard output. */
static int run_writer(Ctl *ctl, sd_bus_message *m, ArchiveFile *file, Error *error) {
        int r = run_job(ctl, m, NULL, error);

        return r < 0 ? r : archive_file_commit(file, error);
}

int verb_save(void *context, char **arguments, void *options, Error *error) {
        const TransferOptions *o = options;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_(archive_file_done) ArchiveFile file = ARCHIVE_FILE_NONE;

        int r = archive_file_open_output(o->output, &file, error);
        if (r < 0 || (r = ctl_message_new(context, NULL, NULL, "SaveImages", &m, error)) < 0)
                return r;
        if ((r = sd_bus_message_append_strv(m, arguments)) < 0 ||
            (r = sd_bus_message_append(m, "h", file.fd)) < 0 || (r = append_options(m, NULL, 0, NULL)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        r = run_writer(context, m, &file, error);
        return r < 0 ? ctl_cannot(error, r, "save", arguments[0]) : EXIT_SUCCESS;
}

int verb_export(void *context, char **arguments, void *options, Error *error) {
        const TransferOptions *o = options;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_(archive_file_done) ArchiveFile file = ARCHIVE_FILE_NONE;
        _cleanup_free_ char *path = NULL;

        int r = ctl_find_container(context, arguments[0], &path, error);
        if (r < 0 || (r = archive_file_open_output(o->output, &file, error)) < 0 ||
            (r = ctl_message_new(context, path, CONTAINER_INTERFACE, "Export", &m, error)) < 0)
                return r;
        if ((r = sd_bus_message_append(m, "h", file.fd)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        r = run_writer(context, m, &file, error);
        return r < 0 ? ctl_cannot(error, r, "export", arguments[0]) : EXIT_SUCCESS;
}

int verb_commit(void *context, char **arguments, void *options, Error *error) {
        const TransferOptions *o = options;
        const Entry entries[] = { { "Author", o->author },
                                  { "Comment", o->message },
                                  { "Pause", .is_flag = true, .flag = !o->no_pause } };
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_json_ json_t *result = NULL;
        _cleanup_free_ char *path = NULL;

        int r = ctl_find_container(context, arguments[0], &path, error);
        if (r < 0 || (r = ctl_message_new(context, path, CONTAINER_INTERFACE, "Commit", &m, error)) < 0)
                return r;
        if ((r = sd_bus_message_append(m, "s", strempty(arguments[1]))) < 0 ||
            (r = append_options(m, entries, ELEMENTSOF(entries), o->changes)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = run_job(context, m, &result, error)) < 0)
                return ctl_cannot(error, r, "commit", arguments[0]);
        puts(json_text(result, "Digest"));
        return EXIT_SUCCESS;
}
