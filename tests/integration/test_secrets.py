# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secrets: a container can read them, and they are in clear nowhere else."""

import json
import os
import pathlib
import secrets
import subprocess

import pytest

from conftest import run

STORE = pathlib.Path("/var/lib/berth/secrets")


@pytest.fixture
def secret(berthctl, name):
    """A secret with a content that is nowhere else in the world."""
    content = f"plain-{secrets.token_hex(16)}"
    berthctl("secret", "create", "--label", "use=test", f"s-{name}", "-", input=content.encode())
    yield f"s-{name}", content
    berthctl("rm", "-f", name, check=False)
    berthctl("secret", "rm", f"s-{name}", check=False)


def test_life(berthctl, secret):
    label, content = secret
    assert berthctl("secret", "ls", "-q").stdout.decode().split().count(label) == 1
    shown = json.loads(berthctl("secret", "inspect", label).stdout)[0]
    assert shown["Name"] == label and shown["Size"] == len(content) and shown["Labels"] == {"use": "test"}
    again = berthctl("secret", "create", label, "-", input=b"other", check=False)
    assert again.returncode != 0 and label.encode() in again.stderr
    for file in STORE.iterdir():
        assert file.stat().st_mode & 0o077 == 0 and file.stat().st_uid == 0
    berthctl("secret", "rm", label)
    assert label not in {file.name.rpartition(".")[0] for file in STORE.iterdir()}
    missing = berthctl("secret", "rm", label, check=False)
    assert missing.returncode != 0 and label.encode() in missing.stderr


def test_in_a_container(berthctl, busybox_image, name, secret):
    label, content = secret
    shown = berthctl("run", "--rm", "--name", name, "--secret", f"{label},target=key,uid=7,gid=8,mode=0400", busybox_image, "sh",
                     "-c", "stat -c '%u %g %a' /run/secrets/key; cat /run/secrets/key; echo; echo x > /run/secrets/key; echo $?")
    assert shown.stdout.decode().splitlines() == ["7 8 400", content, "1"]
    elsewhere = berthctl("run", "--rm", "--name", name, "--secret", f"{label},target=/etc/app/key", busybox_image, "cat", "/etc/app/key")
    assert elsewhere.stdout.decode() == content
    unknown = berthctl("run", "--rm", "--secret", "no-such-secret", busybox_image, "true", check=False)
    assert unknown.returncode == 125 and b"no-such-secret" in unknown.stderr


def test_used_and_replaced(berthctl, busybox_image, name, secret):
    label, content = secret
    berthctl("run", "-d", "--name", name, "--secret", label, busybox_image, "sleep", "1000")
    refused = berthctl("secret", "rm", label, check=False)
    assert refused.returncode != 0 and name.encode() in refused.stderr
    berthctl("secret", "create", "--replace", label, "-", input=b"the new one")
    assert berthctl("exec", name, "cat", f"/run/secrets/{label}").stdout.decode() == content
    berthctl("restart", "-t", "0", name)
    assert berthctl("exec", name, "cat", f"/run/secrets/{label}").stdout == b"the new one"


def holds(path, text):
    return subprocess.run(["grep", "-rlF", "--", text, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout


def test_nowhere_else(berthctl, busybox_image, name, secret):
    label, content = secret
    berthctl("run", "-d", "--name", name, "--secret", label, busybox_image, "sleep", "1000")
    assert berthctl("exec", name, "grep", "-c", content, f"/run/secrets/{label}").stdout == b"1\n"
    berthctl("commit", name, f"{name}-committed")
    exported = berthctl("export", name).stdout
    saved = berthctl("save", f"{name}-committed").stdout
    berthctl("rmi", f"{name}-committed")
    assert content.encode() not in exported + saved
    assert content.encode() not in berthctl("inspect", name).stdout + berthctl("secret", "inspect", label).stdout
    assert holds("/var/lib/berth", content) == b""
    run("journalctl", "--sync")
    assert content.encode() not in run("journalctl", "--no-pager", "-o", "json", "--boot").stdout
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for file in ("cmdline", "environ"):
            try:
                assert content.encode() not in pathlib.Path("/proc", pid, file).read_bytes()
            except OSError:
                continue
    berthctl("rm", "-f", name)
    assert holds("/run/berth", content) == b"", "what was decrypted goes with the run"
