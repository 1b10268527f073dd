/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capability.h"
#include "string-util.h"

#define C(name) [CAP_##name] = "CAP_" #name

static const char *const names_by_number[] = {
        C(CHOWN),
        C(DAC_OVERRIDE),
        C(DAC_READ_SEARCH),
        C(FOWNER),
        C(FSETID),
        C(KILL),
        C(SETGID),
        C(SETUID),
        C(SETPCAP),
        C(LINUX_IMMUTABLE),
        C(NET_BIND_SERVICE),
        C(NET_BROADCAST),
        C(NET_ADMIN),
        C(NET_RAW),
        C(IPC_LOCK),
        C(IPC_OWNER),
        C(SYS_MODULE),
        C(SYS_RAWIO),
        C(SYS_CHROOT),
        C(SYS_PTRACE),
        C(SYS_PACCT),
        C(SYS_ADMIN),
        C(SYS_BOOT),
        C(SYS_NICE),
        C(SYS_RESOURCE),
        C(SYS_TIME),
        C(SYS_TTY_CONFIG),
        C(MKNOD),
        C(LEASE),
        C(AUDIT_WRITE),
        C(AUDIT_CONTROL),
        C(SETFCAP),
        C(MAC_OVERRIDE),
        C(MAC_ADMIN),
        C(SYSLOG),
        C(WAKE_ALARM),
        C(BLOCK_SUSPEND),
        C(AUDIT_READ),
        C(PERFMON),
        C(BPF),
        C(CHECKPOINT_RESTORE),
};

#define PREFIX "CAP_"

int capability_from_name(const char *name) {
        if (strncasecmp(name, PREFIX, strlen(PREFIX)) == 0)
                name += strlen(PREFIX);
        for (size_t i = 0; i < ELEMENTSOF(names_by_number); i++)
                if (strcasecmp(names_by_number[i] + strlen(PREFIX), name) == 0)
                        return i;
        return -EINVAL;
}

const char *capability_to_name(unsigned number) {
        return number < ELEMENTSOF(names_by_number) ? names_by_number[number] : NULL;
}

int capabilities_from_names(char *const *names, uint64_t *ret, Error *error) {
        uint64_t set = 0;

        for (size_t i = 0; names && names[i]; i++) {
                int number = capability_from_name(names[i]);
                if (number < 0)
                        return error_set(error, ERROR_INVALID, "there is no capability \"%s\"", names[i]);
                set |= UINT64_C(1) << number;
        }
        *ret = set;
        return 0;
}

int capabilities_drop_bounding(uint64_t set) {
        for (int i = 0; i < 64; i++) {
                if (set & (UINT64_C(1) << i))
                        continue;
                if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
                        if (errno == EINVAL) /* past the last one of this kernel */
                                return 0;
                        return negative_errno();
                }
        }
        return 0;
}

int capabilities_apply(uint64_t set) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct now[2], wanted[2] = {};

        if (syscall(SYS_capget, &header, now) < 0)
                return negative_errno();
        /* What is not permitted now (an older kernel, a user namespace within limits) can't be gained. */
        for (unsigned i = 0; i < 2; i++) {
                wanted[i].permitted = now[i].permitted & (uint32_t) (set >> (32 * i));
                wanted[i].effective = wanted[i].permitted;
        }
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
                return negative_errno();
        return syscall(SYS_capset, &header, wanted) < 0 ? negative_errno() : 0;
}
