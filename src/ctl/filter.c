/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "filter.h"
#include "bus.h"
#include "container-spec.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"

/* Splits "name=value". */
static int split(const char *filter, char **ret_name, const char **ret_value, Error *error) {
        const char *equals = strchr(filter, '=');

        if (!equals || equals == filter)
                return error_set(error, ERROR_INVALID, "--filter: \"%s\" has not the form NAME=VALUE",
                                 filter);
        *ret_name = strndup(filter, equals - filter);
        *ret_value = equals + 1;
        return *ret_name ? 0 : error_set_errno(error, -ENOMEM, "--filter");
}

/* ---- containers ---- */

void container_filter_done(ContainerFilter *f) {
        strv_free(f->names);
        strv_free(f->ids);
        strv_free(f->images);
        strv_free(f->statuses);
        strv_free(f->labels);
        strv_free(f->exit_codes);
        free(f->before);
        free(f->since);
}

static int add_status(ContainerFilter *f, const char *value, Error *error) {
        if (enum_from_string(container_status_words, value) < 0) {
                _cleanup_free_ char *words = strv_join((char *const *) container_status_words, ", ");
                return error_set(error, ERROR_INVALID, "--filter: the status \"%s\" is not one of %s", value,
                                 strempty(words));
        }
        /* Who asks for those that have ended does not mean only those that run. */
        f->all = true;
        return strv_extend(&f->statuses, value);
}

static int add_exit_code(ContainerFilter *f, const char *value, Error *error) {
        unsigned code;

        if (parse_unsigned(value, &code) < 0 || code > 255)
                return error_set(error, ERROR_INVALID, "--filter: \"%s\" is no exit code", value);
        f->all = true;
        return strv_extend(&f->exit_codes, value);
}

static int add_container_filter(ContainerFilter *f, const char *name, const char *value, Error *error) {
        const struct {
                const char *name;
                char ***values;
        } lists[] = { { "name", &f->names },
                      { "id", &f->ids },
                      { "ancestor", &f->images },
                      { "image", &f->images },
                      { "label", &f->labels } };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                if (streq(lists[i].name, name))
                        return strv_extend(lists[i].values, value);
        if (streq(name, "status"))
                return add_status(f, value, error);
        if (streq(name, "exited"))
                return add_exit_code(f, value, error);
        if (streq(name, "before"))
                return free_and_strdup(&f->before, value);
        if (streq(name, "since"))
                return free_and_strdup(&f->since, value);
        return error_set(
                error, ERROR_INVALID,
                "--filter: \"%s\" is not one of name, id, label, status, ancestor, exited, before, since",
                name);
}

int container_filter_parse(char **filters, ContainerFilter *f, Error *error) {
        STRV_FOREACH(filter, filters) {
                _cleanup_free_ char *name = NULL;
                const char *value = NULL;
                int r = split(*filter, &name, &value, error);
                if (r < 0 || (r = add_container_filter(f, name, value, error)) < 0)
                        return error_set_errno(error, r, "--filter");
        }
        return 0;
}

static int append_exit_codes(sd_bus_message *m, char **codes) {
        int r;

        if (strv_isempty(codes))
                return 0;
        if ((r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
            (r = sd_bus_message_append(m, "s", "ExitCodes")) < 0 ||
            (r = sd_bus_message_open_container(m, 'v', "ai")) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "i")) < 0)
                return r;
        STRV_FOREACH(code, codes)
                if ((r = sd_bus_message_append(m, "i", (int32_t) strtol(*code, NULL, 10))) < 0)
                        return r;
        for (int i = 0; i < 3; i++)
                if ((r = sd_bus_message_close_container(m)) < 0)
                        return r;
        return 0;
}

int container_filter_append(sd_bus_message *m, void *userdata) {
        const ContainerFilter *f = userdata;
        int r;

        if ((r = sd_bus_message_append(m, "{sv}", "All", "b", f->all)) < 0 ||
            (r = bus_append_strv_entry(m, "Names", f->names)) < 0 ||
            (r = bus_append_strv_entry(m, "Ids", f->ids)) < 0 ||
            (r = bus_append_strv_entry(m, "Images", f->images)) < 0 ||
            (r = bus_append_strv_entry(m, "Statuses", f->statuses)) < 0 ||
            (r = bus_append_strv_entry(m, "Labels", f->labels)) < 0 ||
            (r = append_exit_codes(m, f->exit_codes)) < 0)
                return r;
        if (f->before && (r = sd_bus_message_append(m, "{sv}", "Before", "s", f->before)) < 0)
                return r;
        return f->since ? sd_bus_message_append(m, "{sv}", "Since", "s", f->since) : 0;
}

/* ---- images ---- */

void image_filter_done(ImageFilter *f) {
        strv_free(f->references);
        strv_free(f->labels);
}

int image_filter_parse(char **filters, ImageFilter *f, Error *error) {
        f->dangling = -1;
        STRV_FOREACH(filter, filters) {
                _cleanup_free_ char *name = NULL;
                const char *value = NULL;
                int r = split(*filter, &name, &value, error);
                if (r < 0)
                        return r;
                if (streq(name, "reference"))
                        r = strv_extend(&f->references, value);
                else if (streq(name, "label"))
                        r = strv_extend(&f->labels, value);
                else if (streq(name, "dangling"))
                        r = f->dangling = parse_bool(value);
                else
                        r = error_set(error, ERROR_INVALID,
                                      "--filter: \"%s\" is not one of reference, label, dangling", name);
                if (r < 0)
                        return error_set_errno(error, r, "--filter: \"%s\"", *filter);
        }
        return 0;
}

int image_filter_append(sd_bus_message *m, void *userdata) {
        const ImageFilter *f = userdata;
        int r;

        if ((r = bus_append_strv_entry(m, "References", f->references)) < 0 ||
            (r = bus_append_strv_entry(m, "Labels", f->labels)) < 0)
                return r;
        return f->dangling >= 0 ? sd_bus_message_append(m, "{sv}", "Dangling", "b", f->dangling) : 0;
}
