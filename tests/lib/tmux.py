"""A real terminal for tests: tmux, of a server of its own.

    with Tmux(columns=80, rows=24) as terminal:
        terminal.type("berthctl run -it busybox sh\n")
        terminal.wait_for("/ #")
"""

import os
import re
import subprocess
import tempfile
import time


class Tmux:
    def __init__(self, columns=80, rows=24):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, "socket")
        startup = os.path.join(self.folder.name, "bashrc")
        with open(startup, "w", encoding="utf-8") as file:
            file.write("PS1='READY> '\nHISTFILE=/dev/null\n")      # a prompt that no program prints
        environment = {**os.environ, "TERM": "screen-256color", "LANG": "C.UTF-8"}
        environment.pop("TMUX", None)
        self.environment = environment
        self.call("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  f"exec /bin/bash --noprofile --rcfile {startup} -i")
        self.call("set-option", "-g", "status", "off")
        # Without the status line the window is a line higher: set the size again.
        self.resize(columns, rows)
        self.wait_for("READY>")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call("kill-server", check=False)
        self.folder.cleanup()

    def call(self, *arguments, check=True):
        return subprocess.run(["tmux", "-S", self.socket, *arguments], env=self.environment, check=check,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=10).stdout.decode()

    def resize(self, columns, rows):
        self.call("resize-window", "-x", str(columns), "-y", str(rows))

    def type(self, text):
        """Types the text; a newline is the Enter key."""
        for i, line in enumerate(text.split("\n")):
            if i > 0:
                self.key("Enter")
            if line:
                self.call("send-keys", "-l", line)

    def key(self, *names):
        """Presses keys by tmux's names: C-c, Enter, Up."""
        self.call("send-keys", *names)

    def screen(self):
        return self.call("capture-pane", "-p")

    def modes(self):
        """Whether the other screen is shown, and the cursor: "0 1" is how a shell wants it."""
        return self.call("display-message", "-p", "#{alternate_on} #{cursor_flag}").strip()

    def wait_for(self, text, seconds=15):
        """Until the text is on the screen; returns the screen."""
        deadline = time.monotonic() + seconds
        while text not in (screen := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for {text!r}; the screen was:\n{screen}")
            time.sleep(0.05)
        return screen

    def wait_for_match(self, pattern, seconds=15):
        """The same with a regular expression."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, screen := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for {pattern!r}; the screen was:\n{screen}")
            time.sleep(0.05)
        return screen

    def wait_for_prompt(self, seconds=15):
        """Until the shell is back: its prompt is the last that is on the screen."""
        deadline = time.monotonic() + seconds
        while not self.screen().rstrip().endswith("READY>"):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for the prompt; the screen was:\n{self.screen()}")
            time.sleep(0.05)

    def run(self, command, seconds=15):
        """Runs a command in the shell; returns what it printed, and its exit status."""
        self.call("send-keys", "-R")
        self.call("clear-history")
        self.type(f"clear; {command}; echo \"STATUS=$?=\"\n")
        screen = self.wait_for_status(seconds)
        output, _, status = screen.rpartition("STATUS=")
        return output.split("\n"), int(status.split("=")[0])

    def wait_for_status(self, seconds=15):
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen()
            last = screen.rpartition("STATUS=")[2].split("=")[0]
            if "STATUS=" in screen and last.isdigit():
                return screen
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for the end; the screen was:\n{screen}")
            time.sleep(0.05)
