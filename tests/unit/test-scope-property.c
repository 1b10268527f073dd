/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scope-property.h"
#include "test.h"

static void test_values(void) {
        static const struct {
                const char *name, *value;
                bool valid;
        } cases[] = {
                { "MemoryMax", "64M", true },
                { "MemoryMax", "infinity", true },
                { "MemoryMax", "much", false },
                { "MemoryMax", "", false },
                { "TasksMax", "100", true },
                { "TasksMax", "100M", false },
                { "CPUWeight", "1", true },
                { "CPUWeight", "10000", true },
                { "CPUWeight", "0", false },
                { "CPUWeight", "10001", false },
                { "CPUQuota", "150%", true },
                { "CPUQuota", "150", false },
                { "CPUQuota", "0%", false },
                { "CPUQuota", "%", false },
                { "AllowedCPUs", "0", true },
                { "AllowedCPUs", "0-3,7", true },
                { "AllowedCPUs", "0 2", true },
                { "AllowedCPUs", "3-0", false },
                { "AllowedCPUs", "0-", false },
                { "AllowedCPUs", "-1", false },
                { "AllowedCPUs", "8192", false },
                { "AllowedCPUs", "", false },
                { "OOMPolicy", "continue", false },
                { "ExecStart", "/bin/sh", false },
                { "MemoryMax", "50%", true },
                { "MemoryMax", "101%", false },
                { "TasksMax", "12.5%", true },
                { "CPUQuota", "0.55%", true },
                { "CPUQuota", "1.234%", false },
                { "CPUQuotaPeriodSec", "10ms", true },
                { "CPUWeight", "idle", true },
                { "IOWeight", "idle", false },
                { "MemoryAccounting", "yes", true },
                { "MemoryAccounting", "maybe", false },
                { "ManagedOOMSwap", "kill", true },
                { "ManagedOOMSwap", "nobody", false },
                { "IOReadBandwidthMax", "/dev/sda 1M", true },
                { "IOReadBandwidthMax", "/dev/sda 1M /dev/sdb 2M", true },
                { "IOReadBandwidthMax", "/dev/sda", false },
                { "IOReadBandwidthMax", "sda 1M", false },
                { "IOReadIOPSMax", "/dev/sda 1M", false },
                { "IODeviceWeight", "/dev/sda 10001", false },
                { "DeviceAllow", "/dev/sda rwm", false },
                { "Slice", "user.slice", false },
                { "memorymax", "1G", false },
                { "CPUQuotaPerSecUSec", "1", false },
                { "Controller", "org.evil", false },
                { "", "1", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_error_ Error error = {};
                CHECK((scope_property_check(cases[i].name, cases[i].value, 252, &error) >= 0) ==
                      cases[i].valid);
                CHECK((error.kind != ERROR_NONE) == !cases[i].valid);
        }
}

static void test_errors(void) {
        _cleanup_error_ Error a = {}, b = {}, c = {};

        CHECK(scope_property_check("memorymax", "1G", 252, &a) < 0);
        CHECK_STRING(a.message,
                     "\"memorymax\" is not a property that a container can have; do you mean MemoryMax?");
        CHECK(scope_property_check("MemoryZSwapMax", "1G", 252, &b) < 0 && b.kind == ERROR_UNSUPPORTED);
        CHECK_STRING(b.message, "MemoryZSwapMax needs systemd 253, and the one that runs here is 252");
        CHECK(scope_property_check("MemoryZSwapMax", "1G", 253, NULL) == 0);
        CHECK(scope_property_check("MemoryZSwapMax", "1G", 0, NULL) == 0);
        CHECK(scope_property_check("Slice", "x", 252, &c) < 0);
        CHECK_STRING(c.message, "Slice can't be set as a property: use --cgroup-parent");
}

static void test_slices(void) {
        static const char *const good[] = { "a.slice", "a-b.slice", "-.slice", "x_1.2:3.slice" },
                                 *const bad[] = { "",           ".slice",    "a",
                                                  "a.scope",    "-a.slice",  "a-.slice",
                                                  "a--b.slice", "a/b.slice", "../a.slice" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                CHECK(scope_slice_check(good[i], NULL) == 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK(scope_slice_check(bad[i], NULL) < 0);
}

int main(void) {
        test_values();
        test_errors();
        test_slices();
        CHECK_STRING(scope_property_controller("MemoryMax"), "memory");
        CHECK(!scope_property_controller("Nonsense"));
        return TEST_RESULT();
}
