# SPDX-License-Identifier: LGPL-2.1-or-later
"""Health checks: what the shim probes, what it finds, and what is done about it."""

import json

import pytest

from conftest import poll, run

pytestmark = pytest.mark.leaves_containers


def inspect(berthctl, name):
    return json.loads(berthctl("inspect", name).stdout)[0]


def health(berthctl, name):
    return inspect(berthctl, name)["State"].get("Health", {})


def start(berthctl, image, name, *options, command="exec sleep 1000"):
    berthctl("run", "-d", "--name", name, "--init", "--health-interval", "100ms", *options, image, "sh", "-c", command)


def became(berthctl, name, status):
    assert poll(lambda: health(berthctl, name).get("Status", "none") == status), health(berthctl, name)


def test_states(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "--health-cmd", "echo looking; test -e /good", "--health-retries", "2")
    became(berthctl, name, "unhealthy")
    found = health(berthctl, name)
    assert found["FailingStreak"] >= 2
    assert found["Log"][-1]["ExitCode"] == 1
    assert found["Log"][-1]["Output"] == "looking\n"
    assert b"(unhealthy)" in berthctl("list").stdout
    assert berthctl("healthcheck", "run", name, check=False).returncode == 1

    berthctl("exec", name, "touch", "/good")
    berthctl("wait", "--condition", "healthy", name)
    assert health(berthctl, name).get("FailingStreak", 0) == 0
    assert berthctl("healthcheck", "run", name).returncode == 0
    assert poll(lambda: len(health(berthctl, name)["Log"]) == 5), "the last five probes are kept"

    berthctl("stop", "-t", "0", name)
    assert health(berthctl, name).get("Status", "none") == "none"


def test_start_period(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "--health-cmd", "test -e /good", "--health-retries", "1",
          "--health-start-period", "1h", "--health-start-interval", "50ms")
    assert poll(lambda: len(health(berthctl, name).get("Log", [])) >= 3)
    assert health(berthctl, name)["Status"] == "starting", "failures in the start period do not count"
    berthctl("exec", name, "touch", "/good")
    became(berthctl, name, "healthy")
    berthctl("exec", name, "rm", "/good")
    became(berthctl, name, "unhealthy")


def test_timeout_takes_all_processes(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "--health-cmd", "setsid sleep 12321 & sleep 12322", "--health-timeout",
          "300ms", "--health-retries", "1", "--health-interval", "200ms")
    became(berthctl, name, "unhealthy")
    last = health(berthctl, name)["Log"][-1]
    assert last["ExitCode"] == -1
    assert "longer than 300 ms" in last["Output"]
    berthctl("pause", name)
    berthctl("unpause", name)
    ps = run("ps", "-eo", "args").stdout.decode()
    assert ps.count("sleep 12321") <= 1, "only what the probe of this moment has"


def test_output_is_bounded_and_text(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "--health-cmd", "printf '\\377\\0a'; head -c 100000 /dev/zero | tr '\\0' x")
    became(berthctl, name, "healthy")
    output = health(berthctl, name)["Log"][-1]["Output"]
    assert output.startswith("??ax")
    assert len(output) == 4096


def test_as_the_user_and_in_the_folder(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "-u", "12:34", "-w", "/tmp", "-e", "A=b c", "--health-cmd",
          "id -u; pwd; echo $A")
    became(berthctl, name, "healthy")
    assert health(berthctl, name)["Log"][-1]["Output"] == "12\n/tmp\nb c\n"


def test_paused_has_no_probes(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "--health-cmd", "true")
    became(berthctl, name, "healthy")
    berthctl("pause", name)
    before = health(berthctl, name)
    run("sleep", "0.5")
    assert health(berthctl, name) == before
    berthctl("unpause", name)
    assert poll(lambda: health(berthctl, name) != before)


def test_goes_on_without_berthd(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "--health-cmd", "test ! -e /bad", "--health-retries", "1")
    became(berthctl, name, "healthy")
    run("systemctl", "stop", "berthd")
    leader = run("pgrep", "-f", "sleep 1000").stdout.split()[0].decode()
    run("nsenter", "-t", leader, "-U", "-m", "-S", "0", "-G", "0", "touch", "/bad")
    run("sleep", "0.5")
    run("systemctl", "start", "berthd")
    became(berthctl, name, "unhealthy")
    assert health(berthctl, name)["FailingStreak"] > 1


@pytest.mark.parametrize("action,expected", [("kill", 137), ("stop", 143), ("restart", None)])
def test_on_failure(berthctl, busybox_image, name, action, expected):
    start(berthctl, busybox_image, name, "--health-cmd", "test -e /good", "--health-retries", "2",
          "--health-on-failure", action, "--stop-timeout", "2",
          command="trap 'exit 143' TERM; while :; do sleep 0.05; done")
    if expected is None:
        first = inspect(berthctl, name)["State"]["Started"]
        assert poll(lambda: inspect(berthctl, name)["State"]["Started"] != first)
        berthctl("kill", name)
        return
    assert poll(lambda: inspect(berthctl, name)["State"]["Status"] == "exited")
    assert inspect(berthctl, name)["State"]["ExitCode"] == expected


def test_of_an_image(berthctl, busybox_image, name):
    berthctl("run", "-d", "--name", name, busybox_image, "sleep", "1000")
    image = f"localhost/{name}:checked"
    berthctl("commit", "--change", 'HEALTHCHECK --interval=100ms --retries=7 CMD ["test", "-d", "/tmp"]', name, image)
    try:
        config = json.loads(berthctl("inspect", image).stdout)[0]["Config"]
        assert config["Health"]["Test"] == ["CMD", "test", "-d", "/tmp"]
        assert config["Health"]["IntervalUSec"] == 100000
        assert config["Health"]["Retries"] == 7
        berthctl("run", "-d", "--name", name + "2", image, "sleep", "1000")
        became(berthctl, name + "2", "healthy")
        berthctl("rm", "-f", name + "2")

        berthctl("run", "-d", "--name", name + "2", "--no-healthcheck", image, "sleep", "1000")
        assert health(berthctl, name + "2").get("Status", "none") == "none"
        again = berthctl("wait", "--condition", "healthy", name + "2", check=False)
        assert again.returncode == 1 and b"no health check" in again.stderr
    finally:
        berthctl("rm", "-f", name, name + "2", check=False)
        berthctl("rmi", image)


@pytest.mark.parametrize("options,words", [
    (["--health-cmd", ""], b"empty"),
    (["--health-retries", "0"], b"one try at least"),
    (["--health-interval", "1us"], b"health"),
    (["--health-on-failure", "explode"], b"restart"),
])
def test_mistakes(berthctl, busybox_image, options, words):
    result = berthctl("create", *options, busybox_image, "true", check=False)
    assert result.returncode != 0
    assert words in result.stderr
