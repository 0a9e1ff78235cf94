"""A PostgreSQL server of the test's own, run by an unprivileged user as it demands."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries():
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), Path(shutil.which("initdb") or "/").parent]
    return next((folder for folder in found if (folder / "initdb").is_file()), None)


def user():
    """Whoever runs the tests, unless that is root."""
    if os.getuid():
        return pwd.getpwuid(os.getuid())
    return next((entry for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody")), None)


@contextmanager
def postgres():
    """URL of an empty database, reached by a socket in the server's folder."""
    folder, runner = binaries(), user()
    if folder is None or runner is None:
        pytest.skip("no PostgreSQL here")
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as home:
        os.chown(home, runner.pw_uid, runner.pw_gid)

        def run(name, *words):
            ids = {"user": runner.pw_uid, "group": runner.pw_gid, "extra_groups": []} if not os.getuid() else {}
            subprocess.run(
                [folder / name, "-D", f"{home}/data", *words],
                check=True, capture_output=True, cwd=home, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **ids,
            )  # fmt: skip

        run("initdb", "-U", "steel", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
        run("pg_ctl", "-l", f"{home}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://steel@/postgres?host={home}"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
