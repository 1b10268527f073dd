/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus-json.h"
#include "json-util.h"
#include "macro.h"

#define DEPTH_MAX 32

static int read_value(sd_bus_message *m, unsigned depth, json_t **ret);

static int read_text(sd_bus_message *m, char type, json_t **ret) {
        const char *s;

        int r = sd_bus_message_read_basic(m, type, &s);
        if (r < 0)
                return r;
        *ret = json_string(s);
        return *ret ? 0 : -ENOMEM;
}

static int read_basic(sd_bus_message *m, char type, json_t **ret) {
        union {
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } v;

        if (type == 's' || type == 'o' || type == 'g')
                return read_text(m, type, ret);
        int r = sd_bus_message_read_basic(m, type, &v);
        if (r < 0)
                return r;
        switch (type) {
        case 'y':
                *ret = json_integer(v.y);
                break;
        case 'b':
                *ret = json_boolean(v.b);
                break;
        case 'n':
                *ret = json_integer(v.n);
                break;
        case 'q':
                *ret = json_integer(v.q);
                break;
        case 'i':
                *ret = json_integer(v.i);
                break;
        case 'u':
                *ret = json_integer(v.u);
                break;
        case 'x':
                *ret = json_integer(v.x);
                break;
        case 't':
                /* JSON's numbers are signed here; what does not fit means "no limit" wherever it occurs. */
                *ret = json_integer(v.t > INT64_MAX ? INT64_MAX : (json_int_t) v.t);
                break;
        case 'd':
                *ret = json_real(v.d);
                break;
        default:
                *ret = json_null();
        }
        return *ret ? 0 : -ENOMEM;
}

static int read_array(sd_bus_message *m, unsigned depth, json_t **ret) {
        _cleanup_json_ json_t *array = json_array();
        int r;

        if (!array)
                return -ENOMEM;
        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_t *item = NULL;
                if ((r = read_value(m, depth, &item)) < 0)
                        return r;
                if (json_array_append_new(array, item) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

static int read_dictionary(sd_bus_message *m, const char *contents, unsigned depth, json_t **ret) {
        _cleanup_json_ json_t *object = json_object();
        char entry[256];
        int r;

        /* "{sv}" without its braces. */
        if (!object || snprintf(entry, sizeof(entry), "%s", contents + 1) >= (int) sizeof(entry))
                return -ENOMEM;
        entry[strlen(entry) - 1] = 0;
        while ((r = sd_bus_message_enter_container(m, 'e', entry)) > 0) {
                const char *key;
                json_t *value = NULL;
                if ((r = sd_bus_message_read_basic(m, entry[0], &key)) < 0 ||
                    (r = read_value(m, depth, &value)) < 0)
                        return r;
                if (json_object_set_new(object, key, value) < 0)
                        return -ENOMEM;
                if ((r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

static int read_container(sd_bus_message *m, char type, const char *contents, unsigned depth, json_t **ret) {
        _cleanup_json_ json_t *value = NULL;

        if (depth == 0)
                return -ELOOP;
        int r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        if (type == 'v')
                r = read_value(m, depth - 1, &value);
        else if (type == 'a' && contents[0] == '{' && (contents[1] == 's' || contents[1] == 'o'))
                r = read_dictionary(m, contents, depth - 1, &value);
        else
                r = read_array(m, depth - 1, &value);
        if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}

static int read_value(sd_bus_message *m, unsigned depth, json_t **ret) {
        const char *contents;
        char type;

        int r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENXIO;
        return contents ? read_container(m, type, contents, depth, ret) : read_basic(m, type, ret);
}

int bus_message_to_json(sd_bus_message *m, json_t **ret) {
        return read_value(m, DEPTH_MAX, ret);
}
