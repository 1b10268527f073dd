/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "launch-spec.h"

#define F(type, member) offsetof(type, member)

static const char *const launch_mount_words[] = { "bind", "tmpfs", "image", "devpts", NULL };
static const char *const launch_namespace_words[] = { "private", "host", "join", NULL };

static const Field launch_mount_fields[] = {
        { "Type", FIELD_ENUM, F(LaunchMount, type), .words = launch_mount_words },
        { "Source", FIELD_STRING, F(LaunchMount, source) },
        { "Lower", FIELD_STRV, F(LaunchMount, lower) },
        { "Subpath", FIELD_STRING, F(LaunchMount, subpath) },
        { "Target", FIELD_STRING, F(LaunchMount, target) }, /* the plan insists on it */
        { "ReadOnly", FIELD_BOOL, F(LaunchMount, read_only) },
        { "CreateSource", FIELD_BOOL, F(LaunchMount, create_source) },
        { "Recursive", FIELD_ENUM, F(LaunchMount, recursive), .words = bind_recursion_words },
        { "IdMapped", FIELD_BOOL, F(LaunchMount, id_mapped) },
        { "IdMap", FIELD_STRING, F(LaunchMount, id_map) },
        { "Chown", FIELD_BOOL, F(LaunchMount, chown) },
        { "OfSpec", FIELD_BOOL, F(LaunchMount, of_spec) },
        { "Options", FIELD_STRING, F(LaunchMount, options) },
        {},
};
const ObjectType launch_mount_type = { "launch mount", sizeof(LaunchMount), launch_mount_fields };

static const Field launch_interface_fields[] = {
        { "Name", FIELD_STRING, F(LaunchInterface, name), FIELD_REQUIRED },
        { "Addresses", FIELD_STRV, F(LaunchInterface, addresses) },
        { "IPv4Gateway", FIELD_STRING, F(LaunchInterface, ipv4_gateway) },
        { "IPv6Gateway", FIELD_STRING, F(LaunchInterface, ipv6_gateway) },
        {},
};
const ObjectType launch_interface_type = { "launch interface", sizeof(LaunchInterface),
                                           launch_interface_fields };

static const Field launch_namespace_fields[] = {
        { "Mode", FIELD_ENUM, F(LaunchNamespace, mode), .words = launch_namespace_words },
        { "Leader", FIELD_INT, F(LaunchNamespace, leader) },
        { "StartTime", FIELD_UINT64, F(LaunchNamespace, start_time) },
        {},
};
const ObjectType launch_namespace_type = { "launch namespace", sizeof(LaunchNamespace),
                                           launch_namespace_fields };

static const Field launch_device_fields[] = {
        { "Source", FIELD_STRING, F(LaunchDevice, source), FIELD_REQUIRED },
        { "Target", FIELD_STRING, F(LaunchDevice, target), FIELD_REQUIRED },
        {},
};
const ObjectType launch_device_type = { "launch device", sizeof(LaunchDevice), launch_device_fields };

#define NAMESPACE(name, member) \
        { name, FIELD_OBJECT, F(LaunchSpec, member), .type_of = &launch_namespace_type }

static const Field launch_spec_fields[] = {
        { "Id", FIELD_STRING, F(LaunchSpec, id), FIELD_REQUIRED },
        { "Name", FIELD_STRING, F(LaunchSpec, name), FIELD_REQUIRED },
        { "Image", FIELD_STRING, F(LaunchSpec, image) },
        { "Unit", FIELD_STRING, F(LaunchSpec, unit) },
        { "Lower", FIELD_STRV, F(LaunchSpec, lower) },
        { "Upper", FIELD_STRING, F(LaunchSpec, upper) },
        { "Work", FIELD_STRING, F(LaunchSpec, work) },
        { "VolatileUpper", FIELD_BOOL, F(LaunchSpec, volatile_upper) },
        { "ReadOnly", FIELD_BOOL, F(LaunchSpec, read_only) },
        { "Arguments", FIELD_STRV, F(LaunchSpec, arguments), FIELD_REQUIRED },
        { "Environment", FIELD_STRV, F(LaunchSpec, environment) },
        { "WorkingDirectory", FIELD_STRING, F(LaunchSpec, working_directory) },
        { "User", FIELD_STRING, F(LaunchSpec, user) },
        { "Terminal", FIELD_BOOL, F(LaunchSpec, terminal) },
        { "OpenStdin", FIELD_BOOL, F(LaunchSpec, open_stdin) },
        { "StdinOnce", FIELD_BOOL, F(LaunchSpec, stdin_once) },
        { "Rows", FIELD_UINT, F(LaunchSpec, rows) },
        { "Columns", FIELD_UINT, F(LaunchSpec, columns) },
        { "Hostname", FIELD_STRING, F(LaunchSpec, hostname) },
        { "Init", FIELD_BOOL, F(LaunchSpec, init) },
        { "UIDBase", FIELD_UINT, F(LaunchSpec, uid_base) },
        { "UIDCount", FIELD_UINT, F(LaunchSpec, uid_count) },
        { "KeepUID", FIELD_UINT, F(LaunchSpec, keep_uid) },
        { "KeepGID", FIELD_UINT, F(LaunchSpec, keep_gid) },
        NAMESPACE("UserNamespace", user_namespace),
        NAMESPACE("NetworkNamespace", network),
        NAMESPACE("PIDNamespace", pid),
        NAMESPACE("IPCNamespace", ipc),
        NAMESPACE("UTSNamespace", uts),
        NAMESPACE("CgroupNamespace", cgroup),
        { "TimeOffsets", FIELD_MAP, F(LaunchSpec, time_offsets) },
        { "Devices", FIELD_LIST, F(LaunchSpec, devices), .type_of = &launch_device_type },
        { "Groups", FIELD_STRV, F(LaunchSpec, groups) },
        { "Ulimits", FIELD_MAP, F(LaunchSpec, ulimits) },
        { "ShmSize", FIELD_UINT64, F(LaunchSpec, shm_size) },
        { "OOMScoreAdjust", FIELD_INT, F(LaunchSpec, oom_score_adj) },
        { "Interfaces", FIELD_LIST, F(LaunchSpec, interfaces), .type_of = &launch_interface_type },
        { "Mounts", FIELD_LIST, F(LaunchSpec, mounts), .type_of = &launch_mount_type },
        { "MaskedPaths", FIELD_STRV, F(LaunchSpec, masked_paths) },
        { "ReadOnlyPaths", FIELD_STRV, F(LaunchSpec, read_only_paths) },
        { "Capabilities", FIELD_STRV, F(LaunchSpec, capabilities) },
        { "NoNewPrivileges", FIELD_BOOL, F(LaunchSpec, no_new_privileges) },
        { "Privileged", FIELD_BOOL, F(LaunchSpec, privileged) },
        { "FiltersCalls", FIELD_BOOL, F(LaunchSpec, filters_calls) },
        { "AppArmorProfile", FIELD_STRING, F(LaunchSpec, apparmor_profile) },
        { "SELinuxLabel", FIELD_STRING, F(LaunchSpec, selinux_label) },
        { "DelegateCgroup", FIELD_BOOL, F(LaunchSpec, delegate_cgroup) },
        { "StopSignal", FIELD_INT, F(LaunchSpec, stop_signal) },
        { "Health", FIELD_OBJECT, F(LaunchSpec, health), .type_of = &health_check_type },
        { "Sysctls", FIELD_MAP, F(LaunchSpec, sysctls) },
        {},
};
const ObjectType launch_spec_type = { "launch document", sizeof(LaunchSpec), launch_spec_fields };
