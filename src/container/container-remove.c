/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "container-private.h"
#include "file-util.h"
#include "log.h"
#include "string-util.h"

/* Moves the directory out of sight; from then on the container does not exist, whatever becomes of the files.
 * *ret: the new name. */
static int hide_directory(Container *c, char **ret, Error *error) {
        _cleanup_free_ char *temporary =
                string_join(c->remove_volumes ? REMOVED_WITH_VOLUMES : ".tmp-", c->spec.id);

        if (!temporary)
                return error_set_errno(error, -ENOMEM, "cannot remove container \"%s\"", c->spec.name);
        if (renameat(c->context->containers_fd, c->spec.id, c->context->containers_fd, temporary) < 0 &&
            errno != ENOENT)
                return error_set_errno(error, -errno, "cannot remove container \"%s\"", c->spec.name);
        *ret = TAKE_PTR(temporary);
        return 0;
}

void container_remove_now(Container *c) {
        _cleanup_free_ char *hidden = NULL;
        _cleanup_error_ Error error = {};

        c->restart_timer = sd_event_source_disable_unref(c->restart_timer);
        c->state.status = CONTAINER_REMOVING;
        c->remove_volumes |= c->spec.auto_remove;
        if (hide_directory(c, &hidden, &error) < 0) {
                log_error("%s", error_text(&error));
                c->state.status = CONTAINER_EXITED;
                c->remove_when_ended = false;
                container_changed_status(c);
                container_wake(c, EDGE_REMOVED, &error);
                return;
        }
        container_drop_attachments(c, NULL);
        container_tell(c, "destroy", NULL);
        container_wake(c, EDGE_STOPPED, NULL);
        container_wake(c, EDGE_NEXT_EXIT, NULL);
        container_wake(c, EDGE_REMOVED, NULL);
        ContainerContext *context = c->context;
        context->removed(c);
        context->remove_tree(context->owner, hidden); /* nobody waits for that */
}

static int check_free(const Container *c, bool force, Error *error) {
        if (c->saving)
                return error_set(error, ERROR_IN_USE, "cannot remove \"%s\": it is being changed",
                                 c->spec.name);
        if (force)
                return 0;
        if (container_is_active(c) || c->state.status == CONTAINER_RESTARTING)
                return error_set(error, ERROR_IN_USE,
                                 "cannot remove \"%s\": it is running (berthctl stop %s, or rm --force)",
                                 c->spec.name, c->spec.name);
        if (c->users > 0)
                return error_set(error, ERROR_IN_USE, "cannot remove \"%s\": a job works on its files",
                                 c->spec.name);
        return 0;
}

int container_remove(Container *c, bool force, bool volumes, ContainerDone done, void *userdata,
                     Error *error) {
        int r = check_free(c, force, error);
        if (r < 0)
                return r;
        r = container_wait(c, EDGE_REMOVED, done, userdata);
        if (r < 0)
                return error_set_errno(error, r, "cannot wait for the end of \"%s\"", c->spec.name);
        c->state.manually_stopped = true;
        c->remove_volumes |= volumes;
        if (!container_is_active(c)) {
                container_remove_now(c);
                return 0;
        }
        c->remove_when_ended = true;
        if (c->executed) {
                container_kill_all(c);
                return 0;
        }
        _cleanup_error_ Error why = {};
        error_set(&why, ERROR_CANCELLED, "container \"%s\" was removed while it started", c->spec.name);
        container_start_abort(c, &why);
        return 0;
}
