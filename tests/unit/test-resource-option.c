/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "resource-option.h"
#include "strv.h"
#include "test.h"

/* The options, as on a command line, over what the container has already: the properties, or the error. */
static void check(bool update, const char *before, const char *line, const char *expected) {
        _cleanup_strv_free_ char **arguments = NULL, **properties = NULL;
        _cleanup_error_ Error error = {};
        ResourceOptions options = { .update = update };
        const OptionSet set = { resource_options, &options };
        char **rest;

        CHECK(strv_split(before, "|", &properties) == 0 && strv_split(line, " ", &arguments) == 0);
        int r = options_parse(&set, 1, OPTION_SCAN_ALL, NULL, arguments, &rest, &error);
        if (r >= 0)
                r = resource_options_apply(&options, &properties, &error);
        strv_sort(properties);
        _cleanup_free_ char *text = strv_join(properties, "|");
        CHECK_STRING(r < 0 ? error.message : text, expected);
        resource_options_done(&options);
}

int main(void) {
        check(false, "", "-m 512m", "MemoryMax=536870912|MemorySwapMax=536870912");
        check(false, "", "-m 512m --memory-swap 512m", "MemoryMax=536870912|MemorySwapMax=0");
        check(false, "", "-m 512m --memory-swap 1g", "MemoryMax=536870912|MemorySwapMax=536870912");
        check(false, "", "-m 512m --memory-swap -1", "MemoryMax=536870912|MemorySwapMax=infinity");
        check(false, "", "-m 512m --memory-swap 100m",
              "--memory-swap is memory and swap together, and must not be less than --memory");
        check(false, "", "--memory-swap 1g", "--memory-swap needs --memory as well: it is the sum of both");
        check(false, "", "-m 1k", "--memory: at least 6M are needed");
        check(false, "", "-m 0", "");
        check(false, "", "-m -2", "--memory: \"-2\" is less than -1, no limit");
        check(false, "", "--memory-reservation 10m --memory-high 20m",
              "MemoryHigh=20971520|MemoryLow=10485760");
        check(false, "", "--cpus 1.5", "CPUQuota=150%");
        check(false, "", "--cpus 0.07", "CPUQuota=7%");
        check(false, "", "--cpus 0.015", "CPUQuota=2%");
        check(false, "", "--cpus x", "--cpus: \"x\" is not a number of processors such as 1.5");
        check(false, "", "--cpu-quota 50000", "CPUQuota=50%");
        check(false, "", "--cpu-period 10000 --cpu-quota 5001", "CPUQuota=51%|CPUQuotaPeriodSec=10000us");
        check(false, "", "--cpu-period 10 --cpu-quota 5000",
              "--cpu-period: 10 is not between 1000 and 1000000 microseconds");
        check(false, "", "--cpus 1 --cpu-quota 5000",
              "--cpus says the same as --cpu-quota and --cpu-period, and can't stand beside them");
        check(false, "", "-c 2", "CPUWeight=1");
        check(false, "", "-c 1024", "CPUWeight=100");
        check(false, "", "-c 262144", "CPUWeight=10000");
        check(false, "", "--pids-limit 0", "TasksMax=infinity");
        check(false, "", "--pids-limit -1", "TasksMax=infinity");
        check(false, "", "--blkio-weight 10", "IOWeight=1");
        check(false, "", "--blkio-weight 500", "IOWeight=4950");
        check(false, "", "--blkio-weight 1000", "IOWeight=10000");
        check(false, "", "--blkio-weight 5", "--blkio-weight: 5 is not between 10 and 1000");
        check(false, "", "--device-read-bps /dev/sda:1mb --device-read-bps /dev/sdb:2k",
              "IOReadBandwidthMax=/dev/sda 1048576 /dev/sdb 2048");
        check(false, "", "--device-write-iops /dev/sda:10", "IOWriteIOPSMax=/dev/sda 10");
        check(false, "", "--device-write-iops sda:10",
              "--device-write-iops: \"sda:10\" has not the form /dev/NAME:NUMBER");
        check(false, "", "--blkio-weight-device /dev/sda:1000", "IODeviceWeight=/dev/sda 10000");
        check(false, "", "--oom-kill-disable=no --memory-swappiness -1", "");
        check(false, "", "--memory-swappiness 10",
              "--memory-swappiness: cgroup v2 has no swappiness of a container; limit its swap by "
              "--memory-swap");
        check(false, "", "--property MemoryMin=1M --cpuset-cpus 0-1", "AllowedCPUs=0-1|MemoryMin=1M");
        check(false, "", "--property =1", "--property: \"=1\" has not the form NAME=VALUE");

        check(true, "MemoryMax=100000000|MemorySwapMax=5", "-m 64m", "MemoryMax=67108864|MemorySwapMax=5");
        check(true, "MemoryMax=100000000|MemorySwapMax=5|TasksMax=3", "-m -1", "TasksMax=3");
        check(true, "MemoryMax=1048576000", "--memory-swap 2000m",
              "MemoryMax=1048576000|MemorySwapMax=1048576000");
        check(true, "TasksMax=3", "--pids-limit 0", "TasksMax=3");
        check(true, "CPUQuota=10%|CPUQuotaPeriodSec=1000us", "--cpus -1", "");
        check(true, "CPUQuotaPeriodSec=200000us", "--cpu-quota 100000",
              "CPUQuota=50%|CPUQuotaPeriodSec=200000us");
        check(true, "IOWeight=7", "--property IOWeight=", "");
        return TEST_RESULT();
}
