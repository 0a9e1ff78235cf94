"""What loading any model by Hub id or folder has in common."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import try_to_load_from_cache


def commit_of(name: str, revision: str | None) -> str | None:
    """The commit that a Hub id was loaded at, from where the cache has it; None for a folder."""
    if Path(name).is_dir():
        return None
    file = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(file).parent.name if isinstance(file, str) else None


def why_not_loaded(name: str, error: Exception, others: str) -> str:
    """A message for the user.

    Args:
        name: What was typed.
        error: What loading it raised.
        others: What else can be typed, as in ``a Hub id such as openai/clip-vit-base-patch32, or tiny``.
    """
    if Path(name).is_dir():
        return f"{name}: no model that can be loaded ({str(error).splitlines()[0]})"
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return (
            f"{name}: neither a folder here nor a model that the Hub gave ({str(error).splitlines()[0]}). "
            f"Check the spelling and the connection, or give {others}."
        )
    return f"{name}: no such model folder. Give a folder, {others}."
