/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "helper-message.h"

#define F(type, member) offsetof(type, member)

static const char *const helper_verb_words[] = { "setup", "attach",   "detach", "restore",
                                                 "sweep", "teardown", NULL };

static const Field helper_request_fields[] = {
        { "Verb", FIELD_ENUM, F(HelperRequest, verb), .words = helper_verb_words, .flags = FIELD_ALWAYS },
        { "Network", FIELD_OBJECT, F(HelperRequest, network), .type_of = &network_spec_type },
        { "Endpoint", FIELD_OBJECT, F(HelperRequest, endpoint), .type_of = &network_endpoint_type },
        { "Members", FIELD_STRV, F(HelperRequest, members) },
        { "Ruleset", FIELD_STRING, F(HelperRequest, ruleset) },
        {},
};
const ObjectType helper_request_type = { "network request", sizeof(HelperRequest), helper_request_fields };

static const Field helper_reply_fields[] = {
        { "Kind", FIELD_STRING, F(HelperReply, kind) },
        { "Message", FIELD_STRING, F(HelperReply, message) },
        { "Repaired", FIELD_BOOL, F(HelperReply, repaired) },
        {},
};
const ObjectType helper_reply_type = { "network reply", sizeof(HelperReply), helper_reply_fields };
