/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file-util.h"
#include "syscall-filter.h"

#define MAGIC UINT32_C(0x42464231)

typedef struct Header {
        uint32_t magic, flags;
} Header;

#define FILE_MAX (sizeof(Header) + BPF_MAXINSNS * sizeof(struct sock_filter))

int syscall_filter_read_at(int dir_fd, const char *path, SyscallFilter *ret) {
        _cleanup_free_ char *data = NULL;
        Header header;
        size_t size;

        int r = read_file_at(dir_fd, path, FILE_MAX, &data, &size);
        if (r < 0)
                return r;
        if (size <= sizeof(header) || (size - sizeof(header)) % sizeof(struct sock_filter) != 0)
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        if (header.magic != MAGIC)
                return -EBADMSG;
        struct sock_filter *instructions = malloc(size - sizeof(header));
        if (!instructions)
                return -ENOMEM;
        memcpy(instructions, data + sizeof(header), size - sizeof(header));
        *ret = (SyscallFilter){ header.flags, instructions,
                                (size - sizeof(header)) / sizeof(struct sock_filter) };
        return 0;
}

int syscall_filter_write_at(int dir_fd, const char *path, const SyscallFilter *filter) {
        const Header header = { MAGIC, filter->flags };
        size_t size = filter->n_instructions * sizeof(struct sock_filter);
        _cleanup_free_ char *data = malloc(sizeof(header) + size);

        if (!data)
                return -ENOMEM;
        memcpy(data, &header, sizeof(header));
        memcpy(data + sizeof(header), filter->instructions, size);
        return write_file_atomic_at(dir_fd, path, data, sizeof(header) + size, 0600, 0);
}

int syscall_filter_load(const SyscallFilter *filter) {
        const struct sock_fprog program = { filter->n_instructions, filter->instructions };

        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0 ? negative_errno()
                                                                                          : 0;
}

void syscall_filter_done(SyscallFilter *filter) {
        free(filter->instructions);
        *filter = (SyscallFilter){};
}
