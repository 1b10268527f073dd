/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#define STORE (WORKER_NEEDS_STORE | WORKER_NEEDS_FILES)
/* systemd-creds is executed, and sees the host's key. */
#define SECRETS (STORE | WORKER_NEEDS_MOUNTS | WORKER_NEEDS_HOST)
#define LOOK (WORKER_NEEDS_FILES | WORKER_NEEDS_MOUNTS)

const WorkerVerb worker_verbs[] = {
        { "pull", verb_pull, 1, STORE | WORKER_NEEDS_NETWORK },
        { "push", verb_push, 1, STORE | WORKER_NEEDS_NETWORK },
        { "search", verb_search, 2, WORKER_NEEDS_NETWORK },
        { "login", verb_login, 2, WORKER_NEEDS_NETWORK },
        { "sign", verb_sign, 3, WORKER_NEEDS_NETWORK },
        { "create-index", verb_create_index, 0, STORE },
        { "inspect-manifest", verb_inspect_manifest, 2, WORKER_NEEDS_FILES | WORKER_NEEDS_NETWORK },
        { "load", verb_load, 1, STORE },
        { "import", verb_import, 1, STORE },
        { "save", verb_save, 1, 0 },
        { "commit", verb_commit, 0, STORE },
        { "export", verb_export, 1, LOOK },
        { "changes", verb_changes, 1, LOOK },
        { "image-diff", verb_image_diff, 1, LOOK },
        { "get", verb_get, 1, LOOK },
        { "put", verb_put, 1, LOOK | WORKER_NEEDS_STORE },
        { "stat", verb_stat, 0, LOOK },
        { "remove", verb_remove, 0, STORE },
        { "prune", verb_prune, 0, STORE },
        { "sweep", verb_sweep, 0, STORE },
        { "verify", verb_verify, 1, STORE },
        { "volume-create", verb_volume_create, 0, STORE | WORKER_NEEDS_MOUNTS },
        { "volume-fill", verb_volume_fill, 0, STORE | WORKER_NEEDS_MOUNTS },
        { "volume-export", verb_volume_export, 1, WORKER_NEEDS_FILES },
        { "volume-import", verb_volume_import, 1, STORE },
        { "volume-mount", verb_volume_mount, 0, STORE | WORKER_NEEDS_MOUNTS | WORKER_NEEDS_HOST },
        { "usage", verb_usage, 1, WORKER_NEEDS_FILES },
        { "compile-seccomp", verb_compile_seccomp, 0, WORKER_NEEDS_STORE },
        { "encrypt-secret", verb_encrypt_secret, 1, SECRETS },
        { "decrypt-secrets", verb_decrypt_secrets, 0, SECRETS },
        { "logs", verb_logs, 1, WORKER_NEEDS_JOURNAL },
        {},
};
