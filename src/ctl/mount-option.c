/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount-option.h"
#include "parse-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

static const char *const propagations[] = { "shared",  "rshared",  "slave", "rslave",
                                            "private", "rprivate", NULL };

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot parse the mount");
}

static MountSpec *add(List *mounts, MountType type) {
        MountSpec *m = list_append(mounts, &mount_spec_type);

        if (m)
                m->type = type;
        return m;
}

/* The absolute form of a host path. */
static int set_source(MountSpec *m, const char *path, const char *directory, Error *error) {
        _cleanup_free_ char *joined = NULL;

        if (!path_is_absolute(path) && !(joined = path_join(directory, path)))
                return out_of_memory(error);
        free_and_replace(m->source, path_normalize(joined ?: path));
        return m->source ? 0 : out_of_memory(error);
}

static int set_target(MountSpec *m, const char *path, Error *error) {
        if (!path_is_absolute(path))
                return error_set(error, ERROR_INVALID,
                                 "the path in the container, \"%s\", must be absolute (begin with /)", path);
        free_and_replace(m->target, path_normalize(path));
        if (m->target && streq(m->target, "/"))
                return error_set(error, ERROR_INVALID, "nothing can be mounted over the container's /");
        return m->target ? 0 : out_of_memory(error);
}

static int set_volume_option(MountSpec *m, const char *option, Error *error) {
        /* SELinux labels and copying are for named volumes and systems that have it; they change nothing here. */
        static const char *const ignored[] = { "z", "Z", "nocopy", "cached", "delegated", "consistent" };

        if (streq(option, "ro") || streq(option, "rw")) {
                m->read_only = streq(option, "ro");
                return 0;
        }
        if (enum_from_string(propagations, option) >= 0)
                return free_and_strdup(&m->options, option) < 0 ? out_of_memory(error) : 0;
        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                if (streq(ignored[i], option))
                        return 0;
        return error_set(error, ERROR_INVALID,
                         "unknown option \"%s\" (there are ro, rw, rslave, rshared, …)", option);
}

int mount_parse_volume(const char *s, const char *directory, List *mounts, Error *error) {
        const char *first = strchr(s, ':'), *second = first ? strchr(first + 1, ':') : NULL;
        _cleanup_strv_free_ char **options = NULL;
        int r;

        if (!first)
                return error_set(
                        error, ERROR_INVALID,
                        "\"%s\" names no path on the host (HOST:CTR); volumes without one come later", s);
        _cleanup_free_ char *source = strndup(s, first - s);
        _cleanup_free_ char *target = second ? strndup(first + 1, second - first - 1) : strdup(first + 1);
        if (!source || !target || strv_split(second ? second + 1 : "", ",", &options) < 0)
                return out_of_memory(error);
        if (!path_is_absolute(source) && source[0] != '.')
                return error_set(
                        error, ERROR_INVALID,
                        "\"%s\" is not a path; named volumes come later (write %s/%s for the folder)",
                        source, directory, source);
        MountSpec *m = add(mounts, MOUNT_BIND);
        if (!m)
                return out_of_memory(error);
        m->create_source = true;
        if ((r = set_source(m, source, directory, error)) < 0 || (r = set_target(m, target, error)) < 0)
                return r;
        STRV_FOREACH(option, options)
                if ((r = set_volume_option(m, *option, error)) < 0)
                        return r;
        return 0;
}

/* One field of a line of CSV: up to a comma, or in double quotes that are doubled inside. */
static int next_field(const char **p, char **ret, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer field = {};
        bool quoted = **p == '"';

        for (*p += quoted; **p; (*p)++) {
                if (quoted && **p == '"' && *++(*p) != '"')
                        quoted = false;
                if (!quoted && (**p == ',' || !**p))
                        break;
                if (string_buffer_append(&field, *p, 1) < 0)
                        return out_of_memory(error);
        }
        if (quoted)
                return error_set(error, ERROR_INVALID, "a quote does not end");
        *p += **p == ',';
        *ret = field.data ? TAKE_PTR(field.data) : strdup("");
        return *ret ? 0 : out_of_memory(error);
}

static int append_option(MountSpec *m, const char *name, const char *value, Error *error) {
        char *joined = isempty(m->options) ? string_join(name, "=", value)
                                           : string_join(m->options, ",", name, "=", value);

        free_and_replace(m->options, joined);
        return joined ? 0 : out_of_memory(error);
}

static int parse_switch(const char *value, bool *ret, Error *error) {
        int b = value ? parse_bool(value) : 1;

        if (b < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is neither yes nor no", value);
        *ret = b;
        return 0;
}

static int set_type(MountSpec *m, const char *value, Error *error) {
        int type = enum_from_string(mount_type_words, value);

        if (type < 0)
                return error_set(error, ERROR_INVALID, "type \"%s\" is not known (there are bind and tmpfs)",
                                 value);
        m->type = type;
        return 0;
}

/* name=value of --mount; value NULL: there was no "=". */
static int set_mount_field(MountSpec *m, const char *name, const char *value, const char *directory,
                           Error *error) {
        if (streq(name, "readonly") || streq(name, "ro"))
                return parse_switch(value, &m->read_only, error);
        if (!value)
                return error_set(error, ERROR_INVALID, "\"%s\" needs a value (%s=…)", name, name);
        if (streq(name, "type"))
                return set_type(m, value, error);
        if (streq(name, "source") || streq(name, "src"))
                return set_source(m, value, directory, error);
        if (streq(name, "target") || streq(name, "destination") || streq(name, "dst"))
                return set_target(m, value, error);
        if (streq(name, "bind-propagation")) {
                if (enum_from_string(propagations, value) < 0)
                        return error_set(error, ERROR_INVALID, "unknown propagation \"%s\"", value);
                return free_and_strdup(&m->options, value) < 0 ? out_of_memory(error) : 0;
        }
        if (streq(name, "bind-create-src"))
                return parse_switch(value, &m->create_source, error);
        if (streq(name, "tmpfs-size") || streq(name, "tmpfs-mode"))
                return append_option(m, name + strlen("tmpfs-"), value, error);
        return error_set(error, ERROR_INVALID,
                         "unknown field \"%s\" (there are type, source, target, readonly, …)", name);
}

int mount_parse_mount(const char *s, const char *directory, List *mounts, Error *error) {
        MountSpec *m = add(mounts, MOUNT_BIND);
        int r;

        if (!m)
                return out_of_memory(error);
        for (const char *p = s; *p;) {
                _cleanup_free_ char *field = NULL;
                if ((r = next_field(&p, &field, error)) < 0)
                        return r;
                char *equals = strchr(field, '=');
                if (equals)
                        *equals++ = 0;
                if ((r = set_mount_field(m, field, equals, directory, error)) < 0)
                        return r;
        }
        if (!m->target)
                return error_set(error, ERROR_INVALID, "\"%s\" lacks target=", s);
        if (m->type == MOUNT_BIND && !m->source)
                return error_set(error, ERROR_INVALID, "\"%s\" lacks source=", s);
        if (m->type == MOUNT_TMPFS && m->source)
                return error_set(error, ERROR_INVALID, "a tmpfs has no source=");
        return 0;
}

int mount_parse_tmpfs(const char *s, List *mounts, Error *error) {
        const char *colon = strchr(s, ':');
        _cleanup_free_ char *target = colon ? strndup(s, colon - s) : strdup(s);
        MountSpec *m = add(mounts, MOUNT_TMPFS);

        if (!m || !target || (colon && free_and_strdup(&m->options, colon + 1) < 0))
                return out_of_memory(error);
        return set_target(m, target, error);
}
