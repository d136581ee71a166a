"""A network of the test's own: a namespace for each member, joined by a bridge in one more; the host's is not touched.

A cable that is pulled is silent: no connection is closed, packets just do not arrive, as in a real partition.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

SUBNET = "10.99.0"
"""Seen by nobody else: it exists only inside the namespaces."""


class Network:
    """Members by number, from 0."""

    def __init__(self, name: str, size: int) -> None:
        self._hub = f"{name}-hub"
        self._members = [f"{name}-{number}" for number in range(size)]

    def address(self, number: int) -> str:
        return f"{SUBNET}.{number + 1}"

    def inside(self, number: int) -> list[str]:
        """What to put before a command to run it as this member."""
        return [tool(), "netns", "exec", self._members[number]]

    def cut(self, *numbers: int) -> None:
        """Pull the cables of these members: each is alone from now on."""
        for number in numbers:
            ip("-n", self._hub, "link", "set", f"m{number}", "down")

    def heal(self, *numbers: int) -> None:
        for number in numbers:
            ip("-n", self._hub, "link", "set", f"m{number}", "up")

    def build(self) -> None:
        for namespace in (self._hub, *self._members):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", self._hub, "link", "add", "switch", "type", "bridge")
        ip("-n", self._hub, "link", "set", "switch", "up")
        for number, namespace in enumerate(self._members):
            ip(
                "-n",
                self._hub,
                "link",
                "add",
                f"m{number}",
                "type",
                "veth",
                "peer",
                "name",
                "cable",
                "netns",
                namespace,
            )
            ip("-n", self._hub, "link", "set", f"m{number}", "master", "switch", "up")
            ip("-n", namespace, "address", "add", f"{self.address(number)}/24", "dev", "cable")
            ip("-n", namespace, "link", "set", "cable", "up")

    def remove(self) -> None:
        for namespace in (*self._members, self._hub):
            subprocess.run([tool(), "netns", "delete", namespace], check=False, capture_output=True)


@contextmanager
def network(size: int) -> Iterator[Network]:
    """Namespaces for so many members; skips the test, saying why, where they cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces are made by root only")
    made = Network(f"steelyard-{os.getpid()}", size)
    try:
        try:
            made.build()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces cannot be made here: {error.stderr.strip()}")
        yield made
    finally:
        made.remove()


def ip(*words: str) -> None:
    subprocess.run([tool(), *words], check=True, capture_output=True, text=True)


def tool() -> str:
    found = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        pytest.skip("ip is not installed (Debian package iproute2)")
    return found
