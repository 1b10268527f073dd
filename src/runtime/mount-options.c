/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mount.h>

#include "mount-options.h"
#include "mount-target.h"
#include "parse-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

#define PLAIN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define ID_MAP_LINES_MAX 340 /* the kernel's */

/* Words that are flags of the mount, not of the file system. */
static const struct {
        const char *word;
        uint64_t set, clear;
} attribute_words[] = {
        { "ro", MOUNT_ATTR_RDONLY, 0 },
        { "rw", 0, MOUNT_ATTR_RDONLY },
        { "nosuid", MOUNT_ATTR_NOSUID, 0 },
        { "suid", 0, MOUNT_ATTR_NOSUID },
        { "nodev", MOUNT_ATTR_NODEV, 0 },
        { "dev", 0, MOUNT_ATTR_NODEV },
        { "noexec", MOUNT_ATTR_NOEXEC, 0 },
        { "exec", 0, MOUNT_ATTR_NOEXEC },
        { "noatime", MOUNT_ATTR_NOATIME, 0 },
        { "nodiratime", MOUNT_ATTR_NODIRATIME, 0 },
        { "relatime", 0, MOUNT_ATTR__ATIME },
        { "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
        { "defaults", 0, 0 },
};

static const struct {
        const char *word;
        uint64_t propagation;
} propagation_words[] = {
        { "private", MS_PRIVATE },
        { "rprivate", MS_PRIVATE },
        { "slave", MS_SLAVE },
        { "rslave", MS_SLAVE },
        { "shared", MS_SHARED },
        { "rshared", MS_SHARED },
        { "rbind", 0 },
        { "bind", 0 },
        { "z", 0 },
        { "Z", 0 }, /* labels, which this system does not use */
};

typedef enum ValueKind {
        VALUE_NONE,
        VALUE_SIZE, /* bytes with a unit, or a percentage of the memory */
        VALUE_MODE,
        VALUE_NUMBER,
        VALUE_TEXT,
} ValueKind;

typedef struct DataWord {
        const char *word;
        ValueKind kind;
} DataWord;

static const DataWord tmpfs_words[] = {
        { "size", VALUE_SIZE },    { "nr_blocks", VALUE_SIZE }, { "nr_inodes", VALUE_SIZE },
        { "mode", VALUE_MODE },    { "uid", VALUE_NUMBER },     { "gid", VALUE_NUMBER },
        { "huge", VALUE_TEXT },    { "mpol", VALUE_TEXT },      { "noswap", VALUE_NONE },
        { "inode32", VALUE_NONE }, { "inode64", VALUE_NONE },   {},
};
static const DataWord devpts_words[] = {
        { "mode", VALUE_MODE },
        { "ptmxmode", VALUE_MODE },
        { "uid", VALUE_NUMBER },
        { "gid", VALUE_NUMBER },
        { "max", VALUE_NUMBER },
        { "newinstance", VALUE_NONE },
        {},
};

static const struct {
        uint64_t attributes; /* unless others are asked for */
        bool propagates;
        const DataWord *data;
} types[] = {
        [MOUNT_BIND] = { 0, true },
        [MOUNT_VOLUME] = { 0, true },
        [MOUNT_TMPFS] = { PLAIN, .data = tmpfs_words },
        [MOUNT_IMAGE] = { MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV },
        [MOUNT_DEVPTS] = { MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, .data = devpts_words },
};

void mount_options_done(MountOptions *options) {
        free(options->data);
        *options = (MountOptions){};
}

static bool apply_attribute(const char *word, uint64_t *attributes) {
        for (size_t i = 0; i < ELEMENTSOF(attribute_words); i++)
                if (streq(attribute_words[i].word, word)) {
                        *attributes = (*attributes & ~attribute_words[i].clear) | attribute_words[i].set;
                        return true;
                }
        return false;
}

static bool apply_propagation(const char *word, uint64_t *propagation) {
        for (size_t i = 0; i < ELEMENTSOF(propagation_words); i++)
                if (streq(propagation_words[i].word, word)) {
                        *propagation = propagation_words[i].propagation ?: *propagation;
                        return true;
                }
        return false;
}

/* All that the type knows, for who wrote something else. */
static int explain_unknown(MountType type, const char *word, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer known = {};
        int r = 0;

        for (const DataWord *w = types[type].data; w && w->word && r >= 0; w++)
                r = string_buffer_appendf(&known, "%s%s, ", w->word, w->kind == VALUE_NONE ? "" : "=…");
        for (size_t i = 0; i < ELEMENTSOF(propagation_words) && types[type].propagates && r >= 0; i++)
                r = string_buffer_appendf(&known, "%s, ", propagation_words[i].word);
        for (size_t i = 0; i < ELEMENTSOF(attribute_words) && r >= 0; i++)
                r = string_buffer_appendf(&known, "%s%s", i > 0 ? ", " : "", attribute_words[i].word);
        return error_set(error, ERROR_INVALID, "a mount of type %s has no option \"%s\"; there are %s",
                         mount_type_words[type], word, strempty(known.data));
}

static int bad_value(const char *word, const char *value, const char *expected, Error *error) {
        return error_set(error, ERROR_INVALID, "%s=%s: \"%s\" is not %s", word, value, value, expected);
}

/* The value in the form that the kernel reads. */
static int append_value(const DataWord *word, const char *value, StringBuffer *data, Error *error) {
        const char *separator = data->size > 0 ? "," : "";
        size_t digits = strspn(value, "0123456789");
        uint64_t number;
        mode_t mode;

        switch (word->kind) {
        case VALUE_SIZE:
                if (digits > 0 && streq(value + digits, "%"))
                        return string_buffer_appendf(data, "%s%s=%s", separator, word->word, value);
                if (parse_size(value, &number) < 0)
                        return bad_value(word->word, value, "a size (64m, 1g, 50%)", error);
                return string_buffer_appendf(data, "%s%s=%llu", separator, word->word,
                                             (unsigned long long) number);
        case VALUE_MODE:
                if (parse_mode(value, &mode) < 0)
                        return bad_value(word->word, value, "an octal mode (1777)", error);
                return string_buffer_appendf(data, "%s%s=%o", separator, word->word, (unsigned) mode);
        case VALUE_NUMBER:
                if (parse_u64(value, &number) < 0 || number > UINT32_MAX)
                        return bad_value(word->word, value, "a number", error);
                return string_buffer_appendf(data, "%s%s=%s", separator, word->word, value);
        default:
                return string_buffer_appendf(data, "%s%s=%s", separator, word->word, value);
        }
}

/* 1: it is one of the file system's. */
static int apply_data(MountType type, const char *option, StringBuffer *data, Error *error) {
        const char *equals = strchr(option, '=');
        size_t length = strcspn(option, "=");
        const DataWord *word = types[type].data;

        while (word && word->word &&
               (strlen(word->word) != length || strncmp(word->word, option, length) != 0))
                word++;
        if (!word || !word->word)
                return 0;
        if ((word->kind == VALUE_NONE) != !equals || (equals && !equals[1]))
                return error_set(error, ERROR_INVALID,
                                 equals && equals[1] ? "%s takes no value" : "%s needs a value", word->word);
        int r = equals ? append_value(word, equals + 1, data, error)
                       : string_buffer_appendf(data, "%s%s", data->size > 0 ? "," : "", option);
        return r < 0 ? error_set_errno(error, r, "cannot read the option %s", option) : 1;
}

int mount_options_parse(MountType type, const char *options, MountOptions *ret, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer data = {};
        _cleanup_strv_free_ char **words = NULL;
        uint64_t attributes = types[type].attributes, propagation = MS_PRIVATE;

        int r = strv_split(strempty(options), ",", &words);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the mount's options");
        STRV_FOREACH(word, words) {
                if (apply_attribute(*word, &attributes) ||
                    (types[type].propagates && apply_propagation(*word, &propagation)))
                        continue;
                r = apply_data(type, *word, &data, error);
                if (r <= 0)
                        return r < 0 ? r : explain_unknown(type, *word, error);
        }
        if (type == MOUNT_IMAGE)
                attributes |= MOUNT_ATTR_RDONLY;
        *ret = (MountOptions){ attributes, propagation, TAKE_PTR(data.data) };
        return 0;
}

/* ---- id mappings ---- */

static int parse_range(const char *range, uint32_t numbers[static 3]) {
        _cleanup_strv_free_ char **fields = NULL;
        uint64_t n;

        int r = strv_split(range, ":", &fields);
        if (r < 0)
                return r;
        if (strv_length(fields) != 3)
                return -EINVAL;
        for (size_t i = 0; i < 3; i++) {
                if (parse_u64(fields[i], &n) < 0 || n >= UINT32_MAX)
                        return -EINVAL;
                numbers[i] = n;
        }
        return numbers[2] > 0 && (uint64_t) numbers[0] + numbers[2] <= UINT32_MAX ? 0 : -EINVAL;
}

int id_map_parse(const char *map, uint32_t base, uint32_t count, char **ret, Error *error) {
        _cleanup_(string_buffer_done) StringBuffer lines = {};
        _cleanup_strv_free_ char **ranges = NULL;
        uint64_t limit = count > 0 ? count : UINT32_MAX;
        uint32_t n[3];

        int r = strv_split(map, ";", &ranges);
        if (r >= 0 && (strv_isempty(ranges) || strv_length(ranges) > ID_MAP_LINES_MAX))
                return error_set(error, ERROR_INVALID, "an id mapping has 1 to %d ranges", ID_MAP_LINES_MAX);
        for (char **range = ranges; r >= 0 && *range; range++) {
                r = parse_range(*range, n);
                if (r == -EINVAL)
                        return error_set(error, ERROR_INVALID,
                                         "\"%s\" is not a range of ids: FILE:CONTAINER:COUNT says that the "
                                         "COUNT ids from FILE on are seen as those from CONTAINER on",
                                         *range);
                if (r >= 0 && (uint64_t) n[1] + n[2] > limit)
                        return error_set(error, ERROR_INVALID,
                                         "\"%s\": the container has only the ids 0 to %llu", *range,
                                         (unsigned long long) limit - 1);
                if (r >= 0)
                        r = string_buffer_appendf(&lines, "%u %u %u\n", n[0], base + n[1], n[2]);
        }
        if (r < 0)
                return error_set_errno(error, r, "cannot read the id mapping");
        *ret = TAKE_PTR(lines.data);
        return 0;
}

/* ---- a whole mount ---- */

/* Which fields go with which type: one that would be without effect is a mistake. */
static int check_fields(const MountSpec *m, Error *error) {
        const bool has_files = m->type == MOUNT_BIND || m->type == MOUNT_VOLUME || m->type == MOUNT_IMAGE;
        const struct {
                const char *what;
                bool given, allowed;
        } rules[] = {
                { "a source", !isempty(m->source), has_files },
                { "CreateSource", m->create_source, m->type == MOUNT_BIND },
                { "Recursive", m->recursive != RECURSION_ENABLED, m->type == MOUNT_BIND },
                { "Subpath", !isempty(m->subpath), has_files },
                { "IdMap", !isempty(m->id_map), has_files },
                { "Chown", m->chown, m->type == MOUNT_BIND || m->type == MOUNT_VOLUME },
                { "NoCopy", m->no_copy, m->type == MOUNT_VOLUME },
                { "Driver", !isempty(m->driver), m->type == MOUNT_VOLUME },
                { "DriverOptions", !strv_isempty(m->driver_options), m->type == MOUNT_VOLUME },
                { "VolumeLabels", !strv_isempty(m->volume_labels), m->type == MOUNT_VOLUME },
        };

        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (rules[i].given && !rules[i].allowed)
                        return error_set(error, ERROR_INVALID, "%s does not go with a mount of type %s",
                                         rules[i].what, mount_type_words[m->type]);
        if (m->type == MOUNT_IMAGE && isempty(m->source))
                return error_set(error, ERROR_INVALID, "a mount of type image needs an image as its source");
        if (m->chown && m->read_only)
                return error_set(error, ERROR_INVALID,
                                 "files of a mount that is read-only can't change their owner");
        if ((m->recursive == RECURSION_WRITABLE || m->recursive == RECURSION_READ_ONLY) && !m->read_only)
                return error_set(error, ERROR_INVALID,
                                 "recursion \"%s\" goes with a mount that is read-only",
                                 bind_recursion_words[m->recursive]);
        return 0;
}

static int check_subpath(const char *subpath, Error *error) {
        _cleanup_strv_free_ char **parts = NULL;

        if (isempty(subpath))
                return 0;
        int r = strv_split(subpath, "/", &parts);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the subpath");
        if (path_is_absolute(subpath) || strv_contains(parts, ".."))
                return error_set(error, ERROR_INVALID,
                                 "the subpath \"%s\" must be relative, and without \"..\"", subpath);
        return 0;
}

int mount_spec_check(const MountSpec *m, Error *error) {
        _cleanup_(mount_options_done) MountOptions options = {};
        _cleanup_free_ char *map = NULL, *target = path_normalize(m->target);

        int r = check_fields(m, error);
        if (r >= 0)
                r = mount_target_check(strempty(target), error);
        if (r >= 0)
                r = check_subpath(m->subpath, error);
        if (r >= 0)
                r = mount_options_parse(m->type, m->options, &options, error);
        if (r >= 0 && !isempty(m->id_map) && !streq(m->id_map, "none"))
                r = id_map_parse(m->id_map, 0, 0, &map, error);
        return r < 0 ? error_prefix(error, r, "cannot mount on %s", m->target) : 0;
}
