/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "credentials-ctl.h"
#include "file-util.h"
#include "human.h"
#include "image-view.h"
#include "job-watch.h"
#include "reference.h"
#include "string-util.h"
#include "terminal.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(PushOptions, member)

const Option push_options[] = {
        { 'a', "all-tags", NULL, "All tags that images here have in the repository", option_flag,
          O(all_tags) },
        { 0, "compression", "KIND",
          "Compress layers that are not compressed: gzip or zstd (gzip, for images from a docker-archive)",
          option_choice, O(compression), WORD_CHOICE, "gzip|zstd" },
        { 0, "compression-level", "N",
          "gzip: 1 to 9, zstd: 1 to 19; for layers that were not compressed before", option_unsigned,
          O(compression_level) },
        { 0, "digestfile", "FILE", "Write the digest of what was pushed to this file", option_string,
          O(digestfile), WORD_FILE },
        { 0, "insecure", NULL, "Talk to a registry without TLS, or with a certificate that is not trusted",
          option_flag, O(insecure) },
        {},
};

static int append_text(sd_bus_message *m, const char *key, const char *value) {
        return isempty(value) ? 0 : sd_bus_message_append(m, "{sv}", key, "s", value);
}

static int append_arguments(Ctl *ctl, sd_bus_message *m, const char *reference, const char *destination,
                            const PushOptions *o, Error *error) {
        int r;

        if ((r = sd_bus_message_append(m, "s", reference)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0 ||
            (r = append_text(m, "Destination", destination)) < 0 ||
            (r = append_text(m, "Compression", o->compression)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}{sv}{sv}", "AllTags", "b", o->all_tags, "CompressionLevel",
                                       "i", (int) o->compression_level, "Insecure", "b", o->insecure)) < 0 ||
            (r = ctl_append_credentials(ctl, m, destination ?: reference, error)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return 0;
}

static int push_failed(const char *name, bool cancelled, int r, Error *error) {
        if (cancelled || error->kind == ERROR_CANCELLED) {
                error_done(error);
                return error_set(
                        error, ERROR_CANCELLED,
                        "pushing %s was cancelled; layers that were sent wholly need not be sent again",
                        name);
        }
        if (error->message && startswith(error->message, "cannot "))
                return r;
        return error_prefix(error, r, "cannot push %s", name);
}

static void print_pushed(const PushOptions *o, const char *name, const json_t *result, uint64_t usec) {
        uint64_t bytes = json_number(result, "Size");
        char size[HUMAN_MAX];

        if (bytes > 0)
                printf("Pushed %s%s, %s in %.1f s", o->all_tags ? "all tags of " : "", name,
                       format_size(bytes, size), (double) usec / USEC_PER_SEC);
        else
                printf("Pushed %s%s, whose layers were there already", o->all_tags ? "all tags of " : "",
                       name);
        if (o->all_tags)
                puts("");
        else
                printf(" (%.19s%s)\n", json_text(result, "Digest"), glyph(GLYPH_ELLIPSIS));
}

static int write_digest(const char *path, const char *digest, Error *error) {
        int r = write_file_atomic_at(AT_FDCWD, path, digest, strlen(digest), 0666, 0);

        return r < 0 ? error_set_errno(error, r, "it was pushed, but its digest can't be written to %s",
                                       path)
                     : 0;
}

/* name: of the target, as people write it. */
static int push(Ctl *ctl, const char *reference, const char *destination, const char *name,
                const PushOptions *o, Error *error) {
        _cleanup_(progress_freep) Progress *progress = NULL;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};
        uint64_t begin = now_usec(CLOCK_MONOTONIC);
        int r;

        if ((r = ctl_message_new(ctl, NULL, NULL, "PushImage", &m, error)) < 0 ||
            (r = append_arguments(ctl, m, reference, destination, o, error)) < 0)
                return r;
        r = progress_new(stdout, ctl->quiet ? PROGRESS_QUIET : PROGRESS_AUTO, &progress);
        if (r < 0)
                return error_set_errno(error, r, "cannot push %s", name);
        r = job_start(ctl, m, progress, &job, NULL, error);
        if (r >= 0)
                r = job_wait(&job, error);
        if (r < 0)
                return push_failed(name, job.cancelling, r, error);
        if (ctl->quiet)
                puts(json_text(job.result, "Digest"));
        else
                print_pushed(o, name, job.result, now_usec(CLOCK_MONOTONIC) - begin);
        return o->digestfile ? write_digest(o->digestfile, json_text(job.result, "Digest"), error) : 0;
}

static void cut_tag(char *name) {
        char *colon = strrchr(name, ':');

        if (colon && !strchr(colon, '/'))
                *colon = 0;
}

int verb_push(void *context, char **arguments, void *options, Error *error) {
        const PushOptions *o = options;
        /* podman's and skopeo's users write where they push to like this. */
        const char *destination =
                arguments[1] ? startswith(arguments[1], "docker://") ?: arguments[1] : NULL;
        _cleanup_free_ char *name = image_familiar_name(destination ?: arguments[0]);

        if (o->all_tags && name)
                cut_tag(name);
        if (o->all_tags && (destination || o->digestfile))
                return error_set(error, ERROR_INVALID,
                                 "--all-tags goes with neither a destination nor --digestfile");
        if (o->compression_level > INT32_MAX)
                return error_set(error, ERROR_INVALID, "there is no compression level %u",
                                 o->compression_level);
        int r = push(context, arguments[0], destination, strempty(name), o, error);
        return r < 0 ? r : EXIT_SUCCESS;
}
