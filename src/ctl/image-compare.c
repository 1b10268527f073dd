/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <unistd.h>

#include "change-list.h"
#include "fd-util.h"
#include "job-watch.h"
#include "verbs-ctl.h"

static int append_arguments(sd_bus_message *m, const char *a, const char *b, int fd) {
        int r;

        if ((r = sd_bus_message_append(m, "ssh", a, b, fd)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* The list is kept in memory until it is complete: who looks at it through a pager does not hold up the job. */
int verb_compare(void *context, char **arguments, void *options, Error *error) {
        _cleanup_close_ int fd = memfd_create("berth-differences", MFD_CLOEXEC);
        _cleanup_message_ sd_bus_message *m = NULL;
        _cleanup_job_ Job job = {};
        Ctl *ctl = context;

        if (fd < 0)
                return error_set_errno(error, negative_errno(), "cannot make a file in memory");
        int r = ctl_message_new(ctl, NULL, NULL, "CompareImages", &m, error);
        if (r < 0)
                return r;
        if ((r = append_arguments(m, arguments[0], arguments[1], fd)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = job_start(ctl, m, NULL, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return ctl_cannot(error, r, "compare", arguments[0]);
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_set_errno(error, negative_errno(), "cannot read the differences");
        r = change_list_print(ctl, fd, error);
        return r < 0 ? r : EXIT_SUCCESS;
}
