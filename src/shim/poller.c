/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "poller.h"

void poller_begin(Poller *poller) {
        poller->n = 0;
        poller->timeout = -1;
}

int poller_add(Poller *poller, int fd, short events, PollFunction function, void *object) {
        if (fd < 0)
                return 0;
        int r = array_reserve(&poller->fds, &poller->n_fds_allocated, poller->n + 1, sizeof(*poller->fds));
        if (r >= 0)
                r = array_reserve(&poller->targets, &poller->n_targets_allocated, poller->n + 1,
                                  sizeof(*poller->targets));
        if (r < 0)
                return r;
        poller->fds[poller->n] = (struct pollfd){ .fd = fd, .events = events };
        poller->targets[poller->n++] = (struct PollTarget){ function, object };
        return 0;
}

void poller_limit(Poller *poller, int msec) {
        if (poller->timeout < 0 || msec < poller->timeout)
                poller->timeout = msec;
}

int poller_run(Poller *poller) {
        int n;

        while ((n = poll(poller->fds, poller->n, poller->timeout)) < 0)
                if (errno != EINTR)
                        return negative_errno();
        for (size_t i = 0; i < poller->n; i++)
                if (poller->fds[i].revents)
                        poller->targets[i].function(poller->targets[i].object, poller->fds[i].revents);
        return n;
}

void poller_done(Poller *poller) {
        free(poller->fds);
        free(poller->targets);
        *poller = (Poller){};
}
