"""berthctl in front of a person: a real terminal (tmux), keys, sizes, and what is left on the screen."""

import pathlib
import re
import shutil
import time

import pytest

from conftest import poll, run
from tmux import Tmux


@pytest.fixture
def terminal():
    with Tmux() as opened:
        yield opened


@pytest.fixture
def shell(terminal, busybox_image, name):
    """shell("-it", "--rm") runs a container's shell on the terminal; its settings must be what they were at the end."""
    before = settings(terminal)

    def begin(*options):
        terminal.type(f"clear; berthctl run --name {name} {' '.join(options)} {busybox_image} sh\n")
        terminal.wait_for("/ #")
    yield begin
    assert settings(terminal) == before
    run("berthctl", "rm", "-f", name)


def settings(terminal):
    """The modes of the terminal, in which raw mode and the like would show."""
    lines, status = terminal.run("stty -g | fold -w 40")
    assert status == 0
    return re.search(r"[0-9a-f:]{60,}", "".join(line.strip() for line in lines)).group()


def exit_code(terminal):
    terminal.wait_for_prompt()
    terminal.type("echo code-$?\n")
    return int(re.search(r"code-(\d+)", terminal.wait_for_match(r"code-\d+")).group(1))


def leader(name):
    return int(run("berthctl", "inspect", "-f", "{{.Leader}}", name).stdout)


def test_shell(terminal, shell):
    shell("-it", "--rm")
    terminal.type("stty size; tty; echo $((6*7))\n")
    screen = terminal.wait_for("42")
    assert "24 80" in screen and "/dev/pts/0" in screen
    terminal.type("exit 7\n")
    assert exit_code(terminal) == 7


def test_window_size_follows(terminal, shell):
    shell("-it", "--rm")
    terminal.resize(100, 30)

    def has_changed():
        terminal.type("stty size\n")
        time.sleep(0.2)
        return "30 100" in terminal.screen()
    poll(has_changed, 10, "the new size")
    terminal.type("exit\n")
    terminal.wait_for_prompt()


def test_interrupt_goes_to_the_container(terminal, shell):
    shell("-it", "--rm")
    terminal.type("sleep 1000\n")
    time.sleep(0.3)
    terminal.key("C-c")
    terminal.type("echo st$((40+2))ill\n")
    terminal.wait_for("st42ill")
    terminal.type("exit 0\n")
    assert exit_code(terminal) == 0


def test_job_control_inside(terminal, shell):
    shell("-it", "--rm")
    terminal.type("sleep 1000\n")
    time.sleep(0.3)
    terminal.key("C-z")
    terminal.wait_for("Stopped")
    terminal.type("fg\n")
    time.sleep(0.3)
    terminal.key("C-c")
    terminal.type("exit 0\n")
    assert exit_code(terminal) == 0


def test_detach_and_attach(terminal, shell, name):
    shell("-it")
    terminal.type("variable=kept\n")
    terminal.key("C-p", "C-q")
    terminal.wait_for("Detached from")
    assert exit_code(terminal) == 0
    assert leader(name) > 0
    terminal.type(f"clear; berthctl attach {name}\n")
    terminal.type("echo is-$variable\n")
    terminal.wait_for("is-kept")
    terminal.type("exit 3\n")
    assert exit_code(terminal) == 3
    assert run("berthctl", "wait", name).stdout == b"3\n"


def test_own_detach_keys(terminal, shell):
    shell("-it", "--detach-keys", "ctrl-a,d")
    terminal.key("C-p", "C-q")
    terminal.type("echo st$((40+2))ill\n")
    terminal.wait_for("st42ill")
    terminal.key("C-a")
    terminal.type("d")
    terminal.wait_for("Detached from")
    terminal.wait_for_prompt()


def test_exec_on_a_terminal(terminal, busybox_image, name):
    run("berthctl", "run", "-d", "--name", name, busybox_image, "sleep", "1000")
    terminal.type(f"berthctl exec -it {name} sh\n")
    terminal.wait_for("/ #")
    terminal.type("stty size; exit 9\n")
    terminal.wait_for("24 80")
    assert exit_code(terminal) == 9
    assert terminal.run(f"berthctl exec -t {name} sh -c 'exit 9'")[1] == 9
    run("berthctl", "rm", "-f", name)


@pytest.mark.parametrize("how, status", [("TERM", 143), ("HUP", 129), ("SEGV", 139)])
def test_terminal_is_clean_after_a_signal(terminal, shell, name, how, status):
    """A program was in the middle of drawing on the other screen when berthctl died."""
    shell("-it")
    terminal.type("printf '\\033[?1049h\\033[?25l'\n")
    poll(lambda: terminal.modes() == "1 0", 10, "the other screen")
    run("pkill", f"-{how}", "-f", f"^berthctl run --name {name}")
    assert exit_code(terminal) == status
    # After a crash nothing more can be done than to give the terminal its settings back.
    assert how == "SEGV" or terminal.modes() == "0 1"
    assert leader(name) > 0


def test_attached_client_survives_a_restart_of_berthd(terminal, shell, name):
    shell("-it", "--rm")
    run("systemctl", "restart", "berthd")
    terminal.type("echo after-$((1+1))\n")
    terminal.wait_for("after-2")
    terminal.type("exit 5\n")
    assert exit_code(terminal) == 5
    assert run("berthctl", "list", "-q", "--filter", f"name={name}").stdout == b""


def test_stop_and_continue_of_the_client(terminal, shell, name):
    shell("-it", "--rm")
    run("pkill", "-TSTP", "-f", f"^berthctl run --name {name}")
    terminal.wait_for("Stopped")
    terminal.type("clear; stty -a | grep -o ' icanon'\n")
    terminal.wait_for_match(r"(?m)^ icanon$")
    terminal.type("fg\n")
    terminal.wait_for(f"berthctl run --name {name}")
    terminal.type("\necho back-$((1+1))\n")
    terminal.wait_for("back-2")
    terminal.type("exit\n")
    terminal.wait_for_prompt()


@pytest.mark.parametrize("columns", [40, 80])
def test_nothing_wraps(busybox_image, name, columns):
    long_name = f"{name}-{'x' * 60}"
    run("berthctl", "run", "-d", "--name", long_name, busybox_image, "sleep", "1000")
    plain = pathlib.Path("/tmp/plain")
    with Tmux(columns=columns, rows=50) as terminal:
        for verb in ("list", "images", f"top {long_name}", f"history {busybox_image}"):
            lines, status = terminal.run(f"berthctl --no-pager {verb} > {plain}; berthctl --no-pager {verb}")
            expected = len(plain.read_text(encoding="utf-8").splitlines())
            printed = [line for line in lines if line.strip()]
            assert status == 0 and len(printed) == expected, f"{verb} wrapped:\n" + "\n".join(lines)
            assert all(len(line) <= columns for line in printed)
    plain.unlink()
    run("berthctl", "rm", "-f", long_name)


def test_colours_only_on_a_terminal(terminal, busybox_image, name):
    run("berthctl", "run", "-d", "--name", name, busybox_image, "sleep", "1000")
    assert b"\x1b" not in run("berthctl", "list").stdout
    terminal.type("clear; berthctl --no-pager list\n")
    terminal.wait_for("1 running")
    assert "\x1b[32m" in terminal.call("capture-pane", "-p", "-e")
    assert terminal.run("NO_COLOR=1 berthctl --no-pager list")[1] == 0
    assert "\x1b[32m" not in terminal.call("capture-pane", "-p", "-e")
    run("berthctl", "rm", "-f", name)


def test_pager(terminal, busybox_image, name):
    """Long output on a terminal goes through less, which leaves at once when it fits."""
    run("berthctl", "run", "--name", name, busybox_image, "seq", "1", "500")
    terminal.type(f"clear; berthctl logs {name}\n")
    screen = terminal.wait_for("23")
    assert "500" not in screen
    terminal.type("G")
    terminal.wait_for("500")
    terminal.type("q")
    assert exit_code(terminal) == 0
    assert terminal.run("berthctl list")[1] == 0
    assert terminal.run("BERTH_PAGER= berthctl logs " + name)[1] == 0
    run("berthctl", "rm", name)


def test_interactive_needs_a_terminal(berthctl, busybox_image):
    failed = berthctl("run", "--rm", "-it", busybox_image, "sh", check=False)
    assert failed.returncode == 125 and b"not a terminal" in failed.stderr


def test_terminal_without_input(berthctl, busybox_image):
    out = berthctl("run", "--rm", "-t", busybox_image, "tty").stdout
    assert re.fullmatch(rb"/dev/pts/\d+\r\n", out)


def test_password(terminal, busybox_image, unprivileged_user, name):
    """polkit's question comes up on the terminal of a user who has no right; no answer changes nothing."""
    before = settings(terminal)
    terminal.type(f"clear; setpriv --reuid={unprivileged_user.pw_uid} --regid={unprivileged_user.pw_gid} --clear-groups "
                  f"berthctl run --rm --name {name} {busybox_image} true\n")
    terminal.wait_for("Authentication is required to manage containers", 20)
    terminal.wait_for("assword:")
    terminal.key("C-c")
    assert exit_code(terminal) != 0
    assert settings(terminal) == before
    assert run("berthctl", "list", "-q", "--filter", f"name={name}").stdout == b""


def test_completion_in_bash(terminal, busybox_image, name):
    run("berthctl", "run", "-d", "--name", name, busybox_image, "sleep", "1000")
    terminal.type("source /usr/share/bash-completion/completions/berthctl\n")

    def complete(words, expected):
        terminal.type(f"clear; {words}")
        terminal.key("Tab")
        if expected:
            terminal.wait_for(expected)
        else:
            time.sleep(0.7)
            assert terminal.screen().rstrip().endswith(words)
        terminal.key("C-c")
    complete(f"berthctl stop {name[:6]}", f"berthctl stop {name}")
    complete(f"berthctl start {name[:6]}", None)        # it runs already
    complete("berthctl container unp", "berthctl container unpause")
    complete("berthctl run --pull=alw", "--pull=always")
    complete("berthctl run -d busyb", "busybox:latest")
    complete("berthctl kill -s SIGWIN", "SIGWINCH")
    complete(f"berthctl cp {name[:6]}", f"{name}:")
    complete(f"berthctl cp {name}:/etc/pass", f"{name}:/etc/passwd")
    complete(f"berthctl cp {name}:/et", f"{name}:/etc/")
    run("berthctl", "rm", "-f", name)


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh here")
def test_completion_in_zsh(terminal, busybox_image, name):
    run("berthctl", "run", "-d", "--name", name, busybox_image, "sleep", "1000")
    terminal.type("exec zsh -f\n")
    terminal.type("PS1='READY> '; autoload -Uz compinit; compinit -u -d /tmp/zcompdump; clear\n")
    terminal.wait_for_prompt()

    def complete(words, expected):
        terminal.type(words)
        terminal.key("Tab")
        terminal.wait_for(expected)
        terminal.key("C-u")
        terminal.type("clear\n")
        terminal.wait_for_prompt()
    complete(f"berthctl stop {name[:6]}", f"berthctl stop {name}")
    complete("berthctl st", "start  -- Start stopped containers")
    complete("berthctl run --pull=alw", "--pull=always")
    complete("berthctl run -d busyb", "busybox:latest")
    complete(f"berthctl cp {name}:/etc/pass", f"{name}:/etc/passwd")
    run("berthctl", "rm", "-f", name)
