/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log-print.h"
#include "parse-util.h"
#include "string-util.h"
#include "verbs-ctl.h"

#define O(member) offsetof(LogsOptions, member)

const Option logs_options[] = {
        { 'f', "follow", NULL, "Go on with what is written from now on, until the container ends",
          option_flag, O(follow) },
        { 0, "since", "TIME", "Only from this time on (2026-11-24 10:02:11, or 10m: ten minutes ago)",
          option_moment, O(since) },
        { 'n', "tail", "NUMBER", "Only the last lines; all is all of them", option_string, O(tail) },
        { 't', "timestamps", NULL, "Put the time in front of each line", option_flag, O(timestamps) },
        { 0, "until", "TIME", "Only up to this time", option_moment, O(until) },
        {},
};

int verb_logs(void *context, char **arguments, void *options, Error *error) {
        const LogsOptions *o = options;
        _cleanup_free_ char *path = NULL;
        Ctl *ctl = context;
        LogRequest request = {
                .follow = o->follow, .timestamps = o->timestamps, .since = o->since, .until = o->until
        };

        /* A negative number means all of them as well, as it does for docker. */
        if (o->tail && !streq(o->tail, "all") && o->tail[0] != '-') {
                if (parse_u64(o->tail, &request.tail) < 0)
                        return error_set(error, ERROR_INVALID,
                                         "--tail: \"%s\" is neither a number nor \"all\"", o->tail);
                request.tail_set = true;
        }
        int r = ctl_find_container(ctl, arguments[0], &path, error);
        if (r < 0)
                return r;
        request.path = path;
        if (!o->follow)
                ctl_page(ctl);
        r = log_stream_print(ctl, &request, error);
        return r < 0 ? ctl_cannot(error, r, "show the log of", arguments[0]) : EXIT_SUCCESS;
}
