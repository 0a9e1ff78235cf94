"""Do something once another module has been imported, by whoever imports it, and import nothing for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def after_import(module: str, action: Callable[[], object]) -> None:
    """Call ``action`` as soon as ``module`` has been imported: now, where it has been already."""
    if module in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Hook(module, action))


class _Hook(MetaPathFinder):
    """Finds one module as the other finders do, and has an action follow its execution."""

    def __init__(self, module: str, action: Callable[[], object]):
        self.module, self.action = module, action

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.module:
            return None
        later = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next((spec for finder in later if (spec := finder.find_spec(name, path, target))), None)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_act(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:  # a module that is reloaded is not registered with twice
                sys.meta_path.remove(self)
                self.action()

        spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]
        return spec
