"""Tests for the virtual machine (tests/vm/run) are functions of bash scripts, test_*.sh: each `test_NAME() {` is one test.

Their files are copied into the machine, which is resumed once for all tests that were chosen: a machine has few seconds for each.
There guest/run-tests runs one after the other; what it says of each becomes the result here.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import pytest

VM = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(VM.parent / "lib"))

TEST_SECONDS = 60
SESSION_SECONDS = 540


def pytest_collect_file(file_path, parent):
    return ScriptFile.from_parent(parent, path=file_path) if file_path.match("test_*.sh") else None


class ScriptFile(pytest.File):
    def collect(self):
        for name in re.findall(r"^(test_\w+)\(\) \{", self.path.read_text(), re.MULTILINE):
            yield Script.from_parent(self, name=name)


class Script(pytest.Item):
    def runtest(self):
        good, said = self.session.stash.setdefault(KEY, Guest(self.session)).result_of(self)
        if not good:
            raise Failure(said)

    def repr_failure(self, excinfo):
        return str(excinfo.value) if excinfo.errisinstance(Failure) else super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}: {self.name}"


class Failure(Exception):
    """With what the test said."""


KEY = pytest.StashKey()


class Guest:
    """The machine, and what it has said of the tests so far."""

    def __init__(self, session):
        self.results, self.news, self.over = {}, threading.Condition(), None
        self.thread = threading.Thread(target=self.run, args=([*session.items],), daemon=True)
        self.thread.start()

    def run(self, items):
        with tempfile.TemporaryDirectory() as folder:
            for path in {item.path for item in items} | {*(VM / "guest").iterdir(), VM.parent / "lib/busybox-rootfs"}:
                shutil.copy(path, folder)
            chosen = [f"{item.path.name}:{item.name}" for item in items]
            command = [VM / "run", "--share", folder, "--seconds", str(SESSION_SECONDS), "--",
                       "bash", "run-tests", str(TEST_SECONDS), *chosen]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
                rest = self.read(process.stdout)
            with self.news:
                self.over = f"the machine ended, exit status {process.returncode}\n{rest}"
                self.news.notify()

    def read(self, stream):
        """A test's own output comes before "ok NAME" or "not ok NAME"."""
        said = []
        for line in stream:
            verdict = re.fullmatch(r"(not )?ok (\S+:test_\w+)", line.rstrip())
            if not verdict:
                said.append(line)
                continue
            with self.news:
                self.results[verdict[2]] = not verdict[1], "".join(said)
                self.news.notify()
            said = []
        return "".join(said)

    def result_of(self, item):
        name = f"{item.path.name}:{item.name}"
        with self.news:
            self.news.wait_for(lambda: name in self.results or self.over)
            return self.results.get(name) or (False, self.over)
