/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdio.h>

#include "credentials-ctl.h"
#include "fd-util.h"
#include "file-util.h"
#include "image-view.h"
#include "job-watch.h"
#include "secret-prompt.h"
#include "string-util.h"
#include "terminal.h"
#include "verbs-ctl.h"

#define KEY_FILE_MAX (64 * 1024)
#define PASSPHRASE_MAX 1024
#define O(member) offsetof(SignOptions, member)

const Option sign_options[] = {
        { 0, "insecure", NULL, "Talk to a registry without TLS, or with a certificate that is not trusted",
          option_flag, O(insecure) },
        { 0, "key", "FILE", "The private key to sign with, in PEM", option_string, O(key), WORD_FILE },
        { 0, "passphrase-stdin", NULL, "Read the passphrase of the key from standard input", option_flag,
          O(passphrase_stdin) },
        {},
};

/* ---- the key and its passphrase, as memory files ---- */

static bool is_encrypted(const char *pem, size_t size) {
        static const char mark[] = "ENCRYPTED";

        return memmem(pem, size, mark, strlen(mark));
}

static int get_passphrase(const SignOptions *o, bool wanted, int *ret_fd, Error *error) {
        _cleanup_erase_ char *passphrase = NULL;
        int r = 0;

        if (o->passphrase_stdin)
                r = read_secret(PASSPHRASE_MAX, &passphrase, error);
        else if (wanted)
                r = prompt_secret("Passphrase of the key", &passphrase, error);
        if (r < 0)
                return r;
        *ret_fd = memfd_with_data("berth-passphrase", strempty(passphrase), strlen(strempty(passphrase)));
        return *ret_fd < 0 ? error_set_errno(error, *ret_fd, "cannot make a file in memory") : 0;
}

static int get_key(const SignOptions *o, int *ret_key, int *ret_passphrase, Error *error) {
        _cleanup_erase_ char *pem = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, o->key, KEY_FILE_MAX, &pem, &size);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the key %s", o->key);
        _cleanup_close_ int key = memfd_with_data("berth-key", pem, size);
        if (key < 0)
                return error_set_errno(error, key, "cannot make a file in memory");
        r = get_passphrase(o, is_encrypted(pem, size), ret_passphrase, error);
        if (r >= 0)
                *ret_key = TAKE_FD(key);
        return r;
}

/* ---- the verb ---- */

static int append_arguments(Ctl *ctl, sd_bus_message *m, const char *reference, int key, int passphrase,
                            bool insecure, Error *error) {
        int r;

        if ((r = sd_bus_message_append(m, "sh", reference, key)) < 0 ||
            (r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 || (r = job_append_options(m)) < 0 ||
            (r = sd_bus_message_append(m, "{sv}{sv}", "Passphrase", "h", passphrase, "Insecure", "b",
                                       insecure)) < 0 ||
            (r = ctl_append_credentials(ctl, m, reference, error)) < 0 ||
            (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        return 0;
}

static void print_signed(Ctl *ctl, const char *reference, const json_t *result) {
        _cleanup_free_ char *name = image_familiar_name(reference);
        const char *digest = json_text(result, "Digest");

        if (ctl->quiet)
                puts(digest);
        else if (json_flag(result, "Existed"))
                printf("%s has been signed with this key before (%.19s%s)\n", strempty(name), digest,
                       glyph(GLYPH_ELLIPSIS));
        else
                printf("Signed %s (%.19s%s)\n", strempty(name), digest, glyph(GLYPH_ELLIPSIS));
}

int verb_sign(void *context, char **arguments, void *options, Error *error) {
        _cleanup_close_ int key = -EBADF, passphrase = -EBADF;
        _cleanup_message_ sd_bus_message *m = NULL;
        const SignOptions *o = options;
        _cleanup_job_ Job job = {};
        int r;

        if (!o->key)
                return error_set(error, ERROR_INVALID, "image sign needs a key: --key=FILE");
        credentials_protect_process();
        if ((r = ctl_message_new(context, NULL, NULL, "SignImage", &m, error)) < 0 ||
            (r = get_key(o, &key, &passphrase, error)) < 0 ||
            (r = append_arguments(context, m, arguments[0], key, passphrase, o->insecure, error)) < 0)
                return r;
        if ((r = job_start(context, m, NULL, &job, NULL, error)) < 0 || (r = job_wait(&job, error)) < 0)
                return ctl_cannot(error, r, "sign", arguments[0]);
        print_signed(context, arguments[0], job.result);
        return EXIT_SUCCESS;
}
