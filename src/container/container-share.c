/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-share.h"
#include "file-util.h"
#include "string-util.h"

#define ETC_FILE_MAX (1 * MIB)

static int find_running(Container *c, const char *id, const char *kind, Container **ret, Error *error) {
        Container *other = c->context->find(c->context->owner, id);

        if (!other)
                return error_set(error, ERROR_NO_SUCH_CONTAINER,
                                 "\"%s\" shares the %s of container %.*s, which is not there any more",
                                 c->spec.name, kind, CONTAINER_ID_SHORT, id);
        if (!container_is_up(other) || other->state.leader <= 0)
                return error_set(error, ERROR_NOT_RUNNING,
                                 "\"%s\" shares the %s of \"%s\", which does not run; start that first",
                                 c->spec.name, kind, other->spec.name);
        *ret = other;
        return 0;
}

int container_find_shared(Container *c, LaunchShared *ret, Error *error) {
        const ContainerSpec *s = &c->spec;
        LaunchShared shared = {};
        const struct {
                bool wanted;
                const char *id, *kind;
                LaunchNamespace *target;
        } all[] = {
                { s->network == NETWORK_CONTAINER, s->network_container, "network", &shared.network },
                { s->pid_namespace == NAMESPACE_OF_CONTAINER, s->pid_container, "processes", &shared.pid },
                { s->ipc_namespace == NAMESPACE_OF_CONTAINER, s->ipc_container, "IPC namespace",
                  &shared.ipc },
        };

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                Container *other = NULL;
                if (!all[i].wanted)
                        continue;
                int r = find_running(c, strempty(all[i].id), all[i].kind, &other, error);
                if (r < 0)
                        return r;
                *all[i].target = (LaunchNamespace){ LAUNCH_JOIN, other->state.leader,
                                                    other->state.leader_start_time };
                if (s->uid_count > 0)
                        shared.user = *all[i].target;
                if (all[i].target == &shared.network)
                        shared.hostname = other->effective.hostname;
        }
        *ret = shared;
        return 0;
}

int container_copy_etc_files(Container *c, EtcFiles *ret, Error *error) {
        EtcFiles files = {};
        const struct {
                const char *name;
                char **text;
        } all[] = {
                { "/hostname", &files.hostname },
                { "/hosts", &files.hosts },
                { "/resolv.conf", &files.resolv_conf },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(all) && r >= 0; i++) {
                _cleanup_free_ char *path = string_join(strempty(c->spec.network_container), all[i].name);
                size_t size;
                r = path ? read_file_at(c->context->run_fd, path, ETC_FILE_MAX, all[i].text, &size)
                         : -ENOMEM;
        }
        if (r < 0) {
                etc_files_done(&files);
                return error_set_errno(error, r,
                                       "cannot read the /etc files of the container whose network "
                                       "\"%s\" shares",
                                       c->spec.name);
        }
        *ret = files;
        return 0;
}
