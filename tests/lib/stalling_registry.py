"""A registry for tests that need one in another host or that must survive the test: `x:latest` with one large layer, which stops
after half of it for the first so many requests. Usage: stalling_registry.py PORT STALLS LOG; the log gets the Range of each
request for the layer ("-": none)."""

import pathlib
import random
import sys
import threading

from badregistry import PROPER, BadRegistry, stall
from ociimage import tar_of

SIZE = 3_000_000


def main():
    port, stalls, log = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    server = BadRegistry(port=port)
    image = server.add_image("x", "latest", [tar_of({"noise": random.Random(1).randbytes(SIZE)})])
    layer, = server.layers_of(image)

    def note(handler):
        with open(log, "a", encoding="ascii") as file:
            file.write(f"{handler.headers.get('Range', '-')}\n")
        return PROPER
    if stalls:
        server.spoil(f"/blobs/{layer}", stall(SIZE // 2, threading.Event()), times=stalls)
    server.spoil(f"/blobs/{layer}", note)
    pathlib.Path(f"{log}.layer").write_text(layer, encoding="ascii")
    threading.Event().wait()


main()
