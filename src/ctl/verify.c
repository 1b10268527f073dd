/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <unistd.h>

#include "human.h"
#include "image-view.h"
#include "job-report.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "terminal.h"
#include "verbs-ctl.h"

/* Looks for damage in the store. What berthd can't repair out of what is there is pulled again, by the digest of an image
 * that needs it, and then all is looked at once more. */

#define ROUNDS_MAX 3

const Option verify_options[] = {
        { 0, "format", "TEMPLATE", "Print each problem by a template, \"table …\" or json", option_string,
          offsetof(VerifyOptions, format) },
        { 0, "repair", NULL, "Repair what can be repaired, and pull what has to be pulled again",
          option_flag, offsetof(VerifyOptions, repair) },
        {},
};

/* ---- the report ---- */

static int append_repair(sd_bus_message *m, void *userdata) {
        const VerifyOptions *o = userdata;

        return sd_bus_message_append(m, "{sv}", "Repair", "b", (int) o->repair);
}

static int get_report(Ctl *ctl, VerifyOptions *o, json_t **ret, Error *error) {
        _cleanup_(progress_freep) Progress *progress = NULL;
        bool quiet = ctl->quiet || o->format || ctl_wants_json(ctl);

        int r = progress_new(stderr, quiet || !isatty(STDERR_FILENO) ? PROGRESS_QUIET : PROGRESS_AUTO,
                             &progress);
        if (r < 0)
                return error_set_errno(error, r, "cannot verify");
        return job_report(ctl, "Verify", NULL, append_repair, o, progress, ret, error);
}

static size_t count_unrepaired(const json_t *problems) {
        json_t *problem;
        size_t i, n = 0;

        json_array_foreach(problems, i, problem)
                n += !json_flag(problem, "Repaired");
        return n;
}

/* ---- pulling again ---- */

static bool has_name(const json_t *image, const char *name) {
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(image, "Names"), i, item)
                if (streq(json_string_value(item), name))
                        return true;
        return false;
}

/* An image pulled by its digest is called by it. That was not what it was pulled for, so the name goes again. */
static void take_name_away(Ctl *ctl, const char *reference) {
        _cleanup_json_ json_t *image = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_error_ Error ignored = {};

        if (ctl_find_image(ctl, reference, &path, &ignored) >= 0 &&
            ctl_properties(ctl, path, IMAGE_INTERFACE, &image, &ignored) >= 0 &&
            json_array_size(json_object_get(image, "Names")) > 1)
                (void) ctl_call_method(ctl, NULL, NULL, "RemoveImage", CALL_FOR_EVER, NULL, &ignored,
                                       "sa{sv}", reference, 0);
}

static bool is_called(Ctl *ctl, const char *reference) {
        _cleanup_json_ json_t *image = NULL;
        _cleanup_free_ char *path = NULL;
        _cleanup_error_ Error ignored = {};

        return ctl_find_image(ctl, reference, &path, &ignored) >= 0 &&
               ctl_properties(ctl, path, IMAGE_INTERFACE, &image, &ignored) >= 0 &&
               has_name(image, reference);
}

static int pull_again(Ctl *ctl, const char *reference, Error *error) {
        bool called = is_called(ctl, reference);

        int r = transfer_pull(ctl, reference, NULL, "always", true, stderr, error);
        if (r >= 0 && !called)
                take_name_away(ctl, reference);
        return r;
}

/* Returns how many came. What does not come is said at once. */
static int pull_all(Ctl *ctl, const json_t *problems, Error *error) {
        _cleanup_strv_free_ char **tried = NULL;
        json_t *problem;
        int n = 0;
        size_t i;

        json_array_foreach(problems, i, problem) {
                const char *reference = json_string_value(json_object_get(problem, "Pull"));
                _cleanup_error_ Error own = {};
                if (!reference || strv_contains(tried, reference))
                        continue;
                int r = strv_extend(&tried, reference);
                if (r >= 0)
                        r = pull_again(ctl, reference, &own);
                if (own.kind == ERROR_CANCELLED) {
                        error_move(error, &own);
                        return r;
                }
                if (r < 0)
                        ctl_report(&own);
                else
                        n++;
        }
        return n;
}

/* What was found in an earlier round and is well now has been repaired by the pulls. */
static bool is_listed(const json_t *problems, const json_t *wanted) {
        json_t *problem;
        size_t i;

        json_array_foreach(problems, i, problem)
                if (streq(json_text(problem, "Object"), json_text(wanted, "Object")) &&
                    streq(json_text(problem, "Name"), json_text(wanted, "Name")))
                        return true;
        return false;
}

/* Keeps the problems of the first round in the report of the last one. */
static int merge(const json_t *first, json_t *last) {
        json_t *problems = json_object_get(last, "Problems"), *problem;
        size_t i;

        json_array_foreach(json_object_get(first, "Problems"), i, problem) {
                if (is_listed(problems, problem))
                        continue;
                json_t *copy = json_deep_copy(problem);
                if (!copy || json_object_set_new(copy, "Repaired", json_true()) < 0 ||
                    json_array_append_new(problems, copy) < 0)
                        return -ENOMEM;
                (void) json_object_del(copy, "Pull");
        }
        return 0;
}

/* Without index.json it was not known what else is missing. */
static bool has_repaired_index(const json_t *problems) {
        json_t *problem;
        size_t i;

        json_array_foreach(problems, i, problem)
                if (streq(json_text(problem, "Name"), "index.json") && json_flag(problem, "Repaired"))
                        return true;
        return false;
}

static int verify(Ctl *ctl, VerifyOptions *o, json_t **ret, Error *error) {
        _cleanup_json_ json_t *report = NULL;

        int r = get_report(ctl, o, &report, error);
        for (unsigned round = 1; r >= 0 && o->repair && round < ROUNDS_MAX; round++) {
                _cleanup_json_ json_t *next = NULL;
                bool again = has_repaired_index(json_object_get(report, "Problems")) && round == 1;
                r = pull_all(ctl, json_object_get(report, "Problems"), error);
                if (r < 0 || (r == 0 && !again))
                        break;
                r = get_report(ctl, o, &next, error);
                if (r >= 0 && (r = merge(report, next)) < 0)
                        error_set_errno(error, r, "cannot verify");
                if (r >= 0) {
                        json_decref(report);
                        report = TAKE_PTR(next);
                }
        }
        if (r >= 0)
                *ret = TAKE_PTR(report);
        return r;
}

/* ---- printing ---- */

static char *first_images(const json_t *problem) {
        const json_t *images = json_object_get(problem, "Images");
        const char *first = json_string_value(json_array_get(images, 0));
        size_t n = json_array_size(images);
        _cleanup_free_ char *name = first ? image_familiar_name(first) : NULL;

        if (!first)
                return strdup(glyph(GLYPH_DASH));
        return n > 1 ? format_string("%s and %zu more", strempty(name), n - 1) : strdup(strempty(name));
}

static int add_row(Table *table, const json_t *problem) {
        _cleanup_free_ char *images = first_images(problem);
        bool repaired = json_flag(problem, "Repaired");
        const char *name = json_text(problem, "Name");
        const char *cells[] = { json_text(problem, "Kind"),          json_text(problem, "Object"),
                                startswith(name, "sha256:") ?: name, images,
                                json_text(problem, "Detail"),        repaired ? "repaired" : "" };

        int r = images ? table_add(table, cells) : -ENOMEM;
        if (r >= 0)
                table_set_color(table, 0, repaired ? COLOR_GREEN : COLOR_RED);
        return r;
}

static int print_problems(Ctl *ctl, const json_t *problems) {
        static const TableColumn columns[] = { { "PROBLEM", 0, 0 }, { "OBJECT", 0, 0 },  { "NAME", 12, 0 },
                                               { "IMAGE", 8, 2 },   { "DETAIL", 20, 1 }, { "", 0, 0 } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *problem;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(problems, i, problem)
                if (r >= 0)
                        r = add_row(table, problem);
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

static void print_count(const json_t *report, const char *key, const char *word) {
        unsigned long long n = json_number(report, key);

        printf("%llu %s%s, ", n, word, n == 1 ? "" : "s");
}

static void print_summary(const json_t *report, const VerifyOptions *o) {
        const json_t *problems = json_object_get(report, "Problems");
        size_t n = json_array_size(problems), left = count_unrepaired(problems);
        char size[HUMAN_MAX];

        print_count(report, "Images", "image");
        print_count(report, "Blobs", "blob");
        print_count(report, "Layers", "layer");
        printf("%s: ", format_size(json_number(report, "Size"), size));
        if (n == 0)
                puts("all is well.");
        else if (left == 0)
                printf("%zu problem%s, all repaired.\n", n, n == 1 ? "" : "s");
        else if (o->repair)
                printf("%zu problem%s, %zu of them can't be repaired.\n", n, n == 1 ? "" : "s", left);
        else
                printf("%zu problem%s (berthctl verify --repair).\n", n, n == 1 ? "" : "s");
}

int verb_verify(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *report = NULL;
        VerifyOptions *o = options;
        Ctl *ctl = context;

        int r = verify(ctl, o, &report, error);
        if (r < 0)
                return ctl_cannot(error, r, "verify", "the image store");
        json_t *problems = json_object_get(report, "Problems");
        if (o->format)
                r = output_format(ctl, o->format, problems, error);
        else if (ctl_wants_json(ctl))
                r = output_json(ctl, report, error);
        else if (json_array_size(problems) > 0)
                r = print_problems(ctl, problems);
        if (r < 0)
                return error_set_errno(error, r, "cannot print the report");
        if (!o->format && !ctl_wants_json(ctl) && !ctl->quiet)
                print_summary(report, o);
        return count_unrepaired(problems) > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
