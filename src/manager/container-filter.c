/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fnmatch.h>

#include "container-filter.h"
#include "image-prune.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

#define FILTER_ITEMS_MAX 1000

typedef struct FilterField {
        const char *name, *type;
        size_t offset;
} FilterField;

#define F(member) offsetof(ContainerFilter, member)
static const FilterField filter_fields[] = {
        { "All", "b", F(all) },      { "Before", "s", F(before) },  { "ExitCodes", "ai", F(exit_codes) },
        { "Ids", "as", F(ids) },     { "Images", "as", F(images) }, { "Labels", "as", F(labels) },
        { "Names", "as", F(names) }, { "Since", "s", F(since) },    { "Statuses", "as", F(statuses) },
};

static const Field image_filter_fields[] = {
        { "References", FIELD_STRV, offsetof(ImageFilter, references), .max = FILTER_ITEMS_MAX },
        { "Dangling", FIELD_BOOL, offsetof(ImageFilter, dangling) },
        { "Labels", FIELD_STRV, offsetof(ImageFilter, labels), .max = FILTER_ITEMS_MAX },
        {},
};
const ObjectType image_filter_type = { "image filter", sizeof(ImageFilter), image_filter_fields };

static int read_field(sd_bus_message *m, const FilterField *f, ContainerFilter *filter) {
        char *target = (char *) filter + f->offset;
        const void *numbers;
        size_t size;
        const char *s;
        int b, r;

        if (streq(f->type, "b")) {
                if ((r = sd_bus_message_read(m, "b", &b)) >= 0)
                        *(bool *) target = b;
                return r;
        }
        if (streq(f->type, "s"))
                return (r = sd_bus_message_read(m, "s", &s)) < 0 ? r : free_and_strdup((char **) target, s);
        if (streq(f->type, "as")) {
                *(char ***) target = strv_free(*(char ***) target);
                return sd_bus_message_read_strv(m, (char ***) target);
        }
        if ((r = sd_bus_message_read_array(m, 'i', &numbers, &size)) < 0)
                return r;
        int *copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        if (size > 0)
                memcpy(copy, numbers, size);
        free_and_replace(filter->exit_codes, copy);
        filter->n_exit_codes = size / sizeof(int);
        return 0;
}

static int read_entry(sd_bus_message *m, ContainerFilter *filter, Error *error) {
        const FilterField *f = NULL;
        const char *name;

        int r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(filter_fields); i++)
                if (streq(filter_fields[i].name, name))
                        f = &filter_fields[i];
        if (!f)
                return error_set(error, ERROR_INVALID, "there is no filter \"%s\"", name);
        if (sd_bus_message_enter_container(m, 'v', f->type) <= 0)
                return error_set(error, ERROR_INVALID, "the filter %s must be of D-Bus type %s", name,
                                 f->type);
        r = read_field(m, f, filter);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_entries(sd_bus_message *m, ContainerFilter *filter, Error *error) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                if ((r = read_entry(m, filter, error)) >= 0)
                        r = sd_bus_message_exit_container(m);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int check_statuses(const ContainerFilter *filter, Error *error) {
        STRV_FOREACH(s, filter->statuses)
                if (enum_from_string(container_status_words, *s) < 0)
                        return error_set(error, ERROR_INVALID, "there is no status \"%s\"", *s);
        return 0;
}

int container_filter_read(sd_bus_message *m, ContainerFilter *ret, Error *error) {
        *ret = (ContainerFilter){};
        int r = read_entries(m, ret, error);
        if (r >= 0)
                r = check_statuses(ret, error);
        if (r < 0) {
                container_filter_done(ret);
                return error_set_errno(error, r, "malformed filter");
        }
        return 0;
}

void container_filter_done(ContainerFilter *filter) {
        strv_free(filter->names);
        strv_free(filter->ids);
        strv_free(filter->images);
        strv_free(filter->statuses);
        strv_free(filter->labels);
        free(filter->exit_codes);
        free(filter->before);
        free(filter->since);
        *filter = (ContainerFilter){};
}

int container_match_prepare(Manager *manager, const ContainerFilter *filter, ContainerMatch *ret,
                            Error *error) {
        ContainerMatch match = { .filter = filter };
        Container *c;
        Image *image;
        int r = 0;

        if (filter->before && (r = manager_find_container(manager, filter->before, &c, error)) >= 0)
                match.before = c;
        if (r >= 0 && filter->since && (r = manager_find_container(manager, filter->since, &c, error)) >= 0)
                match.since = c;
        if (r < 0)
                return r;
        /* An image that does not exist is used by nobody. */
        STRV_FOREACH(s, filter->images)
                if (image_store_find(manager->images, *s, &image, NULL) >= 0 &&
                    strv_extend(&match.image_digests, image->record.digest) < 0) {
                        container_match_done(&match);
                        return error_set_errno(error, -ENOMEM, "cannot list");
                }
        *ret = match;
        return 0;
}

void container_match_done(ContainerMatch *match) {
        match->image_digests = strv_free(match->image_digests);
}

static bool id_matches(const Container *c, char *const *ids) {
        for (size_t i = 0; ids[i]; i++)
                if (startswith(c->spec.id, ids[i]))
                        return true;
        return false;
}

static bool name_matches(const Container *c, char *const *names) {
        for (size_t i = 0; names[i]; i++)
                if (strstr(c->spec.name, names[i]) || fnmatch(names[i], c->spec.name, 0) == 0)
                        return true;
        return false;
}

static bool exit_code_matches(const Container *c, const ContainerFilter *f) {
        for (size_t i = 0; i < f->n_exit_codes; i++)
                if (c->state.status == CONTAINER_EXITED && c->state.exit_code == f->exit_codes[i])
                        return true;
        return false;
}

bool container_matches(const Container *c, const ContainerMatch *match) {
        const ContainerFilter *f = match->filter;

        /* Who asks for a status or an exit code means all that have it. */
        if (!f->all && !f->statuses && f->n_exit_codes == 0 && !container_is_active(c) &&
            c->state.status != CONTAINER_RESTARTING)
                return false;
        if ((f->names && !name_matches(c, f->names)) || (f->ids && !id_matches(c, f->ids)) ||
            (f->statuses && !strv_contains(f->statuses, container_status_words[c->state.status])) ||
            (f->n_exit_codes > 0 && !exit_code_matches(c, f)) ||
            (f->images && !strv_contains(match->image_digests, strempty(c->spec.image_digest))) ||
            (match->before && c->spec.created >= match->before->spec.created) ||
            (match->since && c->spec.created <= match->since->spec.created))
                return false;
        return labels_match(c->effective.labels, f->labels, NULL);
}

static bool reference_matches(const Image *image, const char *pattern) {
        STRV_FOREACH(name, image->names) {
                Reference reference;
                if (fnmatch(pattern, *name, 0) == 0)
                        return true;
                if (reference_parse(*name, &reference, NULL) < 0)
                        continue;
                _cleanup_free_ char *familiar = reference_to_familiar(&reference);
                reference_done(&reference);
                /* "debian" means every tag of it. */
                _cleanup_free_ char *repository =
                        familiar ? strndup(familiar, strcspn(familiar, "@")) : NULL;
                char *colon = repository ? strrchr(repository, ':') : NULL;
                if (familiar && fnmatch(pattern, familiar, 0) == 0)
                        return true;
                if (colon && !strchr(colon, '/')) {
                        *colon = 0;
                        if (fnmatch(pattern, repository, 0) == 0)
                                return true;
                }
        }
        return false;
}

bool image_matches(const Image *image, const ImageFilter *f) {
        bool matches = !f->references;

        STRV_FOREACH(pattern, f->references)
                matches |= reference_matches(image, *pattern);
        if (!matches || (f->dangling && !strv_isempty(image->names)))
                return false;
        return labels_match(image->record.config.labels, f->labels, NULL);
}
