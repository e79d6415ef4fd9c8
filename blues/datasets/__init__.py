"""Known cohorts: where they come from and how their files are read.

``synthetic`` writes a made-up cohort that needs no download. A folder of your own needs no code here: describe it in its
``cohort.toml``.
"""

from __future__ import annotations

from pathlib import Path

import blues.cohort
from blues.check import InputError
from blues.cohort import Cohort
from blues.datasets.synthetic import synthetic
from blues.provenance import cache_folder

__all__ = ["load", "synthetic"]


def load(name_or_folder: str | Path = "synthetic", **parameters: float) -> Cohort:
    """Read a cohort by name or by folder.

    Parameters
    ----------
    name_or_folder : str or Path
        ``"synthetic"`` for the made-up cohort, drawn once and kept in the cache folder; else a cohort's folder.
    **parameters
        For ``"synthetic"`` only: what :func:`synthetic` takes (``patients``, ``signal``, ``seed``, ...).

    Returns
    -------
    Cohort

    Raises
    ------
    InputError
        The folder does not exist, or parameters were given for a folder.
    """
    if str(name_or_folder) == "synthetic":
        values = {"patients": 40, "signal": 1.0, "seed": 0, **parameters}
        name = "-".join(["synthetic", *(f"{key}-{value:g}" for key, value in sorted(values.items()))])
        folder = cache_folder() / "datasets" / name
        if folder.is_dir():
            return blues.cohort.read(folder)
        return synthetic(folder, **values)  # type: ignore[arg-type]
    if parameters:
        raise InputError(f"{', '.join(parameters)} can be set for the synthetic cohort only")
    folder = Path(name_or_folder)
    if not folder.is_dir():
        raise InputError(
            f"there is no cohort folder {str(name_or_folder)!r}",
            allowed="a folder, or 'synthetic' for the made-up cohort",
        )
    return blues.cohort.read(folder)
