/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "create-options.h"
#include "string-util.h"
#include "terminal.h"
#include "update.h"
#include "verbs-ctl.h"

#define CONTAINERS "Containers"
#define INSIDE "Inside a container"
#define IMAGES "Images"
#define VOLUMES "Volumes"
#define SYSTEM "The system"

#define OPTIONS(...)              \
        (const Option *const[]) { \
                __VA_ARGS__, NULL \
        }

static int set_color(const Option *option, const char *value, void *target, Error *error) {
        int r = option_choice(option, value, target, error);

        if (r >= 0)
                terminal_set_color_mode(!value || streq(value, "always") || streq(value, "yes")
                                                ? COLOR_ALWAYS
                                        : streq(value, "auto") ? COLOR_AUTO
                                                               : COLOR_NEVER);
        return r;
}

static int set_json(const Option *option, const char *value, void *target, Error *error) {
        return option_choice(option, value ?: "pretty", target, error);
}

#define O(member) offsetof(Ctl, member)

static const Option global_options[] = {
        { 0, "color", "WHEN", "Colours: auto (on a terminal), always or never", set_color, O(color),
          WORD_CHOICE, "auto|always|never|yes|no", OPTION_VALUE_OPTIONAL },
        { 'H', "host", "USER@HOST", "Talk to the berthd of another host, over ssh", option_string, O(host) },
        { 0, "json", "FORM", "Print JSON: pretty, short or off", set_json, O(json), WORD_CHOICE,
          "pretty|short|off", OPTION_VALUE_OPTIONAL },
        { 0, "no-legend", NULL, "No headings and no summary", option_flag, O(no_legend) },
        { 0, "no-pager", NULL, "Do not pipe long output into a pager", option_flag, O(no_pager) },
        { 'q', "quiet", NULL, "Print names or digests only, no progress", option_flag, O(quiet) },
        { 0, "user", NULL, "Talk to the berthd of your own session instead of the system's", option_flag,
          O(user) },
        {},
};

static const Verb verbs[] = {
        /* ---- containers ---- */
        { "list", "container list", CONTAINERS, NULL, "", "List containers, running or not",
          "This is what berthctl does without any verb. CPU is what it used on average since its start, of "
          "one processor.",
          0, 0, .options = OPTIONS(list_options), .options_size = sizeof(ListOptions),
          .done = list_options_done, .run = verb_list },
        { "ps", "ls|container ls|container ps", CONTAINERS, NULL, "", "List running containers", NULL, 0, 0,
          .options = OPTIONS(list_options), .options_size = sizeof(ListOptions), .done = list_options_done,
          .run = verb_ps },
        { "status", NULL, CONTAINERS, "container", "[CONTAINER…]",
          "Show what containers do, and their last log lines",
          "Without names, of all that run. The exit status is 3 when one does not run, 4 when there is none "
          "of the name.",
          0, VERB_ANY, .first = WORD_CONTAINER, .more = WORD_CONTAINER, .options = OPTIONS(status_options),
          .options_size = sizeof(StatusOptions), .init = status_options_init, .run = verb_status },
        { "show", "inspect|container inspect|container show", CONTAINERS, NULL, "NAME…",
          "Show all that is known of containers or images, as JSON", NULL, 1, VERB_ANY, .first = WORD_OBJECT,
          .more = WORD_OBJECT, .options = OPTIONS(show_options), .options_size = sizeof(ShowOptions),
          .run = verb_show },
        { "run", NULL, CONTAINERS, "container", "IMAGE [COMMAND [ARGUMENT…]]",
          "Create a container, start it and attach to it",
          "An image that is not here is pulled. Ends with the exit status of the command, 128+N when a "
          "signal ended it; "
          "125 when berth could not start it, 126 when the command can't be executed, 127 when there is no "
          "such command. "
          "When nobody reads its output any more (berthctl run … | head), the container is stopped.",
          1, VERB_ANY, VERB_OPTIONS_FIRST | VERB_CONTAINER_STATUS, WORD_IMAGE, WORD_NONE,
          OPTIONS(run_options, create_options, resource_options), sizeof(CreateOptions), create_options_init,
          create_options_done, verb_run },
        { "create", NULL, CONTAINERS, "container", "IMAGE [COMMAND [ARGUMENT…]]",
          "Create a container, which start starts", NULL, 1, VERB_ANY,
          VERB_OPTIONS_FIRST | VERB_CONTAINER_STATUS, WORD_IMAGE, WORD_NONE,
          OPTIONS(create_options, resource_options), sizeof(CreateOptions), create_options_init,
          create_options_done, verb_create },
        { "start", NULL, CONTAINERS, "container", "CONTAINER…", "Start stopped containers", NULL, 1,
          VERB_ANY, .first = WORD_CONTAINER_STOPPED, .more = WORD_CONTAINER_STOPPED,
          .options = OPTIONS(start_options), .options_size = sizeof(AttachOptions),
          .init = attach_options_init, .run = verb_start },
        { "stop", NULL, CONTAINERS, "container", "CONTAINER…", "Stop running containers",
          "Each gets its stop signal, and is killed when it has not ended in time (10 seconds, if it was "
          "not created "
          "with another).",
          1, VERB_ANY, .first = WORD_CONTAINER_RUNNING, .more = WORD_CONTAINER_RUNNING,
          .options = OPTIONS(stop_options), .options_size = sizeof(LifecycleOptions), .run = verb_stop },
        { "restart", NULL, CONTAINERS, "container", "CONTAINER…", "Stop containers and start them again",
          NULL, 1, VERB_ANY, .first = WORD_CONTAINER, .more = WORD_CONTAINER,
          .options = OPTIONS(stop_options), .options_size = sizeof(LifecycleOptions), .run = verb_restart },
        { "kill", NULL, CONTAINERS, "container", "CONTAINER…",
          "Send a signal to the first process of containers", NULL, 1, VERB_ANY,
          .first = WORD_CONTAINER_RUNNING, .more = WORD_CONTAINER_RUNNING, .options = OPTIONS(kill_options),
          .options_size = sizeof(LifecycleOptions), .run = verb_kill },
        { "pause", NULL, CONTAINERS, "container", "CONTAINER…", "Freeze containers", NULL, 1, VERB_ANY,
          .first = WORD_CONTAINER_RUNNING, .more = WORD_CONTAINER_RUNNING, .run = verb_pause },
        { "unpause", NULL, CONTAINERS, "container", "CONTAINER…", "Let frozen containers go on", NULL, 1,
          VERB_ANY, .first = WORD_CONTAINER_PAUSED, .more = WORD_CONTAINER_PAUSED, .run = verb_unpause },
        { "wait", NULL, CONTAINERS, "container", "CONTAINER…",
          "Wait until containers end, and print their exit codes", NULL, 1, VERB_ANY,
          .first = WORD_CONTAINER_RUNNING, .more = WORD_CONTAINER_RUNNING, .options = OPTIONS(wait_options),
          .options_size = sizeof(LifecycleOptions), .run = verb_wait },
        { "stats", NULL, CONTAINERS, "container", "[CONTAINER…]", "Show what containers use, as it changes",
          "CPU is of one processor, memory is without files that could be dropped, pressure is how many "
          "percent "
          "of the last ten seconds some process had to wait. What the kernel does not count here is a dash.",
          0, VERB_ANY, .first = WORD_CONTAINER_RUNNING, .more = WORD_CONTAINER_RUNNING,
          .options = OPTIONS(stats_options), .options_size = sizeof(StatsOptions), .run = verb_stats },
        { "update", NULL, CONTAINERS, "container", "CONTAINER…",
          "Change limits and other options of containers",
          "Limits count at once, the environment at the next start; it says which. -1 takes a limit away, 0 "
          "leaves it as it is. See berth-resources(7).",
          1, VERB_ANY, .first = WORD_CONTAINER, .more = WORD_CONTAINER,
          .options = OPTIONS(update_options, resource_options), .options_size = sizeof(UpdateOptions),
          .done = update_options_done, .run = verb_update },
        { "rename", NULL, CONTAINERS, "container", "CONTAINER NAME", "Give a container another name", NULL,
          2, 2, .first = WORD_CONTAINER, .run = verb_rename },
        { "rm", "remove|container remove", CONTAINERS, "container", "CONTAINER…", "Remove containers", NULL,
          1, VERB_ANY, .first = WORD_CONTAINER_STOPPED, .more = WORD_CONTAINER_STOPPED,
          .options = OPTIONS(rm_options), .options_size = sizeof(LifecycleOptions), .run = verb_rm },

        { "container prune", NULL, CONTAINERS, NULL, "", "Remove all stopped containers",
          "It says which and how much, and asks first.", 0, 0, .options = OPTIONS(prune_container_options),
          .options_size = sizeof(PruneOptions), .done = prune_options_done, .run = verb_prune_containers },

        /* ---- inside ---- */
        { "attach", NULL, INSIDE, "container", "CONTAINER", "Attach this terminal to a running container",
          "The keys ctrl-p ctrl-q leave it again.", 1, 1, VERB_CONTAINER_STATUS, WORD_CONTAINER_RUNNING,
          .options = OPTIONS(attach_options), .options_size = sizeof(AttachOptions),
          .init = attach_options_init, .run = verb_attach },
        { "exec", NULL, INSIDE, "container", "CONTAINER COMMAND [ARGUMENT…]",
          "Execute a command in a running container",
          "Ends with the exit status of the command, or as run does.", 2, VERB_ANY,
          VERB_OPTIONS_FIRST | VERB_CONTAINER_STATUS, WORD_CONTAINER_RUNNING, WORD_NONE,
          OPTIONS(exec_options), sizeof(ExecOptions), NULL, exec_options_done, verb_exec },
        { "secret create", NULL, INSIDE, NULL, "NAME FILE",
          "Store a secret, encrypted, for containers (run --secret)", "FILE is - for standard input.", 2, 2,
          .more = WORD_FILE, .options = OPTIONS(secret_create_options),
          .options_size = sizeof(SecretCreateOptions), .done = secret_create_options_done,
          .run = verb_secret_create },
        { "secret ls", "secret list", INSIDE, NULL, "", "List the secrets", NULL, 0, 0,
          .run = verb_secret_ls },
        { "secret inspect", NULL, INSIDE, NULL, "NAME…", "Show what is known of secrets but their content",
          NULL, 1, VERB_ANY, .run = verb_secret_inspect },
        { "secret rm", "secret remove", INSIDE, NULL, "NAME…", "Delete secrets", NULL, 1, VERB_ANY,
          .run = verb_secret_rm },
        { "healthcheck run", NULL, INSIDE, NULL, "CONTAINER", "Probe the health of a container now",
          "The exit status is 0 when the probe succeeds and 1 otherwise. The result counts as any other's.",
          1, 1, .first = WORD_CONTAINER_RUNNING, .run = verb_healthcheck_run },
        { "logs", NULL, INSIDE, "container", "CONTAINER", "Show what a container has printed",
          "What it wrote to standard error goes to standard error. The journal has the same: journalctl -u "
          "berth-NAME.scope.",
          1, 1, .first = WORD_CONTAINER, .options = OPTIONS(logs_options),
          .options_size = sizeof(LogsOptions), .run = verb_logs },
        { "top", NULL, INSIDE, "container", "CONTAINER", "Show the processes of a container", NULL, 1, 1,
          .first = WORD_CONTAINER_RUNNING, .run = verb_top },
        { "cp", "copy", INSIDE, "container", "CONTAINER:PATH|PATH|- CONTAINER:PATH|PATH|-",
          "Copy files between a container and here",
          "A folder is copied into an existing folder under its name, with \"/.\" behind it only its "
          "content. With - the "
          "files come or go as a tar archive.",
          2, 2, .first = WORD_CONTAINER_PATH, .more = WORD_CONTAINER_PATH, .options = OPTIONS(cp_options),
          .options_size = sizeof(CopyOptions), .run = verb_cp },
        { "diff", NULL, INSIDE, "container", "CONTAINER",
          "Show which files differ from its image (Added, Changed, Deleted)", NULL, 1, 1,
          .first = WORD_CONTAINER, .run = verb_diff },
        { "mount add", NULL, INSIDE, NULL, "CONTAINER MOUNT…", "Mount something more into a container",
          "A MOUNT is what --volume or --mount of run take (/srv/data:/data:ro, or "
          "type=image,source=tools,target=/tools), see berth-mounts(7). It is there at once when the "
          "container "
          "runs, and after its next start.",
          2, VERB_ANY, .first = WORD_CONTAINER, .more = WORD_DIRECTORY,
          .options = OPTIONS(mount_change_options), .options_size = sizeof(MountChangeOptions),
          .run = verb_mount_add },
        { "mount remove", "mount rm", INSIDE, NULL, "CONTAINER PATH…", "Take mounts out of a container",
          "PATH is where it is in the container. Processes that have files of it open keep them.", 2,
          VERB_ANY, .first = WORD_CONTAINER, .options = OPTIONS(mount_change_options),
          .options_size = sizeof(MountChangeOptions), .run = verb_mount_remove },
        { "mount ls", "mount list", INSIDE, NULL, "CONTAINER", "List what a container mounts", NULL, 1, 1,
          .first = WORD_CONTAINER, .options = OPTIONS(mount_list_options),
          .options_size = sizeof(MountListOptions), .run = verb_mount_list },
        { "export", NULL, INSIDE, "container", "CONTAINER", "Write a container's files as a tar archive",
          NULL, 1, 1, .first = WORD_CONTAINER, .options = OPTIONS(export_options),
          .options_size = sizeof(TransferOptions), .run = verb_export },
        { "commit", NULL, INSIDE, "container", "CONTAINER [NAME[:TAG]]",
          "Make an image of a container's changes", NULL, 1, 2, .first = WORD_CONTAINER, .more = WORD_IMAGE,
          .options = OPTIONS(commit_options), .options_size = sizeof(TransferOptions),
          .done = transfer_options_done, .run = verb_commit },

        /* ---- images ---- */
        { "images", "image ls|image list", IMAGES, NULL, "[PATTERN]", "List images", NULL, 0, 1,
          .first = WORD_IMAGE, .options = OPTIONS(images_options), .options_size = sizeof(ImagesOptions),
          .done = images_options_done, .run = verb_images },
        { "pull", NULL, IMAGES, "image", "NAME[:TAG][@DIGEST]…", "Get images from a registry",
          "Interrupted, it keeps what was fetched for the next time.", 1, VERB_ANY, .first = WORD_IMAGE,
          .more = WORD_IMAGE, .options = OPTIONS(pull_options), .options_size = sizeof(TransferOptions),
          .run = verb_pull },
        { "push", "manifest push", IMAGES, "image", "IMAGE [NAME[:TAG]]", "Put an image into a registry",
          "Without a second name, it goes where its own says. What came from a registry goes byte by byte "
          "as it "
          "came, so its digest stays the same. Layers that lie here uncompressed are compressed once, and "
          "kept "
          "for the next time; zstd turns a manifest of Docker's kind into an OCI manifest.",
          1, 2, .first = WORD_IMAGE, .more = WORD_IMAGE, .options = OPTIONS(push_options),
          .options_size = sizeof(PushOptions), .run = verb_push },
        { "load", NULL, IMAGES, "image", "[FILE]",
          "Load images from an archive (docker-archive or oci-archive)", NULL, 0, 1, .first = WORD_FILE,
          .options = OPTIONS(load_options), .options_size = sizeof(TransferOptions), .run = verb_load },
        { "import", NULL, IMAGES, "image", "FILE|- [NAME[:TAG]]",
          "Make an image of a root file system in a tar archive", NULL, 1, 2, .first = WORD_FILE,
          .options = OPTIONS(import_options), .options_size = sizeof(TransferOptions),
          .done = transfer_options_done, .run = verb_import },
        { "save", NULL, IMAGES, "image", "IMAGE…", "Write images to an archive, for load", NULL, 1, VERB_ANY,
          .first = WORD_IMAGE, .more = WORD_IMAGE, .options = OPTIONS(save_options),
          .options_size = sizeof(TransferOptions), .run = verb_save },
        { "tag", NULL, IMAGES, "image", "IMAGE NAME[:TAG]", "Give an image a further name", NULL, 2, 2,
          .first = WORD_IMAGE, .more = WORD_IMAGE, .run = verb_tag },
        { "rmi", "image rm|image remove|manifest rm", IMAGES, NULL, "IMAGE…",
          "Remove names of images, and those that have none left", NULL, 1, VERB_ANY, .first = WORD_IMAGE,
          .more = WORD_IMAGE, .options = OPTIONS(rmi_options), .options_size = sizeof(ImagesOptions),
          .run = verb_rmi },
        { "history", NULL, IMAGES, "image", "IMAGE", "Show the steps that made an image", NULL, 1, 1,
          .first = WORD_IMAGE, .options = OPTIONS(history_options), .options_size = sizeof(ImagesOptions),
          .run = verb_history },
        { "image prune", NULL, IMAGES, NULL, "", "Remove images that nobody needs",
          "Those without a name; with --all also those that no container has, running or not. It says which "
          "and "
          "how much, and asks first. An image is used last when it is pulled, or a container made of it.",
          0, 0, .options = OPTIONS(prune_image_options), .options_size = sizeof(PruneOptions),
          .done = prune_options_done, .run = verb_prune_images },
        { "search", "image search", IMAGES, NULL, "TERM", "Look for images in a registry",
          "In docker.io, or in the one that stands in front of the term: quay.io/term, host:5000/term. A "
          "registry "
          "that has no search is asked for all that it has, and then no more is known than names.",
          1, 1, .options = OPTIONS(search_options), .options_size = sizeof(SearchOptions),
          .done = search_options_done, .run = verb_search },
        { "login", NULL, IMAGES, NULL, "[REGISTRY]", "Log in to a registry, for pull, push and the like",
          "The registry is asked whether it knows you; then it is kept in $REGISTRY_AUTH_FILE, in the file "
          "that has a "
          "login there already, or in docker's ~/.docker/config.json, or by the credential helper that such "
          "a file "
          "names: see berth-credentials(7). Without a registry it is the one of names without any, "
          "docker.io.",
          0, 1, .first = WORD_REGISTRY, .options = OPTIONS(login_options),
          .options_size = sizeof(LoginOptions), .run = verb_login },
        { "logout", NULL, IMAGES, NULL, "[REGISTRY]", "Forget the login for a registry",
          "In all the files that are read for logins.", 0, 1, .first = WORD_REGISTRY,
          .options = OPTIONS(logout_options), .options_size = sizeof(LoginOptions), .run = verb_logout },
        { "image tree", NULL, IMAGES, NULL, "[IMAGE…]",
          "Show the layers of images, and which images share them",
          "Sizes are those of the unpacked layers; what is unique would be free without the image.", 0,
          VERB_ANY, .first = WORD_IMAGE, .more = WORD_IMAGE, .options = OPTIONS(tree_options),
          .options_size = sizeof(TreeOptions), .run = verb_tree },
        { "image mount", NULL, IMAGES, NULL, "[IMAGE]", "Mount an image's files to look inside",
          "Prints the path, where root can read them, and nobody can write. Without a name it lists what is "
          "mounted. It stays until image unmount, or the next boot.",
          0, 1, .first = WORD_IMAGE, .run = verb_mount },
        { "image unmount", "image umount", IMAGES, NULL, "[IMAGE…]", "Undo mount", NULL, 0, VERB_ANY,
          .first = WORD_IMAGE, .more = WORD_IMAGE, .options = OPTIONS(unmount_options),
          .options_size = sizeof(UnmountOptions), .run = verb_unmount },
        { "image diff", "image compare", IMAGES, NULL, "IMAGE IMAGE",
          "Show which files differ between two images (Added, Changed, Deleted)",
          "A is what only the second has, D what only the first has, C what differs in type, mode, owner, "
          "attributes or content.",
          2, 2, .first = WORD_IMAGE, .more = WORD_IMAGE, .run = verb_compare },
        { "image sign", NULL, IMAGES, NULL, "NAME[:TAG][@DIGEST]",
          "Sign an image in its registry, as cosign does",
          "What is signed is the digest that the registry has for the name now, whether the image is here "
          "or "
          "not. The key is a private one in PEM: ECDSA on P-256, Ed25519, or RSA; of an encrypted one the "
          "passphrase is asked for. Policy= in berth.registries.conf(5) makes pulls want such signatures.",
          1, 1, .first = WORD_IMAGE, .options = OPTIONS(sign_options), .options_size = sizeof(SignOptions),
          .run = verb_sign },
        { "image show", "image inspect", IMAGES, NULL, "IMAGE…", "Show all that is known of images, as JSON",
          NULL, 1, VERB_ANY, VERB_HIDDEN, WORD_IMAGE, WORD_IMAGE, OPTIONS(show_options), sizeof(ShowOptions),
          .run = verb_show_image },
        { "manifest create", NULL, IMAGES, NULL, "NAME[:TAG] IMAGE…",
          "Make an index of images for several platforms",
          "The images are here, each for another platform. push brings an index and its images to a "
          "registry; run "
          "takes the image for this machine.",
          2, VERB_ANY, .more = WORD_IMAGE, .options = OPTIONS(manifest_create_options),
          .options_size = sizeof(ManifestOptions), .run = verb_manifest_create },
        { "manifest add", NULL, IMAGES, NULL, "INDEX IMAGE…", "Add images to an index", NULL, 2, VERB_ANY,
          .first = WORD_IMAGE, .more = WORD_IMAGE, .run = verb_manifest_add },
        { "manifest remove", NULL, IMAGES, NULL, "INDEX IMAGE…", "Take images out of an index", NULL, 2,
          VERB_ANY, .first = WORD_IMAGE, .more = WORD_IMAGE, .run = verb_manifest_remove },
        { "manifest inspect", "manifest show", IMAGES, NULL, "IMAGE",
          "Show the manifest or the index of an image, here or in a registry",
          "What is here is shown as it is here; else the registry is asked, and nothing is pulled.", 1, 1,
          .first = WORD_IMAGE, .options = OPTIONS(manifest_inspect_options),
          .options_size = sizeof(ManifestOptions), .run = verb_manifest_inspect },

        /* ---- volumes ---- */
        { "volume ls", "volume list", VOLUMES, NULL, "", "List volumes", NULL, 0, 0,
          .options = OPTIONS(volume_list_options), .options_size = sizeof(VolumeOptions),
          .done = volume_options_done, .run = verb_volume_list },
        { "volume create", NULL, VOLUMES, NULL, "[VOLUME]", "Make a volume",
          "Its name is printed. Without one it is an anonymous one, which prune removes. One that is there "
          "already is fine, if it is as asked for. run -v makes missing volumes by itself.",
          0, 1, .options = OPTIONS(volume_create_options), .options_size = sizeof(VolumeOptions),
          .done = volume_options_done, .run = verb_volume_create },
        { "volume inspect", "volume show", VOLUMES, NULL, "VOLUME…",
          "Show all that is known of volumes, as JSON", NULL, 1, VERB_ANY, .first = WORD_VOLUME,
          .more = WORD_VOLUME, .options = OPTIONS(volume_show_options),
          .options_size = sizeof(VolumeOptions), .run = verb_volume_show },
        { "volume rm", "volume remove", VOLUMES, NULL, "VOLUME…", "Remove volumes, with their files",
          "Not those that a container has, running or not.", 1, VERB_ANY, .first = WORD_VOLUME,
          .more = WORD_VOLUME, .options = OPTIONS(volume_remove_options),
          .options_size = sizeof(VolumeOptions), .run = verb_volume_remove },
        { "volume prune", NULL, VOLUMES, NULL, "", "Remove volumes that no container has",
          "The anonymous ones; with --all also those with a name. It says which and how much, and asks "
          "first.",
          0, 0, .options = OPTIONS(prune_volume_options), .options_size = sizeof(PruneOptions),
          .done = prune_options_done, .run = verb_prune_volumes },
        { "volume rename", NULL, VOLUMES, NULL, "VOLUME NAME", "Give a volume another name",
          "Only while no container has it.", 2, 2, .first = WORD_VOLUME, .run = verb_volume_rename },
        { "volume clone", NULL, VOLUMES, NULL, "VOLUME [NAME]", "Make a copy of a volume",
          "Where the file system can (btrfs, xfs), they share what is the same in both. A container that "
          "writes meanwhile may leave a file half old, half new in it.",
          1, 2, .first = WORD_VOLUME, .run = verb_volume_clone },
        { "volume export", NULL, VOLUMES, NULL, "VOLUME", "Write a volume's files as a tar archive", NULL, 1,
          1, .first = WORD_VOLUME, .options = OPTIONS(volume_export_options),
          .options_size = sizeof(VolumeOptions), .run = verb_volume_export },
        { "volume import", NULL, VOLUMES, NULL, "VOLUME [FILE]",
          "Unpack a tar archive (of a file, or from standard input) into a volume",
          "What is there already stays, but where the archive has something of the same name.", 1, 2,
          .first = WORD_VOLUME, .more = WORD_FILE, .run = verb_volume_import },

        /* ---- the system ---- */
        { "events", "system events", SYSTEM, NULL, "", "Show what happens, as it happens", NULL, 0, 0,
          .options = OPTIONS(events_options), .options_size = sizeof(EventsOptions),
          .done = events_options_done, .run = verb_events },
        { "df", "system df", SYSTEM, NULL, "", "Show what images, containers and volumes take on the disk",
          "An image takes its layers as they came and as they are unpacked; what several images share "
          "counts "
          "once.",
          0, 0, .options = OPTIONS(df_options), .options_size = sizeof(DiskOptions), .run = verb_df },
        { "prune", "system prune", SYSTEM, NULL, "",
          "Remove stopped containers, and images that nobody needs",
          "It says what and how much, and asks first.", 0, 0, .options = OPTIONS(prune_system_options),
          .options_size = sizeof(PruneOptions), .done = prune_options_done, .run = verb_prune },
        { "verify", "system check", SYSTEM, NULL, "", "Check the image store for damage",
          "Every blob is hashed, and every layer compared with what its blob holds. The exit status is 1 "
          "when "
          "something is wrong that was not repaired. With --repair, what nobody needs is deleted, and "
          "nobody can "
          "pull meanwhile.",
          0, 0, .options = OPTIONS(verify_options), .options_size = sizeof(VerifyOptions),
          .run = verb_verify },
        { "info", "system info", SYSTEM, NULL, "", "Show the state of berthd in short", NULL, 0, 0,
          .options = OPTIONS(system_options), .options_size = sizeof(SystemOptions), .run = verb_info },
        { "version", NULL, SYSTEM, NULL, "", "Show the versions of berthctl, berthd and what they run on",
          NULL, 0, 0, .options = OPTIONS(system_options), .options_size = sizeof(SystemOptions),
          .run = verb_version },
        { "help", NULL, SYSTEM, NULL, "[VERB]", "Show all verbs, or the options of one", NULL, 0, 2,
          .first = WORD_VERB, .run = verb_help },

        /* ---- for scripts and the build ---- */
        { "__complete", NULL, SYSTEM, NULL, "WORD…", "Offer completions of the last word", NULL, 0, VERB_ANY,
          VERB_HIDDEN | VERB_RAW_ARGUMENTS, .run = verb_complete },
        { "__manual", NULL, SYSTEM, NULL, "", "The middle of the manual page", NULL, 0, 0, VERB_HIDDEN,
          .run = verb_manual },
        { "__spec-keys", NULL, SYSTEM, NULL, "", "The keys of a container's specification", NULL, 0, 0,
          VERB_HIDDEN, .run = verb_spec_keys },
        {},
};

const Program berthctl_program = {
        .name = "berthctl",
        .summary = "Control containers and images.",
        .default_verb = "list",
        .verbs = verbs,
        .options = global_options,
        .complete = ctl_complete,
};
