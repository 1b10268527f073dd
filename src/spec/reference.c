/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>

#include "image-spec.h"
#include "reference.h"
#include "string-util.h"
#include "strv.h"

#define DOCKER_REGISTRY "docker.io"
#define DOCKER_REGISTRY_OLD "index.docker.io"
#define DEFAULT_NAMESPACE "library/"
#define DEFAULT_TAG "latest"

#define REPOSITORY_MAX 255 /* with the registry, as Docker counts */
#define TAG_MAX 128

#define LOWER_ALNUM "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define HINT "write it as [HOST[:PORT]/]NAME[:TAG][@DIGEST]"

/* What names without registry mean in this process: see reference_set_names(). */
static char *default_registry; /* NULL: docker.io */
static char **aliases;

int reference_set_names(const char *registry, char *const *map) {
        _cleanup_strv_free_ char **copy = NULL;

        if (strv_copy_into(map, &copy) < 0 || free_and_strdup(&default_registry, registry) < 0)
                return -ENOMEM;
        strv_free(aliases);
        aliases = TAKE_PTR(copy);
        return 0;
}

void reference_done(Reference *reference) {
        free(reference->registry);
        free(reference->repository);
        free(reference->tag);
        free(reference->digest);
        *reference = (Reference){};
}

/* Every refusal looks alike: what was written, then the reason. */
static int refuse(Error *error, const char *written, const char *reason) {
        return error_set(error, ERROR_INVALID, "\"%.256s\" is not an image name: %s", written, reason);
}

static int refuse_digest(Error *error, const char *written, const char *digest) {
        const char *colon = strchr(digest, ':');

        if (!colon)
                return refuse(error, written, "what follows \"@\" must be a digest, \"sha256:…\"");
        if (!startswith(digest, "sha256:"))
                return refuse(error, written, "only sha256 digests are supported");
        return refuse(error, written, "a sha256 digest has 64 hexadecimal digits in lower case");
}

/* Runs of letters and digits, joined by one ".", one or two "_", or any number of "-". */
static bool path_component_is_valid(const char *s, size_t n) {
        const char *end = s + n;

        while (s < end) {
                size_t word = strspn(s, LOWER_ALNUM);
                if (word == 0)
                        return false;
                s += word;
                if (s == end)
                        return true;

                size_t joint = strspn(s, s[0] == '-' ? "-" : s[0] == '_' ? "_" : ".");
                if (joint == 0 || (s[0] == '.' && joint > 1) || (s[0] == '_' && joint > 2))
                        return false;
                s += joint;
        }
        return false;
}

static bool path_is_valid(const char *path) {
        for (const char *s = path;; s++) {
                size_t n = strcspn(s, "/");
                if (!path_component_is_valid(s, n))
                        return false;
                s += n;
                if (*s == 0)
                        return true;
        }
}

static int check_path(Error *error, const char *written, const char *path) {
        if (path_is_valid(path))
                return 0;
        if (isempty(path))
                return refuse(error, written, "it has no repository; " HINT);
        if (strstr(path, "//"))
                return refuse(error, written, "it has an empty part between two slashes");
        if (strchr(path, ':'))
                return refuse(error, written, "it has more than one tag; " HINT);
        if (strcspn(path, UPPER) < strlen(path))
                return refuse(error, written, "repository names are lower case");
        return refuse(
                error, written,
                "each part of a repository is letters and digits, joined by \".\", \"_\", \"__\" or \"-\"");
}

static bool tag_is_valid(const char *tag) {
        return strlen(tag) <= TAG_MAX && tag[0] != '.' && tag[0] != '-' &&
               string_in_charset(tag, LOWER_ALNUM UPPER "_.-");
}

static bool port_is_valid(const char *port) {
        size_t n = strspn(port, "0123456789");

        return n >= 1 && n <= 5 && port[n] == 0 && atoi(port) >= 1 && atoi(port) <= 65535;
}

static bool host_name_is_valid(const char *s, size_t n) {
        const char *end = s + n;

        while (s < end) {
                size_t label = strspn(s, LOWER_ALNUM UPPER "-");
                if (label == 0 || s[0] == '-' || s[label - 1] == '-')
                        return false;
                s += label;
                if (s == end)
                        return true;
                if (*s++ != '.')
                        return false;
        }
        return false;
}

bool registry_name_is_valid(const char *registry) {
        const char *host_end;

        if (registry[0] == '[') {
                size_t n = strspn(registry + 1, "0123456789abcdefABCDEF:.");
                host_end = registry + 1 + n;
                if (n < 2 || *host_end != ']')
                        return false;
                host_end++;
        } else {
                host_end = registry + strcspn(registry, ":");
                if (!host_name_is_valid(registry, host_end - registry))
                        return false;
        }
        return *host_end == 0 || (*host_end == ':' && port_is_valid(host_end + 1));
}

/* Host names do not depend on case, names in the store do. */
static int registry_canonicalize(char **registry) {
        for (char *p = *registry; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        return streq(*registry, DOCKER_REGISTRY_OLD) ? free_and_strdup(registry, DOCKER_REGISTRY) : 0;
}

int registry_prefix_parse(const char *prefix, char **ret_registry, char **ret_path) {
        size_t n = strcspn(prefix, "/");
        _cleanup_free_ char *registry = strndup(prefix, n);

        if (!registry)
                return -ENOMEM;
        if (!registry_name_is_valid(registry) || (prefix[n] && !path_is_valid(prefix + n + 1)) ||
            strlen(prefix) > REPOSITORY_MAX)
                return -EINVAL;
        _cleanup_free_ char *path = strdup(prefix[n] ? prefix + n + 1 : "");
        int r = registry_canonicalize(&registry);
        if (r < 0 || !path)
                return -ENOMEM;
        *ret_registry = TAKE_PTR(registry);
        *ret_path = TAKE_PTR(path);
        return 0;
}

/* A first component that can only be a host. Returns its length without the slash, or 0. */
static size_t registry_length(const char *s) {
        size_t n = strcspn(s, "/");

        if (s[n] == 0)
                return 0;
        if (n == strlen("localhost") && strncmp(s, "localhost", n) == 0)
                return n;
        return memchr(s, '.', n) || memchr(s, ':', n) ? n : 0;
}

/* Takes "HOST/" off the front of *name. */
static int take_registry(const char *written, char **name, Reference *reference, Error *error) {
        size_t n = registry_length(*name);
        _cleanup_free_ char *registry =
                n > 0 ? strndup(*name, n) : strdup(default_registry ?: DOCKER_REGISTRY);

        if (!registry)
                return -ENOMEM;
        if (!registry_name_is_valid(registry))
                return refuse(error, written, "what stands before the first slash is not a host; " HINT);
        if (n > 0)
                *name += n + 1;
        int r = registry_canonicalize(&registry);
        if (r < 0)
                return r;
        reference->registry = TAKE_PTR(registry);
        return 0;
}

static int take_repository(const char *written, const char *path, Reference *reference, Error *error) {
        int r = check_path(error, written, path);
        if (r < 0)
                return r;

        bool official = streq(reference->registry, DOCKER_REGISTRY) && !strchr(path, '/');
        reference->repository = string_join(official ? DEFAULT_NAMESPACE : "", path);
        if (!reference->repository)
                return -ENOMEM;
        if (strlen(reference->registry) + 1 + strlen(reference->repository) > REPOSITORY_MAX)
                return refuse(error, written, "a repository name has at most 255 characters");
        return 0;
}

static bool is_image_id(const char *s) {
        return strlen(s) == DIGEST_HEX_LENGTH && strspn(s, "0123456789abcdef") == DIGEST_HEX_LENGTH;
}

/* Cuts "@DIGEST" and ":TAG" off the end of the name. */
static int cut_tag_and_digest(const char *written, char *name, char **ret_tag, char **ret_digest,
                              Error *error) {
        char *digest = strchr(name, '@');
        if (digest) {
                *digest++ = 0;
                if (!digest_is_valid(digest))
                        return refuse_digest(error, written, digest);
        }

        char *slash = strrchr(name, '/');
        char *tag = strrchr(slash ?: name, ':');
        if (tag) {
                *tag++ = 0;
                if (!tag_is_valid(tag))
                        return refuse(error, written,
                                      "a tag is at most 128 letters, digits, \"_\", \".\" and \"-\", and "
                                      "does not begin "
                                      "with \".\" or \"-\"");
        }
        *ret_tag = tag;
        *ret_digest = digest;
        return 0;
}

/* What people paste by mistake, told apart before the grammar would give a cryptic reason. */
static int check_mistakes(const char *s, Error *error) {
        if (isempty(s))
                return error_set(error, ERROR_INVALID, "the image name is empty");
        if (strlen(s) > REFERENCE_MAX)
                return refuse(error, s, "it is longer than 1024 characters");
        if (strstr(s, "://"))
                return refuse(error, s, "leave out what stands before and including \"://\"");
        if (is_image_id(s))
                return refuse(error, s, "64 hexadecimal digits are an image's id");
        for (const char *p = s; *p; p++)
                if ((unsigned char) *p <= ' ' || (unsigned char) *p >= 0x7f)
                        return refuse(error, s,
                                      "it has a space, a control character or a letter beyond ASCII");
        return 0;
}

static int set_tag_and_digest(Reference *reference, const char *tag, const char *digest) {
        int r = free_and_strdup(&reference->tag, tag);
        return r < 0 ? r : free_and_strdup(&reference->digest, digest);
}

static int parse_into(const char *s, Reference *reference, Error *error);

/* The alias's own tag or digest only counts when none is written. */
static int take_alias(const char *target, const char *tag, const char *digest, Reference *reference,
                      Error *error) {
        int r = parse_into(target, reference, error);
        return r < 0 || (!tag && !digest) ? r : set_tag_and_digest(reference, tag, digest);
}

/* An alias stands for a name with its registry, so this comes back here once at most. */
static int parse_into(const char *s, Reference *reference, Error *error) {
        _cleanup_free_ char *copy = NULL;
        char *name, *tag = NULL, *digest = NULL;
        int r;

        r = check_mistakes(s, error);
        if (r < 0)
                return r;
        name = copy = strdup(s);
        if (!copy)
                return -ENOMEM;

        r = cut_tag_and_digest(s, name, &tag, &digest, error);
        if (r < 0)
                return r;
        const char *target = strv_map_get(aliases, name);
        if (target)
                return take_alias(target, tag, digest, reference, error);
        r = take_registry(s, &name, reference, error);
        if (r < 0)
                return r;
        r = take_repository(s, name, reference, error);
        if (r < 0)
                return r;

        if (!tag && !digest)
                tag = (char *) DEFAULT_TAG;
        return set_tag_and_digest(reference, tag, digest);
}

bool reference_has_registry(const char *s) {
        return registry_length(s) > 0;
}

int reference_split_registry(const char *s, char **ret_registry, const char **ret_rest) {
        size_t n = registry_length(s);
        _cleanup_free_ char *registry = n > 0 ? strndup(s, n) : strdup(default_registry ?: DOCKER_REGISTRY);

        if (!registry || registry_canonicalize(&registry) < 0)
                return -ENOMEM;
        *ret_registry = TAKE_PTR(registry);
        *ret_rest = n > 0 ? s + n + 1 : s;
        return 0;
}

bool reference_is_short_name(const char *s) {
        return !reference_has_registry(s) && strlen(s) <= REPOSITORY_MAX && path_is_valid(s);
}

int reference_parse(const char *s, Reference *ret, Error *error) {
        Reference reference = {};

        int r = parse_into(s, &reference, error);
        if (r < 0) {
                reference_done(&reference);
                return r == -ENOMEM ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") : r;
        }
        *ret = reference;
        return 0;
}

static char *assemble(const char *registry, const char *repository, const Reference *reference) {
        return string_join(strempty(registry), registry ? "/" : "", repository, reference->tag ? ":" : "",
                           strempty(reference->tag), reference->digest ? "@" : "",
                           strempty(reference->digest));
}

char *reference_to_string(const Reference *reference) {
        return assemble(reference->registry, reference->repository, reference);
}

char *reference_to_familiar(const Reference *reference) {
        const char *name = reference->repository, *official = startswith(name, DEFAULT_NAMESPACE);

        if (!streq(reference->registry, default_registry ?: DOCKER_REGISTRY))
                return reference_to_string(reference);
        if (streq(reference->registry, DOCKER_REGISTRY) && official && !strchr(official, '/'))
                name = official;
        /* "localhost/x" without its registry would name a host, and an alias something else. */
        if (registry_length(name) > 0 || strv_map_get(aliases, name))
                return reference_to_string(reference);
        return assemble(NULL, name, reference);
}

int reference_canonicalize(const char *s, char **ret, Error *error) {
        _cleanup_(reference_done) Reference reference = {};

        int r = reference_parse(s, &reference, error);
        if (r < 0)
                return r;
        char *canonical = reference_to_string(&reference);
        if (!canonical)
                return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
        *ret = canonical;
        return 0;
}
