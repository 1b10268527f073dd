/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* berth-worker: one job in a process of its own (src/spec/worker-message.h is the protocol). main() reads the request,
 * gives up what the verb does not need (sandbox.h), and calls the verb's function out of the table in verbs.c.
 *
 * A verb returns 0 after it has sent its results, or a negative errno with *error set; main() sends the Error.
 * It must look at worker_cancelled() at least once a megabyte, and return worker_set_cancelled(error) then, after it
 * has removed what is half-made.
 *
 * verb      reads of the request                                   descriptors        results
 * pull      reference, platform, insecure_registries, names,
 *           downloads, all_tags, ask_first and base_digest         credentials        Images (one, or each tag), Existed, Warning
 * push      records (hex of manifests) and names (canonical, where
 *           records[i] goes; all of one repository),
 *           insecure_registries, compression, compression_level,
 *           mounts                                                 credentials        Images (with the name that each
 *                                                                                     got; none: its record changed),
 *                                                                                     Digest, Size
 * search    reference ("host[:port]"), insecure_registries, term,
 *           limit, filters                                         credentials, JSON
 *                                                                  (out)              -
 * login     reference ("host[:port][/path]"), insecure_registries   credentials, the
 *                                                                  same (out)         -
 * sign      reference                                              credentials, key,
 *                                                                  passphrase         Existed, Digest
 * create-index records (hex of the manifests) and names             -                  Images (one)
 * inspect-manifest reference, insecure_registries, verbose,
 *           records (one: of an image here; none: in the registry)  credentials, output Digest, Size
 * load      names (given to the only image of the archive)         archive            Images, one a packet
 * import    comment, changes, platform, names                      tar                Images (one)
 * save      records (hex of manifests) and names (canonical, or "";
 *           names[i] is one of records[i])                        archive (out)      Size
 * commit    base_digest, lower, upper, config, changes, author,
 *           comment, names                                         -                  Images (one)
 * export    the container's files (*)                              tar (out)          Size
 * changes   lower, upper                                           text (out)         -
 * image-diff lower, other_lower                                    text (out)         -
 * get       the container's files, path, follow_link               tar (out)          Name, Size, Mode, Modified, LinkTarget
 * put       the container's files, path, no_overwrite_dir_non_dir,
 *           copy_ids                                               tar                -
 * stat      the container's files, path                            -                  Name, Size, Mode, Modified, LinkTarget
 * remove    paths (absolute, below state_directory)                -                  Size
 * prune     blobs, layers, records (hex)                           -                  Size
 *           or everything: all that no image needs                 -                  Size
 * sweep     everything, layers (those in use)                      -                  Size
 * verify    repair, layers (of containers that run)                JSON (out)         Images (whose records were repaired)
 * usage     -                                                      JSON (out)         -
 * compile-seccomp profile, capabilities, name (of the file in
 *           state_directory, which is the cache of filters)        -                  -
 * volume-create volume, unclaimed, and source_volume, or lower and
 *           path (whose files in the image it gets)                -                  -
 * volume-fill volume, lower and path                               -                  -
 * volume-export name                                               tar (out)          Size
 * volume-import name                                               tar                Size
 * volume-mount names                                               -                  -
 * encrypt-secret secret (with its name and labels)                 content            -
 * decrypt-secrets secrets (targets relative to path), path (where
 *           they are put), uid_base                               -                  -
 * logs      see logs.c                                             stream (out)       -
 *
 * prune says "released" of the item "store" as soon as others may add again, unless it was asked for everything; what is left to do
 * then is deleting what has no name any more.
 *
 * (*) leader and leader_start_time of a running container, or lower, upper, work of a stopped one; uid_base and
 * uid_count of its user namespace in either case. */

#include <stdatomic.h>

#include "worker-message.h"

#define WORKER_DESCRIPTORS_MAX 4

typedef struct Worker Worker;

struct Worker {
        int socket; /* WORKER_FD; for results: worker_send_result(worker->socket, …) */
        WorkerRequest request;
        int fds[WORKER_DESCRIPTORS_MAX]; /* the job's descriptors, in the verb's order; -EBADF beyond n_fds */
        size_t n_fds;
};

/* Which privileges a verb keeps. Without any it runs as root without capabilities. */
typedef enum WorkerNeeds {
        WORKER_NEEDS_FILES = 1 << 0,   /* makes files of any owner, mode and type, reads what others own */
        WORKER_NEEDS_NETWORK = 1 << 1, /* reaches registries: keeps the network namespace */
        WORKER_NEEDS_MOUNTS = 1 << 2,  /* mounts overlays, enters namespaces */
        WORKER_NEEDS_JOURNAL = 1 << 3, /* reads the journal */
        WORKER_NEEDS_STORE =
                1 << 4, /* writes below state_directory; without it the file system is read-only */
        WORKER_NEEDS_HOST =
                1 << 5, /* mounts for all to see: stays in the host's namespaces, and sees its files */
} WorkerNeeds;

typedef struct WorkerVerb {
        const char *name;
        int (*run)(Worker *worker, Error *error);
        size_t n_fds; /* exactly so many descriptors come with the request */
        WorkerNeeds needs;
} WorkerVerb;
extern const WorkerVerb worker_verbs[]; /* ended by a NULL name */

int verb_pull(Worker *worker, Error *error);
int verb_push(Worker *worker, Error *error);
int verb_search(Worker *worker, Error *error);
int verb_login(Worker *worker, Error *error);
int verb_sign(Worker *worker, Error *error);
int verb_create_index(Worker *worker, Error *error);
int verb_inspect_manifest(Worker *worker, Error *error);
int verb_load(Worker *worker, Error *error);
int verb_import(Worker *worker, Error *error);
int verb_save(Worker *worker, Error *error);
int verb_commit(Worker *worker, Error *error);
int verb_export(Worker *worker, Error *error);
int verb_changes(Worker *worker, Error *error);
int verb_image_diff(Worker *worker, Error *error);
int verb_get(Worker *worker, Error *error);
int verb_put(Worker *worker, Error *error);
int verb_stat(Worker *worker, Error *error);
int verb_remove(Worker *worker, Error *error);
int verb_prune(Worker *worker, Error *error);
int verb_sweep(Worker *worker, Error *error);
int verb_verify(Worker *worker, Error *error);
int verb_volume_create(Worker *worker, Error *error);
int verb_volume_fill(Worker *worker, Error *error);
int verb_volume_export(Worker *worker, Error *error);
int verb_volume_import(Worker *worker, Error *error);
int verb_volume_mount(Worker *worker, Error *error);
int verb_usage(Worker *worker, Error *error);
int verb_compile_seccomp(Worker *worker, Error *error);
int verb_encrypt_secret(Worker *worker, Error *error);
int verb_decrypt_secrets(Worker *worker, Error *error);
int verb_logs(Worker *worker, Error *error);

/* SIGTERM has come. Safe from any thread. worker_cancel_fd() becomes readable then and stays so: for poll() and for
 * curl's extra descriptors. */
bool worker_cancelled(void);
int worker_cancel_fd(void);
int worker_set_cancelled(Error *error); /* "cancelled", ERROR_CANCELLED; returns -ECANCELED */

/* Reports an item (src/spec/worker-message.h, WorkerProgress), from any thread. Passes on at most ten a second of an
 * item, but every change of its status. total 0: unknown. */
void worker_progress(Worker *worker, const char *id, const char *status, uint64_t current, uint64_t total);

/* Sends a Result with this one image. A record too large for a packet goes without its history and config: berthd
 * reads the record's file in any case. */
int worker_send_image(Worker *worker, const ImageRecord *record, char *const *names, bool existed,
                      Error *error);
