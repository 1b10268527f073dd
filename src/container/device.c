/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "device.h"
#include "fd-util.h"
#include "file-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

#define DEPTH_MAX 8

void device_set_done(DeviceSet *set) {
        list_done(&set->nodes, &launch_device_type);
        strv_free(set->allowed);
        *set = (DeviceSet){};
}

bool device_is_cdi(const char *device) {
        const char *slash = strchr(device, '/'), *equal = strchr(device, '=');

        return device[0] != '/' && slash && equal && slash < equal;
}

static bool is_access(const char *s) {
        return !isempty(s) && strlen(s) <= 3 && string_in_charset(s, "rwm");
}

/* ---- "/dev/x[:/dev/y][:rwm]" ---- */

typedef struct Device {
        char *source, *target;
        char access[4];
} Device;

static void device_done(Device *device) {
        free(device->source);
        free(device->target);
}

static int malformed(const char *text, Error *error) {
        return error_set(error, ERROR_INVALID,
                         "\"%s\" is not a device /dev/X[:/dev/Y][:ACCESS], where ACCESS is of r, w and m",
                         text);
}

static int device_parse(const char *text, Device *ret, Error *error) {
        _cleanup_(device_done) Device device = { .access = "rwm" };
        _cleanup_strv_free_ char **parts = NULL;

        if (strv_split(text, ":", &parts) < 0)
                return error_set_errno(error, -ENOMEM, "cannot read a device");
        size_t n = strv_length(parts);
        if (n > 1 && is_access(parts[n - 1]))
                strcpy(device.access, parts[--n]);
        else if (n == 3)
                return malformed(text, error);
        if (n < 1 || n > 2 || parts[0][0] != '/' || parts[n - 1][0] != '/')
                return malformed(text, error);
        device.source = path_normalize(parts[0]);
        device.target = path_normalize(parts[n - 1]);
        if (!device.source || !device.target)
                return error_set_errno(error, -ENOMEM, "cannot read a device");
        if (streq(device.target, "/"))
                return malformed(text, error);
        *ret = device;
        device = (Device){};
        return 0;
}

int device_check(const char *text, Error *error) {
        _cleanup_(device_done) Device device = {};

        return device_parse(text, &device, error);
}

/* ---- "c 1:3 rwm" ---- */

typedef struct Rule {
        char type;
        char major[16], minor[16];
        char access[4];
} Rule;

static bool is_number_or_any(const char *s) {
        return streq(s, "*") || (!isempty(s) && string_in_charset(s, "0123456789"));
}

static int rule_parse(const char *text, Rule *ret, Error *error) {
        Rule rule = {};
        int end = 0;

        if (sscanf(text, "%c %15[0-9*]:%15[0-9*] %3[rwm]%n", &rule.type, rule.major, rule.minor, rule.access,
                   &end) != 4 ||
            text[end] || !strchr("abc", rule.type) || !is_number_or_any(rule.major) ||
            !is_number_or_any(rule.minor))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" is not a rule for devices, as in \"c 188:* rwm\"", text);
        if (streq(rule.major, "*") && !streq(rule.minor, "*"))
                return error_set(error, ERROR_UNSUPPORTED,
                                 "\"%s\": systemd has no rule for one minor number of all drivers", text);
        *ret = rule;
        return 0;
}

int device_rule_check(const char *text, Error *error) {
        Rule rule;

        return rule_parse(text, &rule, error);
}

/* systemd's words: a whole driver is "char-188" by its number, all are "char-*". */
static int add_rule(char ***allowed, const char *kind, const Rule *rule) {
        _cleanup_free_ char *key = NULL;

        if (streq(rule->minor, "*"))
                key = string_join(kind, "-", rule->major);
        else
                key = string_join("/dev/", kind, "/", rule->major, ":", rule->minor);
        return key ? strv_map_set(allowed, key, rule->access) : -ENOMEM;
}

static int allow_rules(char *const *rules, char ***allowed, Error *error) {
        for (size_t i = 0; rules && rules[i]; i++) {
                Rule rule;
                int r = rule_parse(rules[i], &rule, error);
                if (r >= 0 && rule.type != 'b')
                        r = add_rule(allowed, "char", &rule);
                if (r >= 0 && rule.type != 'c')
                        r = add_rule(allowed, "block", &rule);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- what the host has ---- */

static int add_node(DeviceSet *set, const char *source, const char *target, const char *access,
                    const struct stat *st) {
        char key[64];

        if (set->nodes.n >= DEVICES_MAX)
                return -E2BIG;
        LaunchDevice *node = list_append(&set->nodes, &launch_device_type);
        if (!node)
                return -ENOMEM;
        (void) snprintf(key, sizeof(key), "/dev/%s/%u:%u", S_ISCHR(st->st_mode) ? "char" : "block",
                        major(st->st_rdev), minor(st->st_rdev));
        if ((node->source = strdup(source)) == NULL || (node->target = strdup(target)) == NULL)
                return -ENOMEM;
        return strv_map_set(&set->allowed, key, access);
}

static bool is_node(const struct stat *st) {
        return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

static int add_directory(DeviceSet *set, const char *source, const char *target, const char *access,
                         unsigned depth);

static int add_entry(DeviceSet *set, int directory, const char *name, const char *source, const char *target,
                     const char *access, unsigned depth) {
        _cleanup_free_ char *from = path_join(source, name), *to = path_join(target, name);
        struct stat st;

        if (!from || !to)
                return -ENOMEM;
        /* Links lead to what comes anyway. */
        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (is_node(&st))
                return add_node(set, from, to, access, &st);
        return S_ISDIR(st.st_mode) ? add_directory(set, from, to, access, depth + 1) : 0;
}

/* Every container has its own of these. */
static bool is_own(const char *target) {
        static const char *const own[] = { "/dev/pts",  "/dev/shm",    "/dev/mqueue", "/dev/console",
                                           "/dev/ptmx", "/dev/null",   "/dev/zero",   "/dev/full",
                                           "/dev/tty",  "/dev/random", "/dev/urandom" };

        for (size_t i = 0; i < ELEMENTSOF(own); i++)
                if (streq(target, own[i]))
                        return true;
        return false;
}

static int add_directory(DeviceSet *set, const char *source, const char *target, const char *access,
                         unsigned depth) {
        _cleanup_closedir_ DIR *directory = depth > DEPTH_MAX ? NULL : opendir_at(AT_FDCWD, source);
        struct dirent *entry;
        int r = 0;

        while (directory && r >= 0 && (entry = readdir_no_dot(directory))) {
                _cleanup_free_ char *to = path_join(target, entry->d_name);
                if (!to)
                        return -ENOMEM;
                if (!is_own(to))
                        r = add_entry(set, dirfd(directory), entry->d_name, source, target, access, depth);
        }
        return r;
}

static int add_device(DeviceSet *set, const char *text, Error *error) {
        _cleanup_(device_done) Device device = {};
        struct stat st;

        int r = device_parse(text, &device, error);
        if (r < 0)
                return r;
        if (stat(device.source, &st) < 0)
                return errno == ENOENT ? error_set(error, ERROR_INVALID,
                                                   "there is no device %s on this host", device.source)
                                       : error_set_errno(error, negative_errno(), "cannot look at %s",
                                                         device.source);
        if (is_node(&st))
                r = add_node(set, device.source, device.target, device.access, &st);
        else if (S_ISDIR(st.st_mode))
                r = add_directory(set, device.source, device.target, device.access, 0);
        else
                return error_set(error, ERROR_INVALID, "%s is not a device, nor a directory of devices",
                                 device.source);
        return r == -E2BIG ? error_set(error, ERROR_LIMIT, "%s: a container can have %d devices at most",
                                       device.source, DEVICES_MAX)
                           : r;
}

int devices_resolve(char *const *devices, char *const *rules, bool all, DeviceSet *ret, Error *error) {
        _cleanup_(device_set_done) DeviceSet set = {};
        int r = all ? add_directory(&set, "/dev", "/dev", "rwm", 0) : 0;

        /* Of more than there is room for, a privileged container gets what there is room for. */
        if (r == -E2BIG)
                r = 0;
        for (size_t i = 0; !all && devices && devices[i] && r >= 0; i++)
                r = add_device(&set, devices[i], error);
        if (r >= 0)
                r = allow_rules(rules, &set.allowed, error);
        if (r < 0)
                return error_set_errno(error, r, "cannot prepare the devices");
        *ret = set;
        set = (DeviceSet){};
        return 0;
}
