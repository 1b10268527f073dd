/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "option.h"

/* --secret NAME[,target=PATH][,uid=N][,gid=N][,mode=OCTAL], into a List of SecretAttachment. */
int parse_secret(const Option *option, const char *value, void *target, Error *error);
