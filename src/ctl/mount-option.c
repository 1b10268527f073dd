/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount-option.h"
#include "parse-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"
#include "volume-spec.h"

enum {
        BIND = 1 << MOUNT_BIND,
        VOLUME = 1 << MOUNT_VOLUME,
        TMPFS = 1 << MOUNT_TMPFS,
        IMAGE = 1 << MOUNT_IMAGE,
        DEVPTS = 1 << MOUNT_DEVPTS,
        FILES = BIND | VOLUME | IMAGE,
        ALL = FILES | TMPFS | DEVPTS,
};

typedef struct FieldRule FieldRule;

/* value NULL: there was no "=". name: as it was written. */
typedef int (*FieldSetter)(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                           Error *error);

/* One line for each thing that can be said about a mount, in --mount and behind -v. */
struct FieldRule {
        const char *names; /* separated by "|" */
        unsigned types;
        FieldSetter set;
        size_t offset;  /* of the member that it sets */
        bool in_volume; /* -v knows it as well */
};

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
static int make_absolute(MountSpec *m, const char *directory, Error *error) {
        _cleanup_free_ char *joined = NULL;

        if (!path_is_absolute(m->source) && !(joined = path_join(directory, m->source)))
                return out_of_memory(error);
        free_and_replace(m->source, path_normalize(joined ?: m->source));
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

/* ---- what fields mean ---- */

static int need_value(const char *name, const char *value, Error *error) {
        return isempty(value) ? error_set(error, ERROR_INVALID, "\"%s\" needs a value (%s=…)", name, name)
                              : 0;
}

static int parse_switch(const char *name, const char *value, bool *ret, Error *error) {
        int b = value ? parse_bool(value) : 1;

        if (b < 0)
                return error_set(error, ERROR_INVALID, "%s: \"%s\" is neither yes nor no", name, value);
        *ret = b;
        return 0;
}

static int set_switch(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                      Error *error) {
        return parse_switch(name, value, (bool *) ((char *) m + rule->offset), error);
}

static int set_writable(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                        Error *error) {
        bool writable = true;

        int r = parse_switch(name, value, &writable, error);
        if (r >= 0)
                m->read_only = !writable;
        return r;
}

static int set_text(MountSpec *m, const FieldRule *rule, const char *name, const char *value, Error *error) {
        int r = need_value(name, value, error);

        if (r < 0)
                return r;
        return free_and_strdup((char **) ((char *) m + rule->offset), value) < 0 ? out_of_memory(error) : 0;
}

static int set_target_field(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                            Error *error) {
        int r = need_value(name, value, error);

        return r < 0 ? r : set_target(m, value, error);
}

static int set_map(MountSpec *m, const FieldRule *rule, const char *name, const char *value, Error *error) {
        char ***map = (char ***) ((char *) m + rule->offset);

        int r = need_value(name, value, error);
        if (r < 0)
                return r;
        const char *equals = strchr(value, '=');
        r = equals ? strv_map_put(map, value) : strv_map_set(map, value, "");
        return r < 0 ? out_of_memory(error) : 0;
}

static int set_type(MountSpec *m, const FieldRule *rule, const char *name, const char *value, Error *error) {
        int type = value ? enum_from_string(mount_type_words, value) : -EINVAL;

        if (type < 0)
                return error_set(error, ERROR_INVALID,
                                 "type \"%s\" is not known; there are bind, volume, tmpfs, image and devpts",
                                 strempty(value));
        m->type = type;
        return 0;
}

static int append_option(MountSpec *m, const char *option, Error *error) {
        char *joined = isempty(m->options) ? strdup(option) : string_join(m->options, ",", option);

        free_and_replace(m->options, joined);
        return joined ? 0 : out_of_memory(error);
}

/* "tmpfs-size=1m", "size=1m", "noexec": berthd knows the options of file systems. */
static int set_option(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                      Error *error) {
        const char *plain = startswith(name, "tmpfs-") ?: name;
        _cleanup_free_ char *option = value ? string_join(plain, "=", value) : strdup(plain);

        return option ? append_option(m, option, error) : out_of_memory(error);
}

static int set_options(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                       Error *error) {
        int r = need_value(name, value, error);

        return r < 0 ? r : append_option(m, value, error);
}

static int set_propagation(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                           Error *error) {
        static const char *const words[] = { "private", "rprivate", "slave", "rslave",
                                             "shared",  "rshared",  NULL };

        if (enum_from_string(words, strempty(value)) < 0)
                return error_set(error, ERROR_INVALID,
                                 "unknown propagation \"%s\"; there are rprivate, rslave, rshared, private, "
                                 "slave and shared",
                                 strempty(value));
        return append_option(m, value, error);
}

static int set_recursion(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                         Error *error) {
        int recursive = value ? enum_from_string(bind_recursion_words, value) : -EINVAL;

        if (recursive < 0)
                return error_set(
                        error, ERROR_INVALID,
                        "bind-recursive: \"%s\" is not one of enabled, disabled, writable, readonly",
                        strempty(value));
        m->recursive = recursive;
        return 0;
}

static int set_not_recursive(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                             Error *error) {
        bool alone = true;

        int r = parse_switch(name, value, &alone, error);
        if (r >= 0)
                m->recursive = alone ? RECURSION_DISABLED : RECURSION_ENABLED;
        return r;
}

/* Without a value it is what happens anyway: by the container's own ids. */
static int set_id_map(MountSpec *m, const FieldRule *rule, const char *name, const char *value,
                      Error *error) {
        return free_and_strdup(&m->id_map, value) < 0 ? out_of_memory(error) : 0;
}

/* Labels that this system does not use, and caches of machines that are elsewhere. */
static int ignore(MountSpec *m, const FieldRule *rule, const char *name, const char *value, Error *error) {
        return 0;
}

#define M(member) offsetof(MountSpec, member)
static const FieldRule rules[] = {
        { "type", ALL, set_type },
        { "source|src", FILES, set_text, M(source) },
        { "target|destination|dst", ALL, set_target_field },
        { "readonly|ro", ALL, set_switch, M(read_only), true },
        { "rw", ALL, set_writable, 0, true },
        { "subpath", FILES, set_text, M(subpath) },
        { "idmap", FILES, set_id_map, 0, true },
        { "chown|U", BIND | VOLUME, set_switch, M(chown), true },
        { "relabel", FILES, ignore },
        { "z|Z", FILES, ignore, 0, true },
        { "consistency", BIND | VOLUME, ignore },
        { "consistent|cached|delegated", BIND | VOLUME, ignore, 0, true },
        { "private|rprivate|slave|rslave|shared|rshared", BIND | VOLUME, set_option, 0, true },
        { "exec|noexec|suid|nosuid|dev|nodev|noatime", ALL, set_option, 0, true },
        { "bind-propagation", BIND, set_propagation },
        { "bind-recursive", BIND, set_recursion },
        { "bind-nonrecursive", BIND, set_not_recursive },
        { "bind-create-src", BIND, set_switch, M(create_source) },
        { "volume-nocopy", VOLUME, set_switch, M(no_copy) },
        { "nocopy", VOLUME, set_switch, M(no_copy), true },
        { "copy", VOLUME, ignore, 0, true },
        { "volume-subpath", VOLUME, set_text, M(subpath) },
        { "volume-driver", VOLUME, set_text, M(driver) },
        { "volume-opt", VOLUME, set_map, M(driver_options) },
        { "volume-label", VOLUME, set_map, M(volume_labels) },
        { "image-subpath", IMAGE, set_text, M(subpath) },
        { "tmpfs-size|tmpfs-mode", TMPFS, set_option },
        { "tmpfs-options", TMPFS, set_options },
        { "size|nr_inodes|nr_blocks|huge|mpol|noswap", TMPFS, set_option },
        { "mode|uid|gid", TMPFS | DEVPTS, set_option },
        { "max|ptmxmode|newinstance", DEVPTS, set_option },
};

static const FieldRule *find_rule(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                for (const char *p = rules[i].names; *p;) {
                        size_t n = strcspn(p, "|");
                        if (strlen(name) == n && strncmp(p, name, n) == 0)
                                return &rules[i];
                        p += n + (p[n] == '|');
                }
        return NULL;
}

/* What there is for this type. */
static int explain_field(const char *name, MountType type, bool in_volume, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer known = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(rules) && r >= 0; i++) {
                if (!(rules[i].types & 1 << type) || (in_volume && !rules[i].in_volume))
                        continue;
                r = string_buffer_append_string(&known, known.size > 0 ? ", " : "");
                for (const char *p = rules[i].names; *p && r >= 0;
                     p += strcspn(p, "|") + (strchr(p, '|') != NULL))
                        r = string_buffer_appendf(&known, "%s%.*s", p == rules[i].names ? "" : ", ",
                                                  (int) strcspn(p, "|"), p);
        }
        return error_set(error, ERROR_INVALID, "%s of type %s has no \"%s\"; there are %s",
                         in_volume ? "-v" : "a mount", mount_type_words[type], name, strempty(known.data));
}

/* ---- the three ways to say it ---- */

static int set_volume_option(MountSpec *m, const char *option, Error *error) {
        _cleanup_free_ char *name = strndup(option, strcspn(option, "="));
        const char *equals = strchr(option, '=');

        if (!name)
                return out_of_memory(error);
        const FieldRule *rule = find_rule(name);
        if (!rule || !rule->in_volume || !(rule->types & 1 << m->type))
                return explain_field(name, m->type, true, error);
        return rule->set(m, rule, name, equals ? equals + 1 : NULL, error);
}

static int set_volume_source(MountSpec *m, const char *source, const char *directory, Error *error) {
        bool is_path = path_is_absolute(source) || source[0] == '.';

        if (!is_path && !volume_name_is_valid(source))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" can't be the name of a volume; for the folder write ./%s", source,
                                 source);
        m->type = is_path ? MOUNT_BIND : MOUNT_VOLUME;
        m->create_source = is_path;
        if (free_and_strdup(&m->source, source) < 0)
                return out_of_memory(error);
        return is_path ? make_absolute(m, directory, error) : 0;
}

static bool is_volume_option(const char *s) {
        _cleanup_free_ char *name = strndup(s, strcspn(s, ",="));
        const FieldRule *rule = name ? find_rule(name) : NULL;

        return rule && rule->in_volume;
}

int mount_parse_volume(const char *s, const char *directory, List *mounts, Error *error) {
        const char *first = strchr(s, ':'), *second = first ? strchr(first + 1, ':') : NULL;
        _cleanup_free_ char *source = first ? strndup(s, first - s) : NULL, *target = NULL;
        _cleanup_strv_free_ char **options = NULL;
        MountSpec *m = add(mounts, MOUNT_VOLUME);

        if (!first)
                target = strdup(s);
        else
                target = second ? strndup(first + 1, second - first - 1) : strdup(first + 1);
        if (!m || !target || (first && !source) || strv_split(second ? second + 1 : "", ",", &options) < 0)
                return out_of_memory(error);
        /* "/x:ro" is Docker's way to give options to a volume without a name. */
        if (first && !second && path_is_absolute(source) && is_volume_option(target)) {
                if (strv_split(target, ",", &options) < 0 || free_and_strdup(&target, source) < 0)
                        return out_of_memory(error);
                first = NULL;
        }
        int r = first ? set_volume_source(m, source, directory, error) : 0;
        if (r >= 0)
                r = set_target(m, target, error);
        STRV_FOREACH(option, options)
                if (r >= 0)
                        r = set_volume_option(m, *option, error);
        return r;
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

/* One "name=value", or "name". used: the rules whose types are looked at once the type is known. */
static int set_mount_field(MountSpec *m, const char *name, const char *value, char ***used, Error *error) {
        const FieldRule *rule = find_rule(name);

        if (!rule)
                return explain_field(name, m->type, false, error);
        if (strv_extend(used, name) < 0)
                return out_of_memory(error);
        return rule->set(m, rule, name, value, error);
}

static int finish_mount(MountSpec *m, const char *s, char *const *used, const char *directory,
                        Error *error) {
        for (char *const *name = used; name && *name; name++)
                if (!(find_rule(*name)->types & 1 << m->type))
                        return explain_field(*name, m->type, false, error);
        if (!m->target)
                return error_set(error, ERROR_INVALID, "\"%s\" lacks target=", s);
        if (!m->source && (m->type == MOUNT_BIND || m->type == MOUNT_IMAGE))
                return error_set(error, ERROR_INVALID, "\"%s\" lacks source=", s);
        if (m->source && m->type == MOUNT_VOLUME && !volume_name_is_valid(m->source))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" can't be the name of a volume; a path needs type=bind", m->source);
        return m->type == MOUNT_BIND ? make_absolute(m, directory, error) : 0;
}

int mount_parse_mount(const char *s, const char *directory, List *mounts, Error *error) {
        _cleanup_strv_free_ char **used = NULL;
        MountSpec *m = add(mounts, MOUNT_VOLUME);
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
                if ((r = set_mount_field(m, field, equals, &used, error)) < 0)
                        return r;
        }
        return finish_mount(m, s, used, directory, error);
}

int mount_parse_tmpfs(const char *s, List *mounts, Error *error) {
        const char *colon = strchr(s, ':');
        _cleanup_free_ char *target = colon ? strndup(s, colon - s) : strdup(s);
        MountSpec *m = add(mounts, MOUNT_TMPFS);

        if (!m || !target || (colon && free_and_strdup(&m->options, colon + 1) < 0))
                return out_of_memory(error);
        return set_target(m, target, error);
}
