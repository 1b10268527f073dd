/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What berthd and a worker say to each other. The worker is exec'd as `berth-worker` with a SOCK_SEQPACKET socket as
 * file descriptor 3. berthd sends one WorkerRequest as JSON with the job's file descriptors attached; the worker sends
 * any number of WorkerProgress and then one WorkerResult (each a JSON object in one packet, told apart by its single
 * key: {"Progress": {…}}, {"Result": {…}}, {"Error": {"Kind": "NoSuchImage", "Message": "…"}}) and exits 0, or 1
 * after an Error. Large results are split into several Result packets of one image each: berthd adds them up.
 * SIGTERM asks it to stop: it removes what is half-made (what can be resumed is kept), sends Error Cancelled, and
 * exits. It dies with berthd (PR_SET_PDEATHSIG).
 *
 * A worker changes the store only by adding content (blobs, layers, image records), which is idempotent; names
 * (index.json) and deletions are decided by berthd. */

#include "container-spec.h"
#include "image-limits.h"
#include "image-spec.h"
#include "secret-spec.h"
#include "volume-spec.h"

#define WORKER_FD 3
#define WORKER_PACKET_MAX (160 * 1024)

/* One struct for all verbs; each verb's comment in src/worker/worker.h says which fields it reads, and which file
 * descriptors it gets. */
typedef struct WorkerRequest {
        char *verb;            /* "pull", "load", … */
        char *state_directory; /* /var/lib/berth */

        char *reference; /* canonical */
        char *platform;  /* "os/arch[/variant]" or empty: this machine's */
        char **insecure_registries;
        ImageLimits limits;
        uint32_t downloads; /* transfers at a time, of all workers together */
        bool all_tags;      /* pull, push: every tag of the repository */
        bool ask_first; /* pull: what is here already is compared with the registry's digest only (newer) */

        /* push, sign */
        char *destination;     /* canonical; empty: `reference` */
        char *compression;     /* of layers that have none: "gzip" (also when empty), "zstd" */
        int compression_level; /* 0: the default */
        bool verbose; /* inspect-manifest: not just the manifest, but what Docker's --verbose says */
        char **mounts; /* push: a map from digests of layers to the repository of the same registry that has them */

        /* search */
        char *term;
        uint32_t limit;
        char **filters; /* "stars=3" */

        /* Images made here */
        char *comment;
        char *author;
        char **changes;     /* Dockerfile instructions of `import --change`, `commit --change` */
        ImageConfig config; /* commit: the container's, over its image's */
        char *base_digest; /* commit: manifest of the container's image; pull: of the image that has the name now */
        char **names; /* save: canonical references; load: names to give */
        char **blobs; /* prune: hex of blobs to delete; layers: of unpacked layers */
        char **layers;
        char **records; /* prune: hex of image records to delete */

        bool everything; /* prune: also all that no image of index.json needs; sweep: `layers` names all that is in use */
        bool repair; /* verify */

        /* A container's files: either the running container's leader, or the overlay of a stopped one */
        char *id;
        char *name;
        int leader;
        uint64_t leader_start_time;
        char **lower;       /* absolute, topmost first */
        char **other_lower; /* image-diff: the same of the second image */
        char *upper, *work;
        uint32_t uid_base, uid_count;
        char *path; /* inside the container; remove: on the host, below state_directory */
        char **paths;
        VolumeSpec volume;             /* volume-create */
        char *source_volume;           /* volume-create: the name of one whose files it gets */
        bool unclaimed;                /* volume-create: see volume-store.h */
        bool no_overwrite_dir_non_dir; /* put: a file never replaces a directory or the other way round */
        bool copy_ids;    /* put: keep the archive's uid and gid instead of the directory's owner */
        bool follow_link; /* get: the target of a symlink that is the path itself */

        /* compile-seccomp */
        char *profile;       /* JSON; empty: berth's own */
        char **capabilities; /* "CAP_CHOWN", …: the container's */

        SecretSpec secret; /* encrypt-secret */
        List secrets;      /* SecretAttachment: decrypt-secrets */

        /* logs */
        bool follow;
        bool running; /* the container runs now: with follow, wait for its end */
        bool standard_output, standard_error;
        bool tail_set;
        uint64_t tail;         /* last n lines */
        uint64_t since, until; /* realtime usec, 0: unlimited */
} WorkerRequest;
extern const ObjectType worker_request_type;

/* The state of one item (layer, file) of a job. */
typedef struct WorkerProgress {
        char *id;     /* "sha256:…" of the layer, or another stable name */
        char *status; /* waiting, downloading, unpacking, exists, done, writing, … : a word, not a sentence */
        uint64_t current, total; /* bytes; total 0: unknown */
} WorkerProgress;
extern const ObjectType worker_progress_type;
/* What verbs that look at the whole store say when they have seen what there is. */
#define WORKER_ITEM_STORE "store"
#define WORKER_STATUS_LISTED "listed"

typedef struct WorkerImage {
        ImageRecord record;
        char **names; /* canonical references that now mean this image */
} WorkerImage;
extern const ObjectType worker_image_type;

typedef struct WorkerResult {
        List images;   /* WorkerImage */
        uint64_t size; /* bytes freed, written, … */
        bool existed;  /* pull: nothing had to be fetched */
        char *warning; /* pull: a sentence for people, about what went otherwise than they may think */
        char *digest;  /* push, sign: of the manifest that the registry now has */
        /* get, stat: the path's properties, as Docker's X-Docker-Container-Path-Stat */
        char *name, *link_target;
        uint64_t mode; /* st_mode */
        uint64_t modified;
} WorkerResult;
extern const ObjectType worker_result_type;

/* A parsed packet from a worker. */
typedef enum WorkerMessageKind { WORKER_PROGRESS, WORKER_RESULT, WORKER_ERROR } WorkerMessageKind;

/* Sending (worker's side; also ends quietly when berthd is gone). */
int worker_send_progress(int fd, const WorkerProgress *progress);
int worker_send_result(int fd, const WorkerResult *result);
int worker_send_error(int fd, const Error *error);
/* berthd's side: fills exactly the one that the returned WorkerMessageKind names; the caller passes zeroed structs and
 * releases the filled one (object_done, error_done). */
int worker_parse(const char *packet, size_t size, WorkerProgress *progress, WorkerResult *result,
                 Error *error);
int worker_send_request(int fd, const WorkerRequest *request, const int *fds, size_t n_fds);
