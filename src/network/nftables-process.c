/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "firewall.h"
#include "string-util.h"

/* Runs in the new process. Returns its exit status; `report` takes the text of an error. */
typedef int (*NftablesWork)(struct nft_ctx *context, int report, const void *userdata);

enum { WORK_DONE, WORK_FAILED, WORK_UNNEEDED };

static _noreturn_ void run_child(NftablesWork work, int report, const void *userdata) {
        struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);

        if (!context || nft_ctx_buffer_error(context) != 0 || nft_ctx_buffer_output(context) != 0)
                _exit(WORK_FAILED);
        _exit(work(context, report, userdata));
}

/* What nft said, for a message of one line: it shows the place in the text below the first line. */
static void describe(int fd, char *buffer, size_t size) {
        ssize_t n = read_full(fd, buffer, size - 1);

        buffer[MAX(n, 0)] = 0;
        buffer[strcspn(buffer, "\n")] = 0;
}

/* Returns WORK_DONE, WORK_UNNEEDED or a negative errno. */
static int run_process(NftablesWork work, const void *userdata, Error *error) {
        _cleanup_close_ int reader = -EBADF, writer = -EBADF;
        char said[256];
        int fds[2], status;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_set_errno(error, negative_errno(), "cannot make a pipe");
        reader = fds[0];
        writer = fds[1];

        pid_t pid = fork();
        if (pid < 0)
                return error_set_errno(error, negative_errno(), "cannot fork to change the packet filter");
        if (pid == 0)
                run_child(work, writer, userdata);
        safe_close(TAKE_FD(writer));
        describe(reader, said, sizeof(said));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set_errno(error, negative_errno(), "cannot wait for the packet filter");
        if (WIFEXITED(status) && WEXITSTATUS(status) != WORK_FAILED)
                return WEXITSTATUS(status);
        return error_set(error, ERROR_FAILED, "cannot set up the packet filter (nftables): %s",
                         isempty(said) ? "its process ended early" : said);
}

static int run_commands(struct nft_ctx *context, int report, const void *userdata) {
        if (nft_run_cmd_from_buffer(context, userdata) == 0)
                return WORK_DONE;
        const char *text = nft_ctx_get_error_buffer(context);
        (void) write_full(report, text, strlen(text));
        return WORK_FAILED;
}

int nftables_run(const char *commands, Error *error) {
        return run_process(run_commands, commands, error);
}

typedef struct Acceptance {
        const char *show, *needle, *insert;
} Acceptance;

static int accept_unless_there(struct nft_ctx *context, int report, const void *userdata) {
        const Acceptance *acceptance = userdata;

        if (nft_run_cmd_from_buffer(context, acceptance->show) == 0 &&
            strstr(nft_ctx_get_output_buffer(context), acceptance->needle))
                return WORK_UNNEEDED;
        return run_commands(context, report, acceptance->insert);
}

int nftables_accept_bridge(const char *family, const char *table, const char *chain, const char *bridge,
                           Error *error) {
        _cleanup_free_ char *show = NULL, *needle = NULL, *insert = NULL;

        show = format_string("list chain %s %s %s", family, table, chain);
        needle = format_string("iifname \"%s\"", bridge);
        insert = format_string("insert rule %1$s %2$s %3$s iifname \"%4$s\" counter accept\n"
                               "insert rule %1$s %2$s %3$s oifname \"%4$s\" counter accept\n",
                               family, table, chain, bridge);
        if (!show || !needle || !insert)
                return -ENOMEM;
        int r = run_process(accept_unless_there, &(Acceptance){ show, needle, insert }, error);
        return r < 0 ? r : r == WORK_DONE;
}
