"""SteelDefectX for ``datasets`` before 4, which loads data sets by a script. Later ones need none of this.

    load_dataset("loading_script/steeldefectx.py", "sample", trust_remote_code=True)

The rows come from the installed package, the same that serves ``datasets`` 4 and later.
"""

from typing import Any

import datasets

try:
    from steeldefectx.data.builder import SteelDefectX as _SteelDefectX
    from steeldefectx.data.builder import rows_hash
except ModuleNotFoundError as error:
    if error.name is None or error.name.split(".")[0] != "steeldefectx":
        raise ModuleNotFoundError(
            f"SteelDefectX needs the package {error.name!r}, which is not installed: pip install {error.name}",
            name=error.name,
        ) from error
    raise ModuleNotFoundError(
        "This script reads SteelDefectX by the package steeldefectx, which is not installed. In the folder of "
        "the repository: pip install --no-deps . && pip install scikit-image scipy tqdm. With datasets 4 or "
        'later: pip install . and then `import steeldefectx; load_dataset("steeldefectx")`.',
        name=error.name,
    ) from error


class SteelDefectX(_SteelDefectX, datasets.GeneratorBasedBuilder):
    """The package's builder, where a script's own is looked for."""

    def __init__(self, *args: Any, **kwargs: Any):
        # The package's hash, not the script's: rows that another version has cached are not taken for its own.
        super().__init__(*args, **{**kwargs, "hash": rows_hash()})
