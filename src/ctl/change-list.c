/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <unistd.h>

#include "change-list.h"
#include "output.h"
#include "string-util.h"

typedef struct Changes {
        StringBuffer text; /* what came of an entry that is not complete */
        json_t *list;      /* of objects, or NULL: printed at once */
} Changes;

static void changes_done(Changes *c) {
        string_buffer_done(&c->text);
        json_decref(c->list);
}

/* A name may hold anything but "/" and NUL; each takes one line, and nothing that the terminal would obey. */
static int escape(const char *path, StringBuffer *ret) {
        bool text = utf8_is_valid(path, strlen(path));
        int r = 0;

        for (const unsigned char *p = (const unsigned char *) path; *p && r >= 0; p++)
                if (*p == '\\')
                        r = string_buffer_append_string(ret, "\\\\");
                else if (*p == '\n')
                        r = string_buffer_append_string(ret, "\\n");
                else if (*p < ' ' || *p == 0x7f || (*p >= 0x80 && !text))
                        r = string_buffer_appendf(ret, "\\%03o", *p);
                else
                        r = string_buffer_append(ret, p, 1);
        return r;
}

static int print_change(char kind, const char *path) {
        _cleanup_(string_buffer_done) StringBuffer escaped = {};

        int r = escape(path, &escaped);
        if (r >= 0)
                printf("%c %s\n", kind, strempty(escaped.data));
        return r;
}

static int add_change(json_t *list, const char *kind, const char *path) {
        _cleanup_(string_buffer_done) StringBuffer escaped = {};
        int r = 0;

        /* JSON holds any text, and nothing but text. */
        if (!utf8_is_valid(path, strlen(path)))
                r = escape(path, &escaped);
        if (r < 0)
                return r;
        json_t *item = json_pack("{s:s, s:s}", "Kind", kind, "Path", escaped.data ?: path);
        return item && json_array_append_new(list, item) >= 0 ? 0 : -ENOMEM;
}

static int take_change(Changes *c, const char *entry) {
        static const struct {
                char letter;
                const char *word;
        } kinds[] = { { 'A', "added" }, { 'C', "changed" }, { 'D', "deleted" } };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (entry[0] == kinds[i].letter && entry[1] == ' ')
                        return c->list ? add_change(c->list, kinds[i].word, entry + 2)
                                       : print_change(entry[0], entry + 2);
        return -EBADMSG;
}

static int take_bytes(Changes *c, const char *data, size_t n) {
        int r;

        while (n > 0) {
                const char *nul = memchr(data, 0, n);
                size_t take = nul ? (size_t) (nul - data) : n;
                if ((r = string_buffer_append(&c->text, data, take)) < 0)
                        return r;
                data += take + (nul ? 1 : 0);
                n -= take + (nul ? 1 : 0);
                if (!nul)
                        continue;
                if (c->text.size > 0 && (r = take_change(c, c->text.data)) < 0)
                        return r;
                c->text.size = 0;
        }
        return 0;
}

static int read_changes(Changes *c, int fd, Error *error) {
        char buffer[16 * 1024];
        int r = 0;

        while (r >= 0) {
                ssize_t n = read(fd, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? error_set_errno(error, negative_errno(), "cannot read the changes")
                                     : 0;
                r = take_bytes(c, buffer, (size_t) n);
        }
        return error_set_errno(error, r, "cannot understand berthd");
}

int change_list_print(Ctl *ctl, int fd, Error *error) {
        _cleanup_(changes_done) Changes changes = {};

        if (ctl_wants_json(ctl) && !(changes.list = json_array()))
                return error_set_errno(error, -ENOMEM, "cannot compare");
        ctl_page(ctl);
        int r = read_changes(&changes, fd, error);
        return r < 0 || !changes.list ? r : output_json(ctl, changes.list, error);
}
