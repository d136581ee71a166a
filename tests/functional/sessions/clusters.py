"""A real Redis Cluster (or one of Valkey): three masters and a replica of each, on free ports."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
from redis.crc import key_slot

from tests.functional.sessions.servers import accepts, program, running

MASTERS = 3
PATIENT_MS = 30_000
"""After so long a silent master is taken for dead, and its replica asks to be elected: no test is to see that by chance
on a busy machine, since Redis may lose in it what it had acknowledged."""
QUICK_MS = 1000
"""The same for tests that kill a master."""


class Nodes:
    """The processes of one cluster, by port."""

    def __init__(self, processes: dict[int, subprocess.Popen[bytes]]) -> None:
        self.processes = processes

    @property
    def url(self) -> str:
        """The store's URL; it names one node, and the client learns the others from it."""
        return f"redis://127.0.0.1:{next(iter(self.processes))}?cluster=true"

    def master_of(self, key: str) -> int:
        """The port of the master that serves a key's slot."""
        for port in self.alive():
            with redis.Redis(port=port) as node:
                if node.execute_command("ROLE")[0] == b"master" and key_slot(key.encode()) in slots(node):
                    return port
        raise AssertionError(f"nobody serves the slot of {key}")

    def alive(self) -> list[int]:
        return [port for port, process in self.processes.items() if process.poll() is None]

    def keys(self) -> dict[int, set[bytes]]:
        """What each living master keeps."""
        found = {}
        for port in self.alive():
            with redis.Redis(port=port) as node:
                if node.execute_command("ROLE")[0] == b"master":
                    found[port] = set(node.scan_iter(count=1000))
        return found

    def kill(self, port: int) -> None:
        """Kill a master whose replica has what was written so far: Redis answers before it has copied."""
        with redis.Redis(port=port) as node:
            written = node.execute_command("ROLE")[1]
            until(lambda: all(int(copied) >= written for *_, copied in node.execute_command("ROLE")[2]))
        self.processes[port].send_signal(signal.SIGKILL)
        self.processes[port].wait()


def slots(node: redis.Redis) -> range:
    """The slots that a master serves, as far as they are in a row."""
    own = identity(node)
    for first, last, (_, _, name, *_), *_ in node.execute_command("CLUSTER SLOTS"):
        if name.decode() == own:
            return range(first, last + 1)
    return range(0)


def identity(node: redis.Redis) -> str:
    """How the nodes call this one among themselves."""
    found: bytes | str = node.execute_command("CLUSTER MYID")
    return found.decode() if isinstance(found, bytes) else found


@contextmanager
def cluster(
    directory: Path, *, server: str = "redis-server", cli: str = "redis-cli", node_timeout_ms: int = PATIENT_MS
) -> Iterator[Nodes]:
    """Six nodes that know each other, every slot served and every replica in step."""
    found = quiet_ports(4 * MASTERS)
    ports, buses = found[: 2 * MASTERS], found[2 * MASTERS :]
    with ExitStack() as stack:
        processes = {}
        for port, bus in zip(ports, buses, strict=True):
            own = directory / str(port)
            own.mkdir()
            command = [program(server, server), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(own)]
            command += ["--cluster-enabled", "yes", "--cluster-port", str(bus), "--save", "", "--appendonly", "no"]
            command += ["--cluster-node-timeout", str(node_timeout_ms), "--repl-diskless-sync-delay", "0"]
            processes[port] = stack.enter_context(running(command, accepts(port), own))
        nodes = Nodes(processes)
        addresses = [f"127.0.0.1:{port}@{bus}" for port, bus in zip(ports, buses, strict=True)]
        create = [program(cli, server), "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        done = subprocess.run(create, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        until(lambda: in_step(ports))
        yield nodes


def quiet_ports(number: int) -> list[int]:
    """Free ports below those that the kernel gives to clients: the nodes are each other's, and start one by one."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    for port in random.sample(range(10_000, first), 1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == number:
            return found
    raise AssertionError("no free ports")


def in_step(ports: list[int]) -> bool:
    """Whether every node sees all slots served and all nodes, and each master's replica has what it has."""
    replicas = 0
    for port in ports:
        with redis.Redis(port=port) as node:
            info, role = node.execute_command("CLUSTER INFO"), node.execute_command("ROLE")
        if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) != len(ports):
            return False
        replicas += role[0] == b"slave" and role[3] == b"connected"
    return replicas == len(ports) - MASTERS


def until(condition: Callable[[], bool], patience: float = 60) -> None:
    """Ask until it is so; the condition asks a server, so each round is a round trip."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
