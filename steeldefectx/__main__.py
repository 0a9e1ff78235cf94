"""``python -m steeldefectx``: the command ``steeldefectx``."""

from steeldefectx.cli.app import app

if __name__ == "__main__":
    app(prog_name="steeldefectx")
