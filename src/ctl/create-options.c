/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "create-options.h"
#include "env-file.h"
#include "health-option.h"
#include "mount-option.h"
#include "namespace-option.h"
#include "parse-util.h"
#include "secret-option.h"
#include "security-option.h"
#include "string-util.h"
#include "strv.h"
#include "systemd-option.h"

static int parse_owned(const Option *option, const char *value, void *target, Error *error) {
        int r = free_and_strdup(target, value);

        return r < 0 ? error_set_errno(error, r, "cannot parse the command line") : 0;
}

static int parse_owned_signal(const Option *option, const char *value, void *target, Error *error) {
        const char *valid;
        int r = option_signal(option, value, &valid, error);

        return r < 0 ? r : parse_owned(option, value, target, error);
}

static int parse_mount_by(int (*parse)(const char *, const char *, List *, Error *), const char *value,
                          List *mounts, Error *error) {
        _cleanup_free_ char *directory = get_current_dir_name();

        return directory ? parse(value, directory, mounts, error)
                         : error_set_errno(error, negative_errno(), "cannot tell the current folder");
}

static int parse_volume(const Option *option, const char *value, void *target, Error *error) {
        return parse_mount_by(mount_parse_volume, value, target, error);
}

static int parse_mount(const Option *option, const char *value, void *target, Error *error) {
        return parse_mount_by(mount_parse_mount, value, target, error);
}

static int parse_tmpfs(const Option *option, const char *value, void *target, Error *error) {
        return mount_parse_tmpfs(value, target, error);
}

static int parse_storage(const Option *option, const char *value, void *target, Error *error) {
        const char *size = startswith(value, "size=");

        if (!size || parse_size(size, target) < 0)
                return error_set(error, ERROR_INVALID, "\"%s\" is not size=SIZE, as in size=10G", value);
        return 0;
}

static int parse_host(const Option *option, const char *value, void *target, Error *error) {
        if (!strchr(value, ':'))
                return error_set(error, ERROR_INVALID, "\"%s\" has not the form NAME:ADDRESS", value);
        return option_strings(option, value, target, error);
}

/* target: the CreateOptions themselves */
static int parse_security(const Option *option, const char *value, void *target, Error *error) {
        return security_option_apply(value, &((CreateOptions *) target)->spec, error);
}

#define O(member) offsetof(CreateOptions, member)

const Option create_options[] = {
        { 0, "add-host", "NAME:ADDRESS", "Add a line to /etc/hosts", parse_host, O(spec.extra_hosts) },
        { 0, "cap-add", "CAPABILITY", "Give it a capability, or ALL", option_strings, O(spec.cap_add) },
        { 0, "cap-drop", "CAPABILITY", "Take a capability from it, or ALL", option_strings,
          O(spec.cap_drop) },
        { 0, "cgroup-parent", "SLICE", "The slice that it lies in (machine-berth.slice)", parse_owned,
          O(spec.cgroup_parent) },
        { 0, "cgroupns", "MODE", "Its cgroup namespace: private or host", namespace_parse_cgroup, O(spec),
          WORD_CHOICE, "private|host" },
        { 0, "cidfile", "FILE", "Write its id into a new file", option_string, O(cidfile), WORD_FILE },
        { 0, "device", "DEVICE", "Give it a device (/dev/x[:/dev/y][:rwm])", option_strings, O(spec.devices),
          WORD_FILE },
        { 0, "device-cgroup-rule", "RULE", "Allow devices that come later (c 188:* rwm)", option_strings,
          O(spec.device_cgroup_rules) },
        { 0, "dns", "ADDRESS", "Ask this name server", option_strings, O(spec.dns) },
        { 0, "dns-option", "OPTION", "An option of resolv.conf(5)", option_strings, O(spec.dns_options) },
        { 0, "dns-opt", "OPTION", NULL, option_strings, O(spec.dns_options) },
        { 0, "dns-search", "DOMAIN", "Search names in this domain", option_strings, O(spec.dns_search) },
        { 0, "entrypoint", "COMMAND", "Run this instead of the image's entry point; empty for none",
          option_string, O(entrypoint) },
        { 'e', "env", "NAME[=VALUE]", "Set an environment variable, without a value to the one it has here",
          option_strings, O(environment) },
        { 0, "env-file", "FILE", "Set those in a file, a NAME=VALUE a line", option_strings, O(env_files),
          WORD_FILE },
        { 0, "health-cmd", "COMMAND",
          "Find out by this command in the container whether it does what it should; none: do not",
          parse_health_command, O(spec.health.test) },
        { 0, "health-interval", "TIME", "The pause between two probes of its health (30s)",
          parse_health_duration, O(spec.health.interval) },
        { 0, "health-on-failure", "ACTION", "What to do when it becomes unhealthy", parse_health_on_failure,
          O(spec.health.on_failure), WORD_CHOICE, "none|restart|kill|stop" },
        { 0, "health-retries", "NUMBER", "So many failures in a row make it unhealthy (3)",
          parse_health_retries, O(spec.health.retries) },
        { 0, "health-start-interval", "TIME", "The pause between probes in the start period (5s)",
          parse_health_duration, O(spec.health.start_interval) },
        { 0, "health-start-period", "TIME", "So long after its start failures do not count (0s)",
          parse_health_duration, O(spec.health.start_period) },
        { 0, "health-timeout", "TIME", "A probe that takes longer has failed (30s)", parse_health_duration,
          O(spec.health.timeout) },
        { 0, "group-add", "GROUP", "A further group of its user", option_strings, O(spec.groups) },
        { 'h', "hostname", "NAME", "Its host name", parse_owned, O(spec.hostname) },
        { 0, "init", NULL, "Put a small init in front of the command, which reaps orphans", option_flag,
          O(spec.init) },
        { 'i', "interactive", NULL, "Keep its standard input open", option_flag, O(spec.open_stdin) },
        { 0, "ipc", "MODE", "Its IPC namespace: private, shareable, host or container:NAME",
          namespace_parse_ipc, O(spec), WORD_CHOICE, "private|shareable|host|container:" },
        { 0, "ip", "ADDRESS", "Its IPv4 address", option_string, O(ipv4) },
        { 0, "ip6", "ADDRESS", "Its IPv6 address", option_string, O(ipv6) },
        { 'l', "label", "KEY[=VALUE]", "Set a label", option_strings, O(labels) },
        { 0, "label-file", "FILE", "Set the labels in a file", option_strings, O(label_files), WORD_FILE },
        { 0, "mac-address", "ADDRESS", "Its link-layer address", option_string, O(mac) },
        { 0, "mount", "FIELDS",
          "Mount something (type=bind,source=/x,target=/y,readonly), see berth-mounts(7)", parse_mount,
          O(spec.mounts) },
        { 0, "name", "NAME", "What to call it; berthd finds a name when there is none", option_string,
          O(name) },
        { 0, "network", "NETWORK", "bridge, none, host or the name of a network", option_string, O(network),
          WORD_NETWORK },
        { 0, "net", "NETWORK", NULL, option_string, O(network), WORD_NETWORK },
        { 0, "network-alias", "NAME", "A further name in its network", option_strings, O(aliases) },
        { 0, "no-healthcheck", NULL, "Do not probe its health, whatever the image says",
          parse_no_health_check, O(spec.health.test) },
        { 0, "oom-score-adj", "NUMBER", "How soon it is killed when memory is short, -1000 to 1000",
          option_oom_score, O(spec.oom_score_adj) },
        { 0, "pid", "MODE", "Its processes: private, host or container:NAME", namespace_parse_pid, O(spec),
          WORD_CHOICE, "private|host|container:" },
        { 0, "platform", "OS/ARCH", "The platform of the image, when it is pulled", option_string,
          O(platform) },
        { 0, "privileged", NULL, "All capabilities and devices: it can do what root can", option_flag,
          O(spec.privileged) },
        { 0, "pull", "WHEN",
          "Pull the image when it is missing (the default), always, never, or newer: always, but what is "
          "here "
          "will do when the registry can't be reached",
          option_choice, O(pull), WORD_CHOICE, "missing|always|never|newer" },
        { 'q', "quiet", NULL, "Do not show the progress of a pull", option_flag, O(quiet) },
        { 0, "read-only", NULL, "Its root file system can't be written to", option_flag, O(spec.read_only) },
        { 0, "read-only-tmpfs", NULL, "With --read-only: /run, /tmp and /var/tmp can be written to",
          option_flag, O(spec.read_only_tmpfs) },
        { 0, "restart", "POLICY", "no, always, unless-stopped or on-failure[:COUNT]", option_string,
          O(restart), WORD_CHOICE, "no|always|unless-stopped|on-failure" },
        { 0, "rm", NULL, "Remove it when it ends", option_flag, O(spec.auto_remove) },
        { 0, "secret", "NAME[,FIELD=…]",
          "Give it a secret, as the file /run/secrets/NAME (target=, uid=, gid=, mode=)", parse_secret,
          O(spec.secrets) },
        { 0, "security-opt", "OPTION",
          "Loosen or tighten what it may do (no-new-privileges, seccomp=FILE …), see berth-security(7)",
          parse_security, 0, WORD_CHOICE, SECURITY_OPTION_WORDS },
        { 0, "shm-size", "SIZE", "The size of /dev/shm (64M)", option_bytes, O(spec.shm_size) },
        { 0, "stop-signal", "SIGNAL", "The signal that asks it to end", parse_owned_signal,
          O(spec.stop_signal), WORD_SIGNAL },
        { 0, "systemd", "MODE",
          "Prepare it for a systemd as its command: auto, when that has such a name, always, or never",
          option_systemd_mode, O(spec.systemd), WORD_CHOICE, "auto|always|never|true|false" },
        { 0, "stop-timeout", "SECONDS", "How long it may take to end before it is killed, -1 for ever",
          option_duration, O(stop_timeout) },
        { 0, "storage-opt", "size=SIZE", "At most so much may be written into its root file system",
          parse_storage, O(spec.storage_size) },
        { 0, "sysctl", "NAME=VALUE", "A kernel parameter of its namespaces", option_map, O(spec.sysctls) },
        { 0, "time-offset", "CLOCK=TIME", "Shift its clock monotonic or boottime (boottime=+1d)",
          namespace_parse_time_offset, O(spec) },
        { 0, "tmpfs", "PATH[:OPTIONS]", "Mount a tmpfs (/run:size=64m)", parse_tmpfs, O(spec.mounts) },
        { 't', "tty", NULL, "Give it a terminal", option_flag, O(spec.terminal) },
        { 0, "ulimit", "NAME=SOFT[:HARD]", "A limit of each process, -1 for none (nofile=1024:4096)",
          option_map, O(spec.ulimits) },
        { 'u', "user", "USER[:GROUP]", "Run the command as this user of the image", parse_owned,
          O(spec.user) },
        { 0, "userns", "MODE", "Its user ids: auto (its own), host, keep-id (yours stay yours) or id:FIRST",
          namespace_parse_user, O(spec), WORD_CHOICE, "auto|host|keep-id|id:" },
        { 0, "uts", "MODE", "Its host name: private or host", namespace_parse_uts, O(spec), WORD_CHOICE,
          "private|host" },
        { 'v', "volume", "[SOURCE:]PATH[:OPTIONS]",
          "Mount a path of the host, or a volume, see berth-mounts(7)", parse_volume, O(spec.mounts),
          WORD_DIRECTORY },
        { 0, "volumes-from", "CONTAINER[:ro]", "Mount what another container has mounted", option_strings,
          O(spec.volumes_from), WORD_CONTAINER },
        { 'w', "workdir", "PATH", "The folder that the command starts in", parse_owned,
          O(spec.working_directory) },
        {},
};

const Option run_options[] = {
        { 'a', "attach", "STREAM", "Attach only stdin, stdout or stderr", option_strings, O(attach),
          WORD_CHOICE, "stdin|stdout|stderr" },
        { 'd', "detach", NULL, "Do not attach: print its name and return", option_flag, O(detach) },
        { 0, "detach-keys", "KEYS", "The keys that leave it running (ctrl-p,ctrl-q); empty for none",
          option_string, O(detach_keys) },
        { 0, "sig-proxy", NULL, "Pass signals on to it, when there is no terminal (the default)",
          option_flag, O(sig_proxy) },
        {},
};

void create_options_init(void *options) {
        CreateOptions *o = options;

        object_init(&container_spec_type, &o->spec);
        o->sig_proxy = true;
}

void create_options_done(void *options) {
        CreateOptions *o = options;

        object_done(&container_spec_type, &o->spec);
        strv_free(o->environment);
        strv_free(o->env_files);
        strv_free(o->labels);
        strv_free(o->label_files);
        strv_free(o->aliases);
        resource_options_done(&o->resources);
        strv_free(o->attach);
}

/* ---- from options to the specification ---- */

static int out_of_memory(Error *error) {
        return error_set_errno(error, -ENOMEM, "cannot create the container");
}

static const char *from_environment(const char *name) {
        return getenv(name);
}

/* Files first, so that what is on the command line itself wins. */
int create_fill_map(char **files, char **assignments, const char *(*lookup)(const char *name), char ***map,
                    Error *error) {
        int r;

        STRV_FOREACH(file, files)
                if ((r = env_file_load(*file, lookup, map, error)) < 0)
                        return r;
        STRV_FOREACH(assignment, assignments)
                if ((r = env_put(*assignment, lookup, map, error)) < 0)
                        return r;
        return 0;
}

int create_fill_restart(const char *policy, RestartPolicy *ret, Error *error) {
        static const char retries[] = "on-failure:";
        unsigned count;

        if (!policy)
                return 0;
        if (startswith(policy, retries)) {
                if (parse_unsigned(policy + strlen(retries), &count) < 0)
                        return error_set(error, ERROR_INVALID, "--restart: \"%s\" is no number of retries",
                                         policy + strlen(retries));
                *ret = (RestartPolicy){ RESTART_ON_FAILURE, count };
                return 0;
        }
        int name = enum_from_string(restart_policy_words, policy);
        if (name < 0)
                return error_set(
                        error, ERROR_INVALID,
                        "--restart: \"%s\" is not one of no, always, unless-stopped, on-failure[:COUNT]",
                        policy);
        ret->name = name;
        return 0;
}

/* One attachment to the named network, with what was said about it. */
static int fill_attachment(const CreateOptions *o, const char *network, List *networks, Error *error) {
        NetworkAttachment *a = list_append(networks, &network_attachment_type);

        if (!a || free_and_strdup(&a->network, network) < 0 ||
            free_and_strdup(&a->ipv4_address, o->ipv4) < 0 ||
            free_and_strdup(&a->ipv6_address, o->ipv6) < 0 || free_and_strdup(&a->mac_address, o->mac) < 0 ||
            strv_copy_into(o->aliases, &a->aliases) < 0)
                return out_of_memory(error);
        return 0;
}

static int fill_network(CreateOptions *o, Error *error) {
        const char *network = o->network ?: "default";
        bool specific = o->ipv4 || o->ipv6 || o->mac || o->aliases;

        const char *container = startswith(network, "container:");
        if (container && specific)
                return error_set(error, ERROR_INVALID,
                                 "addresses and aliases make no sense with --network container:NAME");
        if (container) {
                o->spec.network = NETWORK_CONTAINER;
                return free_and_strdup(&o->spec.network_container, container);
        }
        if (streq(network, "none") || streq(network, "host")) {
                if (specific)
                        return error_set(error, ERROR_INVALID,
                                         "addresses and aliases make no sense with --network %s", network);
                o->spec.network = network[0] == 'n' ? NETWORK_NONE : NETWORK_HOST;
                return 0;
        }
        o->spec.network = NETWORK_BRIDGE;
        bool is_default = streq(network, "default") || streq(network, "bridge");
        return is_default && !specific
                       ? 0
                       : fill_attachment(o, is_default ? "default" : network, &o->spec.networks, error);
}

static int fill_command(CreateOptions *o, char *const *arguments, Error *error) {
        if (free_and_strdup(&o->spec.image, arguments[0]) < 0 ||
            strv_copy_into(arguments + 1, &o->spec.command) < 0)
                return out_of_memory(error);
        if (o->entrypoint && !*o->entrypoint)
                o->spec.reset_entrypoint = true;
        else if (o->entrypoint && strv_extend(&o->spec.entrypoint, o->entrypoint) < 0)
                return out_of_memory(error);
        return 0;
}

int create_options_finish(CreateOptions *o, char *const *arguments, Error *error) {
        ContainerSpec *spec = &o->spec;
        int r;

        if (o->name && !container_name_is_valid(o->name))
                return error_set(error, ERROR_INVALID,
                                 "\"%s\" can't be a name: letters, digits, \"_\", \".\" and \"-\" only, "
                                 "beginning with a "
                                 "letter or digit, at most %d",
                                 o->name, CONTAINER_NAME_MAX);
        if ((r = fill_command(o, arguments, error)) < 0 ||
            (r = create_fill_map(o->env_files, o->environment, from_environment, &spec->environment,
                                 error)) < 0 ||
            (r = create_fill_map(o->label_files, o->labels, NULL, &spec->labels, error)) < 0 ||
            (r = create_fill_restart(o->restart, &spec->restart, error)) < 0 ||
            (r = fill_network(o, error)) < 0 ||
            (r = resource_options_apply(&o->resources, &spec->properties, error)) < 0)
                return r;
        if (o->stop_timeout.set)
                spec->stop_timeout = o->stop_timeout.usec;
        /* What berthd would refuse anyway is said sooner, before an image is pulled for it. */
        return container_spec_type.validate(spec, error);
}
