/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "secret-spec.h"

#define F(member) offsetof(SecretSpec, member)

static const Field secret_spec_fields[] = {
        { "Id", FIELD_STRING, F(id), FIELD_INTERNAL },
        { "Name", FIELD_STRING, F(name), FIELD_INTERNAL },
        { "Created", FIELD_TIMESTAMP, F(created), FIELD_INTERNAL },
        { "Size", FIELD_UINT64, F(size), FIELD_INTERNAL },
        { "Labels", FIELD_MAP, F(labels), .max = 1000 },
        {},
};
const ObjectType secret_spec_type = { "secret", sizeof(SecretSpec), secret_spec_fields };

bool secret_name_is_valid(const char *name) {
        return object_name_is_valid(name, SECRET_NAME_MAX);
}
