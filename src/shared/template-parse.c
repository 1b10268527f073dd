/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "template-internal.h"

typedef struct Parser {
        const char *p;
        unsigned depth;
        Error *error;
        const char
                *stop; /* the keyword that ended the last block: "end", "else", "" for the end of the text */
        bool trim_next; /* the last action ended in -}} */
} Parser;

Node *node_free(Node *node) {
        while (node) {
                Node *next = node->next;
                node_free(node->base);
                node_free(node->children);
                node_free(node->otherwise);
                json_decref(node->literal);
                free(node->text);
                free(node->key);
                free(node);
                node = next;
        }
        return NULL;
}

Template *template_free(Template *template) {
        if (template)
                node_free(template->nodes);
        free(template);
        return NULL;
}

static int fail(Parser *parser, const char *what) {
        return error_set(parser->error, ERROR_INVALID, "template: %s at \"%.20s\"", what, parser->p);
}

static int fail_memory(Parser *parser) {
        return error_set_errno(parser->error, -ENOMEM, "template");
}

static void skip_spaces(Parser *parser) {
        while (isspace((unsigned char) *parser->p))
                parser->p++;
}

static size_t word_length(const char *p) {
        size_t n = 0;

        if (!isalpha((unsigned char) p[0]) && p[0] != '_')
                return 0;
        while (isalnum((unsigned char) p[n]) || p[n] == '_')
                n++;
        return n;
}

static bool at_word(const Parser *parser, const char *word) {
        size_t n = word_length(parser->p);

        return n == strlen(word) && strncmp(parser->p, word, n) == 0;
}

static bool at_action_end(const Parser *parser) {
        return startswith(parser->p, "}}") || (startswith(parser->p, "-}}"));
}

static Node *new_node(NodeType type) {
        Node *node = new0(Node, 1);

        if (node)
                node->type = type;
        return node;
}

static int parse_pipeline(Parser *parser, Node **ret);

/* ---- operands ---- */

static int parse_quoted(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *node = new_node(NODE_LITERAL);
        _cleanup_(string_buffer_done) StringBuffer text = {};
        char quote = *parser->p++;

        for (; *parser->p && *parser->p != quote; parser->p++) {
                char c = *parser->p;
                if (c == '\\' && quote == '"' && parser->p[1]) {
                        static const char from[] = "ntr\"\\", to[] = "\n\t\r\"\\";
                        const char *at = strchr(from, *++parser->p);
                        c = at ? to[at - from] : *parser->p;
                }
                if (string_buffer_append(&text, &c, 1) < 0)
                        return fail_memory(parser);
        }
        if (!*parser->p)
                return fail(parser, "a quoted string does not end");
        parser->p++;
        if (!node || !(node->literal = json_string(strempty(text.data))))
                return fail_memory(parser);
        *ret = TAKE_PTR(node);
        return 0;
}

static int parse_number(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *node = new_node(NODE_LITERAL);
        char *end;

        long long integer = strtoll(parser->p, &end, 10);
        json_t *literal;
        if (*end == '.')
                literal = json_real(strtod(parser->p, &end));
        else
                literal = json_integer(integer);
        if (!node || !literal) {
                json_decref(literal);
                return fail_memory(parser);
        }
        node->literal = literal;
        parser->p = end;
        *ret = TAKE_PTR(node);
        return 0;
}

/* "true", "false" and "nil" are values; any other word is a function without arguments. */
static int parse_word(Parser *parser, Node **ret) {
        size_t n = word_length(parser->p);
        bool constant = at_word(parser, "true") || at_word(parser, "false") || at_word(parser, "nil");
        _cleanup_(node_freep) Node *node = new_node(constant ? NODE_LITERAL : NODE_COMMAND);

        if (!node || !(node->text = strndup(parser->p, n)))
                return fail_memory(parser);
        if (constant)
                node->literal = node->text[0] == 'n' ? json_null() : json_boolean(node->text[0] == 't');
        else if (!template_function_exists(node->text))
                return error_set(parser->error, ERROR_INVALID, "template: there is no function \"%s\"",
                                 node->text);
        parser->p += n;
        *ret = TAKE_PTR(node);
        return 0;
}

/* ".A.B" behind any operand. */
static int parse_fields(Parser *parser, Node **node) {
        while (parser->p[0] == '.' && word_length(parser->p + 1) > 0) {
                size_t n = word_length(parser->p + 1);
                Node *field = new_node(NODE_FIELD);
                if (!field)
                        return fail_memory(parser);
                field->base = *node;
                *node = field;
                if (!(field->text = strndup(parser->p + 1, n)))
                        return fail_memory(parser);
                parser->p += 1 + n;
        }
        return 0;
}

static int parse_parenthesis(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *node = NULL;

        if (++parser->depth > TEMPLATE_DEPTH_MAX)
                return fail(parser, "too deeply nested");
        parser->p++;
        int r = parse_pipeline(parser, &node);
        if (r < 0)
                return r;
        skip_spaces(parser);
        if (*parser->p != ')')
                return fail(parser, "a closing parenthesis is missing");
        parser->p++;
        parser->depth--;
        *ret = TAKE_PTR(node);
        return 0;
}

static int parse_dollar(Parser *parser, Node **ret) {
        size_t n = word_length(parser->p + 1);
        _cleanup_(node_freep) Node *node = new_node(NODE_VARIABLE);

        if (!node || !(node->text = strndup(parser->p + 1, n)))
                return fail_memory(parser);
        parser->p += 1 + n;
        *ret = TAKE_PTR(node);
        return 0;
}

static int parse_operand(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *node = NULL;
        const char *p = parser->p;
        int r;

        if (*p == '"' || *p == '`')
                r = parse_quoted(parser, &node);
        else if (isdigit((unsigned char) *p) || (*p == '-' && isdigit((unsigned char) p[1])))
                r = parse_number(parser, &node);
        else if (*p == '(')
                r = parse_parenthesis(parser, &node);
        else if (*p == '$')
                r = parse_dollar(parser, &node);
        else if (*p == '.') {
                node = new_node(NODE_DOT);
                r = node ? 0 : fail_memory(parser);
                if (word_length(p + 1) == 0)
                        parser->p++;
        } else if (word_length(p) > 0)
                r = parse_word(parser, &node);
        else
                r = fail(parser, "a value is missing or unknown");
        if (r < 0 || (r = parse_fields(parser, &node)) < 0)
                return r;
        *ret = TAKE_PTR(node);
        return 0;
}

/* ---- commands and pipelines ---- */

static int parse_command(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *command = NULL;
        Node **tail;
        int r;

        skip_spaces(parser);
        if ((r = parse_operand(parser, &command)) < 0)
                return r;
        bool is_function = command->type == NODE_COMMAND && command->text;
        if (!is_function) {
                Node *value = TAKE_PTR(command);
                command = new_node(NODE_COMMAND);
                if (!command) {
                        node_free(value);
                        return fail_memory(parser);
                }
                command->children = value;
        }
        for (tail = &command->children;; tail = &(*tail)->next) {
                while (*tail)
                        tail = &(*tail)->next;
                skip_spaces(parser);
                if (at_action_end(parser) || !*parser->p || *parser->p == '|' || *parser->p == ')')
                        break;
                if (!is_function)
                        return fail(parser, "only a function takes arguments");
                if ((r = parse_operand(parser, tail)) < 0)
                        return r;
        }
        *ret = TAKE_PTR(command);
        return 0;
}

static int parse_pipeline(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *pipeline = new_node(NODE_PIPELINE);
        Node **tail;
        int r;

        if (!pipeline)
                return fail_memory(parser);
        for (tail = &pipeline->children;; tail = &(*tail)->next) {
                if ((r = parse_command(parser, tail)) < 0)
                        return r;
                skip_spaces(parser);
                if (*parser->p != '|')
                        break;
                parser->p++;
        }
        *ret = TAKE_PTR(pipeline);
        return 0;
}

/* "$x" in front of ":=", "=" or ",". */
static int parse_declared_name(Parser *parser, char **ret) {
        size_t n = word_length(parser->p + 1);

        free(*ret);
        if (!(*ret = strndup(parser->p + 1, n)))
                return fail_memory(parser);
        parser->p += 1 + n;
        skip_spaces(parser);
        return 0;
}

/* "$x := pipeline", "$k, $v := pipeline" (range), or a pipeline alone. */
static int parse_declaration(Parser *parser, Node **ret) {
        _cleanup_(node_freep) Node *pipeline = NULL;
        _cleanup_free_ char *first = NULL, *second = NULL;
        const char *start = parser->p;
        int r;

        if (*parser->p == '$' && (r = parse_declared_name(parser, &first)) < 0)
                return r;
        if (first && *parser->p == ',') {
                parser->p++;
                skip_spaces(parser);
                if (*parser->p != '$')
                        return fail(parser, "a variable is missing");
                if ((r = parse_declared_name(parser, &second)) < 0)
                        return r;
        }
        bool declares = first && (startswith(parser->p, ":=") || *parser->p == '=');
        if (declares)
                parser->p += *parser->p == ':' ? 2 : 1;
        else
                parser->p = start;
        if ((r = parse_pipeline(parser, &pipeline)) < 0)
                return r;
        if (declares) {
                pipeline->key = second ? TAKE_PTR(first) : NULL;
                pipeline->text = second ? TAKE_PTR(second) : TAKE_PTR(first);
        }
        *ret = TAKE_PTR(pipeline);
        return 0;
}

/* ---- text and blocks ---- */

static int parse_block(Parser *parser, Node **ret);

static int end_action(Parser *parser) {
        skip_spaces(parser);
        parser->trim_next = startswith(parser->p, "-}}");
        if (!at_action_end(parser))
                return fail(parser, "\"}}\" is missing");
        parser->p += parser->trim_next ? 3 : 2;
        return 0;
}

/* After the body of if, range or with: "{{else}}", "{{else if …}}", "{{end}}". The keyword has been passed, the end of
 * the action has not. */
static int parse_otherwise(Parser *parser, Node *node) {
        int r;

        if (streq(parser->stop, ""))
                return fail(parser, "{{end}} is missing");
        if (streq(parser->stop, "end"))
                return end_action(parser);
        skip_spaces(parser);
        if (at_word(parser, "if") && node->type == NODE_IF) {
                Node *nested = node->otherwise = new_node(NODE_IF);
                if (!nested)
                        return fail_memory(parser);
                parser->p += 2;
                skip_spaces(parser);
                if ((r = parse_declaration(parser, &nested->base)) < 0 || (r = end_action(parser)) < 0 ||
                    (r = parse_block(parser, &nested->children)) < 0)
                        return r;
                return parse_otherwise(parser, nested);
        }
        if ((r = end_action(parser)) < 0 || (r = parse_block(parser, &node->otherwise)) < 0)
                return r;
        if (!streq(parser->stop, "end"))
                return fail(parser, "{{end}} is missing");
        return end_action(parser);
}

static int parse_control(Parser *parser, NodeType type, size_t keyword_length, Node **ret) {
        _cleanup_(node_freep) Node *node = new_node(type);
        int r;

        if (!node)
                return fail_memory(parser);
        if (++parser->depth > TEMPLATE_DEPTH_MAX)
                return fail(parser, "too deeply nested");
        parser->p += keyword_length;
        skip_spaces(parser);
        if ((r = parse_declaration(parser, &node->base)) < 0 || (r = end_action(parser)) < 0 ||
            (r = parse_block(parser, &node->children)) < 0 || (r = parse_otherwise(parser, node)) < 0)
                return r;
        parser->depth--;
        *ret = TAKE_PTR(node);
        return 0;
}

/* An action, from behind "{{". Returns 1 when it ended the block. */
static int parse_action(Parser *parser, Node **ret) {
        static const struct {
                const char *word;
                NodeType type;
        } controls[] = { { "if", NODE_IF }, { "range", NODE_RANGE }, { "with", NODE_WITH } };
        static const char *const stops[] = { "end", "else" };
        int r;

        skip_spaces(parser);
        if (startswith(parser->p, "/*")) {
                const char *end = strstr(parser->p, "*/");
                if (!end)
                        return fail(parser, "a comment does not end");
                parser->p = end + 2;
                return end_action(parser);
        }
        for (size_t i = 0; i < ELEMENTSOF(stops); i++)
                if (at_word(parser, stops[i])) {
                        parser->stop = stops[i];
                        parser->p += strlen(stops[i]);
                        return 1;
                }
        for (size_t i = 0; i < ELEMENTSOF(controls); i++)
                if (at_word(parser, controls[i].word))
                        return parse_control(parser, controls[i].type, strlen(controls[i].word), ret);
        if ((r = parse_declaration(parser, ret)) < 0)
                return r;
        return end_action(parser);
}

/* Text up to "{{": \t and \n are what they say, and trim markers take the white space beside them. */
static int parse_text(Parser *parser, Node **ret) {
        _cleanup_(string_buffer_done) StringBuffer text = {};
        const char *start = parser->p, *end = strstr(start, "{{") ?: strchr(start, 0);

        parser->p = end;
        if (parser->trim_next)
                while (start < end && isspace((unsigned char) *start))
                        start++;
        parser->trim_next = false;
        if (startswith(end, "{{-") && isspace((unsigned char) end[3]))
                while (end > start && isspace((unsigned char) end[-1]))
                        end--;
        for (; start < end; start++) {
                char c = *start;
                if (c == '\\' && start + 1 < end && strchr("tn\\", start[1]))
                        c = *++start == 't' ? '\t' : *start == 'n' ? '\n' : '\\';
                if (string_buffer_append(&text, &c, 1) < 0)
                        return fail_memory(parser);
        }
        if (text.size == 0)
                return 0;
        if (!(*ret = new_node(NODE_TEXT)))
                return fail_memory(parser);
        (*ret)->text = TAKE_PTR(text.data);
        return 0;
}

static int parse_block(Parser *parser, Node **ret) {
        int r;

        for (Node **tail = ret;;) {
                if ((r = parse_text(parser, tail)) < 0)
                        return r;
                while (*tail)
                        tail = &(*tail)->next;
                if (!*parser->p) {
                        parser->stop = "";
                        return 0;
                }
                parser->p += parser->p[2] == '-' && isspace((unsigned char) parser->p[3]) ? 3 : 2;
                if ((r = parse_action(parser, tail)) != 0)
                        return r < 0 ? r : 0;
                while (*tail)
                        tail = &(*tail)->next;
        }
}

int template_parse(const char *text, Template **ret, Error *error) {
        _cleanup_(template_freep) Template *template = new0(Template, 1);
        Parser parser = { .p = text, .error = error };

        if (!template)
                return fail_memory(&parser);
        if (strlen(text) > TEMPLATE_SIZE_MAX)
                return error_set(error, ERROR_LIMIT, "template: longer than %d bytes", TEMPLATE_SIZE_MAX);
        int r = parse_block(&parser, &template->nodes);
        if (r < 0)
                return r;
        if (!streq(parser.stop, ""))
                return error_set(error, ERROR_INVALID,
                                 "template: {{%s}} without {{if}}, {{range}} or {{with}}", parser.stop);
        *ret = TAKE_PTR(template);
        return 0;
}
