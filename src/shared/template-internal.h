/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tree that template-parse.c makes and template-execute.c walks. */

#include "template.h"

typedef enum NodeType {
        NODE_TEXT,     /* text */
        NODE_PIPELINE, /* children: the commands; text: variable to assign, or NULL */
        NODE_IF,       /* pipeline, body, otherwise */
        NODE_RANGE,
        NODE_WITH,
        /* inside pipelines */
        NODE_COMMAND, /* text: function, or NULL; children: its operands */
        NODE_FIELD,   /* text: name; base: what it is a field of, NULL: the dot */
        NODE_DOT,
        NODE_VARIABLE, /* text: name without "$" */
        NODE_LITERAL,  /* literal */
} NodeType;

typedef struct Node Node;
struct Node {
        NodeType type;
        char *text;
        char *key; /* range $key, $value */
        json_t *literal;
        Node *base; /* pipeline of if, range, with; base of a field */
        Node *children, *otherwise;
        Node *next;
};

struct Template {
        Node *nodes;
};

#define TEMPLATE_SIZE_MAX (64 * 1024)
#define TEMPLATE_DEPTH_MAX 64

Node *node_free(Node *node); /* with what follows and hangs below it */
DEFINE_CLEANUP(Node *, node_free);

/* template-functions.c: calls a function by its name; *ret is a new reference. */
int template_call(const char *name, json_t *const *arguments, size_t n, json_t **ret, Error *error);
bool template_function_exists(const char *name);
bool template_is_true(const json_t *value);
/* The value as Go prints it. */
int template_print(const json_t *value, StringBuffer *out);
