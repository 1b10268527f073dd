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
