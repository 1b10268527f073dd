/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs of berthctl, one file a family; the table that names them is in verb-table.c. Each family keeps the options of
 * its verbs beside them. */

#include "ctl.h"

#define DECLARE_VERB(name) int verb_##name(void *context, char **arguments, void *options, Error *error)

/* run.c */
DECLARE_VERB(create);
DECLARE_VERB(run);

/* attach.c */
DECLARE_VERB(start);
DECLARE_VERB(attach);
extern const Option start_options[], attach_options[];
typedef struct AttachOptions {
        bool attach, interactive, no_stdin, sig_proxy;
        const char *detach_keys;
} AttachOptions;
void attach_options_init(void *options);

/* exec.c */
DECLARE_VERB(exec);
extern const Option exec_options[];
typedef struct ExecOptions {
        bool detach, interactive, terminal, privileged;
        const char *user, *directory, *detach_keys;
        char **environment, **env_files;
} ExecOptions;
void exec_options_done(void *options);

/* lifecycle.c */
DECLARE_VERB(stop);
DECLARE_VERB(restart);
DECLARE_VERB(kill);
DECLARE_VERB(pause);
DECLARE_VERB(unpause);
DECLARE_VERB(wait);
DECLARE_VERB(rename);
DECLARE_VERB(rm);
typedef struct LifecycleOptions {
        OptionDuration timeout;
        const char *signal;
        const char *condition;
        bool force;
        bool volumes, link;
} LifecycleOptions;
extern const Option stop_options[], kill_options[], wait_options[], rm_options[];

/* secret.c */
DECLARE_VERB(secret_create);
DECLARE_VERB(secret_ls);
DECLARE_VERB(secret_rm);
DECLARE_VERB(secret_inspect);
typedef struct SecretCreateOptions {
        char **labels;
        bool replace;
} SecretCreateOptions;
extern const Option secret_create_options[];
void secret_create_options_done(void *options);

/* healthcheck.c */
DECLARE_VERB(healthcheck_run);

/* list.c */
DECLARE_VERB(list);
DECLARE_VERB(ps);
typedef struct ListOptions {
        bool all, latest, no_trunc, size;
        char **filters;
        const char *format;
        uint32_t last;
} ListOptions;
extern const Option list_options[];
void list_options_done(void *options);

/* stats.c */
DECLARE_VERB(stats);
typedef struct StatsOptions {
        bool all, no_stream, no_trunc;
        OptionDuration interval;
        const char *format;
} StatsOptions;
extern const Option stats_options[];

/* update.c */
DECLARE_VERB(update);

/* status.c */
DECLARE_VERB(status);
typedef struct StatusOptions {
        uint32_t lines;
} StatusOptions;
extern const Option status_options[];
void status_options_init(void *options);

/* inspect.c */
DECLARE_VERB(show);
DECLARE_VERB(show_image);
typedef struct ShowOptions {
        const char *format;
        const char *type;
} ShowOptions;
extern const Option show_options[];

/* processes.c */
DECLARE_VERB(top);
DECLARE_VERB(diff);

/* logs.c */
DECLARE_VERB(logs);
typedef struct LogsOptions {
        bool follow, timestamps;
        const char *tail;
        uint64_t since, until;
} LogsOptions;
extern const Option logs_options[];

/* cp.c */
DECLARE_VERB(cp);
typedef struct CopyOptions {
        bool archive, follow_link;
} CopyOptions;
extern const Option cp_options[];

/* images.c */
DECLARE_VERB(images);
DECLARE_VERB(history);
DECLARE_VERB(tag);
DECLARE_VERB(rmi);
typedef struct ImagesOptions {
        bool all, no_trunc, digests, force, no_prune;
        char **filters;
        const char *format;
} ImagesOptions;
extern const Option images_options[], history_options[], rmi_options[];
void images_options_done(void *options);

/* image-tree.c */
DECLARE_VERB(tree);
typedef struct TreeOptions {
        bool no_trunc;
} TreeOptions;
extern const Option tree_options[];

/* mount.c */
DECLARE_VERB(mount_add);
DECLARE_VERB(mount_remove);
DECLARE_VERB(mount_list);
typedef struct MountChangeOptions {
        bool temporary;
} MountChangeOptions;
extern const Option mount_change_options[];
typedef struct MountListOptions {
        const char *format;
} MountListOptions;
extern const Option mount_list_options[];

/* image-mount.c */
DECLARE_VERB(mount);
DECLARE_VERB(unmount);
typedef struct UnmountOptions {
        bool all;
} UnmountOptions;
extern const Option unmount_options[];

/* image-compare.c */
DECLARE_VERB(compare);

/* sign.c */
DECLARE_VERB(sign);
typedef struct SignOptions {
        const char *key;
        bool passphrase_stdin, insecure;
} SignOptions;
extern const Option sign_options[];

/* transfer.c */
DECLARE_VERB(pull);
DECLARE_VERB(load);
DECLARE_VERB(import);
DECLARE_VERB(save);
DECLARE_VERB(export);
DECLARE_VERB(commit);
typedef struct TransferOptions {
        const char *platform, *policy, *input, *output, *message, *author;
        char **changes;
        bool insecure, all_tags, no_pause;
        bool pause_seen;
} TransferOptions;
extern const Option pull_options[], load_options[], import_options[], save_options[], export_options[],
        commit_options[];
void transfer_options_done(void *options);
/* Pulls for create and run; progress on standard error. policy: "missing", "always", "newer". */
int transfer_pull(Ctl *ctl, const char *reference, const char *platform, const char *policy, bool quiet,
                  FILE *out, Error *error);

/* push.c */
DECLARE_VERB(push);
typedef struct PushOptions {
        const char *compression, *digestfile;
        uint32_t compression_level;
        bool all_tags, insecure;
} PushOptions;
extern const Option push_options[];

/* search.c */
DECLARE_VERB(search);
typedef struct SearchOptions {
        const char *format;
        char **filters;
        uint32_t limit;
        bool insecure, no_trunc;
} SearchOptions;
extern const Option search_options[];
void search_options_done(void *options);

/* prune.c */
DECLARE_VERB(prune);
DECLARE_VERB(prune_containers);
DECLARE_VERB(prune_images);
DECLARE_VERB(prune_volumes);
typedef struct PruneOptions {
        bool all, dry_run, force, policy;
        char **filters;
} PruneOptions;
extern const Option prune_container_options[], prune_image_options[], prune_volume_options[],
        prune_system_options[];
void prune_options_done(void *options);

/* volume.c */
DECLARE_VERB(volume_create);
DECLARE_VERB(volume_list);
DECLARE_VERB(volume_show);
DECLARE_VERB(volume_remove);
DECLARE_VERB(volume_rename);
DECLARE_VERB(volume_clone);
DECLARE_VERB(volume_export);
DECLARE_VERB(volume_import);
typedef struct VolumeOptions {
        const char *driver, *size, *format, *output;
        char **options, **labels, **filters;
        bool force, ignored;
} VolumeOptions;
extern const Option volume_create_options[], volume_list_options[], volume_show_options[],
        volume_remove_options[], volume_export_options[];
void volume_options_done(void *options);

/* verify.c */
DECLARE_VERB(verify);
typedef struct VerifyOptions {
        const char *format;
        bool repair;
} VerifyOptions;
extern const Option verify_options[];

/* df.c */
DECLARE_VERB(df);
typedef struct DiskOptions {
        const char *format;
        bool verbose;
} DiskOptions;
extern const Option df_options[];

/* login.c */
DECLARE_VERB(login);
DECLARE_VERB(logout);
typedef struct LoginOptions {
        const char *username, *authfile;
        bool password_stdin, get_login, insecure, system, all;
} LoginOptions;
extern const Option login_options[], logout_options[];

/* manifest.c */
DECLARE_VERB(manifest_create);
DECLARE_VERB(manifest_add);
DECLARE_VERB(manifest_remove);
DECLARE_VERB(manifest_inspect);
typedef struct ManifestOptions {
        bool amend, insecure, local, remote, raw, verbose;
} ManifestOptions;
extern const Option manifest_create_options[], manifest_inspect_options[];

/* system.c */
DECLARE_VERB(version);
DECLARE_VERB(info);
typedef struct SystemOptions {
        const char *format;
} SystemOptions;
extern const Option system_options[];

/* events.c */
DECLARE_VERB(events);
typedef struct EventsOptions {
        const char *format;
        char **filters;
        uint64_t until;
} EventsOptions;
extern const Option events_options[];
void events_options_done(void *options);

/* complete.c */
int ctl_complete(void *context, WordKind kind, const char *word, char ***ret);
DECLARE_VERB(complete);

/* help.c */
DECLARE_VERB(help);
DECLARE_VERB(manual);
DECLARE_VERB(spec_keys);
