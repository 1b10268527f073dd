/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon-conf.h"
#include "log.h"
#include "object-conf.h"
#include "string-util.h"

#define F(member) offsetof(DaemonConf, member)

static const Field fields[] = {
        { "KeepSize", FIELD_UINT64, F(keep_size), .key = "Images.KeepSize" },
        { "KeepAge", FIELD_DURATION, F(keep_age), .key = "Images.KeepAge" },
        { "HighWatermark", FIELD_UINT, F(high_watermark), .key = "Images.HighWatermark" },
        { "LowWatermark", FIELD_UINT, F(low_watermark), .key = "Images.LowWatermark" },
        { "Downloads", FIELD_UINT, F(downloads), .key = "Images.Downloads" },
        { "Limits", FIELD_OBJECT, F(limits), .type_of = &image_limits_type },
        {},
};

static void init(void *object) {
        DaemonConf *conf = object;

        conf->keep_size = conf->keep_age = UINT64_MAX;
        conf->downloads = 6;
}

static int validate(const void *object, Error *error) {
        const DaemonConf *conf = object;

        if (conf->high_watermark > 100 || conf->low_watermark > conf->high_watermark)
                return error_set(
                        error, ERROR_INVALID,
                        "LowWatermark= and HighWatermark= are percentages, the low one not above the "
                        "high one");
        if (conf->downloads < 1 || conf->downloads > 64)
                return error_set(error, ERROR_INVALID, "Downloads= is a number from 1 to 64");
        return 0;
}

const ObjectType daemon_conf_type = { "berthd.conf", sizeof(DaemonConf), fields, init, validate };

static int on_line(const ConfLine *line, void *userdata, Error *error) {
        DaemonConf *conf = userdata;

        if (!line->key)
                return streq(line->section, "Images") || streq(line->section, "Limits")
                               ? 0
                               : error_set(error, ERROR_INVALID, "unknown section \"%s\"", line->section);
        if (streq(line->section, "Limits"))
                return object_assign(&image_limits_type, &conf->limits, line->section, line->key,
                                     line->value, error);
        return object_assign(&daemon_conf_type, conf, line->section, line->key, line->value, error);
}

/* Values that contradict each other: the default of all is better than none of them. */
static void check(const ObjectType *type, void *object) {
        _cleanup_error_ Error error = {};

        if (type->validate(object, &error) >= 0)
                return;
        log_warning("%s; taking the defaults.", error_text(&error));
        object_init(type, object);
}

int daemon_conf_load(DaemonConf *ret) {
        DaemonConf conf;

        object_init(&daemon_conf_type, &conf);
        int r = conf_read("", "berthd.conf", on_line, &conf, CONF_LENIENT, NULL);
        if (r < 0)
                return r;
        check(&image_limits_type, &conf.limits);
        check(&daemon_conf_type, &conf);
        *ret = conf;
        return 0;
}
