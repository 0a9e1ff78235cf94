"""Whether the Hugging Face Hub answers, found out in seconds: its own client tries for half a minute and more."""

from __future__ import annotations

import threading
from functools import cache

SECONDS = 2.0
"""How long it may take to answer."""


def reach(endpoint: str) -> str:
    """Whether an endpoint answers within ``SECONDS``, and why not, in words.

    In a thread, as looking up a name cannot be given a limit; by the Hub's own client, which knows of proxies.
    """
    from huggingface_hub import get_session  # imports httpx

    answer: list[str] = []

    def ask() -> None:
        try:
            answer.append(f"reachable ({get_session().head(endpoint, timeout=SECONDS).status_code})")
        except Exception as error:  # of whichever HTTP client this version of huggingface_hub has
            answer.append(f"not reachable ({type(error).__name__})")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(SECONDS)
    return answer[0] if answer else f"not reachable (no answer in {SECONDS:.0f} s)"


@cache
def hub_answers() -> bool:
    """Whether the Hub answers; asked once. False where ``HF_HUB_OFFLINE`` is set."""
    from huggingface_hub import constants

    return not constants.HF_HUB_OFFLINE and reach(constants.ENDPOINT).startswith("reachable")
