/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "health-machine.h"
#include "string-util.h"

static bool in_start_period(const HealthMachine *machine, uint64_t when) {
        return machine->state.status == HEALTH_STARTING &&
               when - machine->started < machine->check->start_period;
}

/* The next probe comes so long after the last one's end, so that slow ones never overlap. */
void health_machine_skip(HealthMachine *machine, uint64_t now) {
        const HealthCheck *check = machine->check;
        uint64_t interval = in_start_period(machine, now) ? check->start_interval : check->interval;

        machine->due = interval < UINT64_MAX - now ? now + interval : UINT64_MAX;
}

void health_machine_begin(HealthMachine *machine, const HealthCheck *check, uint64_t now) {
        machine->check = check;
        machine->started = now;
        machine->state.status = HEALTH_STARTING;
        health_machine_skip(machine, now);
}

static void forget_oldest(List *log) {
        HealthProbe *probes = log->items;

        object_done(&health_probe_type, &probes[0]);
        log->n--;
        memmove(probes, probes + 1, log->n * sizeof(*probes));
}

static void remember(List *log, HealthProbe *probe) {
        while (log->n >= HEALTH_LOG_MAX)
                forget_oldest(log);
        HealthProbe *kept = list_append(log, &health_probe_type);
        if (kept)
                *kept = *probe;
        else
                free(probe->output);
        *probe = (HealthProbe){};
}

bool health_machine_take(HealthMachine *machine, HealthProbe *probe, uint64_t began, uint64_t now) {
        HealthState *state = &machine->state;
        HealthStatus before = state->status;

        if (probe->exit_code == 0) {
                state->status = HEALTH_HEALTHY;
                state->failing_streak = 0;
        } else if (!in_start_period(machine, began)) {
                if (state->failing_streak < UINT32_MAX)
                        state->failing_streak++;
                if (state->failing_streak >= machine->check->retries)
                        state->status = HEALTH_UNHEALTHY;
        }
        remember(&state->log, probe);
        health_machine_skip(machine, now);
        return state->status != before;
}

void health_machine_done(HealthMachine *machine) {
        object_done(&health_state_type, &machine->state);
}

/* The length of the character that data begins with; 0: it is none. */
static size_t character_length(const char *data, size_t size) {
        for (size_t n = 1; n <= MIN(size, (size_t) 4); n++)
                if (utf8_is_valid(data, n))
                        return n;
        return 0;
}

char *health_output_text(const char *data, size_t size) {
        size_t kept = MIN(size, (size_t) HEALTH_OUTPUT_MAX), length = 0;
        char *text = malloc(kept + 1);

        for (size_t i = 0, n; text && i < kept; i += n) {
                n = character_length(data + i, kept - i);
                if (n > 0)
                        memcpy(text + length, data + i, n);
                else {
                        n = 1;
                        text[length] = '?';
                }
                length += n;
        }
        if (text)
                text[length] = 0;
        return text;
}
