/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fnmatch.h>
#include <linux/capability.h>

#include "capability.h"
#include "launch-security.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"
#include "suggest.h"

/* What a container must neither see nor change of the host's kernel, as with Docker. */
static const char *const masked_paths[] = {
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
};
static const char *const read_only_paths[] = {
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static const unsigned default_capabilities[] = {
        CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,     CAP_FSETID,      CAP_KILL,
        CAP_SETGID,  CAP_SETUID,       CAP_SETPCAP,    CAP_NET_RAW,     CAP_NET_BIND_SERVICE,
        CAP_SETFCAP, CAP_MKNOD,        CAP_SYS_CHROOT, CAP_AUDIT_WRITE,
};

static uint64_t bit_of(unsigned capability) {
        return UINT64_C(1) << capability;
}

static uint64_t all_capabilities(void) {
        unsigned n = 0;

        while (capability_to_name(n))
                n++;
        return bit_of(n) - 1;
}

static bool is_all(const char *name) {
        return strcasecmp(name, "ALL") == 0 || strcasecmp(name, "CAP_ALL") == 0;
}

static int unknown_capability(const char *name, Error *error) {
        _cleanup_free_ char *upper = strdup(name);
        Suggestion suggestion;

        for (char *p = upper; p && *p; p++)
                if (*p >= 'a' && *p <= 'z')
                        *p -= 'a' - 'A';
        const char *bare = upper ? startswith(upper, "CAP_") ?: upper : name;
        suggestion_init(&suggestion, bare);
        for (unsigned i = 0; capability_to_name(i); i++)
                suggestion_consider(&suggestion, capability_to_name(i) + strlen("CAP_"));
        return suggestion.best
                       ? error_set(error, ERROR_INVALID, "there is no capability \"%s\" (did you mean %s?)",
                                   name, suggestion.best)
                       : error_set(error, ERROR_INVALID,
                                   "there is no capability \"%s\", see capabilities(7)", name);
}

static int apply_name(const char *name, bool add, uint64_t *set, Error *error) {
        int number = is_all(name) ? 0 : capability_from_name(name);

        if (number < 0)
                return unknown_capability(name, error);
        uint64_t bits = is_all(name) ? all_capabilities() : bit_of(number);
        *set = add ? *set | bits : *set & ~bits;
        return 0;
}

int capabilities_make(const ContainerSpec *spec, char ***ret, Error *error) {
        _cleanup_strv_free_ char **names = NULL;
        uint64_t set = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(default_capabilities); i++)
                set |= bit_of(default_capabilities[i]);
        /* "--cap-drop ALL --cap-add CHOWN" leaves CHOWN, so ALL is dropped first. */
        STRV_FOREACH(name, spec->cap_drop)
                if (is_all(*name))
                        set = 0;
        STRV_FOREACH(name, spec->cap_add)
                if ((r = apply_name(*name, true, &set, error)) < 0)
                        return r;
        STRV_FOREACH(name, spec->cap_drop)
                if (!is_all(*name) && (r = apply_name(*name, false, &set, error)) < 0)
                        return r;
        if (spec->privileged)
                set = all_capabilities();

        for (unsigned i = 0; capability_to_name(i); i++)
                if ((set & bit_of(i)) && (r = strv_extend(&names, capability_to_name(i))) < 0)
                        return error_set_errno(error, r, "cannot list the capabilities");
        *ret = TAKE_PTR(names);
        return 0;
}

static bool is_unmasked(const ContainerSpec *spec, const char *path) {
        if (spec->privileged)
                return true;
        STRV_FOREACH(pattern, spec->unmask)
                if (strcasecmp(*pattern, "ALL") == 0 || fnmatch(*pattern, path, FNM_PATHNAME) == 0)
                        return true;
        return false;
}

static int add_paths(const ContainerSpec *spec, const char *const *paths, size_t n, char ***ret) {
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                if (!is_unmasked(spec, paths[i]))
                        r = strv_extend(ret, paths[i]);
        return r;
}

static int add_masks(const ContainerSpec *spec, LaunchSpec *l) {
        int r = add_paths(spec, masked_paths, ELEMENTSOF(masked_paths), &l->masked_paths);

        if (r >= 0)
                r = add_paths(spec, read_only_paths, ELEMENTSOF(read_only_paths), &l->read_only_paths);
        for (size_t i = 0; spec->mask && spec->mask[i] && r >= 0; i++) {
                _cleanup_free_ char *path = path_normalize(spec->mask[i]);
                r = path ? 0 : -ENOMEM;
                if (r >= 0 && !strv_contains(l->masked_paths, path))
                        r = strv_extend(&l->masked_paths, path);
        }
        return r;
}

bool spec_filters_calls(const ContainerSpec *spec) {
        return !spec->privileged && !streq(strempty(spec->seccomp_profile), "unconfined");
}

int selinux_label_make(const ContainerSpec *spec, char **ret) {
        const char *parts[] = { "system_u", "system_r", "container_t", "s0" };
        static const char *const keys[] = { "user:", "role:", "type:", "level:" };
        bool asked = false;

        *ret = NULL;
        STRV_FOREACH(option, spec->selinux_label) {
                if (streq(*option, "disable"))
                        return 0;
                for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                        if (startswith(*option, keys[i])) {
                                parts[i] = *option + strlen(keys[i]);
                                asked = true;
                        }
        }
        if (!asked)
                return 0;
        *ret = string_join(parts[0], ":", parts[1], ":", parts[2], ":", parts[3]);
        return *ret ? 0 : -ENOMEM;
}

int launch_security_make(const LaunchInputs *in, LaunchSpec *l, Error *error) {
        const ContainerSpec *spec = in->spec;
        bool confined = !streq(strempty(spec->apparmor_profile), "unconfined");
        int r;

        l->no_new_privileges = spec->no_new_privileges;
        l->privileged = spec->privileged;
        l->filters_calls = spec_filters_calls(spec);
        if ((r = capabilities_make(spec, &l->capabilities, error)) < 0 || (r = add_masks(spec, l)) < 0 ||
            (r = selinux_label_make(spec, &l->selinux_label)) < 0)
                return r;
        return free_and_strdup(&l->apparmor_profile, confined ? spec->apparmor_profile : NULL);
}
