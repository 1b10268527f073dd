"""Restart policies: when, how often, after how long."""

import time

import pytest

from berthbus import error_of
from conftest import poll


@pytest.fixture
def create(berth, name):
    made = []

    def make(script, policy, **settings):
        made.append(berth.create(name, Image="busybox", Command=["sh", "-c", script], NetworkMode="none",
                                 StopTimeoutUSec=1000000, Restart={"Name": policy, **settings}))
        return made[-1]
    yield make
    for container in made:
        container.remove(force=True)


def test_no(create):
    container = create("exit 3", "no")
    container.start()
    container.wait()
    time.sleep(0.3)
    assert (container.status, container.get("RestartCount")) == ("exited", 0)


def test_on_failure_ends_with_success(create):
    """Fails twice, then ends well."""
    container = create("echo >> /runs; test $(wc -l < /runs) -ge 3", "on-failure")
    container.start()
    assert container.wait() == 0
    assert (container.status, container.get("RestartCount")) == ("exited", 2)


def test_on_failure_gives_up(create):
    container = create("exit 4", "on-failure", MaximumRetryCount=2)
    container.start()
    assert container.wait() == 4
    assert container.get("RestartCount") == 2 and container.get("RestartPolicy") == "on-failure:2"
    # A person's start begins to count anew.
    container.start()
    container.wait()
    assert container.get("RestartCount") == 2


def test_delays(create):
    container = create("exit 1", "always")
    begin = time.monotonic()
    container.start()
    poll(lambda: container.get("RestartCount") >= 4, 20)
    # 100 + 200 + 400 milliseconds have passed, and four runs.
    assert 0.7 <= time.monotonic() - begin < 10
    container.stop()


def test_manual_stop_is_respected(create):
    container = create("trap 'exit 1' TERM; while :; do sleep 0.05; done", "unless-stopped")
    container.start()
    time.sleep(0.2)
    container.stop()
    time.sleep(0.5)
    assert container.status == "exited"
    container.start()
    container.kill("SIGKILL")
    container.wait()
    time.sleep(0.5)
    assert container.status == "exited"


def test_kill_with_another_signal_is_not_a_stop(create):
    container = create("trap 'exit 1' HUP; while :; do sleep 0.05; done", "always")
    container.start()
    time.sleep(0.3)
    first = container.get("Leader")
    container.kill("SIGHUP")
    poll(lambda: container.status == "running" and container.get("Leader") != first)


def test_restarting_can_be_stopped_and_removed(berth, create, name):
    container = create("exit 1", "always")
    container.start()
    poll(lambda: container.get("RestartCount") >= 3 and container.status == "restarting", 20)
    assert error_of(container.remove)[0] == "InUse"
    container.stop()
    assert container.status == "exited"
    container.start()
    poll(lambda: container.get("RestartCount") >= 3 and container.status == "restarting", 20)
    container.start()
    assert container.get("RestartCount") <= 1


def test_a_start_that_fails_is_not_repeated(create, berth, name):
    container = berth.create(f"{name}-bad", Image="busybox", Command=["/not/there"], NetworkMode="none", Restart={"Name": "always"})
    assert error_of(container.start)[0] == "CommandNotFound"
    time.sleep(0.3)
    assert container.status == "created" and container.get("RestartCount") == 0
    container.remove()


def test_wait_waits_for_the_last_run(create):
    container = create("echo >> /runs; test $(wc -l < /runs) -ge 3", "on-failure")
    container.start()
    assert container.wait("not-running") == 0 and container.get("RestartCount") == 2
