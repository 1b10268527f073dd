/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over the files of the given folders: its corpus, in every build. */
#include <stdio.h>

#include "file-util.h"
#include "fuzz.h"

#define INPUT_MAX (16 * MIB)

static int replay_folder(const char *path) {
        _cleanup_closedir_ DIR *dir = opendir_at(AT_FDCWD, path);
        int n = 0;

        if (!dir)
                return negative_errno();
        for (struct dirent *entry; (entry = readdir_no_dot(dir));) {
                _cleanup_free_ char *data = NULL;
                size_t size;
                int r = read_file_at(dirfd(dir), entry->d_name, INPUT_MAX, &data, &size);
                if (r < 0)
                        return r;
                /* A copy that ends where the input does, so that reading on is seen. */
                _cleanup_free_ uint8_t *exact = malloc(size > 0 ? size : 1);
                if (!exact)
                        return -ENOMEM;
                memcpy(exact, data, size);
                LLVMFuzzerTestOneInput(exact, size);
                n++;
        }
        return n;
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++) {
                int n = replay_folder(argv[i]);
                if (n <= 0) {
                        fprintf(stderr, "%s: no input\n", argv[i]);
                        return 1;
                }
                printf("%s: %d inputs\n", argv[i], n);
        }
        return 0;
}
