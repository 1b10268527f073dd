/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-driver.h"

#include <sys/mount.h>

#include "parse-util.h"
#include "string-util.h"
#include "strv.h"

#define LOOP_SIZE_MIN (4 * MIB)

void volume_mount_done(VolumeMount *mount) {
        free(mount->type);
        free(mount->source);
        free(mount->data);
        free(mount->address);
        *mount = (VolumeMount){};
}

static bool is_local(const VolumeSpec *spec) {
        return isempty(spec->driver) || streq(spec->driver, "local");
}

bool volume_is_loop(const VolumeSpec *spec) {
        return streq_ptr(spec->driver, "loop");
}

bool volume_needs_mount(const VolumeSpec *spec) {
        return volume_is_loop(spec) || strv_map_get(spec->options, "device") != NULL;
}

/* ---- mount options ---- */

static const struct {
        const char *name;
        unsigned long set, clear;
} mount_flags[] = {
        { "ro", MS_RDONLY },
        { "rw", 0, MS_RDONLY },
        { "nosuid", MS_NOSUID },
        { "suid", 0, MS_NOSUID },
        { "nodev", MS_NODEV },
        { "dev", 0, MS_NODEV },
        { "noexec", MS_NOEXEC },
        { "exec", 0, MS_NOEXEC },
        { "sync", MS_SYNCHRONOUS },
        { "async", 0, MS_SYNCHRONOUS },
        { "dirsync", MS_DIRSYNC },
        { "noatime", MS_NOATIME },
        { "atime", 0, MS_NOATIME },
        { "nodiratime", MS_NODIRATIME },
        { "relatime", MS_RELATIME },
        { "strictatime", MS_STRICTATIME },
        { "bind", MS_BIND },
        { "rbind", MS_BIND | MS_REC },
        { "defaults" },
        { "auto" },
        { "noauto" },
        { "nofail" },
        { "_netdev" },
};

static bool take_flag(const char *option, unsigned long *flags) {
        for (size_t i = 0; i < ELEMENTSOF(mount_flags); i++)
                if (streq(mount_flags[i].name, option)) {
                        *flags = (*flags & ~mount_flags[i].clear) | mount_flags[i].set;
                        return true;
                }
        return false;
}

static bool is_network(const char *type) {
        return startswith(type, "nfs") || startswith(type, "cifs") || startswith(type, "smb");
}

static int add_options(const char *text, VolumeMount *mount) {
        _cleanup_strv_free_ char **options = NULL, **data = NULL;

        int r = strv_split(strempty(text), ",", &options);
        STRV_FOREACH(option, options) {
                const char *address = is_network(mount->type) ? startswith(*option, "addr=") : NULL;
                if (r < 0)
                        return r;
                if (address)
                        r = free_and_strdup(&mount->address, address);
                else if (!take_flag(*option, &mount->flags))
                        r = strv_extend(&data, *option);
        }
        if (r < 0 || !data)
                return r;
        mount->data = strv_join(data, ",");
        return mount->data ? 0 : -ENOMEM;
}

static int limit_tmpfs(const VolumeSpec *spec, VolumeMount *mount) {
        if (spec->size == 0 || !streq(mount->type, "tmpfs"))
                return 0;
        char *limited = format_string("%s%ssize=%llu", strempty(mount->data), mount->data ? "," : "",
                                      (unsigned long long) spec->size);
        if (!limited)
                return -ENOMEM;
        free_and_replace(mount->data, limited);
        return 0;
}

int volume_mount_plan(const VolumeSpec *spec, VolumeMount *ret, Error *error) {
        /* A device file in it is no way to a device, unless that is asked for. */
        VolumeMount mount = { .flags = MS_NODEV };
        int r;

        if ((r = free_and_strdup(&mount.type, strempty(strv_map_get(spec->options, "type")))) < 0 ||
            (r = free_and_strdup(&mount.source, strempty(strv_map_get(spec->options, "device")))) < 0 ||
            (r = add_options(strv_map_get(spec->options, "o"), &mount)) < 0 ||
            (r = limit_tmpfs(spec, &mount)) < 0) {
                volume_mount_done(&mount);
                return error_set_errno(error, r, "cannot mount volume \"%s\"", strempty(spec->name));
        }
        *ret = mount;
        return 0;
}

/* ---- checks ---- */

static int check_known(const VolumeSpec *spec, const char *const *known, const char *words, Error *error) {
        STRV_FOREACH(option, spec->options) {
                size_t n = strcspn(*option, "=");
                bool found = false;
                for (const char *const *name = known; *name; name++)
                        found |= strlen(*name) == n && strncmp(*name, *option, n) == 0;
                if (!found)
                        return error_set(error, ERROR_INVALID,
                                         "the driver \"%s\" has no option \"%.*s\": it knows %s",
                                         isempty(spec->driver) ? "local" : spec->driver, (int) n, *option,
                                         words);
        }
        return 0;
}

/* --opt size= is another way to say --size. */
static int take_size(VolumeSpec *spec, Error *error) {
        const char *text = strv_map_get(spec->options, "size");
        uint64_t size;

        if (!text)
                return 0;
        if (parse_size(text, &size) < 0 || size == 0)
                return error_set(error, ERROR_INVALID, "the size \"%s\" is not a number of bytes, as 10G",
                                 text);
        if (spec->size > 0 && spec->size != size)
                return error_set(error, ERROR_INVALID, "two sizes are given: %llu and %llu",
                                 (unsigned long long) spec->size, (unsigned long long) size);
        spec->size = size;
        (void) strv_map_remove(spec->options, "size");
        return 0;
}

static int check_bind(const VolumeMount *mount, const VolumeSpec *spec, Error *error) {
        if (mount->source[0] != '/')
                return error_set(error, ERROR_INVALID,
                                 "device=%s must be the absolute path of a folder when o=bind",
                                 mount->source);
        if (spec->size > 0)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the size of a folder that is there already can't be limited");
        return 0;
}

static int check_mount(const VolumeSpec *spec, Error *error) {
        _cleanup_(volume_mount_done) VolumeMount mount = {};

        int r = volume_mount_plan(spec, &mount, error);
        if (r < 0)
                return r;
        if (isempty(mount.source))
                return error_set(error, ERROR_INVALID,
                                 "the option device is missing: what is to be mounted");
        if (mount.flags & MS_BIND)
                return check_bind(&mount, spec, error);
        if (isempty(mount.type) || streq(mount.type, "none"))
                return error_set(error, ERROR_INVALID,
                                 "the option type is missing: the file system, or o=bind for a folder");
        if (is_network(mount.type) && isempty(mount.address) && mount.source[0] == ':')
                return error_set(error, ERROR_INVALID, "the option o has no addr=: the host of %s",
                                 mount.source);
        if (spec->size > 0 && !streq(mount.type, "tmpfs"))
                return error_set(error, ERROR_UNSUPPORTED, "the size of a mounted %s can't be limited here",
                                 mount.type);
        return 0;
}

static int check_local(VolumeSpec *spec, Error *error) {
        static const char *const known[] = { "type", "device", "o", NULL };

        int r = take_size(spec, error);
        if (r >= 0)
                r = check_known(spec, known, "type, device, o and size", error);
        return r < 0 || strv_isempty(spec->options) ? r : check_mount(spec, error);
}

static int check_loop(VolumeSpec *spec, Error *error) {
        static const char *const known[] = { NULL };

        int r = take_size(spec, error);
        if (r >= 0)
                r = check_known(spec, known, "size", error);
        if (r >= 0 && spec->size < LOOP_SIZE_MIN)
                return error_set(error, ERROR_INVALID,
                                 "a volume of the driver \"loop\" needs a size of 4M at least (--size)");
        return r;
}

int volume_driver_check(VolumeSpec *spec, Error *error) {
        if (is_local(spec))
                return check_local(spec, error);
        if (volume_is_loop(spec))
                return check_loop(spec, error);
        return error_set(error, ERROR_INVALID, "there is no volume driver \"%s\", but local and loop",
                         spec->driver);
}

/* ---- comparing ---- */

static bool maps_equal(char *const *a, char *const *b) {
        if (strv_length(a) != strv_length(b))
                return false;
        for (size_t i = 0; a && a[i]; i++)
                if (!strv_contains(b, a[i]))
                        return false;
        return true;
}

bool volume_spec_equal(const VolumeSpec *a, const VolumeSpec *b) {
        return volume_is_loop(a) == volume_is_loop(b) && a->size == b->size &&
               maps_equal(a->options, b->options);
}
