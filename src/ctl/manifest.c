/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "credentials-ctl.h"
#include "fd-util.h"
#include "job-watch.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "verbs-ctl.h"

#define O(member) offsetof(ManifestOptions, member)

const Option manifest_create_options[] = {
        { 'a', "amend", NULL, "Add to an index that is there already", option_flag, O(amend) },
        {},
};

const Option manifest_inspect_options[] = {
        { 0, "insecure", NULL, "Talk to a registry without TLS, or with a certificate that is not trusted",
          option_flag, O(insecure) },
        { 0, "local", NULL, "Look only at what is here", option_flag, O(local) },
        { 0, "raw", NULL, "Byte by byte as it is, so that its digest can be computed", option_flag, O(raw) },
        { 0, "remote", NULL, "Ask the registry, also for what is here", option_flag, O(remote) },
        { 'v', "verbose", NULL, "All manifests of an index, each with its digest and its platform",
          option_flag, O(verbose) },
        {},
};

/* ---- create, add, remove ---- */

static int change_index(Ctl *ctl, char **arguments, const char *change, const char *words, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};
        int r;

        if ((r = ctl_message_new(ctl, NULL, NULL, "CreateIndex", &m, error)) < 0)
                return r;
        if ((r = sd_bus_message_append(m, "s", arguments[0])) < 0 ||
            (r = sd_bus_message_append_strv(m, arguments + 1)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}", "Change", "s", change)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = job_start(ctl, m, NULL, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return ctl_cannot(error, r, words, arguments[0]);
        puts(json_text(job.result, "Digest"));
        return EXIT_SUCCESS;
}

int verb_manifest_create(void *context, char **arguments, void *options, Error *error) {
        const ManifestOptions *o = options;

        return change_index(context, arguments, o->amend ? "add" : "create", "make an index", error);
}

int verb_manifest_add(void *context, char **arguments, void *options, Error *error) {
        return change_index(context, arguments, "add", "add to the index", error);
}

int verb_manifest_remove(void *context, char **arguments, void *options, Error *error) {
        return change_index(context, arguments, "remove", "take out of the index", error);
}

/* ---- inspect ---- */

static int append_inspect(Ctl *ctl, sd_bus_message *m, const char *reference, int output,
                          const ManifestOptions *o, Error *error) {
        const char *source = o->local ? "local" : o->remote ? "registry" : "any";
        int r;

        if ((r = sd_bus_message_append(m, "sh", reference, output)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}{sv}{sv}", "Source", "s", source, "Verbose", "b", o->verbose,
                                       "Insecure", "b", o->insecure)) < 0 ||
            (r = ctl_append_credentials(ctl, m, reference, error)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return 0;
}

static int print_document(Ctl *ctl, int fd, const ManifestOptions *o, Error *error) {
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_set_errno(error, negative_errno(), "cannot read the manifest");
        if (o->raw) {
                int r = copy_bytes(fd, STDOUT_FILENO);
                return r < 0 ? error_set_errno(error, r, "cannot print the manifest") : 0;
        }
        _cleanup_json_ json_t *json = json_loadfd(fd, 0, NULL);
        return json ? output_json(ctl, json, error)
                    : error_set(error, ERROR_CORRUPT, "the manifest is not valid JSON");
}

int verb_manifest_inspect(void *context, char **arguments, void *options, Error *error) {
        const ManifestOptions *o = options;
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_close_ int fd = memfd_create("manifest", MFD_CLOEXEC);
        _cleanup_job_ Job job = {};
        int r;

        if (fd < 0)
                return error_set_errno(error, negative_errno(), "cannot make a file in memory");
        if (o->local && o->remote)
                return error_set(error, ERROR_INVALID, "--local and --remote exclude each other");
        if (o->raw && o->verbose)
                return error_set(error, ERROR_INVALID, "--raw and --verbose exclude each other");
        if ((r = ctl_check_local(context, error)) < 0 ||
            (r = ctl_message_new(context, NULL, NULL, "InspectManifest", &m, error)) < 0 ||
            (r = append_inspect(context, m, arguments[0], fd, o, error)) < 0)
                return r;
        if ((r = job_start(context, m, NULL, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return ctl_cannot(error, r, "inspect", arguments[0]);
        r = print_document(context, fd, o, error);
        return r < 0 ? r : EXIT_SUCCESS;
}
