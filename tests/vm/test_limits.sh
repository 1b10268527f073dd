# shellcheck shell=bash
# That limits bite: what the kernel does, not only what is written somewhere. See conftest.py.

test_memory() {
        # tail keeps all of its input's last line, which has no end.
        local status=0
        berthctl run --name t --network none --memory 16M --memory-swap 16M busybox \
                sh -c 'tail -c 100000000 /dev/zero > /dev/null' || status=$?
        is "$status" 137
        is "$(inspect t '{{.State.ExitCode}}')" 137
        [[ $(journalctl --quiet --dmesg --grep '^oom-kill:') == *berth-t.scope* ]] ||
                fail "the kernel killed nobody for want of memory"
}

test_memory_is_what_systemd_and_the_kernel_have() {
        running t --memory 64M --memory-swap 96M --memory-reservation 32M
        is "$(knob t memory.max)" $((64 << 20))
        is "$(knob t memory.swap.max)" $((32 << 20))
        is "$(knob t memory.low)" $((32 << 20))
        is "$(unit t MemoryMax)" $((64 << 20))
        systemctl daemon-reload
        is "$(knob t memory.max)" $((64 << 20))
}

test_set_property_is_in_force() {
        running t --memory 64M
        systemctl set-property --runtime berth-t.scope MemoryMax=80M
        is "$(knob t memory.max)" $((80 << 20))
}

test_cpus() {
        local before started usec
        running t --cpus 0.3
        is "$(knob t cpu.max)" "30000 100000"
        berthctl exec --detach t sh -c 'while :; do :; done'
        sleep 0.5
        before=$(cpu_usec t) started=$(date +%s%N)
        sleep 3
        usec=$(($(cpu_usec t) - before))
        between $((usec * 100000 / ($(date +%s%N) - started))) 20 38
}

test_cpu_shares() {
        local a b
        running a --cpuset-cpus 0 --cpu-shares 4096
        running b --cpuset-cpus 0 --cpu-shares 512
        berthctl exec --detach a sh -c 'while :; do :; done'
        berthctl exec --detach b sh -c 'while :; do :; done'
        sleep 0.5
        a=$(cpu_usec a) b=$(cpu_usec b)
        sleep 4
        a=$(($(cpu_usec a) - a)) b=$(($(cpu_usec b) - b))
        # 4096 and 512 are the weights 303 and 60, or what the curve makes of them: five to one.
        between $((a * 10 / b)) 25 90
}

test_pids() {
        running t --pids-limit 8
        is "$(knob t pids.max)" 8
        ! berthctl exec t sh -c 'for n in 1 2 3 4 5 6 7 8 9; do sleep 60 & done; wait -n' ||
                fail "nine processes were made"
        between "$(knob t pids.events | sed -n 's/^max //p')" 1 1000
}

test_cpuset() {
        running t --cpuset-cpus 1
        is "$(berthctl exec t grep Cpus_allowed_list /proc/self/status | tr -d '[:space:]')" "Cpus_allowed_list:1"
        is "$(unit t AllowedCPUs)" 1
}

test_io() {
        local started
        running t --property 'IOWriteBandwidthMax=/dev/vda 1M'
        [[ $(knob t io.max) == *wbps=1000000* ]] || fail "io.max is $(knob t io.max)"
        started=$SECONDS
        berthctl exec t dd if=/dev/zero of=/file bs=256k count=12 oflag=direct
        between $((SECONDS - started)) 2 20
}

test_devices() {
        running t
        berthctl exec t sh -c 'echo x > /dev/null'
        ! berthctl exec t sh -c 'mknod /disk b 254 0 && head -c 1 /disk' || fail "the host's disk was read"
        systemctl daemon-reload
        berthctl exec t sh -c 'echo x > /dev/null && head -c 1 /dev/zero > /dev/null'
}

test_freezer() {
        local before
        running t
        berthctl exec --detach t sh -c 'while :; do :; done'
        sleep 0.3
        berthctl pause t > /dev/null
        before=$(cpu_usec t)
        sleep 1
        between $(($(cpu_usec t) - before)) 0 20000
        berthctl unpause t > /dev/null
}
