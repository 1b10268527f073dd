/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "credential-helper.h"
#include "fd-util.h"
#include "json-util.h"
#include "process-util.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

#define HELPER_PREFIX "docker-credential-"
#define HELPER_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
/* What helpers call Docker Hub, and what they say when they have nothing: words of their protocol. */
#define DOCKER_HUB_URL "https://index.docker.io/v1/"
#define NOTHING_FOUND "credentials not found"
#define TOKEN_USER "<token>"

const char *credential_helper_of(const json_t *document, const char *registry) {
        json_t *helper;
        const char *key;

        json_object_foreach(json_object_get(document, "credHelpers"), key, helper) {
                _cleanup_free_ char *scope = credentials_key_scope(key);
                if (scope && strcasecmp(scope, registry) == 0 && !isempty(json_string_value(helper)))
                        return json_string_value(helper);
        }
        const char *store = json_string_value(json_object_get(document, "credsStore"));
        return isempty(store) ? NULL : store;
}

/* ---- running one ---- */

typedef struct Helper {
        const char *program; /* "docker-credential-pass" */
        pid_t pid;
        int pidfd;
        int output;
} Helper;

static _noreturn_ void execute(const char *program, const char *verb, int input, int output, pid_t parent) {
        reset_signals();
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() == parent && dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
                (void) execlp(program, program, verb, NULL);
        _exit(errno == ENOENT ? 127 : 126);
}

static int helper_start(Helper *helper, const char *verb, int input) {
        int pipe[2];

        if (pipe2(pipe, O_CLOEXEC) < 0)
                return negative_errno();
        pid_t parent = getpid();
        helper->pid = fork_into(-EBADF, 0, &helper->pidfd);
        if (helper->pid == 0)
                execute(helper->program, verb, input, pipe[1], parent);
        safe_close(pipe[1]);
        if (helper->pid < 0) {
                safe_close(pipe[0]);
                return helper->pid;
        }
        helper->output = pipe[0];
        return 0;
}

/* Until it has closed its output. -ETIME, -EFBIG, or what reading fails with. */
static int helper_read(Helper *helper, StringBuffer *output) {
        uint64_t end = now_usec(CLOCK_MONOTONIC) + HELPER_SECONDS * USEC_PER_SEC;
        char piece[4096];
        ssize_t n;

        do {
                struct pollfd readable = { .fd = helper->output, .events = POLLIN };
                uint64_t now = now_usec(CLOCK_MONOTONIC);
                int k = now < end ? poll(&readable, 1, (int) ((end - now) / USEC_PER_MSEC) + 1) : 0;
                if (k == 0)
                        return -ETIME;
                n = k < 0 ? -1 : read(helper->output, piece, sizeof(piece));
                if (n < 0 && errno != EINTR)
                        return negative_errno();
                if (n > 0 && output->size + (size_t) n > CREDENTIALS_SIZE_MAX)
                        return -EFBIG;
                if (n > 0 && string_buffer_append(output, piece, (size_t) n) < 0)
                        return -ENOMEM;
        } while (n != 0);
        return 0;
}

/* Its exit status, or a negative errno when a signal has ended it. */
static int helper_end(Helper *helper, bool kill_it) {
        siginfo_t info = {};

        if (kill_it)
                (void) pidfd_signal(helper->pidfd, SIGKILL);
        while (waitid(P_PIDFD, (id_t) helper->pidfd, &info, WEXITED) < 0 && errno == EINTR)
                ;
        safe_close(helper->output);
        safe_close(helper->pidfd);
        return info.si_code == CLD_EXITED ? info.si_status : -ECHILD;
}

/* The first line of what it said, for people. */
static char *first_line(const StringBuffer *output) {
        char *line = strndup(strempty(output->data), strcspn(strempty(output->data), "\r\n"));

        for (char *p = line; p && *p; p++)
                if ((unsigned char) *p < ' ' || *p == 0x7f)
                        *p = ' ';
        if (line && strlen(line) > 200)
                line[200] = 0;
        return line;
}

static int describe(const Helper *helper, int r, int status, const StringBuffer *output, Error *error) {
        if (r == -ETIME)
                return error_set(error, ERROR_FAILED, "%s does not answer within %d s", helper->program,
                                 HELPER_SECONDS);
        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT, "%s answers with more than %d bytes", helper->program,
                                 CREDENTIALS_SIZE_MAX);
        if (r < 0)
                return error_set_errno(error, r, "cannot run %s", helper->program);
        if (status == 127 && output->size == 0)
                return error_set(error, ERROR_FAILED,
                                 "cannot run %s: it is not installed (the credentials file names it)",
                                 helper->program);
        if (status < 0)
                return error_set(error, ERROR_FAILED, "%s was killed", helper->program);
        _cleanup_free_ char *line = first_line(output);
        return error_set(error, ERROR_FAILED, "%s fails: %s", helper->program,
                         isempty(line) ? "it does not say why" : line);
}

/* The request goes in as a file, so that a helper which does not read it keeps nobody waiting. Returns 1, or 0 when the helper has
 * nothing for the registry. */
static int run_helper(const char *name, const char *verb, const char *request, StringBuffer *output,
                      Error *error) {
        _cleanup_free_ char *program = string_join(HELPER_PREFIX, name);
        Helper helper = { .program = program, .pidfd = -EBADF, .output = -EBADF };

        if (!program)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!string_in_charset(name, HELPER_CHARACTERS))
                return error_set(error, ERROR_INVALID, "\"%.100s\" is no name of a credential helper", name);
        _cleanup_close_ int input = memfd_with_data("berth-credentials", request, strlen(request));
        int r = input < 0 ? input : helper_start(&helper, verb, input);
        if (r < 0)
                return error_set_errno(error, r, "cannot run %s", program);
        r = helper_read(&helper, output);
        int status = helper_end(&helper, r < 0);
        if (r >= 0 && status == 0)
                return 1;
        if (r >= 0 && status == 1 && output->data && strstr(output->data, NOTHING_FOUND))
                return 0;
        return describe(&helper, r, status, output, error);
}

static void output_done(StringBuffer *output) {
        if (output->data)
                explicit_bzero(output->data, output->size);
        string_buffer_done(output);
}

static const char *server_url(const char *registry) {
        return streq(registry, "docker.io") ? DOCKER_HUB_URL : registry;
}

/* ---- its verbs ---- */

static int take_answer(const json_t *answer, Credential *ret) {
        const char *username = json_string_value(json_object_get(answer, "Username"));
        const char *secret = json_string_value(json_object_get(answer, "Secret"));

        if (!username || !secret)
                return -EBADMSG;
        char *user = strdup(username), *password = strdup(secret);
        if (user && password)
                return credential_take(user, password, ret);
        free(user);
        erase_and_free(password);
        return -ENOMEM;
}

int credential_helper_get(const char *helper, const char *registry, Credential *ret, Error *error) {
        _cleanup_(output_done) StringBuffer output = {};
        _cleanup_json_ json_t *answer = NULL;

        *ret = (Credential){};
        int r = run_helper(helper, "get", server_url(registry), &output, error);
        if (r <= 0)
                return r;
        answer = json_loadb(strempty(output.data), output.size, 0, NULL);
        r = take_answer(answer, ret);
        return r == -EBADMSG
                       ? error_set(error, ERROR_INVALID, HELPER_PREFIX "%s gives a senseless answer", helper)
               : r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
                       : r;
}

int credential_helper_store(const char *helper, const char *registry, const Credential *credential,
                            Error *error) {
        _cleanup_(output_done) StringBuffer output = {};
        const char *token = credential->identity_token;
        _cleanup_json_ json_t *request =
                json_pack("{s:s, s:s, s:s}", "ServerURL", server_url(registry), "Username",
                          token ? TOKEN_USER : strempty(credential->username), "Secret",
                          token ?: strempty(credential->password));
        _cleanup_erase_ char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;

        if (!text)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = run_helper(helper, "store", text, &output, error);
        return r == 0 ? error_set(error, ERROR_FAILED, HELPER_PREFIX "%s does not store it", helper) : r;
}

int credential_helper_erase(const char *helper, const char *registry, Error *error) {
        _cleanup_(output_done) StringBuffer output = {};

        return run_helper(helper, "erase", server_url(registry), &output, error);
}

int credential_helper_list(const char *helper, char ***ret, Error *error) {
        _cleanup_(output_done) StringBuffer output = {};
        _cleanup_strv_free_ char **registries = NULL;
        _cleanup_json_ json_t *answer = NULL;
        const json_t *user;
        const char *url;

        int r = run_helper(helper, "list", "", &output, error);
        if (r < 0)
                return r;
        answer = json_loadb(strempty(output.data), output.size, 0, NULL);
        if (r > 0 && !json_is_object(answer))
                return error_set(error, ERROR_INVALID, HELPER_PREFIX "%s gives a senseless answer", helper);
        json_object_foreach(answer, url, user)
                if (strv_extend(&registries, url) < 0)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = TAKE_PTR(registries);
        return 0;
}
