"""One server of each kind for the whole run."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.functional.sessions.clusters import Nodes, cluster
from tests.functional.sessions.servers import accepts, certificates, free_port, program, running


@contextmanager
def redis_like(name: str, directory: Path, *options: str) -> Iterator[int]:
    """Redis or what speaks like it; yields its port."""
    port = free_port()
    listening = ["--bind", "127.0.0.1", *(options or ("--port", "{port}"))]
    command = [program(name, name), *(option.format(port=port) for option in listening)]
    with running([*command, "--save", "", "--dir", str(directory)], accepts(port), directory):
        yield port


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_like("redis-server", tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def rediss_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Redis that speaks nothing but TLS; the client knows the authority of its certificate."""
    directory = tmp_path_factory.mktemp("rediss")
    certificates(directory / "own")
    tls = ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no", "--tls-ca-cert-file", "own/ca.pem"]
    tls += ["--tls-cert-file", "own/cert.pem", "--tls-key-file", "own/key.pem"]
    with redis_like("redis-server", directory, *tls) as port:
        yield f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={directory}/own/ca.pem"


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_like("valkey-server", tmp_path_factory.mktemp("valkey")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with cluster(tmp_path_factory.mktemp("redis-cluster")) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def redis_cluster_url(redis_cluster: Nodes) -> str:
    return redis_cluster.url


@pytest.fixture(scope="session")
def valkey_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("valkey-cluster")
    with cluster(directory, server="valkey-server", cli="valkey-cli") as nodes:
        yield nodes.url


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
