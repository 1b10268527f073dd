/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <strings.h>

#include "dockerfile-words.h"
#include "image-change.h"
#include "json-read.h"
#include "parse-util.h"
#include "path-util.h"
#include "string-util.h"
#include "strv.h"

typedef struct Change {
        json_t *config;
        char **environment; /* of the image, so far */
        bool command_set;   /* a CMD came before: a later ENTRYPOINT leaves it */
} Change;

static int invalid(Error *error, const char *why) {
        return error_set(error, ERROR_INVALID, "%s", why);
}

static int stored(int r, Error *error) {
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}

static int words_failed(int r, Error *error) {
        return r == -EINVAL ? invalid(error, "a quote or a brace is not closed, or a variable is malformed")
                            : stored(r, error);
}

/* The object or list under the key, made when missing. */
static json_t *member(json_t *config, const char *key, json_t *(*make)(void) ) {
        json_t *value = json_object_get(config, key);

        if (value && !json_is_null(value))
                return value;
        return json_object_set_new(config, key, make()) < 0 ? NULL : json_object_get(config, key);
}

/* ["a", "b"]: a new reference, or NULL when the text is something else. */
static json_t *parse_json_form(const char *text) {
        json_t *array = text[strspn(text, " \t")] == '[' ? json_loads(text, 0, NULL) : NULL, *item;
        bool good = json_is_array(array);
        size_t i;

        json_array_foreach(array, i, item)
                good = good && json_is_string(item);
        if (!good)
                array = (json_decref(array), NULL);
        return array;
}

/* The command in either form, as CMD, ENTRYPOINT and HEALTHCHECK have it. shell: what goes in front of the shell form. */
static json_t *parse_command(const char *text, const char *json_word, const char *const *shell) {
        json_t *array = parse_json_form(text);

        if (array) {
                if (json_word)
                        (void) json_array_insert_new(array, 0, json_string(json_word));
                return array;
        }
        array = json_array();
        for (; array && *shell; shell++)
                (void) json_array_append_new(array, json_string(*shell));
        if (array && json_array_append_new(array, json_string(text)) < 0)
                array = (json_decref(array), NULL);
        return array;
}

static const char *const shell_form[] = { "/bin/sh", "-c", NULL };

static int change_command(Change *change, const char *text, Error *error) {
        change->command_set = true;
        return stored(json_object_set_new(change->config, "Cmd", parse_command(text, NULL, shell_form)),
                      error);
}

static int change_entrypoint(Change *change, const char *text, Error *error) {
        /* The old command was meant for the old entry point. */
        if (!change->command_set)
                (void) json_object_del(change->config, "Cmd");
        return stored(
                json_object_set_new(change->config, "Entrypoint", parse_command(text, NULL, shell_form)),
                error);
}

static int environment_to_json(Change *change, Error *error) {
        json_t *array = json_array();

        STRV_FOREACH(s, change->environment)
                if (json_array_append_new(array, json_string(*s)) < 0) {
                        json_decref(array);
                        return stored(-ENOMEM, error);
                }
        return stored(json_object_set_new(change->config, "Env", array), error);
}

typedef int (*PairFunction)(Change *change, const char *key, const char *value);

/* "KEY=VALUE …", or the old form "KEY the rest". */
static int change_pairs(Change *change, const char *text, PairFunction set, Error *error) {
        const char *p = text;
        bool first = true;
        char *raw;
        int r;

        while ((r = dockerfile_word(&p, change->environment, false, &raw)) > 0) {
                _cleanup_free_ char *word = raw;
                char *equals = strchr(word, '=');
                if (!equals && first) {
                        _cleanup_free_ char *value = NULL;
                        r = dockerfile_word(&p, change->environment, true, &value);
                        if (r == 0)
                                return invalid(error, "it has a name but no value");
                        return r < 0 ? words_failed(r, error) : stored(set(change, word, value), error);
                }
                if (!equals || equals == word)
                        return invalid(error, "it needs NAME=VALUE");
                *equals = 0;
                r = set(change, word, equals + 1);
                if (r < 0)
                        return stored(r, error);
                first = false;
        }
        return words_failed(r, error);
}

static int set_variable(Change *change, const char *key, const char *value) {
        return strv_map_set(&change->environment, key, value);
}

static int change_environment(Change *change, const char *text, Error *error) {
        int r = change_pairs(change, text, set_variable, error);

        return r < 0 ? r : environment_to_json(change, error);
}

static int set_label(Change *change, const char *key, const char *value) {
        return json_object_set_new(member(change->config, "Labels", json_object), key, json_string(value));
}

static int change_label(Change *change, const char *text, Error *error) {
        return change_pairs(change, text, set_label, error);
}

/* "80", "80/udp", "8000-8010/tcp" */
static int add_ports(json_t *ports, const char *word, Error *error) {
        const char *slash = strchr(word, '/'), *protocol = slash ? slash + 1 : "tcp";
        _cleanup_free_ char *range = strndup(word, slash ? (size_t) (slash - word) : strlen(word));
        unsigned first, last;

        if (!range)
                return stored(-ENOMEM, error);
        char *dash = strchr(range, '-');
        if (dash)
                *dash = 0;
        if (parse_unsigned(range, &first) < 0 || parse_unsigned(dash ? dash + 1 : range, &last) < 0 ||
            first == 0 || last > 65535 || first > last ||
            (!streq(protocol, "tcp") && !streq(protocol, "udp") && !streq(protocol, "sctp")))
                return error_set(error, ERROR_INVALID, "\"%.40s\" is not a port", word);
        for (unsigned port = first; port <= last; port++) {
                _cleanup_free_ char *key = format_string("%u/%s", port, protocol);
                if (!key || json_object_set_new(ports, key, json_object()) < 0)
                        return stored(-ENOMEM, error);
        }
        return 0;
}

static int change_ports(Change *change, const char *text, Error *error) {
        _cleanup_strv_free_ char **words = NULL;
        int r = dockerfile_words(text, change->environment, &words);

        if (r < 0)
                return words_failed(r, error);
        STRV_FOREACH(word, words) {
                r = add_ports(member(change->config, "ExposedPorts", json_object), *word, error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int change_volumes(Change *change, const char *text, Error *error) {
        _cleanup_json_ json_t *array = parse_json_form(text);
        _cleanup_strv_free_ char **words = NULL;
        json_t *item;
        size_t i;
        int r = 0;

        json_array_foreach(array, i, item)
                r = r < 0 ? r : strv_extend(&words, json_string_value(item));
        if (!array)
                r = dockerfile_words(text, change->environment, &words);
        if (r < 0)
                return words_failed(r, error);
        STRV_FOREACH(word, words)
                if (json_object_set_new(member(change->config, "Volumes", json_object), *word,
                                        json_object()) < 0)
                        return stored(-ENOMEM, error);
        return 0;
}

/* One value, variables expanded. */
static int change_string(Change *change, const char *key, const char *text, char **ret, Error *error) {
        _cleanup_free_ char *value = NULL;
        int r = dockerfile_word(&text, change->environment, true, &value);

        if (r < 0)
                return words_failed(r, error);
        if (isempty(value))
                return invalid(error, "it needs a value");
        if (ret) {
                *ret = TAKE_PTR(value);
                return 0;
        }
        return stored(json_object_set_new(change->config, key, json_string(value)), error);
}

static int change_user(Change *change, const char *text, Error *error) {
        return change_string(change, "User", text, NULL, error);
}

static int change_stop_signal(Change *change, const char *text, Error *error) {
        _cleanup_free_ char *value = NULL;
        int r = change_string(change, NULL, text, &value, error);

        if (r < 0)
                return r;
        if (parse_signal(value) < 0)
                return error_set(error, ERROR_INVALID, "\"%.40s\" is not a signal", value);
        return stored(json_object_set_new(change->config, "StopSignal", json_string(value)), error);
}

static int change_directory(Change *change, const char *text, Error *error) {
        const char *current = json_string_value(json_object_get(change->config, "WorkingDir"));
        _cleanup_free_ char *value = NULL;
        int r = change_string(change, NULL, text, &value, error);

        if (r < 0)
                return r;
        _cleanup_free_ char *joined =
                path_is_absolute(value) ? strdup(value) : path_join(isempty(current) ? "/" : current, value);
        _cleanup_free_ char *plain = joined ? path_normalize(joined) : NULL;
        return stored(plain ? json_object_set_new(change->config, "WorkingDir", json_string(plain))
                            : -ENOMEM,
                      error);
}

static int change_trigger(Change *change, const char *text, Error *error) {
        return stored(
                json_array_append_new(member(change->config, "OnBuild", json_array), json_string(text)),
                error);
}

/* Takes the options off the front of *text. */
static int health_options(json_t *health, const char **text, Error *error) {
        static const struct {
                const char *option, *key;
        } durations[] = {
                { "--interval=", "Interval" },
                { "--timeout=", "Timeout" },
                { "--start-period=", "StartPeriod" },
                { "--start-interval=", "StartInterval" },
        };

        for (;;) {
                *text += strspn(*text, " \t");
                size_t n = strcspn(*text, " \t");
                _cleanup_free_ char *word = strndup(*text, n);
                unsigned retries;
                uint64_t usec;

                if (!word)
                        return stored(-ENOMEM, error);
                if (!startswith(word, "--"))
                        return 0;
                const char *value = startswith(word, "--retries=");
                if (value && parse_unsigned(value, &retries) >= 0) {
                        (void) json_object_set_new(health, "Retries", json_integer(retries));
                        *text += n;
                        continue;
                }
                size_t i;
                for (i = 0; i < ELEMENTSOF(durations); i++)
                        if ((value = startswith(word, durations[i].option)))
                                break;
                if (i == ELEMENTSOF(durations) || parse_duration(value, &usec) < 0 ||
                    usec > INT64_MAX / 1000)
                        return error_set(error, ERROR_INVALID, "option \"%.60s\" is not understood", word);
                (void) json_object_set_new(health, durations[i].key, json_integer(usec * 1000));
                *text += n;
        }
}

static int change_health(Change *change, const char *text, Error *error) {
        static const char *const shell[] = { "CMD-SHELL", NULL };
        _cleanup_json_ json_t *health = json_object();

        int r = health ? health_options(health, &text, error) : stored(-ENOMEM, error);
        if (r < 0)
                return r;
        if (strcasecmp(text, "NONE") == 0)
                r = json_object_set_new(health, "Test", json_pack("[s]", "NONE"));
        else if (strncasecmp(text, "CMD", 3) == 0 && strchr(" \t[", text[3]) && text[3]) {
                text += 3 + strspn(text + 3, " \t");
                r = json_object_set_new(health, "Test", parse_command(text, "CMD", shell));
        } else
                return invalid(error, "it needs CMD and a command, or NONE");
        if (r >= 0)
                r = json_object_set(change->config, "Healthcheck", health);
        return stored(r, error);
}

static const struct {
        const char *name;
        int (*apply)(Change *change, const char *text, Error *error);
} instructions_known[] = {
        { "CMD", change_command },     { "ENTRYPOINT", change_entrypoint },  { "ENV", change_environment },
        { "EXPOSE", change_ports },    { "HEALTHCHECK", change_health },     { "LABEL", change_label },
        { "ONBUILD", change_trigger }, { "STOPSIGNAL", change_stop_signal }, { "USER", change_user },
        { "VOLUME", change_volumes },  { "WORKDIR", change_directory },
};

static int apply_one(Change *change, const char *line, Error *error) {
        _cleanup_error_ Error why = {};

        if (!utf8_is_valid(line, strlen(line)))
                return error_set(error, ERROR_INVALID,
                                 "an instruction to change an image is not valid UTF-8");
        line += strspn(line, " \t");
        size_t n = strcspn(line, " \t");
        const char *text = line + n + strspn(line + n, " \t");
        for (size_t i = 0; i < ELEMENTSOF(instructions_known); i++) {
                const char *name = instructions_known[i].name;
                if (strlen(name) != n || strncasecmp(line, name, n) != 0)
                        continue;
                if (!*text)
                        return error_set(error, ERROR_INVALID, "%s needs a value", name);
                int r = instructions_known[i].apply(change, text, &why);
                if (r < 0)
                        error_set(error, why.kind, "%s in \"%.100s\": %s", name, line,
                                  strempty(why.message));
                return r;
        }
        return error_set(error, ERROR_INVALID, "\"%.40s\" can't be used to change an image", line);
}

int image_change_apply(json_t *config, char *const *instructions, Error *error) {
        Change change = { .config = config };
        int r = json_get_strv(config, "Env", &change.environment, error);

        for (char *const *line = instructions; r >= 0 && line && *line; line++)
                r = apply_one(&change, *line, error);
        strv_free(change.environment);
        return r;
}
