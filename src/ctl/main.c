/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"
#include "log.h"
#include "pager.h"
#include "polkit-agent.h"
#include "registries-conf.h"
#include "terminal.h"

int main(int argc, char **argv) {
        Ctl ctl = {};

        terminal_setup();
        log_setup("berthctl");
        /* For names as people write and read them; berthd's log tells what is wrong with the files. */
        (void) registries_conf_load_names(NULL);
        int status = program_run(&berthctl_program, &ctl, argc, argv);
        ctl_disconnect(&ctl);
        polkit_agent_close();
        /* A disk that was full is no success, even when all else went well. */
        if (fflush(stdout) != 0 && status == EXIT_SUCCESS) {
                perror("berthctl: cannot write the output");
                status = EXIT_FAILURE;
        }
        pager_close();
        return status;
}
