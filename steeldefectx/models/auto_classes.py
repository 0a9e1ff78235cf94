"""When ``transformers`` is told of this package's model types, so that its Auto classes and pipelines open them.

``import steeldefectx`` has the two functions called once the modules that they register with are imported. These
modules and those of the models import one another, in an order that depends on which part of ``transformers`` is asked
for first: what one call finds unfinished, a later one does.
"""

from __future__ import annotations

import sys
from importlib import import_module

STEEL_CLIP = "steeldefectx.models.steel_clip"
AUTO_PROCESSORS = "transformers.models.auto.processing_auto"


def register_models() -> None:
    """Make the Auto classes for models know the types ``steel-clip`` and ``shufflenet-v2``: their modules do it."""
    import_module(STEEL_CLIP)
    import_module("steeldefectx.models.shufflenet")


def register_processor() -> None:
    """Make ``AutoProcessor`` give a ``steel-clip`` what a CLIP has: a tokenizer and an image processor in one."""
    config = getattr(sys.modules.get(STEEL_CLIP), "SteelCLIPConfig", None)
    auto_processor = getattr(sys.modules.get(AUTO_PROCESSORS), "AutoProcessor", None)
    if config is not None and auto_processor is not None:
        from transformers import CLIPProcessor

        auto_processor.register(config, CLIPProcessor, exist_ok=True)
