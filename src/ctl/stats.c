/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <sys/resource.h>

#include "cgroup-stats.h"
#include "container-view.h"
#include "human.h"
#include "output.h"
#include "string-util.h"
#include "strv.h"
#include "table.h"
#include "time-util.h"
#include "verbs-ctl.h"

#define INTERVAL_MIN_USEC (100 * USEC_PER_MSEC)

#define O(member) offsetof(StatsOptions, member)

const Option stats_options[] = {
        { 'a', "all", NULL, "Also those that do not run", option_flag, O(all) },
        { 0, "format", "TEMPLATE", "Print each by a template ({{.Name}}), \"table …\" or json",
          option_string, O(format) },
        { 0, "interval", "TIME", "The time between two readings (1s)", option_duration, O(interval) },
        { 0, "no-stream", NULL, "Print once, and end", option_flag, O(no_stream) },
        { 0, "no-trunc", NULL, "Do not shorten to the width of the terminal", option_flag, O(no_trunc) },
        {},
};

/* One that is watched. */
typedef struct Watched {
        char *id, *name;
        CgroupReader *reader; /* NULL: it does not run */
        CgroupStats before, now;
        bool has_before;
} Watched;

typedef struct Stats {
        Ctl *ctl;
        const StatsOptions *options;
        char **names; /* asked for; none: all that run */
        Watched *watched;
        size_t n;
        bool changed; /* some container has come or gone */
} Stats;

static void watched_done(Watched *w) {
        cgroup_reader_free(w->reader);
        free(w->id);
        free(w->name);
}

static void forget_all(Watched *watched, size_t n) {
        for (size_t i = 0; i < n; i++)
                watched_done(&watched[i]);
        free(watched);
}

static void stats_done(Stats *stats) {
        forget_all(stats->watched, stats->n);
}

/* ---- which there are ---- */

static int watch(const Stats *stats, const json_t *item, Watched *ret) {
        const char *id = json_text(item, "Id");

        *ret = (Watched){ .id = strdup(id), .name = text_sanitize(json_text(item, "Name")) };
        if (!ret->id || !ret->name)
                return -ENOMEM;
        if (!container_is_running(item))
                return 0;
        /* What was read before goes on. */
        for (size_t i = 0; i < stats->n; i++) {
                Watched *old = &stats->watched[i];
                if (!old->reader || !streq(old->id, id))
                        continue;
                ret->reader = TAKE_PTR(old->reader);
                ret->now = old->now;
                ret->has_before = old->has_before;
                return 0;
        }
        (void) cgroup_reader_new(json_text(item, "ControlGroup"), (pid_t) json_number(item, "Leader"),
                                 &ret->reader);
        return 0;
}

static bool is_wanted(const Stats *stats, const json_t *item) {
        if (!strv_isempty(stats->names)) {
                STRV_FOREACH(name, stats->names)
                        if (streq(*name, json_text(item, "Name")) ||
                            startswith(json_text(item, "Id"), *name))
                                return true;
                return false;
        }
        return stats->options->all || container_is_running(item);
}

static int look_again(Stats *stats, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        Watched *watched;
        size_t i, n = 0;
        json_t *item;

        stats->changed = false;
        int r = ctl_list_all_containers(stats->ctl, &list, error);
        if (r < 0)
                return r;
        watched = new0(Watched, json_array_size(list) + 1);
        if (!watched)
                return error_set_errno(error, -ENOMEM, "cannot watch containers");
        json_array_foreach(list, i, item)
                if (r >= 0 && is_wanted(stats, item))
                        r = watch(stats, item, &watched[n++]);
        forget_all(stats->watched, stats->n);
        stats->watched = watched;
        stats->n = n;
        return r < 0 ? error_set_errno(error, r, "cannot watch containers") : 0;
}

static int on_event(sd_bus_message *m, void *userdata, sd_bus_error *ignored) {
        Stats *stats = userdata;
        const char *type;

        if (sd_bus_message_read(m, "s", &type) >= 0 && streq(type, "container"))
                stats->changed = true;
        return 0;
}

/* ---- what they use ---- */

static void read_all(Stats *stats) {
        for (size_t i = 0; i < stats->n; i++) {
                Watched *w = &stats->watched[i];
                if (!w->reader)
                        continue;
                w->has_before = w->now.time > 0;
                w->before = w->now;
                cgroup_reader_read(w->reader, &w->now);
        }
}

/* Of one processor, in percent; negative: not known. */
static double cpu_percent(const Watched *w) {
        if (!w->reader || !w->has_before || w->now.cpu == STAT_UNKNOWN || w->before.cpu == STAT_UNKNOWN ||
            w->now.time <= w->before.time || w->now.cpu < w->before.cpu)
                return -1;
        return 100.0 * (double) (w->now.cpu - w->before.cpu) / (double) (w->now.time - w->before.time);
}

/* As Docker counts: without what could be dropped at once. */
static uint64_t memory_used(const Watched *w) {
        const CgroupStats *s = &w->now;

        if (!w->reader || s->memory >= STAT_UNLIMITED)
                return STAT_UNKNOWN;
        return s->memory_cache < s->memory ? s->memory - s->memory_cache : s->memory;
}

static char *format_percent(double v) {
        return v < 0 ? strdup(glyph(GLYPH_DASH)) : format_string("%.1f%%", v);
}

static char *format_amount(const Watched *w, uint64_t v) {
        char text[HUMAN_MAX];

        return strdup(!w->reader || v >= STAT_UNLIMITED ? glyph(GLYPH_DASH) : format_size_short(v, text));
}

static char *format_pair(const Watched *w, uint64_t a, uint64_t b) {
        _cleanup_free_ char *first = format_amount(w, a), *second = format_amount(w, b);

        return first && second ? string_join(first, " / ", second) : NULL;
}

static char *format_number(const Watched *w, uint64_t v) {
        return !w->reader || v >= STAT_UNLIMITED ? strdup(glyph(GLYPH_DASH))
                                                 : format_string("%llu", (unsigned long long) v);
}

static char *format_pressure(const Watched *w) {
        const uint64_t values[] = { w->now.cpu_pressure, w->now.memory_pressure, w->now.io_pressure };
        _cleanup_(string_buffer_done) StringBuffer text = {};

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                bool known = w->reader && values[i] != STAT_UNKNOWN;
                int r = known ? string_buffer_appendf(&text, "%s%.1f", i > 0 ? "/" : "",
                                                      (double) values[i] / 100)
                              : string_buffer_appendf(&text, "%s%s", i > 0 ? "/" : "", glyph(GLYPH_DASH));
                if (r < 0)
                        return NULL;
        }
        return TAKE_PTR(text.data);
}

static double memory_percent(const Watched *w) {
        uint64_t used = memory_used(w);

        if (used == STAT_UNKNOWN || w->now.memory_max >= STAT_UNLIMITED || w->now.memory_max == 0)
                return -1;
        return 100.0 * (double) used / (double) w->now.memory_max;
}

/* ---- the table ---- */

static const TableColumn columns[] = {
        { "NAME", 8, 0 },
        { "CPU", 0, 0, .right = true },
        { "MEMORY", 0, 0, .right = true },
        { "LIMIT", 0, 4, .right = true },
        { "MEM", 0, 3, .right = true },
        { "NET IN / OUT", 0, 2, .right = true },
        { "DISK READ / WRITTEN", 0, 5, .right = true },
        { "TASKS", 0, 1, .right = true },
        { "PRESSURE CPU/MEM/IO", 0, 6, .right = true },
};

static int add_row(Table *table, const Watched *w) {
        char *cells[] = { strdup(w->name),
                          format_percent(cpu_percent(w)),
                          format_amount(w, memory_used(w)),
                          format_amount(w, w->now.memory_max),
                          format_percent(memory_percent(w)),
                          format_pair(w, w->now.received, w->now.sent),
                          format_pair(w, w->now.disk_read, w->now.disk_written),
                          format_number(w, w->now.tasks),
                          format_pressure(w) };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(cells); i++)
                if (!cells[i])
                        r = -ENOMEM;
        if (r >= 0)
                r = table_add(table, (const char *const *) cells);
        for (size_t i = 0; i < ELEMENTSOF(cells); i++)
                free(cells[i]);
        return r;
}

static int print_table(const Stats *stats) {
        _cleanup_(table_freep) Table *table = NULL;

        int r = table_new(columns, ELEMENTSOF(columns), &table);
        for (size_t i = 0; r >= 0 && i < stats->n; i++)
                r = add_row(table, &stats->watched[i]);
        if (r < 0)
                return r;
        /* Over what stands there, without flicker. */
        if (!stats->options->no_stream && table_output_width() > 0)
                fputs("\033[H\033[J", stdout);
        r = table_print(table, stdout, !stats->ctl->no_legend,
                        stats->options->no_trunc ? 0 : table_output_width());
        if (stats->n == 0 && !stats->ctl->no_legend)
                puts("No containers run (berthctl list shows all).");
        fflush(stdout);
        return r;
}

/* ---- for programs ---- */

static int set_number(json_t *object, const char *key, uint64_t v) {
        return v >= STAT_UNLIMITED ? 0 : json_object_set_new(object, key, json_integer((json_int_t) v));
}

static int set_owned_text(json_t *object, const char *key, char *text) {
        _cleanup_free_ char *owned = text;

        return json_set_text(object, key, owned);
}

/* What is not known is not there; the texts have docker's names. */
static json_t *make_object(const Watched *w) {
        const CgroupStats *s = &w->now;
        const struct {
                const char *key;
                uint64_t value;
        } numbers[] = {
                { "CPUUSec", s->cpu },
                { "Memory", memory_used(w) },
                { "MemoryCurrent", s->memory },
                { "MemoryMax", s->memory_max },
                { "Swap", s->swap },
                { "Tasks", s->tasks },
                { "TasksMax", s->tasks_max },
                { "NetworkReceived", s->received },
                { "NetworkSent", s->sent },
                { "DiskRead", s->disk_read },
                { "DiskWritten", s->disk_written },
                { "OOMKills", s->oom_kills },
        };
        const struct {
                const char *key;
                uint64_t value;
        } pressures[] = {
                { "CPUPressure", s->cpu_pressure },
                { "MemoryPressure", s->memory_pressure },
                { "IOPressure", s->io_pressure },
        };
        _cleanup_json_ json_t *object = json_pack("{s:s, s:s, s:s, s:b}", "ID", w->id, "Name", w->name,
                                                  "Container", w->name, "Running", w->reader != NULL);
        int r = object ? 0 : -1;

        for (size_t i = 0; r >= 0 && w->reader && i < ELEMENTSOF(numbers); i++)
                r = set_number(object, numbers[i].key, numbers[i].value);
        for (size_t i = 0; r >= 0 && w->reader && i < ELEMENTSOF(pressures); i++)
                if (pressures[i].value != STAT_UNKNOWN)
                        r = json_object_set_new(object, pressures[i].key,
                                                json_real((double) pressures[i].value / 100));
        if (r >= 0 && cpu_percent(w) >= 0)
                r = json_object_set_new(object, "CPU", json_real(cpu_percent(w)));
        if (r < 0 || set_owned_text(object, "CPUPerc", format_percent(cpu_percent(w))) < 0 ||
            set_owned_text(object, "MemUsage", format_pair(w, memory_used(w), s->memory_max)) < 0 ||
            set_owned_text(object, "MemPerc", format_percent(memory_percent(w))) < 0 ||
            set_owned_text(object, "NetIO", format_pair(w, s->received, s->sent)) < 0 ||
            set_owned_text(object, "BlockIO", format_pair(w, s->disk_read, s->disk_written)) < 0 ||
            set_owned_text(object, "PIDs", format_number(w, s->tasks)) < 0)
                return NULL;
        return TAKE_PTR(object);
}

static int print_objects(const Stats *stats, Error *error) {
        _cleanup_json_ json_t *list = json_array();
        const char *format = stats->options->format;
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < stats->n; i++)
                if (json_array_append_new(list, make_object(&stats->watched[i])) < 0)
                        r = -ENOMEM;
        if (r < 0)
                return error_set_errno(error, r, "cannot print the statistics");
        if (format)
                r = output_format(stats->ctl, format, list, error);
        else
                r = stats->options->no_stream ? output_json(stats->ctl, list, error)
                                              : output_format(stats->ctl, "json", list, error);
        fflush(stdout);
        return r;
}

static int print(const Stats *stats, Error *error) {
        if (stats->options->format || ctl_wants_json(stats->ctl))
                return print_objects(stats, error);
        int r = print_table(stats);
        return r < 0 ? error_set_errno(error, r, "cannot print the statistics") : 0;
}

/* ---- time goes on ---- */

/* Until then berthd may say that containers come and go. */
static int wait_until(Stats *stats, uint64_t deadline, Error *error) {
        for (;;) {
                uint64_t now = now_usec(CLOCK_MONOTONIC);
                int r = sd_bus_process(stats->ctl->bus, NULL);
                if (r == 0 && now < deadline)
                        r = sd_bus_wait(stats->ctl->bus, deadline - now);
                else if (r == 0)
                        return 0;
                if (r < 0 && r != -EINTR)
                        return error_set_errno(error, r, "the connection to the bus was lost");
        }
}

static int run(Stats *stats, Error *error) {
        uint64_t interval = stats->options->interval.set ? stats->options->interval.usec : USEC_PER_SEC;
        uint64_t next = now_usec(CLOCK_MONOTONIC);

        interval = MAX(interval, INTERVAL_MIN_USEC);
        read_all(stats);
        for (;;) {
                next += interval;
                int r = wait_until(stats, next, error);
                if (r >= 0 && stats->changed)
                        r = look_again(stats, error);
                if (r < 0)
                        return r;
                read_all(stats);
                r = print(stats, error);
                if (r < 0 || stats->options->no_stream || ferror(stdout))
                        return r;
        }
}

int verb_stats(void *context, char **arguments, void *options, Error *error) {
        _cleanup_(stats_done) Stats stats = { .ctl = context, .options = options, .names = arguments };
        _cleanup_slot_ sd_bus_slot *slot = NULL;
        struct rlimit limit;
        int r;

        if ((r = ctl_check_local(stats.ctl, error)) < 0 || (r = ctl_connect(stats.ctl, error)) < 0)
                return r;
        STRV_FOREACH(name, arguments) {
                _cleanup_free_ char *path = NULL;
                if ((r = ctl_find_container(stats.ctl, *name, &path, error)) < 0)
                        return r;
        }
        /* A dozen files of each container stay open. */
        if (getrlimit(RLIMIT_NOFILE, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &limit);
        }
        r = sd_bus_match_signal(stats.ctl->bus, &slot, BERTH_SERVICE, BERTH_PATH, MANAGER_INTERFACE, "Event",
                                on_event, &stats);
        if (r < 0)
                return error_set_errno(error, r, "cannot listen to berthd");
        r = look_again(&stats, error);
        return r < 0 ? r : run(&stats, error);
}
