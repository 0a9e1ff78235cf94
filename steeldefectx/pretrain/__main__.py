"""Pretrain a small CLIP on rendered steel defects, from nothing; no real image takes part.

  python -m steeldefectx.pretrain --out runs/pretrain                     the model that ships (1 to 2 hours on 2 cores)
  python -m steeldefectx.pretrain --out runs/short --images 20000         a few minutes, to see it work

Images are rendered while it trains; none is stored. A run that was stopped goes on where it was. Measure the result
on real images with benchmarks/embedded.py, use it as any CLIP: --model runs/pretrain/model.
"""

from __future__ import annotations

import sys

from steeldefectx.errors import SteelDefectXError
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.trainer import pretrain
from steeldefectx.training.main import Parser


def main() -> None:
    """Parse, train, say where the model is."""
    try:
        config, _ = Parser(PretrainConfig, __doc__ or "").parse_args_into_dataclasses()
        print(f"Model: {pretrain(config)}")
    except SteelDefectXError as error:
        if "--debug" in sys.argv:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
