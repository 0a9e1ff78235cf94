"""What requests cost: prices of models, estimates of tokens, and a budget that is not exceeded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from steeldefectx.errors import ConfigError

PRICES = {
    "gpt-4o": (2.50, 10.00),
    "gpt-4o-mini": (0.15, 0.60),
    "gpt-4.1": (2.00, 8.00),
}
"""Model -> dollars for a million tokens in and out, as published in 2025. --price-in and --price-out say others."""
BATCH_FACTOR = 0.5
"""Of the price, by the Batch API."""

IMAGE_TOKENS = {"gpt-4o-mini": (2833, 5667)}
"""Model -> tokens of an image and of each of its tiles; of other models :data:`DEFAULT_IMAGE_TOKENS`."""
DEFAULT_IMAGE_TOKENS = (85, 170)
TILE, LONG_SIDE, SHORT_SIDE = 512, 2048, 768
"""Pixels: images are scaled down to these sides, then cut into tiles (OpenAI's rule for detail "high")."""
CHARACTERS_PER_TOKEN = 3
"""Fewer than English has, for an estimate on the safe side."""
MESSAGE_TOKENS = 20
"""Tokens of two messages beside their texts."""


@dataclass(frozen=True)
class Prices:
    """Dollars for a million tokens."""

    tokens_in: float
    tokens_out: float

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """Dollars."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1_000_000


def prices_of(model: str, price_in: float | None, price_out: float | None, *, batch: bool = False) -> Prices | None:
    """A model's prices: as given, else as published; None where they are not known.

    Args:
        model: Its name; a date at its end does not matter.
        price_in: Dollars for a million tokens in, in place of the published price.
        price_out: The same for tokens out.
        batch: By the Batch API: half of it.

    Raises:
        ConfigError: Only one of the two is given, or a negative one.
    """
    if (price_in is None) != (price_out is None):
        raise ConfigError("Give both --price-in and --price-out, or none of them.")
    if price_in is not None and price_out is not None:
        if not (0 <= price_in < math.inf and 0 <= price_out < math.inf):
            raise ConfigError("Prices are dollars for a million tokens: 0 or more.")
        prices: tuple[float, float] | None = (price_in, price_out)
    else:
        prices = PRICES.get(_base_name(model))
    factor = BATCH_FACTOR if batch else 1.0
    return None if prices is None else Prices(factor * prices[0], factor * prices[1])


def _base_name(model: str) -> str:
    """A model's name without the date at its end: ``gpt-4o-2024-08-06`` is ``gpt-4o``."""
    return re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)


def image_tokens(model: str, width: int, height: int) -> int:
    """Tokens of an image, width and height in pixels, by OpenAI's rule for GPT-4o and its like."""
    scale = min(1.0, LONG_SIDE / max(width, height))
    scale = min(scale, SHORT_SIDE / min(width, height))
    tiles = math.ceil(width * scale / TILE) * math.ceil(height * scale / TILE)
    base, per_tile = IMAGE_TOKENS.get(_base_name(model), DEFAULT_IMAGE_TOKENS)
    return base + per_tile * tiles


def text_tokens(text: str) -> int:
    """Tokens of a text, an upper estimate."""
    return MESSAGE_TOKENS + math.ceil(len(text) / CHARACTERS_PER_TOKEN)


class Budget:
    """What may be spent.

    Args:
        limit: Dollars that all answers may cost together; None for no limit.
        spent: Dollars that were spent before.
    """

    def __init__(self, limit: float | None, spent: float = 0.0):
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._largest: dict[str, float] = {}

    def reserve(self, step: str, estimate: float) -> float | None:
        """Reserve what a request may cost at most: the estimate, or the most that one of its step did cost.

        Returns:
            The reserved amount; None if it is more than is left.
        """
        amount = max(estimate, self._largest.get(step, 0.0))
        if self.limit is not None and self.spent + self._reserved + amount > self.limit:
            return None
        self._reserved += amount
        return amount

    def settle(self, step: str, reserved: float, cost: float) -> None:
        """Replace a reserved amount by the cost of the request, 0 if it has no answer."""
        self._reserved -= reserved
        self.spent += cost
        self._largest[step] = max(self._largest.get(step, 0.0), cost)

    def release(self) -> None:
        """Drop all reserved amounts."""
        self._reserved = 0.0
