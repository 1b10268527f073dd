/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "fd-util.h"
#include "secret-prompt.h"
#include "string-util.h"
#include "terminal.h"

int prompt_line(const char *question, const char *suggestion, char **ret, Error *error) {
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0;

        if (isempty(suggestion))
                fprintf(stderr, "%s: ", question);
        else
                fprintf(stderr, "%s [%s]: ", question, suggestion);
        fflush(stderr);
        if (getline(&line, &allocated, stdin) < 0)
                return error_set(error, ERROR_CANCELLED, "cancelled");
        line[strcspn(line, "\r\n")] = 0;
        *ret = isempty(line) && suggestion ? strdup(suggestion) : TAKE_PTR(line);
        return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

/* What is being typed. The room is there from the beginning, so that no copies of it stay behind. */
typedef struct Secret {
        char text[4096];
        size_t n;
} Secret;

static void secret_done(Secret *secret) {
        explicit_bzero(secret, sizeof(*secret));
}

static bool is_continuation(char c) {
        return ((unsigned char) c & 0xc0) == 0x80;
}

static void remove_last(Secret *secret) {
        while (secret->n > 0 && is_continuation(secret->text[secret->n - 1]))
                secret->n--;
        if (secret->n > 0)
                secret->n--;
}

typedef enum KeyAction { KEY_TYPED, KEY_END, KEY_CANCEL, KEY_INTERRUPT } KeyAction;

static KeyAction take_key(Secret *secret, char c) {
        switch (c) {
        case '\r':
        case '\n':
                return KEY_END;
        case 'C' - '@':
                return KEY_INTERRUPT;
        case 'D' - '@':
                return secret->n > 0 ? KEY_TYPED : KEY_CANCEL;
        case 'U' - '@':
                secret->n = 0;
                return KEY_TYPED;
        case '\b':
        case 0x7f:
                remove_last(secret);
                return KEY_TYPED;
        default:
                if (secret->n < sizeof(secret->text) - 1 && c != 0)
                        secret->text[secret->n++] = c;
                return KEY_TYPED;
        }
}

static KeyAction read_keys(Secret *secret) {
        KeyAction action = KEY_TYPED;

        while (action == KEY_TYPED) {
                char c;
                ssize_t k = read(STDIN_FILENO, &c, 1);
                if (k < 0 && errno == EINTR)
                        continue;
                action = k == 1 ? take_key(secret, c) : KEY_CANCEL;
        }
        return action;
}

int prompt_secret(const char *question, char **ret, Error *error) {
        _cleanup_(secret_done) Secret secret = {};

        int r = terminal_make_raw(STDIN_FILENO);
        if (r < 0)
                return error_set_errno(error, r, "cannot ask on this terminal");
        fprintf(stderr, "%s: ", question);
        fflush(stderr);
        KeyAction action = read_keys(&secret);
        terminal_restore();
        fputc('\n', stderr);
        if (action == KEY_INTERRUPT)
                (void) raise(SIGINT);
        if (action != KEY_END)
                return error_set(error, ERROR_CANCELLED, "cancelled");
        secret.text[secret.n] = 0;
        *ret = strdup(secret.text);
        return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

int read_secret(size_t limit, char **ret, Error *error) {
        _cleanup_erase_ char *text = calloc(1, limit + 2);

        if (!text)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        ssize_t n = read_full(STDIN_FILENO, text, limit + 1);
        if (n < 0)
                return error_set_errno(error, (int) n, "cannot read standard input");
        if ((size_t) n > limit)
                return error_set(error, ERROR_LIMIT,
                                 "standard input has more than the %zu bytes that a password may have",
                                 limit);
        if (n > 0 && text[n - 1] == '\n')
                text[--n] = 0;
        if (n > 0 && text[n - 1] == '\r')
                text[--n] = 0;
        if (strlen(text) != (size_t) n)
                return error_set(error, ERROR_INVALID, "the password on standard input has a NUL");
        *ret = TAKE_PTR(text);
        return 0;
}
