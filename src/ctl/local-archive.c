/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>

#include "local-archive.h"

int local_archive_load(const LocalArchive **ret, Error *error) {
        /* Stays until the program ends. */
        static const LocalArchive *loaded;

        if (!loaded) {
                void *module = dlopen(LOCAL_ARCHIVE_MODULE, RTLD_NOW | RTLD_LOCAL);
                if (module)
                        loaded = dlsym(module, LOCAL_ARCHIVE_SYMBOL);
                if (!loaded)
                        return error_set(error, ERROR_FAILED, "a part of berth is not installed: %s",
                                         dlerror());
        }
        *ret = loaded;
        return 0;
}
