/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "extract.h"
#include "fd-util.h"
#include "file-util.h"
#include "fuzz.h"

static char scratch[] = "/tmp/fuzz-layer-XXXXXX";
static int scratch_fd = -EBADF;

static void setup(void) {
        if (scratch_fd >= 0)
                return;
        (void) setlocale(LC_CTYPE, "C.UTF-8");
        umask(0);
        FUZZ_CHECK(mkdtemp(scratch));
        scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FUZZ_CHECK(scratch_fd >= 0);
}

static void leave(void) __attribute__((destructor));
static void leave(void) {
        if (scratch_fd >= 0)
                (void) remove_tree_at(AT_FDCWD, scratch);
}

/* A layer is unpacked; nothing may appear beside its folder. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const TarLimits limits = {
                .path = 4095, .depth = 50, .entries = 200, .xattrs = 64 * KIB, .content = 16 * MIB
        };
        static const ExtractOptions options = { .layer = true, .keep_owner = true, .no_privileges = true };
        MemorySource memory = { .data = data, .size = size, .block = 4096 };
        Source source = memory_source(&memory);
        _cleanup_(tar_reader_freep) TarReader *reader = NULL;
        _cleanup_(tree_done) Tree tree = { .parent_fd = -EBADF };
        _cleanup_error_ Error error = {};
        unsigned beside = 0;

        setup();
        _cleanup_close_ int fd = mkdir_open_at(scratch_fd, "layer", 0755);
        FUZZ_CHECK(fd >= 0 && tar_reader_new(&source, &limits, &reader) == 0 &&
                   tree_init(&tree, fd, "", true) == 0);
        int r = extract_archive(&tree, reader, &options, NULL, &error);
        FUZZ_CHECK((r < 0) == (error.kind != ERROR_NONE));

        _cleanup_closedir_ DIR *dir = opendir_at(scratch_fd, ".");
        while (readdir_no_dot(dir))
                beside++;
        FUZZ_CHECK(beside == 1);
        FUZZ_CHECK(remove_tree_at(scratch_fd, "layer") == 0);
        return 0;
}
