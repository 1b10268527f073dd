/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "container-view.h"
#include "image-view.h"
#include "log-print.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define STATUS_NOT_RUNNING 3 /* as systemctl status says it */
#define STATUS_NO_SUCH 4
#define LABEL_WIDTH 10
#define TREE_INDENT 12

const Option status_options[] = {
        { 'n', "lines", "NUMBER", "How many of the last lines of its log to show (10)", option_unsigned,
          offsetof(StatusOptions, lines) },
        {},
};

void status_options_init(void *options) {
        StatusOptions *o = options;

        o->lines = 10;
}

/* One line, label and text, never wider than the terminal. */
static void print_field(const char *label, const char *text) {
        size_t width = table_output_width();
        _cleanup_free_ char *line = format_string("%*s: %s", LABEL_WIDTH, label, text);
        _cleanup_free_ char *cut =
                line && width > 0 && text_width(line) > width ? text_ellipsize(line, width) : NULL;

        puts(cut ?: strempty(line));
}

static void print_title(const json_t *p) {
        _cleanup_free_ char *name = text_sanitize(json_text(p, "Name")),
                            *image = text_sanitize(json_text(p, "Image"));
        Color c = container_state_color(p);

        printf("%s%s%s %s: %s", color(c), glyph(GLYPH_BULLET), color(COLOR_NORMAL), strempty(name),
               strempty(image));
        if (*json_text(p, "ImageDigest"))
                printf(" (%.19s%s)", json_text(p, "ImageDigest"), glyph(GLYPH_ELLIPSIS));
        putchar('\n');
}

static void print_state(const json_t *p) {
        _cleanup_free_ char *state = container_state_text(p), *error = text_sanitize(json_text(p, "Error"));
        char when[HUMAN_MAX], ago[HUMAN_MAX];
        uint64_t since = container_since(p);

        printf("%*s: %s%s%s since %s; %s\n", LABEL_WIDTH, "State", color(container_state_color(p)),
               strempty(state), color(COLOR_NORMAL), format_local_time(since, when),
               format_ago(since, realtime_usec(), ago));
        if (!isempty(error))
                print_field("Error", error);
}

/* ---- the lines in the middle: pieces that exist, three blanks apart ---- */

static int append_piece(StringBuffer *line, const char *label, const char *text) {
        if (isempty(text))
                return 0;
        if (line->size > 0 && string_buffer_append_string(line, "  ") < 0)
                return -ENOMEM;
        return label ? string_buffer_appendf(line, "%s: %s", label, text)
                     : string_buffer_append_string(line, text);
}

static void print_unit(const json_t *p) {
        _cleanup_free_ char *leader = format_string(
                "%llu (%s)", (unsigned long long) json_number(p, "Leader"), json_text(p, "LeaderCommand"));
        _cleanup_(string_buffer_done) StringBuffer line = {};

        if (append_piece(&line, NULL, json_text(p, "Unit")) < 0 ||
            append_piece(&line, "Leader", json_number(p, "Leader") > 0 ? leader : NULL) < 0)
                return;
        if (line.size > 0)
                print_field("Unit", line.data);
}

static void print_network(const json_t *p) {
        _cleanup_free_ char *addresses = json_join(json_object_get(p, "Addresses"), ", ");
        _cleanup_free_ char *ports = json_join(json_object_get(p, "Ports"), ", ");
        _cleanup_(string_buffer_done) StringBuffer line = {};
        const char *mode = json_text(p, "NetworkMode");

        _cleanup_free_ char *network =
                isempty(addresses) ? strdup(mode) : string_join(mode, ": ", addresses);
        if (append_piece(&line, NULL, network) >= 0 && append_piece(&line, "Ports", ports) >= 0 &&
            line.size > 0)
                print_field("Network", line.data);
}

static void print_users(const json_t *p) {
        uint64_t count = json_number(p, "UIDCount"), restarts = json_number(p, "RestartCount");
        _cleanup_(string_buffer_done) StringBuffer line = {};
        const char *policy = json_text(p, "RestartPolicy");

        _cleanup_free_ char *users =
                count == 0 ? strdup("those of the host")
                           : format_string("%llu ids from %llu", (unsigned long long) count,
                                           (unsigned long long) json_number(p, "UIDBase"));
        _cleanup_free_ char *restart =
                restarts == 0 ? strdup(policy)
                              : format_string("%s (%llu so far)", policy, (unsigned long long) restarts);
        if (append_piece(&line, NULL, users) >= 0 && append_piece(&line, "Restart", restart) >= 0)
                print_field("Users", line.data);
}

/* "3.4M (max 512M)" */
static char *with_maximum(const char *value, uint64_t maximum, bool is_size) {
        char text[HUMAN_MAX];

        if (maximum >= CGROUP_UNLIMITED)
                return strdup(value);
        if (is_size)
                (void) format_size_short(maximum, text);
        else
                snprintf(text, sizeof(text), "%llu", (unsigned long long) maximum);
        return format_string("%s (max %s)", value, text);
}

static void print_usage(const CgroupUsage *u) {
        _cleanup_(string_buffer_done) StringBuffer line = {};
        char text[HUMAN_MAX];

        if (u->memory < CGROUP_UNLIMITED) {
                _cleanup_free_ char *memory =
                        with_maximum(format_size_short(u->memory, text), u->memory_max, true);
                (void) append_piece(&line, "Memory", memory);
        }
        if (u->cpu_usec != CGROUP_UNKNOWN)
                (void) append_piece(&line, "CPU", format_cpu_time(u->cpu_usec, text));
        if (u->tasks < CGROUP_UNLIMITED) {
                snprintf(text, sizeof(text), "%llu", (unsigned long long) u->tasks);
                _cleanup_free_ char *tasks = with_maximum(text, u->tasks_max, false);
                (void) append_piece(&line, "Tasks", tasks);
        }
        if (line.size == 0)
                return;
        /* The first piece's name is the label. */
        char *colon = strstr(line.data, ": ");
        *colon = 0;
        print_field(line.data, colon + 2);
}

static void print_cgroup(const json_t *p) {
        const char *path = json_text(p, "ControlGroup");
        size_t width = table_output_width();

        if (isempty(path))
                return;
        print_field("CGroup", path);
        (void) cgroup_print_tree(path, TREE_INDENT, (unsigned) width);
}

/* ---- one container ---- */

static int print_status(Ctl *ctl, const char *name, const StatusOptions *o, bool *ret_running,
                        Error *error) {
        _cleanup_json_ json_t *p = NULL;
        _cleanup_free_ char *path = NULL;
        CgroupUsage usage;
        int r;

        if ((r = ctl_find_container(ctl, name, &path, error)) < 0 ||
            (r = ctl_properties(ctl, path, CONTAINER_INTERFACE, &p, error)) < 0)
                return r;
        *ret_running = container_is_running(p);
        print_title(p);
        print_state(p);
        print_unit(p);
        print_network(p);
        print_users(p);
        if (!ctl->host && *ret_running) {
                cgroup_usage(json_text(p, "ControlGroup"), &usage);
                print_usage(&usage);
                print_cgroup(p);
        }
        if (o->lines > 0 && !ctl->host) {
                LogRequest request = {
                        .path = path, .tail_set = true, .tail = o->lines, .short_name = json_text(p, "Name")
                };
                _cleanup_error_ Error own = {};
                putchar('\n');
                fflush(stdout);
                if (log_stream_print(ctl, &request, &own) < 0)
                        printf("(The log can't be read: %s.)\n", strempty(own.message));
        }
        return 0;
}

static int all_names(Ctl *ctl, char ***ret, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        json_t *item;
        size_t i;

        int r = ctl_list(ctl, "ListContainers", NULL, NULL, &list, error);
        json_array_foreach(list, i, item)
                if (r >= 0)
                        r = strv_extend(ret, json_text(item, "Name"));
        return r < 0 ? error_set_errno(error, r, "cannot list containers") : 0;
}

int verb_status(void *context, char **arguments, void *options, Error *error) {
        _cleanup_strv_free_ char **all = NULL;
        int status = EXIT_SUCCESS, r;
        Ctl *ctl = context;

        if (!arguments[0]) {
                if ((r = all_names(ctl, &all, error)) < 0)
                        return r;
                if (!all && !ctl->no_legend)
                        puts("No containers run (berthctl list shows all).");
                arguments = all;
        }
        ctl_page(ctl);
        STRV_FOREACH(name, arguments) {
                _cleanup_error_ Error own = {};
                bool running = false;
                if (name > arguments)
                        putchar('\n');
                if (print_status(ctl, *name, options, &running, &own) < 0) {
                        ctl_report(&own);
                        status = STATUS_NO_SUCH;
                } else if (!running && status == EXIT_SUCCESS)
                        status = STATUS_NOT_RUNNING;
        }
        return status;
}
