/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "registries-conf.h"
#include "object-conf.h"
#include "parse-util.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

#define CONF_NAME "registries.conf"
#define RULES_MAX 1000
#define MIRRORS_MAX 16
#define KEYS_MAX 64

/* ---- types ---- */

/* Whether it is said at all is a third state, so these are no FIELD_BOOL. */
static const char *const boolean_words[] = { "no", "yes", NULL };
static const char *const policy_words[] = { "accept", "reject", "digest", "signature", NULL };

#define R(member) offsetof(RegistryRule, member)

static const Field rule_fields[] = {
        { "Prefix", FIELD_STRING, R(prefix) },
        { "Mirrors", FIELD_STRV, R(mirrors), .max = MIRRORS_MAX, .key = "Registry.Mirror" },
        { "MirrorOnly", FIELD_ENUM, R(mirror_only), .words = boolean_words, .key = "Registry.MirrorOnly" },
        { "Insecure", FIELD_ENUM, R(insecure), .words = boolean_words, .key = "Registry.Insecure" },
        { "Blocked", FIELD_ENUM, R(blocked), .words = boolean_words, .key = "Registry.Blocked" },
        { "Policy", FIELD_ENUM, R(policy), .words = policy_words, .key = "Registry.Policy" },
        { "Keys", FIELD_STRV, R(keys), .max = KEYS_MAX, .key = "Registry.Key" },
        {},
};

static void rule_init(void *object) {
        RegistryRule *rule = object;

        rule->mirror_only = rule->insecure = rule->blocked = rule->policy = -1;
}

const ObjectType registry_rule_type = { "registry", sizeof(RegistryRule), rule_fields, rule_init };

static const Field conf_fields[] = {
        { "DefaultRegistry", FIELD_STRING, offsetof(RegistriesConf, default_registry) },
        { "Aliases", FIELD_MAP, offsetof(RegistriesConf, aliases) },
        { "Registries", FIELD_LIST, offsetof(RegistriesConf, rules), .type_of = &registry_rule_type },
        {},
};
const ObjectType registries_conf_type = { CONF_NAME, sizeof(RegistriesConf), conf_fields };

/* ---- [Names] ---- */

static int set_default(RegistriesConf *conf, const char *value, Error *error) {
        _cleanup_free_ char *registry = NULL, *path = NULL;

        int r = *value ? registry_prefix_parse(value, &registry, &path) : 0;
        if (r == -EINVAL || !isempty(path))
                return error_set(error, ERROR_INVALID,
                                 "Default= must be a registry, HOST[:PORT], not \"%.100s\"", value);
        if (r >= 0)
                free_and_replace(conf->default_registry, TAKE_PTR(registry));
        return r;
}

/* What an alias stands for has its registry, so it can't be an alias itself. */
static int add_alias(RegistriesConf *conf, const char *value, Error *error) {
        _cleanup_(reference_done) Reference target = {};
        _cleanup_strv_free_ char **words = NULL;

        if (*value == 0) {
                conf->aliases = strv_free(conf->aliases);
                return 0;
        }
        int r = strv_split(value, " \t", &words);
        if (r < 0)
                return r;
        if (strv_length(words) != 2)
                return error_set(error, ERROR_INVALID, "Alias= is a short name and what it stands for");
        if (!reference_is_short_name(words[0]))
                return error_set(error, ERROR_INVALID,
                                 "the alias \"%.100s\" must be a name without registry, tag and digest",
                                 words[0]);
        if (!reference_has_registry(words[1]))
                return error_set(
                        error, ERROR_INVALID,
                        "the alias \"%.100s\" must stand for a name with its registry, not for \"%.100s\"",
                        words[0], words[1]);
        r = reference_parse(words[1], &target, error);
        return r < 0 ? r : strv_map_set(&conf->aliases, words[0], words[1]);
}

static int assign_name(RegistriesConf *conf, const ConfLine *line, Error *error) {
        if (streq(line->key, "Default"))
                return set_default(conf, line->value, error);
        if (streq(line->key, "Alias"))
                return add_alias(conf, line->value, error);
        return error_set(error, ERROR_INVALID, "unknown key \"%.100s\" in [Names]", line->key);
}

/* ---- [Registry …] ---- */

/* As names in references end up. Returns 0, -EINVAL or -ENOMEM. */
static int canonicalize_prefix(const char *prefix, char **ret) {
        _cleanup_free_ char *registry = NULL, *path = NULL;
        const char *domain = startswith(prefix, "*.");

        if (!streq(prefix, "*")) {
                int r = registry_prefix_parse(domain ?: prefix, &registry, &path);
                if (r < 0)
                        return r;
                if (domain && *path)
                        return -EINVAL;
        }
        *ret = registry ? string_join(domain ? "*." : "", registry, *path ? "/" : "", path) : strdup(prefix);
        return *ret ? 0 : -ENOMEM;
}

static int find_rule(RegistriesConf *conf, const char *written, RegistryRule **ret, Error *error) {
        _cleanup_free_ char *prefix = NULL;

        int r = canonicalize_prefix(strempty(written), &prefix);
        if (r == -EINVAL)
                return error_set(error, ERROR_INVALID,
                                 "\"%.100s\" is not a registry: write [Registry HOST[:PORT][/PATH]], "
                                 "[Registry *.DOMAIN] or [Registry *]",
                                 strempty(written));
        if (r < 0)
                return r;
        for (size_t i = 0; i < conf->rules.n; i++) {
                *ret = LIST_ITEM(&conf->rules, RegistryRule, i);
                if (streq((*ret)->prefix, prefix))
                        return 0;
        }
        if (conf->rules.n >= RULES_MAX)
                return error_set(error, ERROR_LIMIT, "there are more than %d registries", RULES_MAX);
        *ret = list_append(&conf->rules, &registry_rule_type);
        if (!*ret)
                return -ENOMEM;
        (*ret)->prefix = TAKE_PTR(prefix);
        return 0;
}

static int check_mirrors(const RegistryRule *rule, Error *error) {
        STRV_FOREACH(mirror, rule->mirrors) {
                _cleanup_free_ char *registry = NULL, *path = NULL;
                int r = registry_prefix_parse(*mirror, &registry, &path);
                if (r == -EINVAL)
                        return error_set(error, ERROR_INVALID,
                                         "\"%.100s\" is not a mirror: write HOST[:PORT][/PATH]", *mirror);
                if (r < 0)
                        return r;
        }
        if (strv_length(rule->mirrors) > MIRRORS_MAX)
                return error_set(error, ERROR_LIMIT, "a registry has at most %d mirrors", MIRRORS_MAX);
        return 0;
}

static int check_keys(const RegistryRule *rule, Error *error) {
        STRV_FOREACH(key, rule->keys)
                if (**key != '/')
                        return error_set(error, ERROR_INVALID,
                                         "Key= must be an absolute path, not \"%.100s\"", *key);
        if (strv_length(rule->keys) > KEYS_MAX)
                return error_set(error, ERROR_LIMIT, "a registry has at most %d keys", KEYS_MAX);
        return 0;
}

/* A list that is said to be empty is not inherited, unlike one that is not said. */
static int note_empty_list(RegistryRule *rule, const ConfLine *line) {
        char ***list = streq(line->key, "Mirror") ? &rule->mirrors
                       : streq(line->key, "Key")  ? &rule->keys
                                                  : NULL;

        if (!list || *line->value)
                return 0;
        *list = new0(char *, 1);
        return *list ? 0 : -ENOMEM;
}

static const char *boolean_word(const Field *fields, const char *key, const char *value) {
        for (const Field *f = fields; f->name; f++)
                if (f->words == boolean_words && streq(strrchr(f->key, '.') + 1, key)) {
                        int r = parse_bool(value);
                        return r < 0 ? value : boolean_words[r];
                }
        return value;
}

static int assign_rule(RegistriesConf *conf, const ConfLine *line, Error *error) {
        RegistryRule *rule = NULL;

        int r = find_rule(conf, line->argument, &rule, error);
        if (r < 0 || !line->key)
                return r;
        r = object_assign(&registry_rule_type, rule, line->section, line->key,
                          boolean_word(rule_fields, line->key, line->value), error);
        if (r >= 0)
                r = note_empty_list(rule, line);
        if (r >= 0)
                r = check_mirrors(rule, error);
        return r < 0 ? r : check_keys(rule, error);
}

/* ---- loading ---- */

static int on_line(const ConfLine *line, void *userdata, Error *error) {
        RegistriesConf *conf = userdata;
        int r = 0;

        if (streq(line->section, "Registry"))
                r = assign_rule(conf, line, error);
        else if (!streq(line->section, "Names") || line->argument)
                r = error_set(error, ERROR_INVALID,
                              "unknown section \"%.100s\": there are [Names] and [Registry NAME]",
                              line->section);
        else if (line->key)
                r = assign_name(conf, line, error);
        return r == -ENOMEM ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : r;
}

int registries_conf_load(const char *root, RegistriesConf *ret, Error *error) {
        RegistriesConf conf = {};

        int r = conf_read(root, CONF_NAME, on_line, &conf, 0, error);
        if (r < 0)
                object_done(&registries_conf_type, &conf);
        else
                *ret = conf;
        return r;
}

int registries_conf_parse(const char *file, const char *text, size_t size, RegistriesConf *ret,
                          Error *error) {
        RegistriesConf conf = {};

        int r = conf_parse(file, text, size, on_line, &conf, 0, error);
        if (r < 0)
                object_done(&registries_conf_type, &conf);
        else
                *ret = conf;
        return r;
}

/* ---- finding ---- */

/* Above every length of a prefix. */
#define RANK_PLAIN 1000000

/* How close the prefix is to "host[:port]/repository"; 0: it does not fit. */
static size_t prefix_rank(const char *prefix, const char *registry, const char *name) {
        size_t n = strlen(prefix);

        if (streq(prefix, "*"))
                return 1;
        if (prefix[0] != '*') {
                const char *rest = startswith(name, prefix);
                return rest && (*rest == 0 || *rest == '/') ? RANK_PLAIN + n : 0;
        }
        /* "*.example.com" is any port of its hosts. */
        if (endswith(registry, prefix + 1))
                return 1 + n;
        const char *port = strrchr(registry, ':');
        const char *where = port ? port - (n - 1) : registry;
        return port && where > registry && strncmp(where, prefix + 1, n - 1) == 0 ? 1 + n : 0;
}

static const size_t inherited_words[] = { R(mirror_only), R(insecure), R(blocked), R(policy) };
static const size_t inherited_lists[] = { R(mirrors), R(keys) };

typedef struct Ranks {
        size_t words[ELEMENTSOF(inherited_words)], lists[ELEMENTSOF(inherited_lists)];
} Ranks;

/* Each member comes from the closest rule that says it. */
static void take_members(const RegistryRule *rule, size_t rank, Ranks *ranks, RegistryRule *ret) {
        for (size_t i = 0; i < ELEMENTSOF(inherited_words); i++) {
                const int *said = (const int *) ((const char *) rule + inherited_words[i]);
                if (*said >= 0 && rank > ranks->words[i]) {
                        *(int *) ((char *) ret + inherited_words[i]) = *said;
                        ranks->words[i] = rank;
                }
        }
        for (size_t i = 0; i < ELEMENTSOF(inherited_lists); i++) {
                char **const *said = (char **const *) ((const char *) rule + inherited_lists[i]);
                if (*said && rank > ranks->lists[i]) {
                        *(char ***) ((char *) ret + inherited_lists[i]) = *said;
                        ranks->lists[i] = rank;
                }
        }
}

void registries_conf_find(const RegistriesConf *conf, const char *registry, const char *repository,
                          RegistryRule *ret) {
        char name[REFERENCE_MAX + 1];
        Ranks ranks = {};
        size_t best = 0;

        *ret = (RegistryRule){ .policy = TRUST_ACCEPT };
        snprintf(name, sizeof(name), "%s/%s", registry, repository);
        for (size_t i = 0; i < conf->rules.n; i++) {
                const RegistryRule *rule = LIST_ITEM(&conf->rules, RegistryRule, i);
                size_t rank = prefix_rank(rule->prefix, registry, name);
                if (rank > best) {
                        best = rank;
                        ret->prefix = rule->prefix;
                }
                take_members(rule, rank, &ranks, ret);
        }
}

/* ---- names ---- */

int registries_conf_apply_names(const RegistriesConf *conf) {
        return reference_set_names(conf->default_registry, conf->aliases);
}

int registries_conf_load_names(Error *error) {
        RegistriesConf conf = {};

        int r = registries_conf_load("", &conf, error);
        if (r < 0)
                return r;
        r = registries_conf_apply_names(&conf);
        object_done(&registries_conf_type, &conf);
        return r < 0 ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : 0;
}
