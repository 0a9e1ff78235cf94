"""The number format that towers compute in."""

from __future__ import annotations

import logging
import time

import torch

logger = logging.getLogger(__name__)


def dtype_for(precision: str, device: torch.device) -> torch.dtype:
    """The number format that towers compute in: ``fp32``, ``bf16``, or ``auto``: bf16 on GPUs that have it."""
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    if precision == "fp32":
        return torch.float32
    if device.type == "cpu" and (factor := _bf16_time()) > 1.5:
        logger.warning("This processor takes %.1f times as long in bf16 as in fp32: choose --precision fp32.", factor)
    return torch.bfloat16


def _bf16_time() -> float:
    """How many times as long as in fp32 a matrix product takes this processor; ten and more where it cannot do it."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.ones(128, 768, dtype=dtype), torch.ones(768, 768, dtype=dtype)
        taken = []
        for _ in range(4):
            started = time.perf_counter()
            a @ b
            taken.append(time.perf_counter() - started)
        seconds[dtype] = min(taken)
    return seconds[torch.bfloat16] / seconds[torch.float32]
