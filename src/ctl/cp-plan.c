/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cp-plan.h"
#include "path-util.h"
#include "string-util.h"

void copy_plan_done(CopyPlan *plan) {
        free(plan->directory);
        free(plan->name);
}

static bool says_directory(const char *path) {
        return endswith(path, "/") || endswith(path, "/.");
}

static bool says_content(const char *path) {
        return endswith(path, "/.") || streq(path, "/");
}

static int split_parent(const char *path, CopyPlan *ret, Error *error) {
        _cleanup_free_ char *normal = path_normalize(path);

        if (!normal)
                return error_set_errno(error, -ENOMEM, "cannot copy");
        const char *name = path_basename(normal);
        ret->directory = name == normal + 1 ? strdup("/") : strndup(normal, (size_t) (name - normal) - 1);
        ret->name = strdup(name);
        return ret->directory && ret->name ? 0 : error_set_errno(error, -ENOMEM, "cannot copy");
}

static int into_directory(const CopySource *source, const CopyTarget *target, CopyPlan *ret, Error *error) {
        _cleanup_free_ char *normal = path_normalize(source->path);

        ret->directory = path_normalize(target->path);
        if (normal)
                ret->name = strdup(
                        source->is_directory && says_content(source->path) ? "" : path_basename(normal));
        return ret->directory && ret->name ? 0 : error_set_errno(error, -ENOMEM, "cannot copy");
}

static int make(const CopySource *source, const CopyTarget *target, CopyPlan *ret, Error *error) {
        if (!source->is_directory && says_directory(source->path))
                return error_set(error, ERROR_INVALID, "%s is not a folder", source->path);
        if (target->exists && target->is_directory)
                return into_directory(source, target, ret, error);
        if (target->exists && says_directory(target->path))
                return error_set(error, ERROR_INVALID, "%s is not a folder", target->path);
        if (target->exists && source->is_directory)
                return error_set(error, ERROR_INVALID, "a folder can't be copied over the file %s",
                                 target->path);
        if (!target->exists && !source->is_directory && says_directory(target->path))
                return error_set(error, ERROR_NO_SUCH_FILE, "the folder %s does not exist", target->path);
        return split_parent(target->path, ret, error);
}

int copy_plan_make(const CopySource *source, const CopyTarget *target, CopyPlan *ret, Error *error) {
        CopyPlan plan = {};

        int r = make(source, target, &plan, error);
        if (r < 0) {
                copy_plan_done(&plan);
                return r;
        }
        *ret = plan;
        return 0;
}

int copy_split(const char *word, char **ret_container, const char **ret_path) {
        const char *colon = strchr(word, ':');

        if (!colon || colon == word || word[0] == '/' || word[0] == '.')
                return 0;
        *ret_container = strndup(word, colon - word);
        *ret_path = colon + 1;
        return *ret_container ? 1 : -ENOMEM;
}

int copy_rename(const char *entry, const char *top, const char *name, char **ret) {
        const char *rest = entry;

        if (*top) {
                rest = startswith(entry, top);
                if (!rest || (*rest && *rest != '/'))
                        return -EBADMSG;
                rest += *rest == '/';
        }
        *ret = !*rest ? strdup(name) : !*name ? strdup(rest) : string_join(name, "/", rest);
        return *ret ? 0 : -ENOMEM;
}
