/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-util.h"
#include "suggest.h"
#include "template-internal.h"

#define VARIABLES_MAX 32
#define ARGUMENTS_MAX 16
#define OUTPUT_MAX (64 * 1024 * 1024)

typedef struct Variable {
        const char *name;
        json_t *value;
} Variable;

typedef struct Execution {
        json_t *root;
        Variable variables[VARIABLES_MAX];
        size_t n_variables;
        StringBuffer *out;
        Error *error;
} Execution;

static int evaluate_pipeline(Execution *e, const Node *node, json_t *dot, json_t **ret);
static int evaluate_command(Execution *e, const Node *node, json_t *dot, json_t *piped, json_t **ret);

static int set_variable(Execution *e, const char *name, json_t *value) {
        if (e->n_variables == VARIABLES_MAX)
                return error_set(e->error, ERROR_LIMIT, "template: more than %d variables", VARIABLES_MAX);
        e->variables[e->n_variables++] = (Variable){ name, json_incref(value) };
        return 0;
}

static void drop_variables(Execution *e, size_t keep) {
        while (e->n_variables > keep)
                json_decref(e->variables[--e->n_variables].value);
}

static int get_variable(Execution *e, const char *name, json_t **ret) {
        if (streq(name, "")) {
                *ret = json_incref(e->root);
                return 0;
        }
        for (size_t i = e->n_variables; i-- > 0;)
                if (streq(e->variables[i].name, name)) {
                        *ret = json_incref(e->variables[i].value);
                        return 0;
                }
        return error_set(e->error, ERROR_INVALID, "template: there is no variable \"$%s\"", name);
}

static int report_unknown_field(Execution *e, const char *name) {
        Suggestion suggestion;
        const char *key;
        json_t *value;

        suggestion_init(&suggestion, name);
        json_object_foreach(e->root, key, value)
                suggestion_consider(&suggestion, key);
        if (suggestion.best)
                return error_set(e->error, ERROR_INVALID,
                                 "template: there is no field \"%s\"; did you mean \"%s\"?", name,
                                 suggestion.best);
        return error_set(e->error, ERROR_INVALID,
                         "template: there is no field \"%s\" ({{json .}} shows all)", name);
}

static int get_field(Execution *e, json_t *base, const char *name, json_t **ret) {
        json_t *value = json_object_get(base, name);

        if (!value && base == e->root && json_is_object(base))
                return report_unknown_field(e, name);
        if (!value && !json_is_object(base) && !json_is_null(base))
                return error_set(e->error, ERROR_INVALID, "template: \".%s\" is asked of what has no fields",
                                 name);
        *ret = value ? json_incref(value) : json_null();
        return 0;
}

static int evaluate_operand(Execution *e, const Node *node, json_t *dot, json_t **ret) {
        _cleanup_json_ json_t *base = NULL;
        int r;

        switch (node->type) {
        case NODE_LITERAL:
                *ret = json_incref(node->literal);
                return 0;
        case NODE_DOT:
                *ret = json_incref(dot);
                return 0;
        case NODE_VARIABLE:
                return get_variable(e, node->text, ret);
        case NODE_PIPELINE:
                return evaluate_pipeline(e, node, dot, ret);
        case NODE_COMMAND:
                return evaluate_command(e, node, dot, NULL, ret);
        case NODE_FIELD:
                r = evaluate_operand(e, node->base, dot, &base);
                return r < 0 ? r : get_field(e, base, node->text, ret);
        default:
                return error_set(e->error, ERROR_INVALID, "template: not a value");
        }
}

/* A function with its operands and, as the last one, what the command before it in the pipeline gave. */
static int evaluate_command(Execution *e, const Node *node, json_t *dot, json_t *piped, json_t **ret) {
        json_t *arguments[ARGUMENTS_MAX];
        size_t n = 0;
        int r = 0;

        if (!node->text) {
                if (piped)
                        return error_set(e->error, ERROR_INVALID,
                                         "template: only a function can stand behind \"|\"");
                return evaluate_operand(e, node->children, dot, ret);
        }
        for (const Node *child = node->children; child && r >= 0; child = child->next) {
                if (n + 1 == ARGUMENTS_MAX)
                        r = error_set(e->error, ERROR_LIMIT, "template: too many arguments for %s",
                                      node->text);
                else if ((r = evaluate_operand(e, child, dot, &arguments[n])) >= 0)
                        n++;
        }
        if (r >= 0) {
                if (piped)
                        arguments[n++] = json_incref(piped);
                r = template_call(node->text, arguments, n, ret, e->error);
        }
        while (n > 0)
                json_decref(arguments[--n]);
        return r;
}

static int evaluate_pipeline(Execution *e, const Node *node, json_t *dot, json_t **ret) {
        _cleanup_json_ json_t *value = NULL;

        for (const Node *command = node->children; command; command = command->next) {
                json_t *next = NULL;
                int r = evaluate_command(e, command, dot, value, &next);
                if (r < 0)
                        return r;
                json_decref(value);
                value = next;
        }
        *ret = TAKE_PTR(value);
        return 0;
}

static int execute_nodes(Execution *e, const Node *nodes, json_t *dot);

static int execute_item(Execution *e, const Node *node, json_t *key, json_t *value) {
        size_t keep = e->n_variables;
        int r = 0;

        if (node->base->key)
                r = set_variable(e, node->base->key, key);
        if (r >= 0 && node->base->text)
                r = set_variable(e, node->base->text, value);
        if (r >= 0)
                r = execute_nodes(e, node->children, value);
        drop_variables(e, keep);
        return r;
}

static int execute_range(Execution *e, const Node *node, json_t *over, json_t *dot) {
        size_t i, n = json_is_array(over) ? json_array_size(over) : json_object_size(over);
        const char *name;
        json_t *value;
        int r = 0;

        if (!json_is_array(over) && !json_is_object(over) && !json_is_null(over))
                return error_set(e->error, ERROR_INVALID, "template: {{range}} needs a list or a map");
        if (n == 0)
                return execute_nodes(e, node->otherwise, dot);
        json_array_foreach(over, i, value) {
                _cleanup_json_ json_t *key = json_integer((json_int_t) i);
                if ((r = execute_item(e, node, key, value)) < 0)
                        return r;
        }
        json_object_foreach(over, name, value) {
                _cleanup_json_ json_t *key = json_string(name);
                if ((r = execute_item(e, node, key, value)) < 0)
                        return r;
        }
        return 0;
}

static int execute_control(Execution *e, const Node *node, json_t *dot) {
        _cleanup_json_ json_t *value = NULL;
        size_t keep = e->n_variables;

        int r = evaluate_pipeline(e, node->base, dot, &value);
        if (r < 0)
                return r;
        if (node->type == NODE_RANGE)
                return execute_range(e, node, value, dot);
        if (node->base->text && (r = set_variable(e, node->base->text, value)) < 0)
                return r;
        if (template_is_true(value))
                r = execute_nodes(e, node->children, node->type == NODE_WITH ? value : dot);
        else
                r = execute_nodes(e, node->otherwise, dot);
        drop_variables(e, keep);
        return r;
}

static int execute_output(Execution *e, const Node *node, json_t *dot) {
        _cleanup_json_ json_t *value = NULL;

        int r = evaluate_pipeline(e, node, dot, &value);
        if (r < 0)
                return r;
        if (node->text)
                return set_variable(e, node->text, value);
        r = template_print(value, e->out);
        return r < 0 ? error_set_errno(e->error, r, "template") : 0;
}

static int execute_nodes(Execution *e, const Node *nodes, json_t *dot) {
        int r = 0;

        for (const Node *node = nodes; node && r >= 0; node = node->next) {
                if (node->type == NODE_TEXT)
                        r = string_buffer_append_string(e->out, node->text);
                else if (node->type == NODE_PIPELINE)
                        r = execute_output(e, node, dot);
                else
                        r = execute_control(e, node, dot);
                if (r >= 0 && e->out->size > OUTPUT_MAX)
                        r = error_set(e->error, ERROR_LIMIT, "template: the output is too long");
        }
        return r;
}

int template_execute(const Template *template, json_t *value, StringBuffer *out, Error *error) {
        Execution e = { .root = value, .out = out, .error = error };

        int r = execute_nodes(&e, template->nodes, value);
        drop_variables(&e, 0);
        return r < 0 ? error_set_errno(error, r, "template") : 0;
}
