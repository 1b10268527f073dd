"""What is measured. A case takes the bench and gives its samples to bench.add(case.name, metric, peer, value)."""

import concurrent.futures
import time

from peers import Failure, call, timed

CASES = {}


def case(name, peers="berth docker podman", what=""):
    def register(function):
        function.case, function.peers, function.what = name, peers.split(), what
        CASES[name] = function
        return function
    return register


@case("run", "berth docker podman nspawn floor", "run --rm IMAGE true, on the default bridge")
def run_bridge(bench):
    for _round, peer in bench.rounds(run_bridge):
        bench.measure("run", "bridge", peer, lambda: timed(*peer.run(True, "true")))


@case("run-none", "berth docker podman nspawn floor", "run --rm --network none IMAGE true")
def run_none(bench):
    for _round, peer in bench.rounds(run_none):
        bench.measure("run-none", "none", peer, lambda: timed(*peer.run(False, "true")))


@case("exec", what="exec NAME true")
def exec_true(bench):
    name = "bench-exec"
    peers = bench.start_on_all(exec_true, name)
    for _round, peer in bench.rounds(exec_true, peers):
        bench.measure("exec", "true", peer, lambda: timed(*peer.exec(name, "true")))
    bench.remove_from_all(peers, name)


@case("life", what="create, start, stop -t0 and rm apart")
def life(bench):
    for number, peer in bench.rounds(life):
        name = f"bench-life-{number}"
        steps = {"create": peer.create, "start": peer.start, "stop": peer.stop, "rm": peer.remove}
        for metric, command in steps.items():
            if not bench.measure("life", metric, peer, lambda: timed(*command(name))):
                bench.quietly(*peer.remove(name))
                break


def start_many(peer, names):
    def start(name):
        call(*peer.run(True, "sleep", "3600", name=name, detach=True, remove=False))

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in pool.map(start, names):
            pass
    return time.perf_counter() - started


def restart(peer, n):
    """(seconds until it answers again, how many of its containers still run)"""
    started = time.perf_counter()
    call("systemctl", "restart", peer.units[0])
    while True:
        try:
            running = peer.running()
            break
        except Failure:
            if time.perf_counter() - started > 120:
                raise
            time.sleep(0.005)
    return time.perf_counter() - started, min(len(running), n)


@case("many", what="50 containers, 8 at a time; memory, list and a restart of the manager with them")
def many(bench):
    names = [f"bench-many-{i:03}" for i in range(bench.containers)]
    for peer in bench.alive(many):
        try:
            many_of(bench, peer, names)
        except Failure as error:
            bench.fail("many", "start", peer, error)
        for at in range(0, len(names), 25):
            bench.quietly(*peer.remove(*names[at:at + 25]), timeout=600)


def many_of(bench, peer, names):
    idle = peer.memory()
    bench.add("many", "memory-idle", peer, sum(idle.values()))
    took = start_many(peer, names)
    bench.add("many", "start", peer, took)
    bench.add("many", "rate", peer, len(names) / took)
    time.sleep(2)       # what was allocated for the starts may go
    memory = peer.memory()
    bench.add("many", "memory-all", peer, sum(memory.values()))
    bench.add("many", "memory-manager", peer, memory["manager"])
    bench.add("many", "memory-each", peer, memory["beside"] / len(names))
    for _ in range(bench.count):
        bench.measure("many", "list", peer, lambda: timed(*peer.list()))
    if peer.units:
        took, left = restart(peer, len(names))
        bench.add("many", "restart", peer, took)
        bench.add("many", "restart-left", peer, left)


@case("list", what="list -a with many stopped containers")
def list_many(bench):
    peers = bench.alive(list_many)
    names = [f"bench-list-{i:04}" for i in range(bench.listed)]
    ready = []
    for peer in peers:
        try:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for _ in pool.map(lambda name, peer=peer: call(*peer.create(name)), names):
                    pass
            ready.append(peer)
        except Failure as error:
            bench.fail("list", "all", peer, error)
    for _round, peer in bench.rounds(list_many, ready):
        bench.measure("list", "all", peer, lambda: timed(*peer.list(everything=True)))
    for peer in peers:
        for at in range(0, len(names), 50):
            bench.quietly(*peer.remove(*names[at:at + 50]), timeout=600)


@case("pull", what="pull and unpack a large image from a registry on this host")
def pull(bench):
    reference, spoiled = bench.large_image(), set()
    for _round, peer in bench.rounds(pull, heavy=True):
        if peer.name in spoiled or not bench.measure("pull", "pull", peer, lambda: timed(*peer.pull(reference))):
            continue
        try:
            peer.remove_image(reference)
        except Failure as error:
            bench.fail("pull", "pull", peer, error)
            spoiled.add(peer.name)
        call("sync")    # what one has written is not for the next to wait for


def push_once(bench, metric, peer, reference):
    with bench.empty_registry() as address:
        target = f"{address}/bench/large:pushed"
        if bench.measure("push", metric, peer, lambda: timed(*peer.push(reference, target))):
            bench.quietly(*peer.command("rmi", target))
    call("sync")


@case("push", what="push of a large image to an empty registry: one that was pulled, and one whose layers are not compressed")
def push(bench):
    reference, archive, loaded = bench.large_image(), bench.folder / "archive.tar", "docker.io/bench/loaded:latest"
    call("skopeo", "--insecure-policy", "copy", "--quiet", bench.registry.layout, f"docker-archive:{archive}:{loaded}", timeout=600)
    for _round, peer in bench.rounds(push, heavy=True):
        try:
            call(*peer.pull(reference), timeout=600)
            push_once(bench, "pulled", peer, reference)
            call(*peer.command("rmi", reference))
            call(*peer.load(archive), timeout=600)
            push_once(bench, "loaded", peer, loaded)
            call(*peer.command("rmi", loaded))
        except Failure as error:
            bench.fail("push", "pulled", peer, error)
    archive.unlink()


@case("log", what="1,000,000 lines as fast as the container can, to the journal")
def log(bench):
    lines = bench.lines
    for number, peer in bench.rounds(log, heavy=True):
        name = f"bench-log-{number}-{peer.name}"

        def print_all(peer=peer, name=name):
            started = time.perf_counter()
            call(*peer.run(False, "seq", "1", str(lines), name=name, detach=True, remove=False, logs=True))
            call(*peer.wait(name), timeout=1200)
            return time.perf_counter() - started

        if bench.measure("log", "time", peer, print_all):
            try:
                shown, journal = peer.logged_lines(name)
                bench.add("log", "kept-logs", peer, shown)
                bench.add("log", "kept-journal", peer, journal)
            except Failure as error:
                bench.fail("log", "kept-logs", peer, error)
        bench.quietly(*peer.remove(name))
