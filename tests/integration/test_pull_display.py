"""`berthctl pull` and the pulls of `run`, as they look: on a terminal, in a pipe, and when somebody is impatient."""

import http.server
import os
import re
import signal
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import ociimage
from conftest import run
from tmux import Tmux


class Slow(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """The registry again, behind a thin wire: `rate` bytes a second for each connection."""

    daemon_threads = True

    def __init__(self, backend, rate):
        super().__init__(("127.0.0.1", 0), SlowHandler)
        self.backend, self.rate = backend, rate
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class SlowHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        headers = {key: self.headers[key] for key in ("Accept", "Range") if key in self.headers}
        request = urllib.request.Request(f"http://{self.server.backend}{self.path}", headers=headers, method=self.command)
        try:
            answer = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        body = answer.read()
        self.send_response(answer.status)
        for key in ("Content-Type", "Docker-Content-Digest", "Content-Range"):
            if answer.headers[key]:
                self.send_header(key, answer.headers[key])
        self.send_header("Content-Length", answer.headers["Content-Length"] or str(len(body)))
        self.end_headers()
        try:
            for at in range(0, len(body), 65536):
                self.wfile.write(body[at:at + 65536])
                if len(body) > 100000:
                    time.sleep(65536 / self.server.rate)
        except OSError:
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pushed(registry, tmp_path_factory):
    """The name of an image of two layers that can't be compressed."""
    folder = tmp_path_factory.mktemp("image")
    image = ociimage.OciImage(folder)
    for i in range(2):
        image.add_layer(ociimage.tar_of({f"file{i}": os.urandom(6 << 20)}))
    image.write("latest")
    return registry.push(f"oci:{folder}:latest", "display/two:latest").split("/", 1)[1]


@pytest.fixture
def slow(registry, pushed):
    server = Slow(registry.address, 2 << 20)
    yield f"{server.address}/{pushed}"
    server.shutdown()
    server.server_close()
    run("berthctl", "rmi", f"{server.address}/{pushed}", check=False)


def test_on_a_terminal(slow):
    with Tmux(columns=100, rows=24) as terminal:
        terminal.type(f"clear; berthctl pull --insecure {slow}\n")
        screen = terminal.wait_for("s left")
        lines = [line for line in screen.splitlines() if "iB/s" in line]
        assert lines and re.match(r"  [0-9a-f]{12}  █*.*\d\.\d/6\.0 MiB +\d+\.\d [KM]iB/s  \d+ s left", lines[0]), screen
        assert re.search(rf"^{re.escape(slow)} \(linux/\w+\)$", screen, re.M)
        terminal.resize(50, 24)
        screen = terminal.wait_for("Pulled", 60)
        # However wide it was: each layer has one line, and the last one says what was done.
        layers = [line for line in screen.splitlines() if re.match(r"  [0-9a-f]{12} ", line)]
        assert len(layers) == 2 and all("unpacked" in line or "done" in line for line in layers), screen
        assert re.search(r"Pulled 127\.0\.0\.1.*2 layers", screen.replace("\n", ""))
        terminal.wait_for_prompt()


def test_interrupt(slow):
    with Tmux(columns=100, rows=24) as terminal:
        terminal.type(f"clear; berthctl pull --insecure {slow}\n")
        terminal.wait_for("iB/s")
        terminal.key("C-c")
        screen = terminal.wait_for("what was fetched is kept")
        assert "cancelled" in screen
        terminal.wait_for_prompt()
        terminal.type("echo code-$?\n")
        terminal.wait_for("code-130")


def test_in_a_pipe(slow):
    out = run("berthctl", "pull", "--insecure", slow)
    lines = out.stdout.decode().splitlines()
    assert "\x1b" not in out.stdout.decode() and "\r" not in out.stdout.decode()
    assert len(lines) == 4 and lines[0].startswith(slow)
    assert all(re.fullmatch(r"[0-9a-f]{12}: \w+, 6\.0 MiB", line) for line in lines[1:3])
    assert re.fullmatch(r"Pulled .*, 2 layers, 12\.0 MiB in \d+\.\d s \(sha256:[0-9a-f]{12}…\)", lines[3])
    again = run("berthctl", "pull", "--insecure", slow).stdout.decode().splitlines()
    assert "is up to date" in again[-1]
    quiet = run("berthctl", "pull", "-q", "--insecure", slow).stdout.decode()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", quiet)


def test_run_pulls(slow):
    """The pull is shown on standard error; the image has no command, so the container can't start."""
    out = run("berthctl", "run", "--rm", slow, "/nothing", check=False)
    assert out.returncode == 127 and out.stdout == b"" and b"Pulled" in out.stderr
    run("berthctl", "rmi", slow)
    quiet = run("berthctl", "run", "--rm", "-q", slow, "/nothing", check=False)
    assert quiet.returncode == 127 and quiet.stderr.count(b"\n") == 1


def test_interrupted_by_a_signal(slow):
    puller = subprocess.Popen(["berthctl", "pull", "--insecure", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.5)
    puller.send_signal(signal.SIGINT)
    _, err = puller.communicate(timeout=20)
    assert puller.returncode == 130 and b"what was fetched is kept" in err
    assert run("berthctl", "images", slow, "-q").stdout == b""
