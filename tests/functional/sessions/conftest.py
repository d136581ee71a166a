"""One server of each kind for the whole run."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.sessions.servers import accepts, free_port, program, running


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory: Path = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = [program("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    with running([*command, "--save", "", "--dir", str(directory)], accepts(port), directory):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def memcached_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory, port = tmp_path_factory.mktemp("memcached"), free_port()
    command = [program("memcached", "memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"]
    with running(command, accepts(port), directory):
        yield f"memcached://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def mysql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory, port = tmp_path_factory.mktemp("mysql"), free_port()
    user, data = f"--user={getpass.getuser()}", f"--datadir={directory}/data"
    install = [program("mariadb-install-db", "mariadb-server"), "--no-defaults", user, data]
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    server = [program("mariadbd", "mariadb-server"), "--no-defaults", user, data, "--bind-address=127.0.0.1"]
    socket = f"--socket={directory}/s"
    with running(
        [*server, f"--port={port}", socket, "--skip-log-bin", "--skip-name-resolve"], accepts(port), directory
    ):
        client = [program("mariadb", "mariadb-client"), "--no-defaults", "-uroot", socket, "-e"]
        subprocess.run(
            [*client, "CREATE DATABASE shop; CREATE USER web@'%' IDENTIFIED BY 'p/w'; GRANT ALL ON shop.* TO web@'%'"],
            check=True,
        )
        yield f"mysql://web:p%2Fw@127.0.0.1:{port}/shop"


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("initdb is not installed (Debian package postgresql)")
    port = free_port()
    # PostgreSQL refuses to run as root, and its user cannot enter pytest's directories.
    with tempfile.TemporaryDirectory(prefix="steelyard-pg-") as name:
        directory = Path(name)
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if as_user:
            shutil.chown(directory, "postgres")
        data = directory / "data"
        initdb = [*as_user, str(found[-1]), "-D", str(data), "-A", "trust", "-U", "web", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/")
        server = [*as_user, str(found[-1].with_name("postgres")), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        with running([*server, "-k", name, "-F"], accepts(port), directory):
            yield f"postgresql://web@127.0.0.1:{port}/postgres"
