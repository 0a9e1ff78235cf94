"""These tests run in an environment of their own (`make test-compat`), with datasets before 4."""

from importlib.metadata import version

collect_ignore_glob = ["test_*.py"] if int(version("datasets").split(".")[0]) >= 4 else []
