"""Runs berth-worker as berthd does (src/spec/worker-message.h), without a berthd.

    job = WorkerJob("pull", state, Reference="127.0.0.1:5000/x:latest")
    result = job.wait()         # {"Images": …}; raises WorkerError(kind, message)
    job.progress                # [(id, status, current, total), …]
"""

import json
import os
import pathlib
import socket
import subprocess
import time

# Verbs that speak to a registry get its credentials in front of the other descriptors.
REMOTE_VERBS = {"pull", "push", "search", "inspect-manifest", "sign"}
WORKER = os.environ.get("BERTH_WORKER") or "/usr/lib/berth/berth-worker"
PACKET_MAX = 1024 * 1024


class WorkerError(Exception):
    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message


class WorkerJob:
    def __init__(self, verb, state, files=(), environment=None, credentials=None, **request):
        """credentials: the document of src/spec/credentials.h, as a dictionary."""
        self.progress, self.results = [], []
        if verb in REMOTE_VERBS:
            first = open(os.memfd_create("credentials"), "w+b")
            if credentials is not None:
                first.write(json.dumps(credentials).encode())
                first.flush()
            files = [first, *files]
        pathlib.Path(state).mkdir(exist_ok=True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = ours
        # The worker's end becomes descriptor 3 in the child; a copy far above keeps it from being 3 by itself.
        high = os.dup2(theirs.fileno(), 200, inheritable=False)
        try:
            self.process = subprocess.Popen(
                [WORKER], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, close_fds=False,
                env={**os.environ, **(environment or {})}, preexec_fn=lambda: os.dup2(high, 3, inheritable=True))
        finally:
            os.close(high)
            theirs.close()
        message = json.dumps({"Verb": verb, "StateDirectory": str(state), **request}).encode()
        socket.send_fds(ours, [message], [f.fileno() for f in files])

    def packets(self, timeout):
        """Parsed messages until the worker has closed its end."""
        deadline = time.monotonic() + timeout
        while True:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                packet = self.socket.recv(PACKET_MAX)
            except ConnectionResetError:
                return
            if not packet:
                return
            message = json.loads(packet)
            if "Progress" in message:
                p = message["Progress"]
                self.progress.append((p["Id"], p["Status"], p.get("Current", 0), p.get("Total", 0)))
            yield message

    def until(self, condition, timeout=30):
        """Reads until CONDITION(message)."""
        for message in self.packets(timeout):
            if "Error" in message:
                raise WorkerError(message["Error"]["Kind"], message["Error"]["Message"])
            if condition(message):
                return
        raise WorkerError("Gone", self.process.stderr.read().decode(errors="replace"))

    def wait(self, timeout=60):
        """The results added up."""
        result, error = None, None
        for message in self.packets(timeout):
            if "Error" in message:
                error = WorkerError(message["Error"]["Kind"], message["Error"]["Message"])
            elif "Result" in message:
                images = (result or {}).get("Images", []) + message["Result"].get("Images", [])
                result = {**message["Result"], "Images": images}
        said = self.process.stderr.read().decode(errors="replace")
        status = self.process.wait(timeout)
        self.socket.close()
        if error:
            assert status == 1, f"exit status {status} after an error; it said:\n{said}"
            raise error
        assert status == 0 and result is not None, f"exit status {status}; it said:\n{said}"
        return result

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


def pull(state, reference, **request):
    """The result of a pull that must succeed."""
    return WorkerJob("pull", state, Reference=reference, **request).wait(100)
