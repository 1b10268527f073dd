/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs encrypt-secret and decrypt-secrets. The encryption is that of systemd-creds(1), which knows the host's key and
 * the TPM; what is in clear is only in its pipes, in locked memory here, and in a file system without a disk. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base64.h"
#include "fd-util.h"
#include "file-util.h"
#include "path-util.h"
#include "process-util.h"
#include "string-util.h"
#include "time-util.h"
#include "worker.h"

#define SYSTEMD_CREDS "/usr/bin/systemd-creds"
#define CREDENTIAL_SIZE_MAX (2 * SECRET_SIZE_MAX) /* encrypted and in base 64 */
#define KEY_ID_LENGTH 16
#define SAID_MAX 512
#define PATIENCE_MSEC 30000

/* How systemd-creds marks what it has "encrypted" with an empty key, where it had no other. */
static const unsigned char null_key[KEY_ID_LENGTH] = { 0x05, 0x84, 0x69, 0xda, 0xf6, 0xf5, 0x43, 0x24,
                                                       0x80, 0x05, 0x49, 0xda, 0x0f, 0x8e, 0xa2, 0xfb };

/* Locked memory, which is overwritten when it is freed. */
typedef struct Clear {
        char *data;
        size_t size, allocated;
} Clear;

static int clear_new(size_t size, Clear *ret) {
        char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (data == MAP_FAILED)
                return negative_errno();
        /* Where the limit forbids the lock it goes without: that is what the other fences are for. */
        (void) mlock(data, size);
        (void) madvise(data, size, MADV_DONTDUMP);
        *ret = (Clear){ .data = data, .allocated = size };
        return 0;
}

static void clear_done(Clear *clear) {
        if (!clear->data)
                return;
        explicit_bzero(clear->data, clear->allocated);
        (void) munmap(clear->data, clear->allocated);
}

static int protect_process(void) {
        const struct rlimit none = {};

        return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ? negative_errno()
                                                                                           : 0;
}

/* All of it, up to what was allocated; -EFBIG when there is more, -ETIMEDOUT when it does not end. */
static int read_clear(int fd, Clear *clear) {
        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                if (poll(&p, 1, PATIENCE_MSEC) == 0)
                        return -ETIMEDOUT;
                ssize_t n = read(fd, clear->data + clear->size, clear->allocated - clear->size);
                if (n < 0 && errno == EINTR && !worker_cancelled())
                        continue;
                if (n < 0)
                        return negative_errno();
                if (n == 0)
                        return 0;
                clear->size += n;
                if (clear->size == clear->allocated)
                        return -EFBIG;
        }
}

/* ---- systemd-creds ---- */

typedef struct Creds {
        pid_t pid;
        int pidfd;
        int input, output, said; /* our ends of its standard streams */
} Creds;

static void creds_done(Creds *creds) {
        safe_close(creds->input);
        safe_close(creds->output);
        safe_close(creds->said);
        safe_close(creds->pidfd);
}

_noreturn_ static void creds_execute(char *const *arguments, const int *streams) {
        static char *const environment[] = { (char *) "PATH=/usr/bin:/bin", (char *) "LC_ALL=C.UTF-8",
                                             (char *) "SYSTEMD_LOG_LEVEL=err", NULL };

        reset_signals();
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; i < 3; i++)
                if (dup2(streams[i], i) < 0)
                        _exit(127);
        (void) execve(SYSTEMD_CREDS, arguments, environment);
        _exit(127);
}

static int creds_start(char *const *arguments, Creds *ret) {
        int input[2] = { -EBADF, -EBADF }, output[2] = { -EBADF, -EBADF }, said[2] = { -EBADF, -EBADF };
        int r = 0;

        *ret = (Creds){ -1, -EBADF, -EBADF, -EBADF, -EBADF };
        if (pipe2(input, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC) < 0)
                r = negative_errno();
        if (r >= 0) {
                ret->pid = fork_into(-EBADF, 0, &ret->pidfd);
                if (ret->pid == 0)
                        creds_execute(arguments, (int[]){ input[0], output[1], said[1] });
                r = ret->pid < 0 ? ret->pid : 0;
        }
        close_many((int[]){ input[0], output[1], said[1] }, 3);
        ret->input = input[1];
        ret->output = output[0];
        ret->said = said[0];
        return r;
}

/* Waits for its end; what it said becomes the error, in which there is nothing of a secret. */
static int creds_finish(Creds *creds, const char *what, Error *error) {
        char said[SAID_MAX] = "";
        int status;

        ssize_t n = read_full(creds->said, said, sizeof(said) - 1);
        said[MAX(n, (ssize_t) 0)] = 0;
        said[strcspn(said, "\n")] = 0;
        while (waitpid(creds->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_set_errno(error, negative_errno(), "%s", what);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return error_set(error, ERROR_UNSUPPORTED, "%s: %s can't be executed", what, SYSTEMD_CREDS);
        return error_set(error, ERROR_FAILED, "%s: systemd-creds says: %s", what,
                         *said && utf8_is_valid(said, strlen(said)) ? said : "nothing");
}

/* Runs it: `in` goes in, what comes out is in `out`. */
static int creds_run(char *const *arguments, const Clear *in, Clear *out, const char *what, Error *error) {
        _cleanup_(creds_done) Creds creds;
        _cleanup_error_ Error why = {};

        int r = creds_start(arguments, &creds);
        if (r < 0)
                return error_set_errno(error, r, "%s", what);
        (void) signal(SIGPIPE, SIG_IGN);
        if (in)
                r = write_full(creds.input, in->data, in->size);
        creds.input = safe_close(creds.input);
        int r2 = read_clear(creds.output, out);
        if (r2 < 0) {
                (void) pidfd_signal(creds.pidfd, SIGKILL);
                creds.output = safe_close(creds.output);
        }
        int r3 = creds_finish(&creds, what, &why);
        if (r2 < 0 && r2 != -EIO)
                return worker_cancelled() ? worker_set_cancelled(error)
                                          : error_set_errno(error, r2, "%s", what);
        if (r3 < 0)
                return error_move(error, &why), r3;
        return r < 0 ? error_set_errno(error, r, "%s", what) : 0;
}

static int refuse_null_key(const Clear *credential, const char *name, Error *error) {
        _cleanup_free_ char *text = strndup(credential->data, MIN(credential->size, (size_t) 24));
        _cleanup_free_ char *id = NULL;
        size_t size = 0;

        if (!text || base64_decode(text, &id, &size) < 0 || size < KEY_ID_LENGTH)
                return error_set(error, ERROR_CORRUPT,
                                 "what is stored of the secret \"%s\" is no credential", name);
        if (memcmp(id, null_key, KEY_ID_LENGTH) == 0)
                return error_set(
                        error, ERROR_UNSUPPORTED,
                        "this host has no key to encrypt secrets with (systemd-creds setup makes one)");
        return 0;
}

/* ---- encrypt-secret ---- */

static char *secret_path(const Worker *worker, const char *name, const char *suffix) {
        return string_join(worker->request.state_directory, "/secrets/", name, suffix);
}

static int read_content(Worker *worker, Clear *ret, Error *error) {
        int r = clear_new(SECRET_SIZE_MAX + 1, ret);

        if (r >= 0)
                r = read_clear(worker->fds[0], ret);
        if (worker_cancelled())
                return worker_set_cancelled(error);
        if (r == -EFBIG)
                return error_set(error, ERROR_LIMIT, "a secret may have %d bytes at most", SECRET_SIZE_MAX);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the content of the secret");
        return ret->size == 0 ? error_set(error, ERROR_INVALID, "the secret is empty") : 0;
}

static int store(const Worker *worker, const Clear *credential, Error *error) {
        const SecretSpec *secret = &worker->request.secret;
        _cleanup_free_ char *directory = secret_path(worker, "", "");
        _cleanup_free_ char *encrypted = secret_path(worker, secret->name, ".cred");
        _cleanup_free_ char *known = secret_path(worker, secret->name, ".json");

        if (!directory || !encrypted || !known)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        int r = mkdir_parents_at(AT_FDCWD, directory, 0700);
        /* A .cred without its .json is nothing yet, and goes at the next start of berthd. */
        if (r >= 0)
                r = write_file_atomic_at(AT_FDCWD, encrypted, credential->data, credential->size, 0600,
                                         WRITE_SYNC);
        if (r >= 0)
                r = object_save_at(&secret_spec_type, secret, AT_FDCWD, known, true);
        return r < 0 ? error_set_errno(error, r, "cannot store the secret \"%s\"", secret->name) : 0;
}

int verb_encrypt_secret(Worker *worker, Error *error) {
        _cleanup_(clear_done) Clear content = {}, credential = {};
        SecretSpec *secret = &worker->request.secret;
        _cleanup_free_ char *name = string_join("--name=", strempty(secret->name));
        const WorkerResult result = {};

        if (!name || !secret_name_is_valid(strempty(secret->name)))
                return error_set(error, ERROR_INVALID, "the secret has no name");
        int r = protect_process();
        if (r < 0)
                return error_set_errno(error, r, "cannot protect the worker");
        if ((r = read_content(worker, &content, error)) < 0)
                return r;
        if (clear_new(CREDENTIAL_SIZE_MAX, &credential) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        secret->size = content.size;
        r = creds_run((char *[]){ (char *) "systemd-creds", (char *) "--with-key=auto", name,
                                  (char *) "encrypt", (char *) "-", (char *) "-", NULL },
                      &content, &credential, "the secret can't be encrypted", error);
        if (r < 0 || (r = refuse_null_key(&credential, secret->name, error)) < 0 ||
            (r = store(worker, &credential, error)) < 0)
                return r;
        r = worker_send_result(worker->socket, &result);
        return r < 0 ? error_set_errno(error, r, "can't report to berthd") : 0;
}

/* ---- decrypt-secrets ---- */

/* A file system that has no disk and is never swapped. */
static int mount_memory(const char *path, Error *error) {
        static const char options[] = "mode=0755,size=64m,nr_inodes=4096";
        unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
        int r = mkdir_parents_at(AT_FDCWD, path, 0755);

        if (r < 0)
                return error_set_errno(error, r, "cannot make %s", path);
        /* Of an earlier try of the same start. */
        (void) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
        _cleanup_free_ char *unswapped = string_join(options, ",noswap");
        if (!unswapped)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (mount("tmpfs", path, "tmpfs", flags, unswapped) >= 0 ||
            mount("ramfs", path, "ramfs", flags, "mode=0755") >= 0)
                return 0;
        return error_set_errno(error, negative_errno(), "cannot mount memory for secrets");
}

static int write_secret(int directory_fd, const SecretAttachment *attachment, const Worker *worker,
                        const Clear *content) {
        const char *slash = strrchr(attachment->target, '/');
        uint32_t base = worker->request.uid_base;

        if (slash && slash > attachment->target) {
                _cleanup_free_ char *parent = strndup(attachment->target, slash - attachment->target);
                int r = parent ? mkdir_parents_at(directory_fd, parent, 0755) : -ENOMEM;
                if (r < 0)
                        return r;
        }
        _cleanup_close_ int fd = openat(directory_fd, attachment->target,
                                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return negative_errno();
        int r = write_full(fd, content->data, content->size);
        if (r >= 0 && (fchown(fd, base + attachment->uid, base + attachment->gid) < 0 ||
                       fchmod(fd, attachment->mode) < 0))
                r = negative_errno();
        return r;
}

static int decrypt(Worker *worker, const SecretAttachment *attachment, int directory_fd, Error *error) {
        _cleanup_(clear_done) Clear content = {}, stored = {};
        _cleanup_free_ char *name = string_join("--name=", attachment->secret);
        _cleanup_free_ char *path = secret_path(worker, attachment->secret, ".cred");
        _cleanup_free_ char *what =
                format_string("the secret \"%s\" can't be decrypted", attachment->secret);

        if (!name || !path || !what || clear_new(SECRET_SIZE_MAX + 1, &content) < 0 ||
            clear_new(CREDENTIAL_SIZE_MAX, &stored) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
                return error_set(error, ERROR_NO_SUCH_SECRET, "there is no secret \"%s\" any more",
                                 attachment->secret);
        int r = fd < 0 ? negative_errno() : read_clear(fd, &stored);
        if (r < 0)
                return error_set_errno(error, r, "%s", what);
        if ((r = refuse_null_key(&stored, attachment->secret, error)) < 0)
                return r;
        r = creds_run((char *[]){ (char *) "systemd-creds", name, (char *) "decrypt", (char *) "-",
                                  (char *) "-", NULL },
                      &stored, &content, what, error);
        if (r < 0)
                return r;
        r = write_secret(directory_fd, attachment, worker, &content);
        return r < 0 ? error_set_errno(error, r, "cannot write the secret \"%s\"", attachment->secret) : 0;
}

int verb_decrypt_secrets(Worker *worker, Error *error) {
        const List *wanted = &worker->request.secrets;
        const char *path = strempty(worker->request.path);
        const WorkerResult result = {};

        int r = protect_process();
        if (r < 0)
                return error_set_errno(error, r, "cannot protect the worker");
        if ((r = mount_memory(path, error)) < 0)
                return r;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                r = error_set_errno(error, negative_errno(), "cannot open %s", path);
        umask(022);
        for (size_t i = 0; r >= 0 && i < wanted->n; i++)
                r = decrypt(worker, LIST_ITEM(wanted, SecretAttachment, i), fd, error);
        if (r < 0) {
                (void) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
                return r;
        }
        r = worker_send_result(worker->socket, &result);
        return r < 0 ? error_set_errno(error, r, "can't report to berthd") : 0;
}
