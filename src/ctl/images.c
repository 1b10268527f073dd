/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "bus-json.h"
#include "filter.h"
#include "human.h"
#include "image-view.h"
#include "output.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(ImagesOptions, member)

const Option images_options[] = {
        { 'a', "all", NULL, NULL, option_flag, O(all) },
        { 0, "digests", NULL, "Show the digests", option_flag, O(digests) },
        { 'f', "filter", "NAME=VALUE", "Only those with this reference (a pattern), label, or dangling=yes",
          option_strings, O(filters) },
        { 0, "format", "TEMPLATE", "Print each by a template ({{.Repository}}), \"table …\" or json",
          option_string, O(format) },
        { 0, "no-trunc", NULL, "Do not shorten", option_flag, O(no_trunc) },
        {},
};

const Option history_options[] = {
        { 0, "format", "TEMPLATE", "Print each by a template, \"table …\" or json", option_string,
          O(format) },
        { 0, "no-trunc", NULL, "Do not shorten", option_flag, O(no_trunc) },
        {},
};

const Option rmi_options[] = {
        { 'f', "force", NULL, "Remove it though it has several names or stopped containers", option_flag,
          O(force) },
        { 0, "no-prune", NULL, NULL, option_flag, O(no_prune) },
        {},
};

void images_options_done(void *options) {
        ImagesOptions *o = options;

        strv_free(o->filters);
}

/* ---- images ---- */

/* A line of the list: an image under one of its names, or under none. */
typedef struct ImageLine {
        const json_t *image;
        const char *name; /* canonical, NULL: it has none */
        char *familiar;
} ImageLine;

typedef struct ImageLines {
        ImageLine *lines;
        size_t n, n_allocated;
} ImageLines;

static void image_lines_done(ImageLines *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->lines[i].familiar);
        free(l->lines);
}

static int add_line(ImageLines *l, const json_t *image, const char *name) {
        int r = array_reserve(&l->lines, &l->n_allocated, l->n + 1, sizeof(ImageLine));

        if (r < 0)
                return r;
        char *familiar = name ? image_familiar_name(name) : strdup("<none>");
        if (!familiar)
                return -ENOMEM;
        l->lines[l->n++] = (ImageLine){ image, name, familiar };
        return 0;
}

static int by_name(const void *a, const void *b) {
        const ImageLine *x = a, *y = b;

        /* What has no name stands last. */
        return !x->name != !y->name ? (x->name ? -1 : 1) : strcmp(x->familiar, y->familiar);
}

static int make_lines(const json_t *list, ImageLines *l) {
        json_t *image, *name;
        size_t i, k;
        int r = 0;

        json_array_foreach(list, i, image) {
                const json_t *names = json_object_get(image, "Names");
                json_array_foreach(names, k, name)
                        if (r >= 0)
                                r = add_line(l, image, json_string_value(name));
                if (r >= 0 && json_array_size(names) == 0)
                        r = add_line(l, image, NULL);
        }
        if (l->n > 1)
                qsort(l->lines, l->n, sizeof(ImageLine), by_name);
        return r;
}

/* Artifacts may all have the same empty config, so it is the manifest that tells them apart. */
static const char *image_id(const json_t *image) {
        return json_text(image, streq(json_text(image, "Kind"), "artifact") ? "Digest" : "Id");
}

/* What it is, if it is no image that runs. */
static const char *image_type(const json_t *image) {
        const char *kind = json_text(image, "Kind"), *type = json_text(image, "ArtifactType");

        if (isempty(kind) || streq(kind, "image"))
                return glyph(GLYPH_DASH);
        return isempty(type) ? kind : type;
}

static bool has_others(const ImageLines *l) {
        for (size_t i = 0; i < l->n; i++) {
                const char *kind = json_text(l->lines[i].image, "Kind");
                if (!isempty(kind) && !streq(kind, "image"))
                        return true;
        }
        return false;
}

static int add_row(Table *table, const ImagesOptions *o, const ImageLine *line, bool typed, uint64_t now) {
        char created[HUMAN_MAX], size[HUMAN_MAX], count[16];
        const char *id = image_id(line->image), *digest = json_text(line->image, "Digest");
        const char *type = image_type(line->image);
        _cleanup_free_ char *short_id = strndup(image_short_id(id), IMAGE_ID_SHORT);
        uint64_t containers = json_number(line->image, "Containers"),
                 when = json_number(line->image, "Created");

        if (!short_id)
                return -ENOMEM;
        snprintf(count, sizeof(count), "%llu", (unsigned long long) containers);
        const char *cells[] = { line->familiar,
                                o->no_trunc ? id : short_id,
                                when > 0 ? format_ago(when, now, created) : glyph(GLYPH_DASH),
                                format_size_short(json_number(line->image, "Size"), size),
                                containers > 0 ? count : glyph(GLYPH_DASH),
                                typed ? type : digest,
                                digest };
        return table_add(table, cells);
}

static int print_images(Ctl *ctl, const ImagesOptions *o, const ImageLines *l, size_t n_images) {
        static const TableColumn digest_column = { "DIGEST", 19, 1 }, type_column = { "TYPE", 12, 6 };
        TableColumn columns[] = { { "NAME", 10, 0 },
                                  { "ID", 6, 2 },
                                  { "CREATED", 0, 3 },
                                  { "SIZE", 0, 4, .right = true },
                                  { "CONTAINERS", 0, 5, .right = true },
                                  digest_column,
                                  digest_column };
        bool typed = has_others(l);
        size_t n_columns = ELEMENTSOF(columns) - 2 + typed + o->digests;
        _cleanup_(table_freep) Table *table = NULL;

        if (l->n == 0) {
                if (!ctl->no_legend)
                        puts(o->filters ? "No images like that."
                                        : "No images yet: berthctl pull IMAGE gets one.");
                return 0;
        }
        if (typed)
                columns[5] = type_column;
        int r = table_new(columns, n_columns, &table);
        for (size_t i = 0; i < l->n && r >= 0; i++)
                r = add_row(table, o, &l->lines[i], typed, realtime_usec());
        if (r < 0)
                return r;
        ctl_page(ctl);
        r = table_print(table, stdout, !ctl->no_legend, o->no_trunc ? 0 : table_output_width());
        if (r >= 0 && !ctl->no_legend)
                printf("%zu image%s.\n", n_images, n_images == 1 ? "" : "s");
        return r;
}

static int print_ids(const json_t *list, bool no_trunc) {
        json_t *image;
        size_t i;

        json_array_foreach(list, i, image) {
                const char *id = image_id(image);
                if (no_trunc)
                        puts(id);
                else
                        printf("%.*s\n", IMAGE_ID_SHORT, image_short_id(id));
        }
        return 0;
}

/* One object a line, with docker's fields. */
static int make_template_item(const ImageLine *line, json_t **ret) {
        _cleanup_json_ json_t *item = json_deep_copy(line->image);
        _cleanup_(reference_done) Reference reference = {};
        _cleanup_error_ Error ignored = {};
        char created[HUMAN_MAX], age[HUMAN_MAX], size[HUMAN_MAX];
        int r;

        if (!item)
                return -ENOMEM;
        bool named = line->name && reference_parse(line->name, &reference, &ignored) >= 0;
        _cleanup_free_ char *repository =
                named ? strndup(line->familiar, strcspn(line->familiar, "@")) : strdup("<none>");
        _cleanup_free_ char *id = strndup(image_short_id(image_id(item)), IMAGE_ID_SHORT);
        char *colon = repository ? strrchr(repository, ':') : NULL;
        if (named && colon && !strchr(colon, '/'))
                *colon = 0;
        uint64_t when = json_number(item, "Created");
        if ((r = json_set_text(item, "Repository", repository)) < 0 ||
            (r = json_set_text(item, "Tag", named && reference.tag ? reference.tag : "<none>")) < 0 ||
            (r = json_set_text(item, "Name", line->familiar)) < 0 ||
            (r = json_set_text(item, "ID", id)) < 0 ||
            (r = json_set_text(item, "CreatedSince", format_ago(when, realtime_usec(), age))) < 0 ||
            (r = json_set_text(item, "CreatedAt", format_local_time(when, created))) < 0 ||
            (r = json_set_text(item, "Size", format_size_short(json_number(item, "Size"), size))) < 0)
                return r;
        *ret = TAKE_PTR(item);
        return 0;
}

static int print_templates(Ctl *ctl, const ImagesOptions *o, const ImageLines *l, Error *error) {
        _cleanup_json_ json_t *items = json_array();
        int r = items ? 0 : -ENOMEM;

        for (size_t i = 0; i < l->n && r >= 0; i++) {
                json_t *item;
                r = make_template_item(&l->lines[i], &item);
                if (r >= 0 && json_array_append_new(items, item) < 0)
                        r = -ENOMEM;
        }
        if (r >= 0)
                r = json_format_times(items);
        return r < 0 ? r : output_format(ctl, o->format, items, error);
}

/* The argument of `images` is a pattern like that of --filter reference=; without a tag it means all tags. */
static int add_pattern(ImageFilter *filter, const char *pattern) {
        return pattern ? strv_extend(&filter->references, pattern) : 0;
}

int verb_images(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(image_filter_done) ImageFilter filter = {};
        _cleanup_(image_lines_done) ImageLines lines = {};
        _cleanup_json_ json_t *list = NULL;
        const ImagesOptions *o = options;
        Ctl *ctl = context;
        int r;

        if ((r = image_filter_parse(o->filters, &filter, error)) < 0 ||
            (r = add_pattern(&filter, arguments[0])) < 0 ||
            (r = ctl_list(ctl, "ListImages", image_filter_append, &filter, &list, error)) < 0)
                return r;
        if (ctl->quiet)
                r = print_ids(list, o->no_trunc);
        else if (!o->format && ctl_wants_json(ctl))
                r = json_format_times(list) < 0 ? -ENOMEM : output_json(ctl, list, error);
        else if ((r = make_lines(list, &lines)) >= 0)
                r = o->format ? print_templates(ctl, o, &lines, error)
                              : print_images(ctl, o, &lines, json_array_size(list));
        return r < 0 ? error_set_errno(error, r, "cannot list images") : EXIT_SUCCESS;
}

/* ---- tag, rmi ---- */

int verb_tag(void *context, char **arguments, void *options, Error *error) {
        int r = ctl_call_method(context, NULL, NULL, "TagImage", CALL_SHORT, NULL, error, "ss", arguments[0],
                                arguments[1]);

        return r < 0 ? ctl_cannot(error, r, "tag", arguments[0]) : EXIT_SUCCESS;
}

static int print_removed(Ctl *ctl, sd_bus_message *reply, const char *what) {
        _cleanup_strv_free_ char **names = NULL;

        int r = sd_bus_message_read_strv(reply, &names);
        STRV_FOREACH(name, names)
                if (!ctl->quiet) {
                        _cleanup_free_ char *familiar = image_familiar_name(*name);
                        printf("%s %s\n", what, startswith(*name, "sha256:") ? *name : strempty(familiar));
                }
        return r;
}

static int remove_image(Ctl *ctl, const char *name, bool force, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = ctl_call_method(ctl, NULL, NULL, "RemoveImage", CALL_FOR_EVER, &reply, error, "sa{sv}", name,
                                1, "Force", "b", force);
        if (r < 0)
                return force && error->kind == ERROR_NO_SUCH_IMAGE ? 0
                                                                   : ctl_cannot(error, r, "remove", name);
        if ((r = print_removed(ctl, reply, "Untagged")) < 0 ||
            (r = print_removed(ctl, reply, "Deleted")) < 0)
                return error_set_errno(error, r, "cannot understand berthd");
        return 0;
}

int verb_rmi(void *context, char **arguments, void *options, Error *error) {
        const ImagesOptions *o = options;
        int status = EXIT_SUCCESS;

        for (char **name = arguments; *name; name++) {
                _cleanup_error_ Error own = {};
                if (remove_image(context, *name, o->force, &own) < 0) {
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                }
        }
        return status;
}
