/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-spec.h"
#include "parse-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

const char *const mount_type_words[] = { "bind", "tmpfs", "volume", "image", "devpts", NULL };
const char *const bind_recursion_words[] = { "enabled", "disabled", "writable", "readonly", NULL };
const char *const restart_policy_words[] = { "no", "on-failure", "always", "unless-stopped", NULL };
const char *const network_mode_words[] = { "bridge", "none", "host", "container", NULL };
const char *const user_namespace_words[] = { "auto", "host", "keep-id", "id", NULL };
const char *const namespace_mode_words[] = { "private", "shareable", "host", "container", NULL };
const char *const systemd_mode_words[] = { "auto", "always", "never", NULL };
const char *const container_status_words[] = { "created",    "starting", "running",  "paused", "stopping",
                                               "restarting", "exited",   "removing", NULL };

#define F(type, member) offsetof(type, member)

static int mount_spec_validate(const void *object, Error *error) {
        const MountSpec *m = object;

        if (isempty(m->target) || !path_is_absolute(m->target) || streq(m->target, "/"))
                return error_set(error, ERROR_INVALID,
                                 "mount target \"%s\" must be an absolute path below /",
                                 strempty(m->target));
        if (m->type == MOUNT_BIND && (isempty(m->source) || !path_is_absolute(m->source)))
                return error_set(error, ERROR_INVALID, "mount source \"%s\" must be an absolute path",
                                 strempty(m->source));
        return 0;
}

static const Field mount_spec_fields[] = {
        { "Type", FIELD_ENUM, F(MountSpec, type), .words = mount_type_words },
        { "Source", FIELD_STRING, F(MountSpec, source), .max = 4095 },
        { "Target", FIELD_STRING, F(MountSpec, target), .max = 4095, .flags = FIELD_REQUIRED },
        { "ReadOnly", FIELD_BOOL, F(MountSpec, read_only) },
        { "CreateSource", FIELD_BOOL, F(MountSpec, create_source) },
        { "Options", FIELD_STRING, F(MountSpec, options), .max = 1024 },
        { "Recursive", FIELD_ENUM, F(MountSpec, recursive), .words = bind_recursion_words },
        { "Subpath", FIELD_STRING, F(MountSpec, subpath), .max = 4095 },
        { "IdMap", FIELD_STRING, F(MountSpec, id_map), .max = 1024 },
        { "Chown", FIELD_BOOL, F(MountSpec, chown) },
        { "NoCopy", FIELD_BOOL, F(MountSpec, no_copy) },
        { "Driver", FIELD_STRING, F(MountSpec, driver), .max = 64 },
        { "DriverOptions", FIELD_MAP, F(MountSpec, driver_options), .max = 64 },
        { "VolumeLabels", FIELD_MAP, F(MountSpec, volume_labels), .max = 1000 },
        { "ImageDigest", FIELD_STRING, F(MountSpec, image_digest), FIELD_INTERNAL },
        { "Anonymous", FIELD_BOOL, F(MountSpec, anonymous), FIELD_INTERNAL },
        {},
};
const ObjectType mount_spec_type = { "mount", sizeof(MountSpec), mount_spec_fields,
                                     .validate = mount_spec_validate };

static const Field restart_policy_fields[] = {
        { "Name", FIELD_ENUM, F(RestartPolicy, name), .words = restart_policy_words },
        { "MaximumRetryCount", FIELD_UINT, F(RestartPolicy, maximum_retry_count) },
        {},
};
const ObjectType restart_policy_type = { "restart policy", sizeof(RestartPolicy), restart_policy_fields };

static const Field network_attachment_fields[] = {
        { "Network", FIELD_STRING, F(NetworkAttachment, network), .max = 128, .flags = FIELD_REQUIRED },
        { "IPv4Address", FIELD_STRING, F(NetworkAttachment, ipv4_address), .max = 64 },
        { "IPv6Address", FIELD_STRING, F(NetworkAttachment, ipv6_address), .max = 64 },
        { "MACAddress", FIELD_STRING, F(NetworkAttachment, mac_address), .max = 64 },
        { "Aliases", FIELD_STRV, F(NetworkAttachment, aliases), .max = 64 },
        {},
};
const ObjectType network_attachment_type = { "network attachment", sizeof(NetworkAttachment),
                                             network_attachment_fields };

static const Field network_endpoint_fields[] = {
        { "Network", FIELD_STRING, F(NetworkEndpoint, network) },
        { "HostInterface", FIELD_STRING, F(NetworkEndpoint, host_interface) },
        { "Interface", FIELD_STRING, F(NetworkEndpoint, interface) },
        { "IPv4Address", FIELD_STRING, F(NetworkEndpoint, ipv4_address) },
        { "IPv4Gateway", FIELD_STRING, F(NetworkEndpoint, ipv4_gateway) },
        { "IPv6Address", FIELD_STRING, F(NetworkEndpoint, ipv6_address) },
        { "IPv6Gateway", FIELD_STRING, F(NetworkEndpoint, ipv6_gateway) },
        { "MACAddress", FIELD_STRING, F(NetworkEndpoint, mac_address) },
        {},
};
const ObjectType network_endpoint_type = { "network endpoint", sizeof(NetworkEndpoint),
                                           network_endpoint_fields };

static void secret_attachment_init(void *object) {
        SecretAttachment *s = object;

        s->mode = 0444;
}

static int secret_attachment_validate(const void *object, Error *error) {
        const SecretAttachment *s = object;

        if (s->mode > 0777)
                return error_set(error, ERROR_INVALID,
                                 "the mode of secret \"%s\" has more than permission bits",
                                 strempty(s->secret));
        return 0;
}

static const Field secret_attachment_fields[] = {
        { "Secret", FIELD_STRING, F(SecretAttachment, secret), .max = 255, .flags = FIELD_REQUIRED },
        { "Target", FIELD_STRING, F(SecretAttachment, target), .max = 4095 },
        { "UID", FIELD_UINT, F(SecretAttachment, uid) },
        { "GID", FIELD_UINT, F(SecretAttachment, gid) },
        { "Mode", FIELD_UINT, F(SecretAttachment, mode), FIELD_ALWAYS },
        {},
};
const ObjectType secret_attachment_type = { "secret attachment", sizeof(SecretAttachment),
                                            secret_attachment_fields, secret_attachment_init,
                                            secret_attachment_validate };

static void container_spec_init(void *object) {
        ContainerSpec *spec = object;

        spec->stop_timeout = 10 * USEC_PER_SEC;
}

static int check_environment(char *const *environment, Error *error) {
        for (size_t i = 0; environment && environment[i]; i++)
                if (environment[i][0] == '=' || !strchr(environment[i], '='))
                        return error_set(error, ERROR_INVALID,
                                         "environment entry \"%s\" must have the form NAME=VALUE",
                                         environment[i]);
        return 0;
}

static bool hostname_is_valid(const char *s) {
        return strlen(s) <= 64 && s[0] != '-' && s[0] != '.' &&
               string_in_charset(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
}

static int container_spec_validate(const void *object, Error *error) {
        const ContainerSpec *spec = object;

        int r = check_environment(spec->environment, error);
        if (r < 0)
                return r;
        if (!isempty(spec->working_directory) && !path_is_absolute(spec->working_directory))
                return error_set(error, ERROR_INVALID, "working directory \"%s\" must be an absolute path",
                                 spec->working_directory);
        if (!isempty(spec->hostname) && !hostname_is_valid(spec->hostname))
                return error_set(error, ERROR_INVALID, "\"%s\" is not a valid host name", spec->hostname);
        if (!isempty(spec->stop_signal) && parse_signal(spec->stop_signal) < 0)
                return error_set(error, ERROR_INVALID, "unknown stop signal \"%s\"", spec->stop_signal);
        if (spec->auto_remove && spec->restart.name != RESTART_NO)
                return error_set(error, ERROR_INVALID,
                                 "a container can't be removed at exit (--rm) and be restarted "
                                 "(--restart) as well");
        if (spec->restart.maximum_retry_count > 0 && spec->restart.name != RESTART_ON_FAILURE)
                return error_set(error, ERROR_INVALID,
                                 "a retry count belongs to the restart policy on-failure only");
        if (spec->network != NETWORK_BRIDGE && spec->networks.n > 0)
                return error_set(error, ERROR_INVALID, "network mode \"%s\" can't be joined with networks",
                                 network_mode_words[spec->network]);
        return 0;
}

static const Field container_spec_fields[] = {
        { "Id", FIELD_STRING, F(ContainerSpec, id), FIELD_INTERNAL },
        { "Name", FIELD_STRING, F(ContainerSpec, name), FIELD_INTERNAL },
        { "Created", FIELD_TIMESTAMP, F(ContainerSpec, created), FIELD_INTERNAL },
        { "ImageDigest", FIELD_STRING, F(ContainerSpec, image_digest), FIELD_INTERNAL },
        { "UIDBase", FIELD_UINT, F(ContainerSpec, uid_base), FIELD_INTERNAL },
        { "UIDCount", FIELD_UINT, F(ContainerSpec, uid_count), FIELD_INTERNAL },
        { "KeepUID", FIELD_UINT, F(ContainerSpec, keep_uid), FIELD_INTERNAL },
        { "KeepGID", FIELD_UINT, F(ContainerSpec, keep_gid), FIELD_INTERNAL },

        { "Image", FIELD_STRING, F(ContainerSpec, image), FIELD_REQUIRED, .max = 4096,
          .key = "Container.Image" },
        { "Entrypoint", FIELD_STRV, F(ContainerSpec, entrypoint), .key = "Container.Entrypoint" },
        { "ResetEntrypoint", FIELD_BOOL, F(ContainerSpec, reset_entrypoint) },
        { "Command", FIELD_STRV, F(ContainerSpec, command), .key = "Container.Exec" },
        { "Environment", FIELD_STRV, F(ContainerSpec, environment), .key = "Container.Environment" },
        { "WorkingDirectory", FIELD_STRING, F(ContainerSpec, working_directory), .max = 4095,
          .key = "Container.WorkingDir" },
        { "User", FIELD_STRING, F(ContainerSpec, user), .max = 512, .key = "Container.User" },
        { "Hostname", FIELD_STRING, F(ContainerSpec, hostname), .max = 64, .key = "Container.HostName" },
        { "Terminal", FIELD_BOOL, F(ContainerSpec, terminal) },
        { "OpenStdin", FIELD_BOOL, F(ContainerSpec, open_stdin) },
        { "StdinOnce", FIELD_BOOL, F(ContainerSpec, stdin_once) },
        { "Mounts", FIELD_LIST, F(ContainerSpec, mounts), .type_of = &mount_spec_type, .max = 1000,
          .key = "Container.Mount" },
        { "ReadOnly", FIELD_BOOL, F(ContainerSpec, read_only), .key = "Container.ReadOnly" },
        { "Labels", FIELD_MAP, F(ContainerSpec, labels), .key = "Container.Label" },
        { "StopSignal", FIELD_STRING, F(ContainerSpec, stop_signal), .max = 32,
          .key = "Container.StopSignal" },
        { "StopTimeoutUSec", FIELD_DURATION, F(ContainerSpec, stop_timeout), FIELD_ALWAYS,
          .key = "Container.StopTimeout" },
        { "Init", FIELD_BOOL, F(ContainerSpec, init), .key = "Container.RunInit" },
        { "AutoRemove", FIELD_BOOL, F(ContainerSpec, auto_remove) },
        { "Restart", FIELD_OBJECT, F(ContainerSpec, restart), .type_of = &restart_policy_type },
        { "NetworkMode", FIELD_ENUM, F(ContainerSpec, network), .words = network_mode_words,
          .key = "Container.Network" },
        { "Networks", FIELD_LIST, F(ContainerSpec, networks), .type_of = &network_attachment_type,
          .max = 64 },
        { "NetworkContainer", FIELD_STRING, F(ContainerSpec, network_container), .max = 128 },
        { "UserNamespace", FIELD_ENUM, F(ContainerSpec, user_namespace), .words = user_namespace_words,
          .key = "Container.UserNS" },
        { "UserNamespaceBase", FIELD_UINT, F(ContainerSpec, user_namespace_base) },
        { "PIDNamespace", FIELD_ENUM, F(ContainerSpec, pid_namespace), .words = namespace_mode_words },
        { "PIDContainer", FIELD_STRING, F(ContainerSpec, pid_container), .max = 128 },
        { "IPCNamespace", FIELD_ENUM, F(ContainerSpec, ipc_namespace), .words = namespace_mode_words },
        { "IPCContainer", FIELD_STRING, F(ContainerSpec, ipc_container), .max = 128 },
        { "UTSNamespace", FIELD_ENUM, F(ContainerSpec, uts_namespace), .words = namespace_mode_words },
        { "CgroupNamespace", FIELD_ENUM, F(ContainerSpec, cgroup_namespace), .words = namespace_mode_words },
        { "TimeOffsets", FIELD_MAP, F(ContainerSpec, time_offsets), .max = 2 },
        { "Groups", FIELD_STRV, F(ContainerSpec, groups), .max = 64, .key = "Container.GroupAdd" },
        { "CapAdd", FIELD_STRV, F(ContainerSpec, cap_add), .max = 64, .key = "Container.AddCapability" },
        { "CapDrop", FIELD_STRV, F(ContainerSpec, cap_drop), .max = 64, .key = "Container.DropCapability" },
        { "Privileged", FIELD_BOOL, F(ContainerSpec, privileged) },
        { "NoNewPrivileges", FIELD_BOOL, F(ContainerSpec, no_new_privileges),
          .key = "Container.NoNewPrivileges" },
        { "SeccompProfile", FIELD_STRING, F(ContainerSpec, seccomp_profile), .max = SECCOMP_PROFILE_MAX,
          .key = "Container.SeccompProfile" },
        { "AppArmorProfile", FIELD_STRING, F(ContainerSpec, apparmor_profile), .max = 255,
          .key = "Container.AppArmor" },
        { "SELinuxLabel", FIELD_STRV, F(ContainerSpec, selinux_label), .max = 8 },
        { "Mask", FIELD_STRV, F(ContainerSpec, mask), .max = 256, .key = "Container.Mask" },
        { "Unmask", FIELD_STRV, F(ContainerSpec, unmask), .max = 256, .key = "Container.Unmask" },
        { "Devices", FIELD_STRV, F(ContainerSpec, devices), .max = 256, .key = "Container.AddDevice" },
        { "DeviceCgroupRules", FIELD_STRV, F(ContainerSpec, device_cgroup_rules), .max = 256 },
        { "Sysctls", FIELD_MAP, F(ContainerSpec, sysctls), .max = 256, .key = "Container.Sysctl" },
        { "Ulimits", FIELD_MAP, F(ContainerSpec, ulimits), .max = 32, .key = "Container.Ulimit" },
        { "ShmSize", FIELD_UINT64, F(ContainerSpec, shm_size), .key = "Container.ShmSize" },
        { "OOMScoreAdjust", FIELD_INT, F(ContainerSpec, oom_score_adj) },
        { "Systemd", FIELD_ENUM, F(ContainerSpec, systemd), .words = systemd_mode_words },
        { "CgroupParent", FIELD_STRING, F(ContainerSpec, cgroup_parent), .max = 255 },
        { "ReadOnlyTmpfs", FIELD_BOOL, F(ContainerSpec, read_only_tmpfs), .key = "Container.ReadOnlyTmpfs" },
        { "VolumesFrom", FIELD_STRV, F(ContainerSpec, volumes_from), .max = 64 },
        { "StorageSize", FIELD_UINT64, F(ContainerSpec, storage_size) },
        { "Health", FIELD_OBJECT, F(ContainerSpec, health), .type_of = &health_check_type },
        { "Secrets", FIELD_LIST, F(ContainerSpec, secrets), .type_of = &secret_attachment_type, .max = 256,
          .key = "Container.Secret" },
        { "ExtraHosts", FIELD_STRV, F(ContainerSpec, extra_hosts), .max = 1000, .key = "Container.AddHost" },
        { "DNS", FIELD_STRV, F(ContainerSpec, dns), .max = 32, .key = "Container.DNS" },
        { "DNSSearch", FIELD_STRV, F(ContainerSpec, dns_search), .max = 32, .key = "Container.DNSSearch" },
        { "DNSOptions", FIELD_STRV, F(ContainerSpec, dns_options), .max = 32, .key = "Container.DNSOption" },
        { "Properties", FIELD_MAP, F(ContainerSpec, properties), .max = 128 },
        {},
};
const ObjectType container_spec_type = { "container", sizeof(ContainerSpec), container_spec_fields,
                                         container_spec_init, container_spec_validate };

static const Field container_state_fields[] = {
        { "Status", FIELD_ENUM, F(ContainerState, status), .words = container_status_words },
        { "Leader", FIELD_INT, F(ContainerState, leader) },
        { "LeaderStartTime", FIELD_UINT64, F(ContainerState, leader_start_time), FIELD_INTERNAL },
        { "ExitCode", FIELD_INT, F(ContainerState, exit_code), FIELD_ALWAYS },
        { "OOMKilled", FIELD_BOOL, F(ContainerState, oom_killed) },
        { "Started", FIELD_TIMESTAMP, F(ContainerState, started) },
        { "Finished", FIELD_TIMESTAMP, F(ContainerState, finished) },
        { "RestartCount", FIELD_UINT, F(ContainerState, restart_count) },
        { "ManuallyStopped", FIELD_BOOL, F(ContainerState, manually_stopped) },
        { "Error", FIELD_STRING, F(ContainerState, error) },
        { "Unit", FIELD_STRING, F(ContainerState, unit) },
        { "ControlGroup", FIELD_STRING, F(ContainerState, cgroup) },
        { "Endpoints", FIELD_LIST, F(ContainerState, endpoints), .type_of = &network_endpoint_type },
        { "TemporaryMounts", FIELD_LIST, F(ContainerState, temporary_mounts), .type_of = &mount_spec_type },
        { "BootId", FIELD_STRING, F(ContainerState, boot_id), FIELD_INTERNAL },
        { "Health", FIELD_OBJECT, F(ContainerState, health), .type_of = &health_state_type },
        {},
};
const ObjectType container_state_type = { "container state", sizeof(ContainerState),
                                          container_state_fields };

static const Field exit_record_fields[] = {
        { "ExitCode", FIELD_INT, F(ExitRecord, exit_code), FIELD_ALWAYS },
        { "OOMKilled", FIELD_BOOL, F(ExitRecord, oom_killed) },
        { "Started", FIELD_TIMESTAMP, F(ExitRecord, started) },
        { "Finished", FIELD_TIMESTAMP, F(ExitRecord, finished) },
        { "ErrorKind", FIELD_STRING, F(ExitRecord, error_kind) },
        { "Error", FIELD_STRING, F(ExitRecord, error) },
        {},
};
const ObjectType exit_record_type = { "exit record", sizeof(ExitRecord), exit_record_fields };

static int exec_spec_validate(const void *object, Error *error) {
        const ExecSpec *spec = object;

        if (strv_isempty(spec->command))
                return error_set(error, ERROR_INVALID, "no command was given");
        if (!isempty(spec->working_directory) && !path_is_absolute(spec->working_directory))
                return error_set(error, ERROR_INVALID, "working directory \"%s\" must be an absolute path",
                                 spec->working_directory);
        return check_environment(spec->environment, error);
}

static const Field exec_spec_fields[] = {
        { "Command", FIELD_STRV, F(ExecSpec, command), FIELD_REQUIRED },
        { "Environment", FIELD_STRV, F(ExecSpec, environment) },
        { "WorkingDirectory", FIELD_STRING, F(ExecSpec, working_directory), .max = 4095 },
        { "User", FIELD_STRING, F(ExecSpec, user), .max = 512 },
        { "Terminal", FIELD_BOOL, F(ExecSpec, terminal) },
        { "OpenStdin", FIELD_BOOL, F(ExecSpec, open_stdin) },
        { "Detach", FIELD_BOOL, F(ExecSpec, detach) },
        { "Privileged", FIELD_BOOL, F(ExecSpec, privileged) },
        { "Rows", FIELD_UINT, F(ExecSpec, rows) },
        { "Columns", FIELD_UINT, F(ExecSpec, columns) },
        { "Id", FIELD_STRING, F(ExecSpec, id), FIELD_INTERNAL },
        {},
};
const ObjectType exec_spec_type = { "exec", sizeof(ExecSpec), exec_spec_fields,
                                    .validate = exec_spec_validate };

bool container_name_is_valid(const char *name) {
        return object_name_is_valid(name, CONTAINER_NAME_MAX);
}
