"""What lung ultrasound adds to clinical variables and blood tests, for whom, and how sure we are.

Research software: it makes no diagnostic claim. Submodules load on first use, so that ``import blues`` is instant.

Examples
--------
>>> import blues
>>> blues.evaluate.auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
0.75
"""

import importlib
import os
from types import ModuleType

# Before the first numeric import: with spinning OpenMP threads two small fits side by side take minutes, not seconds.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_MODULES = (
    "agree",
    "check",
    "cohort",
    "datasets",
    "embed",
    "encoders",
    "evaluate",
    "explain",
    "features",
    "fuse",
    "models",
    "plots",
    "pool",
    "pretrain",
    "provenance",
    "report",
    "simulate",
    "survive",
    "video",
)

__all__ = ["__version__"]


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f"blues.{name}")
    raise AttributeError(f"module 'blues' has no attribute {name!r}; it has {', '.join(_MODULES)}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
