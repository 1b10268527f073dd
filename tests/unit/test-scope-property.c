/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scope-property.h"
#include "test.h"

static void test_values(void) {
        static const struct {
                const char *name, *value;
                bool valid;
        } cases[] = {
                { "MemoryMax", "64M", true },        { "MemoryMax", "infinity", true },
                { "MemoryMax", "much", false },      { "MemoryMax", "", false },
                { "TasksMax", "100", true },         { "TasksMax", "100M", false },
                { "CPUWeight", "1", true },          { "CPUWeight", "10000", true },
                { "CPUWeight", "0", false },         { "CPUWeight", "10001", false },
                { "CPUQuota", "150%", true },        { "CPUQuota", "150", false },
                { "CPUQuota", "0%", false },         { "CPUQuota", "%", false },
                { "AllowedCPUs", "0", true },        { "AllowedCPUs", "0-3,7", true },
                { "AllowedCPUs", "0 2", true },      { "AllowedCPUs", "3-0", false },
                { "AllowedCPUs", "0-", false },      { "AllowedCPUs", "-1", false },
                { "AllowedCPUs", "8192", false },    { "AllowedCPUs", "", false },
                { "OOMPolicy", "continue", true },   { "ExecStart", "/bin/sh", false },
                { "Controller", "org.evil", false }, { "", "1", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                CHECK((scope_property_check(cases[i].name, cases[i].value, &error) >= 0) == cases[i].valid);
                CHECK((error.kind == ERROR_INVALID) == !cases[i].valid);
        }
}

int main(void) {
        test_values();
        CHECK_STRING(scope_property_controller("MemoryMax"), "memory");
        CHECK(!scope_property_controller("Nonsense"));
        return TEST_RESULT();
}
