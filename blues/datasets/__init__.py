"""Known cohorts: where they come from and how their files are read.

``synthetic`` writes a made-up cohort that needs no download. A folder of your own needs no code here: describe it in its
``cohort.toml``.
"""

from __future__ import annotations

from pathlib import Path

import blues.cohort
from blues.check import InputError
from blues.cohort import Cohort
from blues.datasets.synthetic import parameters, synthetic
from blues.provenance import cache_folder, files_hash

__all__ = ["load", "synthetic"]


def load(name_or_folder: str | Path = "synthetic", **settings: float) -> Cohort:
    """Read a cohort by name or by folder.

    Parameters
    ----------
    name_or_folder : str or Path
        ``"synthetic"`` for the made-up cohort, drawn once and kept in the cache folder; else a cohort's folder.
    **settings
        For ``"synthetic"`` only: what :func:`synthetic` takes (``patients``, ``signal``, ``seed``, ...).

    Returns
    -------
    Cohort

    Raises
    ------
    InputError
        The folder does not exist, parameters were given for a folder, or the synthetic cohort has none of that name or value.
    """
    if str(name_or_folder) == "synthetic":
        return _cached(settings)
    if settings:
        raise InputError(f"{', '.join(settings)} can be set for the synthetic cohort only")
    folder = Path(name_or_folder)
    if not folder.is_dir():
        what = "is a file, and a cohort is a folder" if folder.exists() else "there is no such cohort folder"
        raise InputError(
            what,
            file=folder,
            allowed="the folder that holds the tables and the clips, or 'synthetic' for the made-up cohort",
            remedy=None
            if folder.is_absolute()
            else "It is looked for in the folder you are in: go there, or give its whole path",
        )
    return blues.cohort.read(folder)


def _cached(given: dict[str, float]) -> Cohort:
    """Read the synthetic cohort from the cache folder; draw it first if the code that draws it or a parameter is new."""
    values = parameters(**{"patients": 40, "signal": 1.0, "seed": 0, **given})
    package = Path(blues.__file__).parent
    code = files_hash([*package.glob("simulate/*.py"), *package.glob("datasets/synthetic*.py")])[:8]
    name = "-".join(["synthetic", *(f"{key}-{value!r}" for key, value in sorted(values.items())), code])
    folder = cache_folder() / "datasets" / name
    if not folder.is_dir():
        try:
            synthetic(folder, **values)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
    return blues.cohort.read(folder)
