/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "network-spec.h"

#include "string-util.h"

#define F(type, member) offsetof(type, member)

static const Field network_subnet_fields[] = {
        { "Subnet", FIELD_STRING, F(NetworkSubnet, subnet), .max = 64, .flags = FIELD_REQUIRED,
          .key = "Network.Subnet" },
        { "Gateway", FIELD_STRING, F(NetworkSubnet, gateway), .max = 64, .key = "Network.Gateway" },
        {},
};
const ObjectType network_subnet_type = { "subnet", sizeof(NetworkSubnet), network_subnet_fields };

static int network_spec_validate(const void *object, Error *error) {
        const NetworkSpec *spec = object;

        if (!isempty(spec->name) && !network_name_is_valid(spec->name))
                return error_set(
                        error, ERROR_INVALID,
                        "\"%s\" is not a name for a network: use up to %d letters, digits, \"_\", \".\" "
                        "and \"-\", beginning with a letter or a digit",
                        spec->name, NETWORK_NAME_MAX);
        return 0;
}

static const Field network_spec_fields[] = {
        { "Id", FIELD_STRING, F(NetworkSpec, id), FIELD_INTERNAL },
        { "Name", FIELD_STRING, F(NetworkSpec, name), FIELD_INTERNAL },
        { "Created", FIELD_TIMESTAMP, F(NetworkSpec, created), FIELD_INTERNAL },
        { "Driver", FIELD_STRING, F(NetworkSpec, driver), .max = 64, .key = "Network.Driver" },
        { "Interface", FIELD_STRING, F(NetworkSpec, interface), .max = 15, .key = "Network.InterfaceName" },
        { "Subnets", FIELD_LIST, F(NetworkSpec, subnets), .type_of = &network_subnet_type, .max = 2 },
        { "Internal", FIELD_BOOL, F(NetworkSpec, internal), .key = "Network.Internal" },
        { "MTU", FIELD_UINT, F(NetworkSpec, mtu) },
        { "Labels", FIELD_MAP, F(NetworkSpec, labels), .key = "Network.Label" },
        { "Options", FIELD_MAP, F(NetworkSpec, options), .max = 64, .key = "Network.Options" },
        {},
};
const ObjectType network_spec_type = { "network", sizeof(NetworkSpec), network_spec_fields,
                                       .validate = network_spec_validate };

bool network_name_is_valid(const char *name) {
        return object_name_is_valid(name, NETWORK_NAME_MAX);
}
