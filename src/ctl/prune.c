/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "bus.h"
#include "human.h"
#include "image-view.h"
#include "job-report.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

/* What can't be undone says what it will remove and how much, and asks. */

#define O(member) offsetof(PruneOptions, member)

#define COMMON_OPTIONS                                                                     \
        { 0, "dry-run", NULL, "Only say what would be removed", option_flag, O(dry_run) }, \
                { 0,                                                                       \
                  "filter",                                                                \
                  "NAME=VALUE",                                                            \
                  "Only what is older (until=24h, or a time), or has the label "           \
                  "(label=KEY[=VALUE], label!=…)",                                         \
                  option_strings,                                                          \
                  O(filters) },                                                            \
        {                                                                                  \
                'f', "force", NULL, "Do not ask", option_flag, O(force)                    \
        }

const Option prune_container_options[] = { COMMON_OPTIONS, {} };

const Option prune_image_options[] = {
        { 'a', "all", NULL, "Also images that have names, if no container uses them", option_flag, O(all) },
        COMMON_OPTIONS,
        { 0, "policy", NULL, "What berthd.conf says: unused images beyond its limits, the oldest first",
          option_flag, O(policy) },
        {},
};

const Option prune_volume_options[] = {
        { 'a', "all", NULL, "Also volumes that have names, if no container has them", option_flag, O(all) },
        COMMON_OPTIONS,
        {},
};

const Option prune_system_options[] = {
        { 'a', "all", NULL, "Also images that have names, if no container uses them", option_flag, O(all) },
        COMMON_OPTIONS,
        {},
};

void prune_options_done(void *options) {
        PruneOptions *o = options;

        strv_free(o->filters);
}

/* ---- filters ---- */

typedef struct PruneFilter {
        bool all, policy, dry_run;
        uint64_t until;
        char **labels, **except_labels;
} PruneFilter;

static void prune_filter_done(PruneFilter *filter) {
        strv_free(filter->labels);
        strv_free(filter->except_labels);
}

static int add_filter(PruneFilter *filter, const char *text, Error *error) {
        const char *value;

        if ((value = startswith(text, "until=")))
                return parse_moment(value, &filter->until) < 0
                               ? error_set(error, ERROR_INVALID,
                                           "--filter: \"%s\" is neither a time nor a time span", value)
                               : 0;
        if ((value = startswith(text, "label=")) && *value)
                return strv_extend(&filter->labels, value);
        if ((value = startswith(text, "label!=")) && *value)
                return strv_extend(&filter->except_labels, value);
        return error_set(error, ERROR_INVALID, "--filter: \"%s\" is not until=…, label=… or label!=…", text);
}

static int parse_filters(const PruneOptions *o, PruneFilter *ret, Error *error) {
        *ret = (PruneFilter){ .all = o->all, .policy = o->policy };
        if (o->policy && (o->all || o->filters))
                return error_set(error, ERROR_INVALID,
                                 "--policy says what goes; --all and --filter can't be given with it");
        STRV_FOREACH(text, o->filters) {
                int r = add_filter(ret, *text, error);
                if (r < 0)
                        return error_set_errno(error, r, "--filter");
        }
        return 0;
}

static int append_options(sd_bus_message *m, const PruneFilter *filter, bool all, bool policy) {
        int r;

        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
            (r = sd_bus_message_append(m, "{sv}{sv}", "DryRun", "b", filter->dry_run, "Until", "t",
                                       filter->until)) < 0 ||
            (all && (r = sd_bus_message_append(m, "{sv}", "All", "b", filter->all)) < 0) ||
            (policy && (r = sd_bus_message_append(m, "{sv}", "Policy", "b", filter->policy)) < 0) ||
            (r = bus_append_strv_entry(m, "Labels", filter->labels)) < 0 ||
            (r = bus_append_strv_entry(m, "ExceptLabels", filter->except_labels)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* ---- the calls ---- */

/* *ret: Deleted, Untagged, Size. */
static int prune_images(Ctl *ctl, PruneFilter *filter, bool dry_run, json_t **ret, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};

        filter->dry_run = dry_run;
        int r = ctl_message_new(ctl, NULL, NULL, "PruneImages", &m, error);
        if (r < 0)
                return r;
        if ((r = append_options(m, filter, true, true)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = job_start(ctl, m, NULL, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return r;
        *ret = TAKE_PTR(job.result);
        return 0;
}

/* *ret: the names of what goes. */
static int prune_by(Ctl *ctl, const char *method, PruneFilter *filter, bool all, bool dry_run, char ***ret,
                    Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        filter->dry_run = dry_run;
        int r = ctl_message_new(ctl, NULL, NULL, method, &m, error);
        if (r < 0)
                return r;
        if ((r = append_options(m, filter, all, false)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, m, CALL_FOR_EVER, &reply, error)) < 0)
                return r;
        r = sd_bus_message_read_strv(reply, ret);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

static int prune_containers(Ctl *ctl, PruneFilter *filter, bool dry_run, char ***ret, Error *error) {
        return prune_by(ctl, "PruneContainers", filter, false, dry_run, ret, error);
}

/* What the files of these containers take. Where it can't be known (over ssh), 0. */
static uint64_t containers_size(Ctl *ctl, char **names) {
        _cleanup_json_ json_t *report = NULL, *list = NULL;
        _cleanup_error_ Error ignored = {};
        json_t *measured, *container;
        uint64_t size = 0;
        size_t i, k;

        if (strv_isempty(names) || ctl->host ||
            job_report(ctl, "DiskUsage", NULL, NULL, NULL, NULL, &report, &ignored) < 0 ||
            ctl_list_all_containers(ctl, &list, &ignored) < 0)
                return 0;
        json_array_foreach(list, i, container)
                if (strv_contains(names, json_text(container, "Name")))
                        json_array_foreach(json_object_get(report, "Containers"), k, measured)
                                if (streq(json_text(measured, "Id"), json_text(container, "Id")))
                                        size += json_number(measured, "Size");
        return size;
}

/* ---- saying and asking ---- */

/* The names that an image has lost or will lose stand for it; one without any is named by its digest. */
static void list_images(const json_t *result, const char *name_prefix, const char *digest_prefix) {
        const json_t *deleted = json_object_get(result, "Deleted"),
                     *untagged = json_object_get(result, "Untagged");
        json_t *item;
        size_t i;

        json_array_foreach(untagged, i, item) {
                _cleanup_free_ char *name = image_familiar_name(json_string_value(item));
                printf("%s%s\n", name_prefix, strempty(name));
        }
        json_array_foreach(deleted, i, item)
                printf("%s%s\n", digest_prefix, json_string_value(item));
}

static void list_names(char **names, const char *prefix) {
        STRV_FOREACH(name, names)
                printf("%s%s\n", prefix, *name);
}

static int ask(const PruneOptions *o, const char *question, Error *error) {
        char answer[16];

        if (o->force)
                return 1;
        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return error_set(error, ERROR_INVALID,
                                 "nobody can be asked whether that may be removed (--force does not ask, "
                                 "--dry-run only says what it would be)");
        fflush(stdout);
        fprintf(stderr, "%s [y/N] ", question);
        if (!fgets(answer, sizeof(answer), stdin))
                return 0;
        return tolower((unsigned char) answer[0]) == 'y';
}

static void print_total(Ctl *ctl, const PruneOptions *o, uint64_t size) {
        char text[HUMAN_MAX];

        if (!ctl->quiet)
                printf("%s: %s\n", o->dry_run ? "Would be reclaimed" : "Total reclaimed space",
                       format_size(size, text));
}

/* ---- what goes ---- */

typedef struct Plan {
        char **containers;
        json_t *images; /* NULL: they are not asked for */
        uint64_t size;
} Plan;

static void plan_done(Plan *plan) {
        strv_free(plan->containers);
        json_decref(plan->images);
}

static size_t count_images(const Plan *plan) {
        return json_array_size(json_object_get(plan->images, "Deleted"));
}

static void print_plan(Ctl *ctl, const PruneOptions *o, const Plan *plan) {
        const char *indent = ctl->quiet ? "" : "  ";

        if (plan->containers) {
                if (!ctl->quiet)
                        puts(o->dry_run ? "Containers that would be removed:" : "Containers to be removed:");
                list_names(plan->containers, indent);
        }
        if (count_images(plan) > 0) {
                if (!ctl->quiet)
                        puts(o->dry_run ? "Images that would be removed:" : "Images to be removed:");
                list_images(plan->images, indent, indent);
        }
}

static int confirm(const PruneOptions *o, const Plan *plan, Error *error) {
        size_t n_containers = strv_length(plan->containers), n_images = count_images(plan);
        char size[HUMAN_MAX];

        if (n_containers + n_images == 0)
                return 1; /* but files that nobody needs may be there */
        _cleanup_free_ char *containers =
                format_string("%zu container%s", n_containers, n_containers == 1 ? "" : "s");
        _cleanup_free_ char *images = format_string("%zu image%s", n_images, n_images == 1 ? "" : "s");
        _cleanup_free_ char *question = format_string(
                "Remove %s%s%s%s, %s?", n_containers > 0 ? strempty(containers) : "",
                n_containers > 0 && n_images > 0 ? " and " : "", n_images > 0 ? strempty(images) : "",
                plan->images && o->all && n_containers > 0 ? " (and images that only these containers have)"
                                                           : "",
                format_size(plan->size, size));
        return question ? ask(o, question, error) : -ENOMEM;
}

static int make_plan(Ctl *ctl, PruneFilter *filter, bool containers, bool images, Plan *plan, Error *error) {
        int r = 0;

        if (containers && (r = prune_containers(ctl, filter, true, &plan->containers, error)) < 0)
                return r;
        if (images && (r = prune_images(ctl, filter, true, &plan->images, error)) < 0)
                return r;
        plan->size = containers_size(ctl, plan->containers) + json_number(plan->images, "Size");
        return 0;
}

static int carry_out(Ctl *ctl, const PruneOptions *o, PruneFilter *filter, bool containers, bool images,
                     const Plan *plan, Error *error) {
        uint64_t size = plan->size - json_number(plan->images, "Size");
        _cleanup_strv_free_ char **removed = NULL;
        _cleanup_json_ json_t *result = NULL;

        if (containers) {
                int r = prune_containers(ctl, filter, false, &removed, error);
                if (r < 0)
                        return r;
                list_names(removed, ctl->quiet ? "" : "Removed ");
        }
        if (images) {
                int r = prune_images(ctl, filter, false, &result, error);
                if (r < 0)
                        return r;
                json_t *untagged = json_object_get(result, "Untagged");
                if (ctl->quiet)
                        (void) json_array_clear(untagged);
                list_images(result, "Untagged ", ctl->quiet ? "" : "Deleted ");
                size += json_number(result, "Size");
        }
        print_total(ctl, o, size);
        return 0;
}

static int prune(Ctl *ctl, const PruneOptions *o, bool containers, bool images, Error *error) {
        _cleanup_(prune_filter_done) PruneFilter filter = {};
        _cleanup_(plan_done) Plan plan = {};

        int r = parse_filters(o, &filter, error);
        if (r < 0 || (r = make_plan(ctl, &filter, containers, images, &plan, error)) < 0)
                return r;
        if (o->dry_run || !o->force)
                print_plan(ctl, o, &plan);
        if (o->dry_run) {
                print_total(ctl, o, plan.size);
                return EXIT_SUCCESS;
        }
        r = confirm(o, &plan, error);
        if (r < 0)
                return error_set_errno(error, r, "cannot ask");
        if (r == 0)
                return error_set(error, ERROR_CANCELLED, "nothing was removed");
        r = carry_out(ctl, o, &filter, containers, images, &plan, error);
        return r < 0 ? r : EXIT_SUCCESS;
}

int verb_prune_containers(void *context, char **arguments, void *options, Error *error) {
        return prune(context, options, true, false, error);
}

int verb_prune_images(void *context, char **arguments, void *options, Error *error) {
        return prune(context, options, false, true, error);
}

int verb_prune(void *context, char **arguments, void *options, Error *error) {
        return prune(context, options, true, true, error);
}

/* ---- volumes ---- */

static uint64_t volumes_size(Ctl *ctl, char **names) {
        _cleanup_json_ json_t *report = NULL;
        _cleanup_error_ Error ignored = {};
        uint64_t size = 0;
        json_t *measured;
        size_t i;

        if (strv_isempty(names) || ctl->host ||
            job_report(ctl, "DiskUsage", NULL, NULL, NULL, NULL, &report, &ignored) < 0)
                return 0;
        json_array_foreach(json_object_get(report, "Volumes"), i, measured)
                if (strv_contains(names, json_text(measured, "Name")))
                        size += json_number(measured, "Size");
        return size;
}

static int confirm_volumes(const PruneOptions *o, char **names, uint64_t size, Error *error) {
        size_t n = strv_length(names);
        char text[HUMAN_MAX];

        if (n == 0)
                return 1;
        _cleanup_free_ char *question =
                format_string("Remove %zu volume%s with all files in %s, %s?", n, n == 1 ? "" : "s",
                              n == 1 ? "it" : "them", format_size(size, text));
        return question ? ask(o, question, error) : -ENOMEM;
}

int verb_prune_volumes(void *context, char **arguments, void *options, Error *error) {
        _cleanup_strv_free_ char **planned = NULL, **removed = NULL;
        _cleanup_(prune_filter_done) PruneFilter filter = {};
        const PruneOptions *o = options;
        Ctl *ctl = context;

        int r = parse_filters(o, &filter, error);
        if (r < 0 || (r = prune_by(ctl, "PruneVolumes", &filter, true, true, &planned, error)) < 0)
                return r;
        uint64_t size = volumes_size(ctl, planned);
        if ((o->dry_run || !o->force) && planned) {
                if (!ctl->quiet)
                        puts(o->dry_run ? "Volumes that would be removed:" : "Volumes to be removed:");
                list_names(planned, ctl->quiet ? "" : "  ");
        }
        if (o->dry_run) {
                print_total(ctl, o, size);
                return EXIT_SUCCESS;
        }
        r = confirm_volumes(o, planned, size, error);
        if (r < 0)
                return error_set_errno(error, r, "cannot ask");
        if (r == 0)
                return error_set(error, ERROR_CANCELLED, "nothing was removed");
        r = prune_by(ctl, "PruneVolumes", &filter, true, false, &removed, error);
        if (r < 0)
                return r;
        list_names(removed, ctl->quiet ? "" : "Removed ");
        print_total(ctl, o, size);
        return EXIT_SUCCESS;
}
