# shellcheck shell=bash
# What the tests in the guest share. Each runs in a shell of its own, where a command that fails ends the test.

fail() {
        echo "FAILED: $*" >&2
        exit 1
}

is() { # ACTUAL EXPECTED
        [[ $1 == "$2" ]] || fail "\"$1\" should be \"$2\""
}

between() { # NUMBER LEAST MOST
        (($1 >= $2 && $1 <= $3)) || fail "$1 should be between $2 and $3"
}

poll() { # COMMAND… - until it succeeds
        local n
        for ((n = 0; n < 100; n++)); do
                ! "$@" > /dev/null 2>&1 || return 0
                sleep 0.1
        done
        fail "waited in vain for: $*"
}

running() { # NAME OPTION… - a container that sleeps
        local name=$1
        shift
        berthctl run --detach --name "$name" --network none "$@" busybox sleep 600 > /dev/null
}

cgroup() { # CONTAINER - the folder of its cgroup
        local path
        path=$(systemctl show --property ControlGroup --value "berth-$1.scope")
        echo "/sys/fs/cgroup$path"
}

knob() { # CONTAINER FILE - what the kernel has
        cat "$(cgroup "$1")/$2"
}

unit() { # CONTAINER PROPERTY - what systemd has
        systemctl show --property "$2" --value "berth-$1.scope"
}

cpu_usec() { # CONTAINER
        knob "$1" cpu.stat | sed -n 's/^usage_usec //p'
}

inspect() { # CONTAINER TEMPLATE
        berthctl inspect --format "$2" "$1"
}
