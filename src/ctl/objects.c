/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-json.h"
#include "ctl.h"
#include "string-util.h"
#include "suggest.h"

const char *json_text(const json_t *object, const char *key) {
        return strempty(json_string_value(json_object_get(object, key)));
}

uint64_t json_number(const json_t *object, const char *key) {
        json_int_t n = json_integer_value(json_object_get(object, key));

        return n < 0 ? 0 : (uint64_t) n;
}

bool json_flag(const json_t *object, const char *key) {
        return json_is_true(json_object_get(object, key));
}

int ctl_cannot(Error *error, int r, const char *verb, const char *what) {
        /* Messages that name what they are about need no more in front of them. */
        bool complete = error->kind == ERROR_NO_SUCH_CONTAINER || error->kind == ERROR_NO_SUCH_IMAGE ||
                        error->kind == ERROR_NO_SUCH_VOLUME || error->kind == ERROR_AMBIGUOUS ||
                        error->kind == ERROR_CANCELLED;
        if (complete || (error->message && startswith(error->message, "cannot ")))
                return r;
        return error_prefix(error, r, "cannot %s \"%s\"", verb, what);
}

/* ---- lists ---- */

/* One (oa{sv}): the properties, and the path as one of them. */
static int read_entry(sd_bus_message *m, json_t *list) {
        _cleanup_json_ json_t *properties = NULL;
        const char *path;
        int r;

        if ((r = sd_bus_message_enter_container(m, 'r', "oa{sv}")) <= 0)
                return r;
        if ((r = sd_bus_message_read_basic(m, 'o', &path)) < 0 ||
            (r = bus_message_to_json(m, &properties)) < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                return r;
        if (json_object_set_new(properties, "Path", json_string(path)) < 0 ||
            json_array_append(list, properties) < 0)
                return -ENOMEM;
        return 1;
}

static int read_list(sd_bus_message *m, json_t **ret) {
        _cleanup_json_ json_t *list = json_array();
        int r;

        if (!list)
                return -ENOMEM;
        if ((r = sd_bus_message_enter_container(m, 'a', "(oa{sv})")) < 0)
                return r;
        while ((r = read_entry(m, list)) > 0)
                ;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int ctl_list(Ctl *ctl, const char *method, AppendFilter append, void *userdata, json_t **ret, Error *error) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int r = ctl_message_new(ctl, NULL, NULL, method, &m, error);
        if (r < 0)
                return r;
        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
            (append && (r = append(m, userdata)) < 0) || (r = sd_bus_message_close_container(m)) < 0)
                return error_set_errno(error, r, "cannot talk to berthd");
        if ((r = ctl_call(ctl, m, CALL_SHORT, &reply, error)) < 0)
                return r;
        r = read_list(reply, ret);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

static int append_all(sd_bus_message *m, void *userdata) {
        return sd_bus_message_append(m, "{sv}", "All", "b", true);
}

int ctl_list_all_containers(Ctl *ctl, json_t **ret, Error *error) {
        return ctl_list(ctl, "ListContainers", append_all, NULL, ret, error);
}

/* ---- one object ---- */

static void consider_container(Suggestion *suggestion, const json_t *item) {
        suggestion_consider(suggestion, json_text(item, "Name"));
}

/* Names of images are canonical; people write "debian" or "debian:12". */
static void consider_image(Suggestion *suggestion, const json_t *item) {
        json_t *name;
        size_t i;

        json_array_foreach(json_object_get(item, "Names"), i, name) {
                const char *s = json_string_value(name);
                const char *familiar = startswith(s, "docker.io/library/") ?: startswith(s, "docker.io/");
                suggestion_consider(suggestion, familiar ?: s);
        }
}

/* Adds `; did you mean "web"?` to what berthd said. */
static int suggest_name(Ctl *ctl, const char *name, const char *method,
                        void (*consider)(Suggestion *suggestion, const json_t *item), int r, Error *error) {
        _cleanup_json_ json_t *list = NULL;
        _cleanup_error_ Error ignored = {};
        Suggestion suggestion;
        json_t *item;
        size_t i;

        if (ctl_list(ctl, method, streq(method, "ListContainers") ? append_all : NULL, NULL, &list,
                     &ignored) < 0)
                return r;
        suggestion_init(&suggestion, name);
        json_array_foreach(list, i, item)
                consider(&suggestion, item);
        if (!suggestion.best || !error->message)
                return r;
        char *message = format_string("%s; did you mean \"%s\"?", error->message, suggestion.best);
        if (message)
                free_and_replace(error->message, message);
        return r;
}

static int find(Ctl *ctl, const char *name, const char *method, char **ret_path, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *path;

        int r = ctl_call_method(ctl, NULL, NULL, method, CALL_SHORT, &reply, error, "s", name);
        if (r < 0)
                return r;
        r = sd_bus_message_read_basic(reply, 'o', &path);
        if (r >= 0)
                r = free_and_strdup(ret_path, path);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}

int ctl_find_container(Ctl *ctl, const char *name, char **ret_path, Error *error) {
        int r = find(ctl, name, "GetContainer", ret_path, error);

        if (r < 0 && error->kind == ERROR_NO_SUCH_CONTAINER)
                return suggest_name(ctl, name, "ListContainers", consider_container, r, error);
        return r;
}

int ctl_find_image(Ctl *ctl, const char *name, char **ret_path, Error *error) {
        int r = find(ctl, name, "GetImage", ret_path, error);

        if (r < 0 && error->kind == ERROR_NO_SUCH_IMAGE)
                return suggest_name(ctl, name, "ListImages", consider_image, r, error);
        return r;
}

int ctl_properties(Ctl *ctl, const char *path, const char *interface, json_t **ret, Error *error) {
        _cleanup_message_ sd_bus_message *reply = NULL;

        int r = ctl_call_method(ctl, path, "org.freedesktop.DBus.Properties", "GetAll", CALL_SHORT, &reply,
                                error, "s", interface);
        if (r < 0)
                return r;
        r = bus_message_to_json(reply, ret);
        return r < 0 ? error_set_errno(error, r, "cannot understand berthd") : 0;
}
