/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-volumes.h"
#include "string-util.h"
#include "strv.h"
#include "volume-driver.h"

int container_volume_request(const Volume *volume, WorkerRequest *request) {
        if (free_and_strdup(&request->verb, "volume-mount") < 0 ||
            free_and_strdup(&request->state_directory, STATE_DIRECTORY) < 0)
                return -ENOMEM;
        return strv_extend(&request->names, volume->spec.name);
}

int container_prepare_volumes(Container *c, WorkerRequest *request, Error *error) {
        int needed = 0;

        for (size_t i = 0; i < c->spec.mounts.n; i++) {
                const MountSpec *mount = LIST_ITEM(&c->spec.mounts, MountSpec, i);
                if (mount->type != MOUNT_VOLUME)
                        continue;
                const Volume *volume = volumes_find(c->context->volumes, strempty(mount->source));
                if (!volume)
                        return error_set(error, ERROR_NO_SUCH_VOLUME,
                                         "volume \"%s\", to be mounted on %s, is not here any more",
                                         strempty(mount->source), mount->target);
                if (!volume_needs_mount(&volume->spec) || (volume_is_mounted(volume) && !volume->unmounting))
                        continue;
                int r = container_volume_request(volume, request);
                if (r < 0)
                        return error_set_errno(error, r, "cannot mount volume \"%s\"", mount->source);
                needed = 1;
        }
        return needed;
}
