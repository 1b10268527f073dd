/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file-util.h"
#include "path-util.h"
#include "security-module.h"
#include "string-util.h"
#include "strv.h"

#define APPARMOR_ENABLED "/sys/module/apparmor/parameters/enabled"
#define APPARMOR_PROFILES "/sys/kernel/security/apparmor/profiles"
#define APPARMOR_PROFILES_MAX MIB
#define SELINUX_ENFORCE "/sys/fs/selinux/enforce"

static bool kernel_has_apparmor(void) {
        _cleanup_free_ char *text = NULL;

        return read_file_at(AT_FDCWD, APPARMOR_ENABLED, 16, &text, NULL) >= 0 && text[0] == 'Y';
}

/* Lines are "NAME (MODE)". */
static bool is_loaded(const char *text, const char *name) {
        for (const char *line = text; *line;) {
                const char *rest = startswith(line, name);
                if (rest && startswith(rest, " ("))
                        return true;
                line = strchrnul(line, '\n');
                line += *line == '\n';
        }
        return false;
}

static int check_apparmor(const char *name, Error *error) {
        _cleanup_free_ char *text = NULL;

        if (isempty(name) || streq(name, "unconfined"))
                return 0;
        if (!kernel_has_apparmor())
                return error_set(error, ERROR_UNSUPPORTED,
                                 "apparmor=%s: this kernel has no AppArmor; leave it out, or say "
                                 "apparmor=unconfined",
                                 name);
        int r = read_file_at(AT_FDCWD, APPARMOR_PROFILES, APPARMOR_PROFILES_MAX, &text, NULL);
        if (r < 0)
                return error_set_errno(error, r, "cannot read the list of AppArmor profiles");
        return is_loaded(text, name) ? 0
                                     : error_set(error, ERROR_INVALID,
                                                 "the AppArmor profile \"%s\" is not loaded, see "
                                                 "apparmor_parser(8)",
                                                 name);
}

static bool is_label_part(const char *option) {
        static const char *const keys[] = { "user:", "role:", "type:", "level:" };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const char *value = startswith(option, keys[i]);
                if (value && *value)
                        return true;
        }
        return streq(option, "disable");
}

static int check_selinux(const ContainerSpec *spec, Error *error) {
        bool enabled = access(SELINUX_ENFORCE, F_OK) >= 0;

        STRV_FOREACH(option, spec->selinux_label) {
                if (!is_label_part(*option))
                        return error_set(error, ERROR_INVALID,
                                         "label=%s: a label is made of user:USER, role:ROLE, type:TYPE, "
                                         "level:LEVEL, or disable",
                                         *option);
                if (!enabled && !streq(*option, "disable"))
                        return error_set(error, ERROR_UNSUPPORTED,
                                         "label=%s: SELinux is not enabled here; leave it out, or say "
                                         "label=disable",
                                         *option);
        }
        return 0;
}

static int check_unmask(const ContainerSpec *spec, Error *error) {
        STRV_FOREACH(path, spec->unmask)
                if (!path_is_absolute(*path) && strcasecmp(*path, "ALL") != 0)
                        return error_set(error, ERROR_INVALID, "unmask=%s: neither an absolute path nor ALL",
                                         *path);
        return 0;
}

/* Nothing of it could be used if this were covered. */
static int check_mask(const ContainerSpec *spec, Error *error) {
        STRV_FOREACH(path, spec->mask) {
                _cleanup_free_ char *normal = path_normalize(*path);
                if (!path_is_absolute(*path) || (normal && streq(normal, "/")))
                        return error_set(error, ERROR_INVALID,
                                         "mask=%s: not the absolute path of something in the container",
                                         *path);
        }
        return 0;
}

int security_check(const ContainerSpec *spec, Error *error) {
        int r;

        if ((r = check_mask(spec, error)) < 0 || (r = check_unmask(spec, error)) < 0 ||
            (r = check_apparmor(spec->apparmor_profile, error)) < 0)
                return r;
        return check_selinux(spec, error);
}
