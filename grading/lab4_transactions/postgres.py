"""A PostgreSQL server of our own for as long as this process lives, where the machine has the programs for it.

Nothing of an existing installation is touched: data, socket and log lie in a folder of ours, no port is opened. The
server refuses to run as root; then it runs as ``nobody``.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

PORT = 54321
"""Names the socket; nobody listens on the network."""


class NoServer(Exception):
    """None could be started; why."""


def start() -> str:
    """Start a server; returns ``FOLDER:PORT``. It ends, and its files go, when this process does."""
    programs = {name: _program(name) for name in ("initdb", "postgres", "psql")}
    folder = Path(tempfile.mkdtemp(prefix="distlab-pg-", dir="/tmp"))  # a socket's path is short
    options: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = folder / "data"
    made = subprocess.run(
        [
            programs["initdb"],
            "-D",
            str(data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-locale",
            "-E",
            "UTF8",
        ],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise NoServer(f"initdb failed: {made.stderr.strip().splitlines()[-1:]}")
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "port": PORT,
        "max_prepared_transactions": 64,
    }
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [programs["postgres"], "-D", str(data), *arguments], stdout=log, stderr=log, **options
        )
    atexit.register(_stop, server, folder)
    for _ in range(200):
        if _answers(programs["psql"], folder):
            return f"{folder}:{PORT}"
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise NoServer(f"the server does not answer: {(folder / 'log').read_text()[-200:]}")


def create(place: str, database: str) -> None:
    """An empty database on the server at ``FOLDER:PORT``."""
    folder, _, port = place.rpartition(":")
    command = [_program("psql"), "-h", folder, "-p", port, "-U", "postgres", "-Xq", "postgres"]
    subprocess.run([*command, "-c", f"CREATE DATABASE {database}"], check=True)


def _program(name: str) -> str:
    found = shutil.which(name) or next(
        (str(file) for file in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    if found is None:
        raise NoServer(f"there is no program {name} (Debian: apt install postgresql)")
    return found


def _answers(psql: str, folder: Path) -> bool:
    command = [psql, "-h", str(folder), "-p", str(PORT), "-U", "postgres", "-Xq", "-c", "SELECT 1"]
    return subprocess.run([*command, "postgres"], capture_output=True, check=False).returncode == 0


def _stop(server: subprocess.Popen[bytes], folder: Path) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)
