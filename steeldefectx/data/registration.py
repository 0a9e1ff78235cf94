"""Makes ``datasets.load_dataset("steeldefectx")`` work after ``import steeldefectx``.

``datasets`` 5 has no public way to make a name loadable: this file uses its private table of packaged
modules, and is the only one that does. Left alone, the factory behind that table searches the current
folder for data files (it fails in an empty folder and lets the cache depend on whatever lies there), so
its answer for this one name is given here instead. ``steeldefectx.load_dataset`` needs none of it.

``datasets`` before 4 loads by a script (``loading_script/steeldefectx.py``): there, nothing is registered.
"""

from __future__ import annotations

from importlib import import_module

from datasets import __version__ as _version
from datasets import load as _load
from datasets.data_files import DataFilesDict

NAME = "steeldefectx"
BUILDER_MODULE = "steeldefectx.data.builder"

_search_current_folder = _load.PackagedDatasetModuleFactory.get_module


def _get_module(factory: _load.PackagedDatasetModuleFactory) -> _load.DatasetModule:
    if factory.name != NAME:
        return _search_current_folder(factory)
    # data_files: an empty dict, not None, is what tells load_dataset that none are wanted.
    builder_kwargs = {"data_files": DataFilesDict(), "dataset_name": NAME}
    return _load.DatasetModule(BUILDER_MODULE, import_module(BUILDER_MODULE).rows_hash(), builder_kwargs)


def register() -> None:
    """Make the name known to ``datasets``. Doing it twice changes nothing."""
    if int(_version.split(".")[0]) < 4:
        return
    _load._PACKAGED_DATASETS_MODULES[NAME] = (BUILDER_MODULE, "")
    _load.PackagedDatasetModuleFactory.get_module = _get_module
