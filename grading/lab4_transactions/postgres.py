"""A PostgreSQL server of our own for as long as this process lives, where the machine has the programs for it.

Nothing of an existing installation is touched: data, socket and log lie in a folder of ours, no port is opened. The
server refuses to run as root; then it runs as ``nobody``.

In a live run the server is a member of the cluster (:class:`Server`), so that a plan can kill it as it kills all else.
``kill -9`` reaches its first process; the others see that it is gone, and end. The next one recovers from its own log.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from distlab.core import Config, Node
from distlab.core.errors import EnvironmentFault
from distlab.live.lifeline import tie_to_parent

PORT = 54321
"""Names the socket; nobody listens on the network."""

PATIENCE = 10.0
"""Seconds until a server that starts must answer."""

CONNECTIONS = 200
"""As many clients as that, and as many transactions in doubt."""


class NoServer(EnvironmentFault):
    """None could be started; why."""


def make() -> Path:
    """The folder of a new server with one database, ``postgres``; it goes when this process does."""
    initdb = _program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="distlab-pg-", dir="/tmp"))  # a socket's path is short
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    command = [initdb, "-D", str(folder / "data"), "-U", "postgres", "-A", "trust"]
    made = subprocess.run(
        [*command, "--no-locale", "-E", "UTF8", "--no-sync"],  # no power fails here
        capture_output=True,
        text=True,
        check=False,
        **_as_nobody(folder),
    )
    if made.returncode:
        raise NoServer(f"initdb failed: {made.stderr.strip().splitlines()[-1:]}")
    return folder


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the server of that folder, and wait until it answers. It dies with this process."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "port": PORT,
        "max_connections": CONNECTIONS,
        "max_prepared_transactions": CONNECTIONS,
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [_program("postgres"), "-D", str(folder / "data"), *arguments]
    psql, me = _program("psql"), os.getpid()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with (folder / "log").open("w") as log:
            server = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: tie_to_parent(me, -1),  # noqa: PLW1509 - no thread of ours holds a lock
                **_as_nobody(folder),
            )
        while server.poll() is None and time.monotonic() < deadline:
            if _answers(psql, folder):
                return server
            time.sleep(0.05)
        time.sleep(0.1)  # processes of a server that was killed are still there: once more
    server.kill()
    raise NoServer(f"the server does not answer: {(folder / 'log').read_text()[-200:]}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """End it at once; what it has promised is in its log."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()


def place(folder: Path) -> str:
    """How clients name a server: ``FOLDER:PORT``."""
    return f"{folder}:{PORT}"


def create(folder: Path, database: str) -> None:
    """An empty database on the server of that folder."""
    command = [*_client(_program("psql"), folder), "-q", "postgres"]
    subprocess.run([*command, "-c", f"CREATE DATABASE {database}"], check=True)


class ServerConfig(Config, frozen=True):
    folder: str


class Server(Node):
    """A server as a member of a cluster: each of its lives starts one."""

    config: ServerConfig

    def on_start(self) -> None:
        start(Path(self.config.folder))


def _as_nobody(folder: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {"cwd": folder}
    nobody = pwd.getpwnam("nobody")
    return {"cwd": folder, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(file) for file in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    if found is None:
        raise NoServer(f"there is no program {name} (Debian: apt install postgresql)")
    return found


def _client(psql: str, folder: Path) -> list[str]:
    return [psql, "-h", str(folder), "-p", str(PORT), "-U", "postgres", "-X"]


def _answers(psql: str, folder: Path) -> bool:
    command = [*_client(psql, folder), "-q", "-c", "SELECT 1", "postgres"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
