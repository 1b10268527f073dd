/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restart-policy.h"

bool restart_policy_applies(const RestartPolicy *policy, const ContainerState *state) {
        if (state->manually_stopped)
                return false;
        switch (policy->name) {
        case RESTART_NO:
                return false;
        case RESTART_ON_FAILURE:
                return state->exit_code != 0 && (policy->maximum_retry_count == 0 ||
                                                 state->restart_count < policy->maximum_retry_count);
        case RESTART_ALWAYS:
        case RESTART_UNLESS_STOPPED:
                return true;
        }
        return false;
}

bool restart_policy_applies_at_boot(const RestartPolicy *policy, const ContainerState *state) {
        if (state->started == 0)
                return false;
        return policy->name == RESTART_ALWAYS || restart_policy_applies(policy, state);
}

uint64_t restart_policy_delay(uint64_t last_delay, uint64_t ran_usec) {
        if (last_delay == 0 || ran_usec >= RESTART_GOOD_RUN_USEC)
                return RESTART_DELAY_MIN_USEC;
        return MIN(last_delay * 2, RESTART_DELAY_MAX_USEC);
}
