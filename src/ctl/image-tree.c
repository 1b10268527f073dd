/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "human.h"
#include "image-pieces.h"
#include "image-view.h"
#include "object-bus.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "terminal.h"
#include "verbs-ctl.h"

/* The layers of images as a tree: what each takes, and which other images stand on it too. */

const Option tree_options[] = {
        { 0, "no-trunc", NULL, "Do not shorten", option_flag, offsetof(TreeOptions, no_trunc) },
        {},
};

typedef struct TreeImage {
        char *name; /* familiar, or the first digits of the digest */
        ImageRecord record;
        bool wanted; /* to be shown */
} TreeImage;

typedef struct Tree {
        TreeImage *images;
        size_t n;
        PieceTable *layers;
} Tree;

static void tree_done(Tree *tree) {
        piece_table_free(tree->layers);
        for (size_t i = 0; i < tree->n; i++) {
                free(tree->images[i].name);
                object_done(&image_record_type, &tree->images[i].record);
        }
        free(tree->images);
}

/* ---- asking ---- */

static int add_image(Ctl *ctl, Tree *tree, const json_t *properties, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        TreeImage *image = &tree->images[tree->n];

        int r = ctl_call_method(ctl, json_text(properties, "Path"), IMAGE_INTERFACE, "Inspect", CALL_SHORT,
                                &reply, error, NULL);
        if (r < 0)
                return r;
        r = object_read_bus(&image_record_type, &image->record, reply, 0, error);
        if (r < 0)
                return r;
        tree->n++;
        image->name = image_display_name(properties);
        return image->name ? 0 : error_set_errno(error, -ENOMEM, "cannot list images");
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const TreeImage *) a)->name, ((const TreeImage *) b)->name);
}

static int add_images(Ctl *ctl, Tree *tree, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        json_t *properties;
        size_t i;

        int r = ctl_list(ctl, "ListImages", NULL, NULL, &list, error);
        if (r < 0)
                return r;
        tree->images = new0(TreeImage, json_array_size(list) + 1);
        if (!tree->images)
                return error_set_errno(error, -ENOMEM, "cannot list images");
        json_array_foreach(list, i, properties)
                if ((r = add_image(ctl, tree, properties, error)) < 0)
                        return r;
        if (tree->n > 1)
                qsort(tree->images, tree->n, sizeof(TreeImage), by_name);
        return 0;
}

static int count_layers(Tree *tree) {
        _cleanup_free_ const ImageRecord **records = new0(const ImageRecord *, tree->n + 1);

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < tree->n; i++)
                records[i] = &tree->images[i].record;
        return piece_table_new(records, tree->n, PIECE_LAYERS, &tree->layers);
}

static int mark_wanted(Ctl *ctl, Tree *tree, const char *name, Error *error) {
        _cleanup_json_ json_t *properties = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = ctl_find_image(ctl, name, &path, error)) < 0 ||
            (r = ctl_properties(ctl, path, IMAGE_INTERFACE, &properties, error)) < 0)
                return r;
        for (size_t i = 0; i < tree->n; i++)
                if (streq_ptr(tree->images[i].record.digest, json_text(properties, "Digest"))) {
                        if (tree->images[i].record.kind != IMAGE_RUNNABLE)
                                return error_set(error, ERROR_UNSUPPORTED,
                                                 "%s is not an image with layers of files", name);
                        tree->images[i].wanted = true;
                }
        return 0;
}

static int load_tree(Ctl *ctl, char **names, Tree *tree, Error *error) {
        int r = add_images(ctl, tree, error);

        if (r < 0)
                return r;
        if ((r = count_layers(tree)) < 0)
                return error_set_errno(error, r, "cannot count layers");
        for (size_t i = 0; !names[0] && i < tree->n; i++)
                tree->images[i].wanted = tree->images[i].record.kind == IMAGE_RUNNABLE;
        for (char **name = names; *name; name++)
                if ((r = mark_wanted(ctl, tree, *name, error)) < 0)
                        return r;
        return 0;
}

/* ---- what is shown of a layer ---- */

static bool has_layer(const ImageRecord *record, const char *diff_id) {
        for (size_t i = 0; i < record->layers.n; i++)
                if (streq_ptr(LIST_ITEM(&record->layers, ImageLayer, i)->diff_id, diff_id))
                        return true;
        return false;
}

static int list_sharers(const Tree *tree, const TreeImage *image, const char *diff_id, char ***ret) {
        int r = 0;

        if (piece_table_users(tree->layers, PIECE_LAYER, diff_id) < 2)
                return 0;
        for (size_t i = 0; i < tree->n && r >= 0; i++)
                if (&tree->images[i] != image && has_layer(&tree->images[i].record, diff_id))
                        r = strv_extend(ret, tree->images[i].name);
        return r;
}

/* The step that made layer `n`, without what builders of old wrote in front of it; "" when the history does not say. */
static const char *created_by(const ImageRecord *record, size_t n) {
        for (size_t i = 0, layer = 0; i < record->history.n; i++) {
                const ImageHistory *step = LIST_ITEM(&record->history, ImageHistory, i);
                if (step->empty_layer || layer++ != n)
                        continue;
                const char *text = strempty(step->created_by);
                text = startswith(text, "/bin/sh -c #(nop) ") ?: startswith(text, "/bin/sh -c ") ?: text;
                return text + strspn(text, " ");
        }
        return "";
}

/* ---- for people ---- */

static int add_row(Table *table, const Tree *tree, const TreeImage *image, size_t n) {
        const ImageLayer *layer = LIST_ITEM(&image->record.layers, ImageLayer, n);
        _cleanup_strv_free_ char **sharers = NULL;
        char size[HUMAN_MAX];

        int r = list_sharers(tree, image, strempty(layer->diff_id), &sharers);
        if (r < 0)
                return r;
        _cleanup_free_ char *shared = strv_join(sharers, ", ");
        _cleanup_free_ char *branch = format_string(
                "%s %.*s", glyph(n + 1 < image->record.layers.n ? GLYPH_TREE_BRANCH : GLYPH_TREE_LAST),
                IMAGE_ID_SHORT, image_short_id(strempty(layer->diff_id)));
        if (!branch || !shared)
                return -ENOMEM;
        const char *cells[] = { branch, format_size_short(layer->unpacked_size, size),
                                sharers ? shared : glyph(GLYPH_DASH), created_by(&image->record, n) };
        return table_add(table, cells);
}

static int print_layers(Ctl *ctl, const Tree *tree, const TreeImage *image, bool no_trunc) {
        static const TableColumn columns[] = { { "LAYER", 15, 0 },
                                               { "SIZE", 0, 0, .right = true },
                                               { "SHARED WITH", 8, 0 },
                                               { "CREATED BY", 8, 1 } };
        _cleanup_(table_freep) Table *table = NULL;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; r >= 0 && i < image->record.layers.n; i++)
                r = add_row(table, tree, image, i);
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, no_trunc ? 0 : table_output_width());
}

static int print_image(Ctl *ctl, const Tree *tree, const TreeImage *image, bool no_trunc) {
        char size[HUMAN_MAX], shared[HUMAN_MAX], unique[HUMAN_MAX];
        ImageSizes sizes;

        int r = piece_table_sizes(tree->layers, &image->record, &sizes);
        if (r < 0)
                return r;
        printf("%s%s%s  %.*s  %s (%s shared, %s unique)\n", color(COLOR_BOLD), image->name,
               color(COLOR_NORMAL), IMAGE_ID_SHORT, image_short_id(image->record.id),
               format_size_short(sizes.size, size), format_size_short(sizes.shared, shared),
               format_size_short(sizes.unique, unique));
        return print_layers(ctl, tree, image, no_trunc);
}

static int print_tree(Ctl *ctl, const Tree *tree, bool no_trunc) {
        bool first = true;
        int r = 0;

        ctl_page(ctl);
        for (size_t i = 0; i < tree->n && r >= 0; i++) {
                if (!tree->images[i].wanted)
                        continue;
                if (!first)
                        puts("");
                first = false;
                r = print_image(ctl, tree, &tree->images[i], no_trunc);
        }
        if (first && !ctl->no_legend)
                puts("No images yet: berthctl pull IMAGE gets one.");
        return r;
}

/* ---- for programs ---- */

static json_t *strv_to_json(char *const *strv) {
        json_t *list = json_array();

        for (char *const *s = strv; s && *s; s++)
                (void) json_array_append_new(list, json_string(*s));
        return list;
}

static int layer_to_json(const Tree *tree, const TreeImage *image, size_t n, json_t *list) {
        const ImageLayer *layer = LIST_ITEM(&image->record.layers, ImageLayer, n);
        _cleanup_strv_free_ char **sharers = NULL;

        int r = list_sharers(tree, image, strempty(layer->diff_id), &sharers);
        if (r < 0)
                return r;
        json_t *item = json_pack("{s:s, s:s, s:I, s:I, s:s, s:o}", "Digest", strempty(layer->digest),
                                 "DiffId", strempty(layer->diff_id), "Size", (json_int_t) layer->size,
                                 "UnpackedSize", (json_int_t) layer->unpacked_size, "CreatedBy",
                                 created_by(&image->record, n), "SharedWith", strv_to_json(sharers));
        return json_array_append_new(list, item) < 0 ? -ENOMEM : 0;
}

static int image_to_json(const Tree *tree, const TreeImage *image, json_t *list) {
        _cleanup_json_ json_t *layers = json_array();
        ImageSizes sizes;

        int r = piece_table_sizes(tree->layers, &image->record, &sizes);
        for (size_t i = 0; r >= 0 && i < image->record.layers.n; i++)
                r = layer_to_json(tree, image, i, layers);
        if (r < 0)
                return r;
        json_t *item = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:O}", "Name", image->name, "Digest",
                                 image->record.digest, "Id", strempty(image->record.id), "Size",
                                 (json_int_t) sizes.size, "SharedSize", (json_int_t) sizes.shared,
                                 "UniqueSize", (json_int_t) sizes.unique, "Layers", layers);
        return json_array_append_new(list, item) < 0 ? -ENOMEM : 0;
}

static int print_json(Ctl *ctl, const Tree *tree, Error *error) {
        _cleanup_json_ json_t *list = json_array();
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; i < tree->n && r >= 0; i++)
                if (tree->images[i].wanted)
                        r = image_to_json(tree, &tree->images[i], list);
        return r < 0 ? r : output_json(ctl, list, error);
}

int verb_tree(void *context, char **arguments, void *options, Error *error) {
        const TreeOptions *o = options;
        _cleanup_(tree_done) Tree tree = {};
        Ctl *ctl = context;

        int r = load_tree(ctl, arguments, &tree, error);
        if (r < 0)
                return r;
        r = ctl_wants_json(ctl) ? print_json(ctl, &tree, error) : print_tree(ctl, &tree, o->no_trunc);
        return r < 0 ? error_set_errno(error, r, "cannot print the tree") : EXIT_SUCCESS;
}
