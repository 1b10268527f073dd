/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd-util.h"
#include "job-report.h"

static int make_call(Ctl *ctl, const char *method, const char *const *arguments, int fd, AppendFilter append,
                     void *userdata, sd_bus_message **ret, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL;

        int r = ctl_message_new(ctl, NULL, NULL, method, &m, error);
        if (r < 0)
                return r;
        for (; r >= 0 && arguments && *arguments; arguments++)
                r = sd_bus_message_append(m, "s", *arguments);
        if (r < 0 || (r = sd_bus_message_append(m, "h", fd)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0 ||
            (append && (r = append(m, userdata)) < 0) || (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        *ret = TAKE_PTR(m);
        return 0;
}

static int read_document(int fd, json_t **ret, Error *error) {
        json_error_t why;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_set_errno(error, negative_errno(), "cannot read the report");
        *ret = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
        return *ret ? 0 : error_set(error, ERROR_FAILED, "cannot understand the report: %s", why.text);
}

int job_report(Ctl *ctl, const char *method, const char *const *arguments, AppendFilter append,
               void *userdata, Progress *progress, json_t **ret, Error *error) {
        _cleanup_close_ int fd = memfd_create("report", MFD_CLOEXEC);
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};

        int r = ctl_check_local(ctl, error);
        if (r < 0)
                return r;
        if (fd < 0)
                return error_set_errno(error, negative_errno(), "cannot make a file in memory");
        if ((r = make_call(ctl, method, arguments, fd, append, userdata, &m, error)) < 0 ||
            (r = job_start(ctl, m, progress, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return r;
        return read_document(fd, ret, error);
}
