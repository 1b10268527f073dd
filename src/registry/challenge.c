/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <strings.h>

#include "challenge.h"
#include "string-util.h"

#define TOKEN_SIGNS "!#$%&'*+-.^_`|~"
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define TOKEN_CHARACTERS ALNUM TOKEN_SIGNS
#define TOKEN68_CHARACTERS ALNUM "-._~+/"

void challenge_done(Challenge *challenge) {
        free(challenge->realm);
        free(challenge->service);
        free(challenge->scope);
        *challenge = (Challenge){};
}

static const char *skip_spaces(const char *p) {
        return p + strspn(p, " \t");
}

static const char *skip_separators(const char *p) {
        return p + strspn(p, " \t,");
}

static ChallengeScheme scheme_from_token(const char *s, size_t n) {
        if (n == strlen("Bearer") && strncasecmp(s, "Bearer", n) == 0)
                return CHALLENGE_BEARER;
        if (n == strlen("Basic") && strncasecmp(s, "Basic", n) == 0)
                return CHALLENGE_BASIC;
        return CHALLENGE_NONE;
}

/* Unescapes the quoted string at p, which begins behind the opening quote. Returns where it ends, or NULL. */
static const char *read_quoted(const char *p, char **ret, int *ret_r) {
        _cleanup_free_ char *value = malloc(strlen(p) + 1);
        size_t n = 0;

        if (!value) {
                *ret_r = -ENOMEM;
                return NULL;
        }
        for (; *p != '"'; p++) {
                if (*p == '\\')
                        p++;
                if ((unsigned char) *p < ' ' && *p != '\t') { /* the end of the header as well */
                        *ret_r = -EBADMSG;
                        return NULL;
                }
                value[n++] = *p;
        }
        value[n] = 0;
        *ret = TAKE_PTR(value);
        return p + 1;
}

/* The value of a parameter, a token or a quoted string. Bare values are taken up to the next separator, since some
 * registries leave out the quotes around a URL. */
static const char *read_value(const char *p, char **ret, int *ret_r) {
        if (*p == '"')
                return read_quoted(p + 1, ret, ret_r);

        size_t n = strcspn(p, " \t,\"");
        *ret = n > 0 ? strndup(p, n) : NULL;
        if (!*ret) {
                *ret_r = n > 0 ? -ENOMEM : -EBADMSG;
                return NULL;
        }
        return p + n;
}

static void set_parameter(Challenge *challenge, const char *name, size_t n, char *value) {
        const struct {
                const char *name;
                char **target;
        } parameters[] = {
                { "realm", &challenge->realm },
                { "service", &challenge->service },
                { "scope", &challenge->scope },
        };

        for (size_t i = 0; i < ELEMENTSOF(parameters); i++)
                if (strlen(parameters[i].name) == n && strncasecmp(parameters[i].name, name, n) == 0) {
                        free_and_replace(*parameters[i].target, value);
                        return;
                }
        free(value);
}

/* The "=" of "name = value", or NULL when a token at p is something else: a scheme, or the padding of a token68. */
static const char *find_assignment(const char *p) {
        const char *equals = skip_spaces(p + strspn(p, TOKEN_CHARACTERS));

        if (equals == p || *equals != '=')
                return NULL;
        const char *value = skip_spaces(equals + 1);
        return *value != 0 && *value != ',' && *value != '=' ? equals : NULL;
}

static const char *skip_token68(const char *p) {
        const char *end = p + strspn(p, TOKEN68_CHARACTERS);

        end += strspn(end, "=");
        const char *next = skip_spaces(end);
        return end > p && (*next == ',' || *next == 0) ? next : p;
}

/* Reads one challenge. Returns where the next one begins, or NULL with *ret_r set. */
static const char *read_challenge(const char *p, Challenge *challenge, int *ret_r) {
        size_t n = strspn(p, TOKEN_CHARACTERS);

        if (n == 0 || !strchr(" \t,", p[n])) {
                *ret_r = -EBADMSG;
                return NULL;
        }
        challenge->scheme = scheme_from_token(p, n);
        p = skip_spaces(p + n);
        if (!find_assignment(p))
                return skip_separators(skip_token68(p));

        for (const char *equals; (equals = find_assignment(p)); p = skip_separators(p)) {
                const char *name = p;
                char *value;
                p = read_value(skip_spaces(equals + 1), &value, ret_r);
                if (!p)
                        return NULL;
                set_parameter(challenge, name, strspn(name, TOKEN_CHARACTERS), value);
                if (!strchr(" \t,", *p)) { /* the NUL is found as well */
                        *ret_r = -EBADMSG;
                        return NULL;
                }
        }
        return p;
}

static bool challenge_is_usable(const Challenge *challenge) {
        return challenge->scheme == CHALLENGE_BASIC ||
               (challenge->scheme == CHALLENGE_BEARER && !isempty(challenge->realm));
}

int challenge_parse(Challenge *challenge, const char *value) {
        int r = 0;

        if (strlen(value) > CHALLENGE_MAX)
                return -EBADMSG;
        for (const char *p = skip_separators(value); p && *p;) {
                _cleanup_(challenge_done) Challenge candidate = {};
                p = read_challenge(p, &candidate, &r);
                if (p && challenge_is_usable(&candidate) && candidate.scheme > challenge->scheme) {
                        challenge_done(challenge);
                        *challenge = candidate;
                        candidate = (Challenge){};
                }
        }
        return r;
}
