/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "health-spec.h"
#include "string-util.h"
#include "strv.h"
#include "time-util.h"

const char *const health_on_failure_words[] = { "none", "restart", "kill", "stop", NULL };
const char *const health_status_words[] = { "none", "starting", "healthy", "unhealthy", NULL };

#define F(type, member) offsetof(type, member)

/* Docker's own lower limit. */
#define DURATION_MIN USEC_PER_MSEC

#define HEALTH_INTERVAL_DEFAULT (30 * USEC_PER_SEC)
#define HEALTH_TIMEOUT_DEFAULT (30 * USEC_PER_SEC)
#define HEALTH_START_INTERVAL_DEFAULT (5 * USEC_PER_SEC)
#define HEALTH_RETRIES_DEFAULT 3

static int health_check_validate(const void *object, Error *error) {
        const HealthCheck *check = object;
        const uint64_t durations[] = { check->interval, check->timeout, check->start_period,
                                       check->start_interval };
        static const char *const kinds[] = { "CMD", "CMD-SHELL", "NONE", NULL };
        size_t n = strv_length(check->test);

        if (n > 0 && enum_from_string(kinds, check->test[0]) < 0)
                return error_set(error, ERROR_INVALID,
                                 "a health check begins with CMD, CMD-SHELL or NONE, not with \"%s\"",
                                 check->test[0]);
        if (n == 1 && !streq(check->test[0], "NONE"))
                return error_set(error, ERROR_INVALID, "the health check has no command");
        for (size_t i = 0; i < ELEMENTSOF(durations); i++)
                if (durations[i] > 0 && durations[i] < DURATION_MIN)
                        return error_set(error, ERROR_INVALID,
                                         "the times of a health check must be 1 ms at least");
        return 0;
}

static const Field health_check_fields[] = {
        { "Test", FIELD_STRV, F(HealthCheck, test) },
        { "IntervalUSec", FIELD_DURATION, F(HealthCheck, interval) },
        { "TimeoutUSec", FIELD_DURATION, F(HealthCheck, timeout) },
        { "StartPeriodUSec", FIELD_DURATION, F(HealthCheck, start_period) },
        { "StartIntervalUSec", FIELD_DURATION, F(HealthCheck, start_interval) },
        { "Retries", FIELD_UINT, F(HealthCheck, retries) },
        { "OnFailure", FIELD_ENUM, F(HealthCheck, on_failure), .words = health_on_failure_words },
        {},
};
const ObjectType health_check_type = { "health check", sizeof(HealthCheck), health_check_fields,
                                       .validate = health_check_validate };

static const Field health_probe_fields[] = {
        { "Started", FIELD_TIMESTAMP, F(HealthProbe, started) },
        { "Finished", FIELD_TIMESTAMP, F(HealthProbe, finished) },
        { "ExitCode", FIELD_INT, F(HealthProbe, exit_code), FIELD_ALWAYS },
        { "Output", FIELD_STRING, F(HealthProbe, output) },
        {},
};
const ObjectType health_probe_type = { "health probe", sizeof(HealthProbe), health_probe_fields };

static const Field health_state_fields[] = {
        { "Status", FIELD_ENUM, F(HealthState, status), .words = health_status_words },
        { "FailingStreak", FIELD_UINT, F(HealthState, failing_streak) },
        { "Log", FIELD_LIST, F(HealthState, log), .type_of = &health_probe_type },
        {},
};
const ObjectType health_state_type = { "health", sizeof(HealthState), health_state_fields };

bool health_check_is_set(const HealthCheck *check) {
        return !strv_isempty(check->test) || check->interval > 0 || check->timeout > 0 ||
               check->start_period > 0 || check->start_interval > 0 || check->retries > 0;
}

bool health_check_is_active(const HealthCheck *check) {
        return strv_length(check->test) > 1;
}

int health_check_overlay(HealthCheck *check, const HealthCheck *over) {
        const struct {
                uint64_t *target, value;
        } durations[] = {
                { &check->interval, over->interval },
                { &check->timeout, over->timeout },
                { &check->start_period, over->start_period },
                { &check->start_interval, over->start_interval },
        };

        for (size_t i = 0; i < ELEMENTSOF(durations); i++)
                if (durations[i].value > 0)
                        *durations[i].target = durations[i].value;
        check->retries = over->retries ?: check->retries;
        check->on_failure = over->on_failure;
        if (strv_isempty(over->test))
                return 0;
        check->test = strv_free(check->test);
        return strv_copy_into(over->test, &check->test);
}

int health_check_merge(const HealthCheck *own, const HealthCheck *image, HealthCheck *ret) {
        HealthCheck check;

        int r = object_copy(&health_check_type, &check, image);
        if (r >= 0)
                r = health_check_overlay(&check, own);
        if (r < 0 || !health_check_is_active(&check)) {
                object_done(&health_check_type, &check);
                *ret = (HealthCheck){};
                return r;
        }
        check.interval = check.interval ?: HEALTH_INTERVAL_DEFAULT;
        check.timeout = check.timeout ?: HEALTH_TIMEOUT_DEFAULT;
        check.start_interval = check.start_interval ?: HEALTH_START_INTERVAL_DEFAULT;
        check.retries = check.retries ?: HEALTH_RETRIES_DEFAULT;
        *ret = check;
        return 0;
}
