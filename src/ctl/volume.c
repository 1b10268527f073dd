/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "archive-file.h"
#include "bus-json.h"
#include "bus.h"
#include "container-view.h"
#include "fd-util.h"
#include "human.h"
#include "job-watch.h"
#include "object-bus.h"
#include "output.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"
#include "suggest.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"
#include "volume-spec.h"

#define O(member) offsetof(VolumeOptions, member)

const Option volume_create_options[] = {
        { 'd', "driver", "DRIVER",
          "local: a folder, or what --opt says is to be mounted; loop: a file of a size", option_choice,
          O(driver), WORD_CHOICE, "local|loop" },
        { 'o', "opt", "NAME=VALUE",
          "For the driver: type, device and o of local are what mount(8) would be told, see "
          "berth-volumes(7)",
          option_strings, O(options) },
        { 0, "label", "KEY=VALUE", "Give it a label", option_strings, O(labels) },
        { 0, "size", "BYTES", "It may hold no more, as in 10G", option_string, O(size) },
        { 0, "ignore", NULL, NULL, option_flag,
          O(ignored) }, /* podman's: one that is there is no error anyway */
        {},
};
const Option volume_list_options[] = {
        { 0, "filter", "NAME=VALUE",
          "Only those with this name, driver or label, or dangling=true: those that no container has",
          option_strings, O(filters) },
        { 'f', "filter", NULL, NULL, option_strings, O(filters) },
        { 0, "format", "TEMPLATE", "Print each by a template ({{.Name}}) or as json", option_string,
          O(format) },
        {},
};
const Option volume_show_options[] = {
        { 'f', "format", "TEMPLATE", "Print each by a template ({{.Mountpoint}}) or as json", option_string,
          O(format) },
        {},
};
const Option volume_remove_options[] = {
        { 'f', "force", NULL, "One that does not exist is no error", option_flag, O(force) },
        {},
};
const Option volume_export_options[] = {
        { 'o', "output", "FILE", "Write to a file instead of to standard output", option_string, O(output),
          WORD_FILE },
        {},
};

void volume_options_done(void *options) {
        VolumeOptions *o = options;

        strv_free(o->options);
        strv_free(o->labels);
        strv_free(o->filters);
}

/* ---- finding ---- */

static int suggest_volume(Ctl *ctl, const char *name, int r, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_error_ Error ignored = {};
        Suggestion suggestion;
        json_t *item;
        size_t i;

        if (ctl_list(ctl, "ListVolumes", NULL, NULL, &list, &ignored) < 0)
                return r;
        suggestion_init(&suggestion, name);
        json_array_foreach(list, i, item)
                suggestion_consider(&suggestion, json_text(item, "Name"));
        char *message = suggestion.best && error->message
                                ? format_string("%s; did you mean \"%s\"?", error->message, suggestion.best)
                                : NULL;
        if (message)
                free_and_replace(error->message, message);
        return r;
}

static int find_volume(Ctl *ctl, const char *name, char **ret, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;

        int r = ctl_call_method(ctl, NULL, NULL, "GetVolume", CALL_SHORT, &reply, error, "s", name);
        if (r < 0)
                return error->kind == ERROR_NO_SUCH_VOLUME ? suggest_volume(ctl, name, r, error) : r;
        r = sd_bus_message_read_basic(reply, 'o', &path);
        if (r >= 0)
                r = free_and_strdup(ret, path);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

/* ---- create ---- */

static int make_spec(const VolumeOptions *o, VolumeSpec *spec, Error *error) {
        int r = 0;

        if (o->size && (parse_size(o->size, &spec->size) < 0 || spec->size == 0))
                return error_set(error, ERROR_INVALID, "--size: \"%s\" is not a number of bytes, as 10G",
                                 o->size);
        STRV_FOREACH(option, o->options) {
                if (!strchr(*option, '='))
                        return error_set(error, ERROR_INVALID, "--opt: \"%s\" is not NAME=VALUE", *option);
                if ((r = strv_map_put(&spec->options, *option)) < 0)
                        return r;
        }
        STRV_FOREACH(label, o->labels) {
                char *value = strchr(*label, '=');
                _cleanup_free_ char *key =
                        strndup(*label, value ? value - *label : (ptrdiff_t) strlen(*label));
                if (!key || (r = strv_map_set(&spec->labels, key, value ? value + 1 : "")) < 0)
                        return -ENOMEM;
        }
        return free_and_strdup(&spec->driver, o->driver);
}

/* The volume's name is the last label of its path, unescaped. */
static int print_created(sd_bus_message *reply) {
        _cleanup_free_ char *name = NULL;
        const char *path;

        int r = sd_bus_message_read_basic(reply, 'o', &path);
        if (r >= 0)
                r = bus_object_name(path, BERTH_PATH "/volume", &name);
        if (r >= 0)
                puts(name);
        return r;
}

int verb_volume_create(void *context, char **arguments, void *options, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        VolumeSpec spec;

        object_init(&volume_spec_type, &spec);
        int r = make_spec(options, &spec, error);
        if (r >= 0)
                r = ctl_message_new(context, NULL, NULL, "CreateVolume", &m, error);
        if (r >= 0)
                r = sd_bus_message_append(m, "s", strempty(arguments[0]));
        if (r >= 0)
                r = object_append_bus(&volume_spec_type, &spec, m, 0);
        object_done(&volume_spec_type, &spec);
        if (r >= 0)
                r = ctl_call(context, m, CALL_FOR_EVER, &reply, error);
        if (r >= 0)
                r = print_created(reply);
        return r < 0 ? error_set_errno(error, r, "cannot create a volume") : EXIT_SUCCESS;
}

/* ---- ls, inspect ---- */

typedef struct Filter {
        char **names, **drivers, **labels;
        const char *dangling;
} Filter;

static void filter_done(Filter *filter) {
        strv_free(filter->names);
        strv_free(filter->drivers);
        strv_free(filter->labels);
}

static int add_filter(Filter *filter, const char *text, Error *error) {
        const char *value;

        if ((value = startswith(text, "name=")))
                return strv_extend(&filter->names, value);
        if ((value = startswith(text, "driver=")))
                return strv_extend(&filter->drivers, value);
        if ((value = startswith(text, "label=")))
                return strv_extend(&filter->labels, value);
        value = startswith(text, "dangling=");
        int dangling = value ? parse_bool(value) : -EINVAL;
        if (dangling < 0)
                return error_set(error, ERROR_INVALID,
                                 "--filter: \"%s\" is none of name=…, driver=…, label=… and dangling=true",
                                 text);
        filter->dangling = dangling ? "true" : "false";
        return 0;
}

static int append_filter(sd_bus_message *m, void *userdata) {
        const Filter *filter = userdata;
        int r;

        if ((r = bus_append_strv_entry(m, "Names", filter->names)) < 0 ||
            (r = bus_append_strv_entry(m, "Drivers", filter->drivers)) < 0 ||
            (r = bus_append_strv_entry(m, "Labels", filter->labels)) < 0)
                return r;
        return filter->dangling ? sd_bus_message_append(m, "{sv}", "Dangling", "s", filter->dangling) : 0;
}

static int add_row(Table *table, const json_t *item, uint64_t now) {
        _cleanup_free_ char *users = json_join(json_object_get(item, "UsedBy"), ", ");
        char created[HUMAN_MAX], size[HUMAN_MAX];
        uint64_t bytes = json_number(item, "Size");
        const char *cells[] = { json_text(item, "Name"), json_text(item, "Driver"),
                                bytes > 0 ? format_size_short(bytes, size) : "-", users,
                                format_ago(json_number(item, "Created"), now, created) };

        return users ? table_add(table, cells) : -ENOMEM;
}

static int print_table(Ctl *ctl, const json_t *list) {
        static const TableColumn columns[] = { { "NAME", 12, 0 },
                                               { "DRIVER", 0, 2 },
                                               { "LIMIT", 0, 3, .right = true },
                                               { "USED BY", 8, 1 },
                                               { "CREATED", 0, 1 } };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *item;
        size_t i;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        json_array_foreach(list, i, item)
                if (r >= 0)
                        r = add_row(table, item, realtime_usec());
        ctl_page(ctl);
        return r < 0 ? r : table_print(table, stdout, !ctl->no_legend, table_output_width());
}

/* What docker's templates look for. */
static int add_docker_fields(json_t *item) {
        json_t *created = json_object_get(item, "Created");

        (void) json_object_del(item, "Path");
        if (json_object_set_new(item, "Scope", json_string("local")) < 0 ||
            (created && json_object_set(item, "CreatedAt", created) < 0))
                return -ENOMEM;
        return 0;
}

static int print_objects(Ctl *ctl, const char *format, json_t *list, Error *error) {
        json_t *item;
        size_t i;

        if (json_format_times(list) < 0)
                return -ENOMEM;
        json_array_foreach(list, i, item)
                if (add_docker_fields(item) < 0)
                        return -ENOMEM;
        return format ? output_format(ctl, format, list, error) : output_json(ctl, list, error);
}

int verb_volume_list(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(filter_done) Filter filter = {};
        _cleanup_json_ json_t *list = NULL;
        const VolumeOptions *o = options;
        Ctl *ctl = context;
        int r;

        STRV_FOREACH(text, o->filters)
                if ((r = add_filter(&filter, *text, error)) < 0)
                        return error_set_errno(error, r, "--filter");
        r = ctl_list(ctl, "ListVolumes", append_filter, &filter, &list, error);
        if (r < 0)
                return r;
        r = ctl->quiet                         ? output_names(list)
            : o->format || ctl_wants_json(ctl) ? print_objects(ctl, o->format, list, error)
                                               : print_table(ctl, list);
        return r < 0 ? error_set_errno(error, r, "cannot list the volumes") : EXIT_SUCCESS;
}

static int inspect_one(Ctl *ctl, const char *name, json_t *list, Error *error) {
        _cleanup_json_ json_t *properties = NULL;
        _cleanup_free_ char *path = NULL;

        int r = find_volume(ctl, name, &path, error);
        if (r < 0 || (r = ctl_properties(ctl, path, VOLUME_INTERFACE, &properties, error)) < 0)
                return r;
        return json_array_append(list, properties) < 0 ? error_set_errno(error, -ENOMEM, "cannot show it")
                                                       : 0;
}

int verb_volume_show(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *list = json_array();
        const VolumeOptions *o = options;
        int status = EXIT_SUCCESS;

        for (char **name = arguments; *name; name++) {
                _cleanup_error_ Error own = {};
                if (inspect_one(context, *name, list, &own) < 0) {
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                }
        }
        /* docker prints an empty list as well. */
        int r = print_objects(context, o->format, list, error);
        return r < 0 ? error_set_errno(error, r, "cannot show the volumes") : status;
}

/* ---- rm, rename ---- */

static int remove_one(Ctl *ctl, const char *name, bool force, Error *error) {
        _cleanup_free_ char *path = NULL;

        int r = find_volume(ctl, name, &path, error);
        if (r < 0)
                return force && error->kind == ERROR_NO_SUCH_VOLUME ? 0 : r;
        r = ctl_call_method(ctl, path, VOLUME_INTERFACE, "Remove", CALL_SHORT, NULL, error, "a{sv}", 0);
        if (r < 0)
                return ctl_cannot(error, r, "remove", name);
        if (!ctl->quiet)
                puts(name);
        return 0;
}

int verb_volume_remove(void *context, char **arguments, void *options, Error *error) {
        const VolumeOptions *o = options;
        int status = EXIT_SUCCESS;

        for (char **name = arguments; *name; name++) {
                _cleanup_error_ Error own = {};
                if (remove_one(context, *name, o->force, &own) < 0) {
                        ctl_report(&own);
                        status = EXIT_FAILURE;
                }
        }
        return status;
}

int verb_volume_rename(void *context, char **arguments, void *options, Error *error) {
        _cleanup_free_ char *path = NULL;

        int r = find_volume(context, arguments[0], &path, error);
        if (r >= 0)
                r = ctl_call_method(context, path, VOLUME_INTERFACE, "Rename", CALL_SHORT, NULL, error, "s",
                                    arguments[1]);
        return r < 0 ? ctl_cannot(error, r, "rename", arguments[0]) : EXIT_SUCCESS;
}

/* ---- jobs: clone, export, import ---- */

static int run_job(Ctl *ctl, const char *path, const char *member, const char *text, int fd, json_t **ret,
                   Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};

        int r = ctl_message_new(ctl, path, VOLUME_INTERFACE, member, &m, error);
        if (r < 0)
                return r;
        r = text ? sd_bus_message_append(m, "s", text) : sd_bus_message_append(m, "h", fd);
        if (r < 0 || (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
            (r = job_append_options(m)) < 0 || (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = job_start(ctl, m, NULL, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return r;
        *ret = TAKE_PTR(job.result);
        return 0;
}

int verb_volume_clone(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *result = NULL;
        _cleanup_free_ char *path = NULL;

        int r = find_volume(context, arguments[0], &path, error);
        if (r >= 0)
                r = run_job(context, path, "Clone", arguments[1], -EBADF, &result, error);
        if (r < 0)
                return ctl_cannot(error, r, "clone", arguments[0]);
        puts(json_text(result, "Name"));
        return EXIT_SUCCESS;
}

int verb_volume_export(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(archive_file_done) ArchiveFile file = ARCHIVE_FILE_NONE;
        const VolumeOptions *o = options;
        _cleanup_json_ json_t *result = NULL;
        _cleanup_free_ char *path = NULL;

        int r = ctl_check_local(context, error);
        if (r < 0 || (r = find_volume(context, arguments[0], &path, error)) < 0 ||
            (r = archive_file_open_output(o->output, &file, error)) < 0)
                return r;
        r = run_job(context, path, "Export", NULL, file.fd, &result, error);
        if (r >= 0)
                r = archive_file_commit(&file, error);
        return r < 0 ? ctl_cannot(error, r, "export", arguments[0]) : EXIT_SUCCESS;
}

int verb_volume_import(void *context, char **arguments, void *options, Error *error) {
        _cleanup_json_ json_t *result = NULL;
        _cleanup_free_ char *path = NULL;

        int r = ctl_check_local(context, error);
        if (r < 0 || (r = find_volume(context, arguments[0], &path, error)) < 0)
                return r;
        _cleanup_close_ int fd = archive_file_open_input(arguments[1], error);
        if (fd < 0)
                return fd;
        r = run_job(context, path, "Import", NULL, fd, &result, error);
        return r < 0 ? ctl_cannot(error, r, "import", arguments[0]) : EXIT_SUCCESS;
}
