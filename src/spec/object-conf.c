/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdlib.h>

#include "file-util.h"
#include "log.h"
#include "object-conf.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"

#define SPACES " \t\r"
#define DROP_INS_MAX 1000

/* ---- one file ---- */

typedef struct Parser {
        ConfLine line;
        char *section, *argument;
        ConfHandler handler;
        void *userdata;
        ConfFlags flags;
} Parser;

/* Cuts the spaces off both ends, in place. */
static char *strip(char *s) {
        s += strspn(s, SPACES);
        size_t n = strlen(s);
        while (n > 0 && strchr(SPACES, s[n - 1]))
                n--;
        s[n] = 0;
        return s;
}

static int read_section(Parser *p, char *s, Error *error) {
        char *end = strchr(s, ']');

        if (!end || end[1] != 0 || end == s + 1)
                return error_set(error, ERROR_INVALID, "a section is written [Name] or [Name argument]");
        *end = 0;
        char *name = strip(s + 1), *space = name + strcspn(name, SPACES);
        char *argument = *space ? strip(space) : NULL;
        if (free_and_strdup(&p->argument, argument) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *space = 0;
        if (free_and_strdup(&p->section, name) < 0)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        p->line.section = p->section;
        p->line.argument = p->argument;
        p->line.key = p->line.value = NULL;
        return p->handler(&p->line, p->userdata, error);
}

static int read_assignment(Parser *p, char *s, Error *error) {
        char *equals = strchr(s, '=');

        if (!equals || equals == s)
                return error_set(error, ERROR_INVALID, "\"%.100s\" is neither a section nor Key=value", s);
        *equals = 0;
        p->line.key = strip(s);
        p->line.value = strip(equals + 1);
        return p->handler(&p->line, p->userdata, error);
}

static int read_line(Parser *p, char *s, Error *error) {
        _cleanup_error_ Error own = {};

        s = strip(s);
        if (*s == 0 || *s == '#' || *s == ';')
                return 0;
        int r = *s == '[' ? read_section(p, s, &own) : read_assignment(p, s, &own);
        if (r >= 0)
                return 0;
        if (r != -ENOMEM && (p->flags & CONF_LENIENT)) {
                log_warning("%s:%u: %s; ignored.", p->line.file, p->line.number, error_text(&own));
                return 0;
        }
        return error_set(error, own.kind ?: ERROR_INVALID, "%s:%u: %s", p->line.file, p->line.number,
                         error_text(&own));
}

/* Joins the continued lines in place, and gives each to read_line(). */
static int read_text(Parser *p, char *text, Error *error) {
        unsigned number = 0;

        for (char *line = text; line;) {
                char *end = line;
                p->line.number = ++number;
                while ((end = strchr(end, '\n')) && end > line && end[-1] == '\\') {
                        end[-1] = *end = ' ';
                        number++;
                }
                if (end)
                        *end++ = 0;
                int r = read_line(p, line, error);
                if (r < 0)
                        return r;
                line = end;
        }
        return 0;
}

int conf_parse(const char *file, const char *text, size_t size, ConfHandler handler, void *userdata,
               ConfFlags flags, Error *error) {
        _cleanup_free_ char *copy = strndup(text, size);
        Parser parser = { .line = { .file = file, .section = "" }, NULL, NULL, handler, userdata, flags };

        if (!copy)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        if (!utf8_is_valid(text, size))
                return error_set(error, ERROR_INVALID, "%s: it is not a text in UTF-8", file);
        int r = read_text(&parser, copy, error);
        free(parser.section);
        free(parser.argument);
        return r;
}

/* ---- the folders ---- */

static const char *const folders[] = { CONFIG_DIRECTORY, RUNTIME_DIRECTORY, "/usr/lib/berth" };

/* Returns 1, or 0 when there is no such file. */
static int read_file(const char *path, ConfHandler handler, void *userdata, ConfFlags flags, Error *error) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        int r = read_file_at(AT_FDCWD, path, CONF_FILE_MAX, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return error_set_errno(error, r, "cannot read %s", path);
        r = conf_parse(path, text, size, handler, userdata, flags, error);
        return r < 0 ? r : 1;
}

/* The paths of the drop-ins, of which the one that counts is the first with its file name. */
static int list_drop_ins(const char *root, const char *name, char ***ret_names, char ***ret_map) {
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = string_join(root, folders[i], "/", name, ".d");
                _cleanup_closedir_ DIR *dir = path ? opendir_at(AT_FDCWD, path) : NULL;
                struct dirent *entry;

                if (!path)
                        return -ENOMEM;
                while (dir && (entry = readdir_no_dot(dir))) {
                        if (!endswith(entry->d_name, ".conf") || strchr(entry->d_name, '=') ||
                            strv_map_get(*ret_map, entry->d_name))
                                continue;
                        _cleanup_free_ char *file = string_join(path, "/", entry->d_name);
                        if (!file || strv_map_set(ret_map, entry->d_name, file) < 0 ||
                            strv_extend(ret_names, entry->d_name) < 0)
                                return -ENOMEM;
                        if (strv_length(*ret_names) > DROP_INS_MAX)
                                return -E2BIG;
                }
        }
        if (*ret_names)
                strv_sort(*ret_names);
        return 0;
}

static int read_main_file(const char *root, const char *name, ConfHandler handler, void *userdata,
                          ConfFlags flags, Error *error) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = string_join(root, folders[i], "/", name);
                r = path ? read_file(path, handler, userdata, flags, error)
                         : error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        }
        return r;
}

int conf_read(const char *root, const char *name, ConfHandler handler, void *userdata, ConfFlags flags,
              Error *error) {
        _cleanup_strv_free_ char **names = NULL, **paths = NULL;

        int r = read_main_file(root, name, handler, userdata, flags, error);
        if (r < 0)
                return r;
        r = list_drop_ins(root, name, &names, &paths);
        if (r < 0)
                return error_set_errno(error, r, "cannot list the files in %s.d", name);
        STRV_FOREACH(file, names) {
                r = read_file(strv_map_get(paths, *file), handler, userdata, flags, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- values ---- */

static int assign_list(char ***list, const char *value) {
        if (*value == 0) {
                *list = strv_free(*list);
                return 0;
        }
        _cleanup_strv_free_ char **words = NULL;
        int r = strv_split(value, SPACES, &words);
        STRV_FOREACH(word, words)
                if (r >= 0)
                        r = strv_extend(list, *word);
        return r;
}

static int assign_u64(uint64_t *target, const char *value, int (*parse)(const char *s, uint64_t *ret)) {
        if (!streq(value, "infinity"))
                return parse(value, target);
        *target = UINT64_MAX;
        return 0;
}

static int assign_word(const Field *field, int *target, const char *value) {
        int r = enum_from_string(field->words, value);

        if (r >= 0)
                *target = r;
        return r;
}

static int assign_bool(bool *target, const char *value) {
        int r = parse_bool(value);

        if (r >= 0)
                *target = r;
        return r;
}

static int assign(const Field *field, void *target, const char *value) {
        switch (field->type) {
        case FIELD_BOOL:
                return assign_bool(target, value);
        case FIELD_UINT:
                return parse_unsigned(value, target);
        case FIELD_UINT64:
                return assign_u64(target, value, parse_size);
        case FIELD_DURATION:
                return assign_u64(target, value, parse_duration);
        case FIELD_STRING:
                return free_and_strdup(target, *value ? value : NULL);
        case FIELD_STRV:
                return assign_list(target, value);
        case FIELD_ENUM:
                return assign_word(field, target, value);
        default:
                return -EINVAL;
        }
}

int object_assign(const ObjectType *type, void *object, const char *section, const char *key,
                  const char *value, Error *error) {
        _cleanup_free_ char *full = string_join(section, ".", key);

        if (!full)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        for (const Field *f = type->fields; f->name; f++) {
                if (!streq_ptr(f->key, full))
                        continue;
                int r = assign(f, (char *) object + f->offset, value);
                if (r == -ENOMEM)
                        return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
                return r < 0 ? error_set(error, ERROR_INVALID, "%s= can't be \"%.100s\"", key, value) : 0;
        }
        return error_set(error, ERROR_INVALID, "unknown key \"%.100s\" in [%s]", key, section);
}
