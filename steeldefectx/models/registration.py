"""What ``transformers`` has to be told of this package's model types.

``import steeldefectx`` sees to it that each function is called once the module that it registers with is imported.
Afterwards ``AutoModel``, ``AutoProcessor`` and ``pipeline`` open checkpoints of these types as they do their own.
"""

from __future__ import annotations


def register_models() -> None:
    """Make the Auto classes for models know the types ``steel-clip`` and ``shufflenet-v2``."""
    from transformers.models.auto.modeling_auto import AutoModelForZeroShotImageClassification

    from steeldefectx.models import shufflenet  # noqa: F401  registers itself
    from steeldefectx.models.steel_clip import SteelCLIPConfig, SteelCLIPModel

    AutoModelForZeroShotImageClassification.register(SteelCLIPConfig, SteelCLIPModel, exist_ok=True)


def register_processors() -> None:
    """Make ``AutoProcessor`` give a ``steel-clip`` what CLIP has: a tokenizer and an image processor in one."""
    from transformers import CLIPProcessor
    from transformers.models.auto.processing_auto import AutoProcessor

    from steeldefectx.models.steel_clip import SteelCLIPConfig

    AutoProcessor.register(SteelCLIPConfig, CLIPProcessor, exist_ok=True)
