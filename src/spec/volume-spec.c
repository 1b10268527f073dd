/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-spec.h"

#define F(member) offsetof(VolumeSpec, member)

static const Field volume_spec_fields[] = {
        { "Name", FIELD_STRING, F(name), FIELD_INTERNAL },
        { "Created", FIELD_TIMESTAMP, F(created), FIELD_INTERNAL },
        { "Anonymous", FIELD_BOOL, F(anonymous), FIELD_INTERNAL },
        { "Project", FIELD_UINT, F(project), FIELD_INTERNAL },
        { "Driver", FIELD_STRING, F(driver), .max = 64, .key = "Volume.Driver" },
        { "Options", FIELD_MAP, F(options), .max = 64 },
        { "Labels", FIELD_MAP, F(labels), .max = 1000, .key = "Volume.Label" },
        { "Size", FIELD_UINT64, F(size) },
        {},
};
const ObjectType volume_spec_type = { "volume", sizeof(VolumeSpec), volume_spec_fields };

bool volume_name_is_valid(const char *name) {
        return object_name_is_valid(name, VOLUME_NAME_MAX);
}
