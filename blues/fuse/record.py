"""The record of a run, and the folder it lives in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from blues import check
from blues.explain import Attributions
from blues.fuse.display import as_html
from blues.fuse.experiment import Experiment
from blues.provenance import replacing, write_json

__all__ = ["Run"]

_TABLES = ("scores", "comparisons", "refused", "null", "choices")
_OPTIONAL = (
    "operating",
    "calibration",
    "decision",
    "benefit",
    "added",
    "validation",
    "learning",
    "combinations",
    "subgroups",
)
_WORDS = ("column", "role", "known", "reason", "method", "test", "question", "better", "chosen")
_MADE_OF_IT = "agreement stay explanations patients tables figures report.html report.json report.md".split()
_PAGES = ("cohort", "notes", "design", "provenance")


@dataclass(frozen=True)
class Run:
    """What one experiment found.

    Attributes
    ----------
    experiment : Experiment
        What was asked.
    predictions : DataFrame
        Out of fold, one row a prediction: ``patient`` (and ``clip`` where a row is one), ``arm``, ``repeat``, ``fold``, ``y``,
        ``p`` (probability, expected category or expected value); for a binary outcome ``threshold``, for an ordinal one
        ``p_0, p_1, ...`` and ``grade`` (see :func:`blues.fuse.out_of_fold`).
    scores : DataFrame
        Tidy: ``arm, metric, value, low, high`` and further columns that say how the interval was made.
    comparisons : DataFrame
        Each arm against the reference, the best arm without images or that named, then each other arm without images against
        itself with them: ``arm, reference, metric, difference, low, high, p_value, test, question, family, p_holm``; Holm's
        correction is over the ``family``, within a metric and test.
    operating, calibration, decision : DataFrame
        Of a binary outcome, every arm's :func:`blues.evaluate.operating_table` at the thresholds fixed in the training folds,
        :func:`blues.evaluate.calibration_table` and :func:`blues.evaluate.decision_table`, each with ``arm``; else empty.
    benefit : DataFrame
        Of a binary outcome, the :func:`blues.evaluate.benefit_table` of every arm with images beside the reference, with ``arm,
        reference``; see :func:`blues.fuse.tables.benefit`. Else empty.
    refused : DataFrame
        ``column, role, known, reason``.
    added : DataFrame
        What images add where outcomes are shuffled among patients whom the reference rates alike, see
        :func:`blues.fuse.null.added_null`; empty when not asked for.
    null : DataFrame
        The label-permutation null: ``arm, metric, permutation, value``; empty when not asked for.
    choices : DataFrame
        ``arm, repeat, fold, chosen, inner_loss`` and the parts of what was chosen, in each training fold; see
        :func:`blues.fuse.out_of_fold`.
    validation, learning : DataFrame
        See :func:`blues.fuse.examine.validate` and :func:`blues.fuse.examine.learning_curve`; empty when not asked for.
    combinations : DataFrame
        What the encoder's probabilities say by themselves, see :func:`blues.fuse.combined.combinations`; the command adds it.
    subgroups : DataFrame
        What images add in subgroups, see :func:`blues.fuse.subgroups.subgroups`; empty when no groups are named.
    cohort : dict
        The cohort card, see :func:`blues.cohort.card`.
    design : dict
        Task, kind, level, label, moment, rows, patients, events, modalities with their columns, who was left out.
    notes : tuple of dict
        What a reader must be told, ``{"level": "warning" or "note", "text": ...}``.
    provenance : dict
        See :func:`blues.provenance.record`.
    attributions : Attributions or None
        What the held-out predictions rest on, see :class:`blues.explain.Attributions`; None where nothing was explained.
    """

    experiment: Experiment
    predictions: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    refused: pd.DataFrame
    null: pd.DataFrame
    choices: pd.DataFrame
    cohort: Mapping[str, Any] = field(default_factory=dict)
    design: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Mapping[str, str], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    attributions: Attributions | None = None
    validation: pd.DataFrame = field(default_factory=pd.DataFrame)
    learning: pd.DataFrame = field(default_factory=pd.DataFrame)
    operating: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    decision: pd.DataFrame = field(default_factory=pd.DataFrame)
    benefit: pd.DataFrame = field(default_factory=pd.DataFrame)
    added: pd.DataFrame = field(default_factory=pd.DataFrame)
    combinations: pd.DataFrame = field(default_factory=pd.DataFrame)
    subgroups: pd.DataFrame = field(default_factory=pd.DataFrame)

    @staticmethod
    def check_own(folder: str | Path) -> None:
        """Raise where saving would replace files that no run wrote.

        Raises
        ------
        InputError
            The folder holds a cohort, or a file called as one of a run's but no ``experiment.toml``.
        """
        folder = Path(folder)
        names = ["predictions.parquet", *(f"{n}.csv" for n in (*_TABLES, *_OPTIONAL)), *(f"{n}.json" for n in _PAGES)]
        theirs = [name for name in ("cohort.toml", *names) if (folder / name).is_file()]
        if theirs and (theirs[0] == "cohort.toml" or not (folder / "experiment.toml").is_file()):
            raise check.InputError(
                f"the folder is no run's: it holds {theirs[0]}", file=folder, remedy="Name an empty or a new folder"
            )

    def save(self, folder: str | Path) -> Path:
        """Write the run folder; files that exist are replaced, each whole or not at all.

        Pages and results that were made from a run that lay there before are removed: they would tell of another run.

        Parameters
        ----------
        folder : path
            Made where there is none.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InputError
            As :meth:`check_own`.
        """
        folder = Path(folder)
        self.check_own(folder)
        folder.mkdir(parents=True, exist_ok=True)
        before = (folder / "experiment.toml").is_file()
        with replacing(folder / "experiment.toml") as draft:
            draft.write_text(self.experiment.to_toml(), encoding="utf-8")
        with replacing(folder / "predictions.parquet") as draft:
            self.predictions.to_parquet(draft, index=False)
        for name in _TABLES:
            with replacing(folder / f"{name}.csv") as draft:
                getattr(self, name).to_csv(draft, index=False)
        for name in _OPTIONAL:
            table: pd.DataFrame = getattr(self, name)
            if table.empty:
                (folder / f"{name}.csv").unlink(missing_ok=True)
                continue
            with replacing(folder / f"{name}.csv") as draft:
                table.to_csv(draft, index=False)
        for name in _PAGES:
            value = getattr(self, name)
            write_json(folder / f"{name}.json", list(value) if name == "notes" else dict(value))
        Attributions.remove(folder)
        if self.attributions is not None:
            self.attributions.save(folder)
        for old in (folder / name for name in _MADE_OF_IT if before):
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a run folder back.

        Raises
        ------
        InputError
            When the folder is not a run folder, naming the file that is missing or damaged.
        """
        folder = Path(folder)
        names = [
            "experiment.toml",
            "predictions.parquet",
            *(f"{n}.csv" for n in _TABLES),
            *(f"{n}.json" for n in _PAGES),
        ]
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise check.InputError(
                f"not a whole run folder: {', '.join(missing)} missing",
                file=folder,
                remedy="Name a folder that python -m blues.fuse wrote",
            )
        tables = {name: _read(folder / f"{name}.csv") for name in _TABLES}
        tables |= {name: _read(folder / f"{name}.csv") for name in _OPTIONAL if (folder / f"{name}.csv").is_file()}
        pages = {name: _whole(folder / f"{name}.json", _read_json) for name in _PAGES}
        return cls(
            experiment=check.from_toml(Experiment, folder / "experiment.toml"),
            predictions=_whole(folder / "predictions.parquet", pd.read_parquet),
            **tables,
            **(pages | {"notes": tuple(pages["notes"])}),
            attributions=Attributions.beside(folder),
        )

    def _repr_html_(self) -> str:
        """Show the arms, and what imaging adds, as a table in a notebook."""
        return as_html(self)


def _whole(path: Path, read: Callable[[Path], Any]) -> Any:
    """Read a file of a run folder; one that is no such file any more is the user's to mend."""
    try:
        return read(path)
    except ValueError as error:
        what = f"is damaged ({str(error).splitlines()[0]})"
        raise check.InputError(
            what, file=path, remedy="Run the experiment again, with --from experiment.toml"
        ) from None


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _read(path: Path) -> pd.DataFrame:
    """Read a table; a blank is NaN in a column of numbers and an empty text in a column of words."""
    table = _whole(path, partial(pd.read_csv, float_precision="round_trip"))  # the usual reader misses a last bit
    words = [name for name in _WORDS if name in table.columns]
    return table.assign(**{name: table[name].astype(object).where(table[name].notna(), "") for name in words})
