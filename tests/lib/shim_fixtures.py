# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of the shim share, beside its driver."""

import os
import shutil
import subprocess

import pytest

import shim_driver as shim

BASE = 524288


@pytest.fixture(scope="module")
def rootfs(busybox_tar):
    folder = shim.STATE / "rootfs"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xf", busybox_tar, "-C", folder], check=True)
    yield folder
    shutil.rmtree(shim.STATE)


@pytest.fixture(params=[True, False], ids=["own-ids", "host-ids"])
def userns(request):
    return request.param


def sh(script):
    return ["sh", "-c", script]


def numbered(n):
    """What `seq 1 n` prints."""
    return b"".join(b"%d\n" % i for i in range(1, n + 1))


def shell(rootfs, script, **launch):
    """The stream of a container that ran the script with exit status 0."""
    record, stream = shim.run(rootfs, "sh", "-c", script, **launch)
    assert (record["ExitCode"], stream.exit, stream.error) == (0, 0, None), (record, stream.error, stream.errors)
    return stream


def exists(pid):
    return os.path.exists(f"/proc/{pid}")
