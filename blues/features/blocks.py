"""From a cohort to a design: outcome, modality blocks, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from blues import check, pool, provenance
from blues.cohort import Cohort, twice, undecided, unmet
from blues.cohort.decode import categories_of
from blues.embed import Embeddings
from blues.encoders import has_seen
from blues.features.readable import chosen
from blues.features.record import MODALITIES, TABULAR, ByPoint, Design
from blues.features.singles import baseline_table, rule_tables

__all__ = ["design"]

VAST = 2e7
"""With more numbers than this the values of single BLUE points are not kept beside the pooled ones."""


def design(
    cohort: Cohort,
    task: str,
    modalities: Sequence[str] = ("image", "clinical", "blood"),
    *,
    embeddings: Embeddings | None = None,
    frames: str = "mean",
    points: str = "mean",
    image_features: str = "both",
    also_points: Iterable[str] = (),
    allow: Iterable[str] = (),
    baseline: Sequence[str] = (),
) -> Design:
    """Lay out one task of a cohort: outcome, modality blocks, and what was refused.

    Parameters
    ----------
    cohort : Cohort
        From :func:`blues.cohort.read`.
    task : str
        A target of the cohort's dictionary.
    modalities : sequence of {"image", "clinical", "blood", "expert"}
        Blocks wanted. ``"image"`` needs ``embeddings``; ``"expert"`` is the experts' own clip ratings.
    embeddings : Embeddings, optional
        From :func:`blues.embed.embed`.
    frames, points : str
        Pooling, see :func:`blues.pool.patients`.
    image_features : {"both", "artefacts", "embedding"}
        Which of the encoder's features predict: those with a name, the anonymous dimensions, or all of them.
    also_points : iterable of str
        Further poolings of BLUE points, for candidates that compete in an inner loop.
    allow : iterable of str
        Treatments, e.g. ``"oxygen"``, whose contingent columns are wanted all the same, where the target's ``contingent`` is
        ``"opt-in"``.
    baseline : sequence of str
        One to three columns, by name or label, for an arm of their own.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        Unknown task, modality or column; a modality with no column left; a target with one class; an encoder without the
        image features asked for.
    """
    _check_ids(cohort)
    allow = tuple(allow)
    everything = embeddings
    if embeddings is not None:
        _own(cohort, embeddings)
        embeddings = chosen(embeddings, image_features)
    for modality in modalities:
        check.one_of(modality, MODALITIES, "modality")
    target = cohort.dictionary.target(task)
    values = cohort.target(task)
    y = values.dropna()
    owner = cohort.clips["patient"] if target.level == "clip" else pd.Series(values.index, index=values.index)
    unknown = f"{target.label or task} is not known"
    dropped = pd.DataFrame(
        [{"row": row, "patient": owner[row], "reason": unknown} for row in values.index[values.isna()]],
        columns=["row", "patient", "reason"],
    )
    patients = owner.loc[y.index].rename("patient")
    refused: list[dict[str, str]] = _refusals(cohort, task, allow)
    not_allowed = {row["column"] for row in refused}
    blocks: dict[str, pd.DataFrame] = {}
    poolings: dict[str, pd.DataFrame] = {}
    for modality in sorted(modalities, key=MODALITIES.index):
        if modality in TABULAR:
            table = _tabular(cohort, modality, not_allowed)
            blocks[modality] = _spread(table, patients)
        elif modality == "image":
            blocks[modality] = _image(cohort, embeddings, target.level, patients, frames, points)
            for other in also_points if target.level == "patient" else ():
                if other != points:
                    poolings[other] = _image(cohort, embeddings, target.level, patients, frames, other)
        else:
            blocks[modality] = _expert(cohort, task, patients)
    rules, no_rules = rule_tables(cohort, task)
    singles = {**baseline_table(cohort, task, baseline, tuple(allow)), **rules}
    return Design(
        task=task,
        kind=target.kind,
        level=target.level,
        label=target.label or task,
        unit=target.unit or (cohort.dictionary.columns[target.column].unit if target.column is not None else ""),
        y=y.astype(float),
        patients=patients,
        blocks=blocks,
        refused=pd.DataFrame(refused, columns=["column", "role", "known", "reason"]),
        dropped=dropped,
        cohort=cohort.name,
        moment=target.moment,
        scale=_scale(cohort, target),
        points=points,
        poolings=poolings,
        singles={
            "prevalence": pd.DataFrame({"constant": 1.0}, index=y.index),
            **{name: _spread(table, patients) for name, table in singles.items()},
        },
        by_point=_by_point(cohort, everything, frames) if target.level == "patient" else None,
        facts=_facts(cohort, task, embeddings, frames, points)
        | ({"no_rules": no_rules} if no_rules else {})
        | ({"rated": True} if target.rating is not None else {})
        | {"asked": {"allow": allow, "baseline": tuple(baseline)} | _asked_of_images(embeddings, image_features)},
    )


def _asked_of_images(embeddings: Embeddings | None, image_features: str) -> dict[str, str]:
    return {"image_features": image_features} if embeddings is not None else {}


def _scale(cohort: Cohort, target: Any) -> tuple[float, ...]:
    """Return the categories that the dictionary declares for an ordinal target."""
    if target.kind != "ordinal":
        return ()
    if target.rating is not None and cohort.dictionary.ratings is not None:
        return tuple(cohort.dictionary.ratings.items[target.rating].categories or ())
    return tuple(float(c) for c in cohort.dictionary.columns[target.column].categories or ())


def _facts(cohort: Cohort, task: str, embeddings: Embeddings | None, frames: str, points: str) -> dict[str, Any]:
    files = [cohort.folder / name for name in cohort.dictionary.tables]
    facts: dict[str, Any] = {"data": {file.name: provenance.file_hash(file) for file in files if file.is_file()}}
    facts["dictionary"] = provenance.text_hash(cohort.dictionary.model_dump_json(exclude_defaults=True))
    met = cohort.findings[cohort.findings["done"].str.startswith(f"counts as no event of {task};")]
    if len(met):
        facts["doubtful"] = [f"{row.value!r} ({row.cells}), which {row.what}" for row in met.itertuples()]
    if told := undecided(cohort):
        facts["undecided"] = told
    if told := twice(cohort):
        facts["twice"] = told
    if told := unmet(cohort, task):
        facts["unmet"] = told
    if embeddings is not None:
        facts |= {"encoder": dict(embeddings.encoder), "frames": frames, "points": points}
        facts["clip_hashes"] = _clip_hashes(cohort, embeddings)
        odd = embeddings.table.loc[embeddings.table["problems"] != "", "clip"].astype(str)
        facts["strange"] = embeddings.strange
        facts["damaged"] = int((~odd.isin(embeddings.strange)).sum())
        facts["quarantined"] = [
            {"clip": row.clip, "patient": row.patient, "point": _point(cohort, row.clip), "reason": row.reason}
            for row in embeddings.quarantine.itertuples()
        ]
    return facts


def _point(cohort: Cohort, clip: str) -> str:
    return str(cohort.clips["point"].get(clip, "")) if "point" in cohort.clips else ""


def _clip_hashes(cohort: Cohort, embeddings: Embeddings) -> dict[str, str]:
    """Return the SHA-256 of each embedded clip that is still there, so that a page can tell it from another of its name."""
    paths = {str(name): cohort.folder / str(path) for name, path in cohort.clips["path"].items()}
    names = [name for name in embeddings.table["clip"].astype(str) if name in paths and paths[name].is_file()]
    return {name: provenance.file_hash(paths[name]) for name in names}


def _refusals(cohort: Cohort, task: str, allow: Iterable[str]) -> list[dict[str, str]]:
    """List every column that is not an allowed predictor, with the dictionary's reason."""
    allowed = frozenset(allow)
    columns = cohort.dictionary.columns
    treatments = {c.contingent for c in columns.values() if c.contingent}
    for name in allowed:
        if not treatments:
            raise check.InputError(
                f"--allow {name}: no column of {cohort.name} is said to depend on a treatment",
                remedy="Leave it out, or name the treatment as 'contingent' in the columns' entries",
            )
        check.one_of(name, sorted(treatments), "--allow: treatment")
    if allowed and cohort.dictionary.targets[task].contingent == "never":
        raise check.InputError(
            f"--allow {' '.join(sorted(allowed))}: {task!r} depends on that treatment itself and never takes such columns"
        )
    rows = []
    for name, column in columns.items():
        reason = cohort.dictionary.refusal(name, task, opt_in=allowed)
        if reason is not None and column.role != "identifier":
            rows.append({"column": name, "role": column.role, "known": column.known or "", "reason": reason})
    return rows


def _tabular(cohort: Cohort, role: str, not_allowed: set[str]) -> pd.DataFrame:
    """Return the allowed columns of one role as numbers; nominal columns become one column a code of the dictionary."""
    parts = []
    for name in cohort.dictionary.block(role):
        column = cohort.dictionary.columns[name]
        if name in not_allowed:
            continue
        values = cohort.patients[name]
        if column.kind == "nominal":
            labels = categories_of(values, column)
            dummies = pd.DataFrame({f"{name}={label}": (values == label).astype(float) for label in labels})
            parts.append(dummies.where(values.notna(), np.nan))
        else:
            parts.append(values.astype(float).to_frame())
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=cohort.patients.index)


def _spread(table: pd.DataFrame, patients: pd.Series) -> pd.DataFrame:
    """Give every row the values of its patient; a patient who is not in the table gets NaN."""
    return table.reindex(patients.to_numpy()).set_axis(patients.index)


def _check_ids(cohort: Cohort) -> None:
    """Raise where patients of a cohort changed by hand stand twice, or are numbers where the clips' are text."""
    ids = cohort.patients.index
    if not ids.is_unique:
        raise check.InputError(
            f"patient {ids[ids.duplicated()][0]} stands twice in cohort.patients", remedy="Keep one row a patient"
        )
    owners = cohort.clips["patient"]
    if not owners.isin(ids).any() and owners.astype(str).isin(ids.astype(str)).any():
        raise check.InputError(
            f"cohort.patients calls patients by {ids.dtype}, such as {ids[0]}, and cohort.clips by text",
            allowed="text in both",
            remedy="cohort.patients.index = cohort.patients.index.astype(str)",
        )


def _own(cohort: Cohort, embeddings: Embeddings) -> None:
    """Raise where embeddings are of another cohort: by its name, or by a clip that is another's or that its patient lacks."""
    remedy = "Give embed(cohort), the embeddings of this cohort"
    if embeddings.cohort not in ("", cohort.name):
        raise check.InputError(f"the embeddings are of {embeddings.cohort}, not of {cohort.name}", remedy=remedy)
    table = embeddings.table[["clip", "patient", "point"]].astype(str)
    known = cohort.clips.set_axis(cohort.clips.index.astype(str))[["patient", "point"]].astype(str)
    there = table["clip"].isin(known.index)
    other = (known.reindex(table["clip"]).to_numpy() != table[["patient", "point"]].to_numpy()).any(axis=1) & there
    strange = ~there & table["patient"].isin(cohort.patients.index.astype(str))
    if other.any():
        one = table[other].iloc[0]
        here = " at ".join(known.loc[one["clip"]])
        raise check.InputError(
            f"the embeddings have clip {one['clip']} of patient {one['patient']} at {one['point']}, and {cohort.name} has it "
            f"of {here}",
            remedy=remedy,
        )
    if strange.any():
        one = table[strange].iloc[0]
        raise check.InputError(
            f"the embeddings have clip {one['clip']} of patient {one['patient']}, and {cohort.name} has no such clip",
            remedy=remedy + ", or leave its rows out of their table",
        )


def _image(
    cohort: Cohort, embeddings: Embeddings | None, level: str, patients: pd.Series, frames: str, points: str
) -> pd.DataFrame:
    if embeddings is None:
        raise check.InputError("modality 'image' needs embeddings", remedy="Pass embeddings=blues.embed.embed(cohort)")
    if has_seen(embeddings.encoder.get("saw", []), cohort.name):
        raise check.InputError(
            f"encoder {embeddings.encoder.get('name')!r} was trained on {cohort.name} and may not be scored on it",
            remedy="Use an encoder that has not seen this cohort, or train it inside the folds",
        )
    if level == "clip":
        return pool.clips(embeddings, frames).reindex(patients.index)
    pooled = pool.patients(embeddings, frames=frames, how=points, retakes=_retakes(cohort), order=cohort.points)
    return _spread(pooled, patients)


def _retakes(cohort: Cohort) -> str:
    return cohort.dictionary.clips.retakes if cohort.dictionary.clips else "longest"


def _by_point(cohort: Cohort, embeddings: Embeddings | None, frames: str) -> ByPoint | None:
    """Return what each BLUE point shows before the points are pooled, and which clip stands for it; None where that is vast."""
    if embeddings is None or embeddings.table["patient"].nunique() * len(cohort.points) * len(embeddings.names) > VAST:
        return None
    retakes, table = _retakes(cohort), embeddings.table
    values = pool.points(pool.clips(embeddings, frames), table, retakes)
    names = table.set_index("clip").groupby(["patient", "point"], sort=False).groups
    clips = pd.Series({place: ", ".join(map(str, of)) for place, of in names.items()}, dtype=object)
    if retakes not in ("mean", "max"):
        number = pd.DataFrame({"row": np.arange(len(table))}, index=table["clip"])
        rows = pool.points(number, table, retakes)["row"]
        clips = pd.Series(table["clip"].to_numpy()[rows.to_numpy()], index=rows.index, dtype=object)
    return ByPoint(values, clips.reindex(values.index))


def _expert(cohort: Cohort, task: str, patients: pd.Series) -> pd.DataFrame:
    """Return the experts' ratings: per clip for a clip task, mean, maximum and share over a patient's clips otherwise."""
    target = cohort.dictionary.targets[task]
    if target.rating is not None:
        raise check.InputError(
            f"expert ratings may not predict {task!r}, which is derived from expert ratings",
            remedy="Leave 'expert' out of --modalities",
        )
    if cohort.ratings.empty:
        raise check.InputError(
            f"cohort {cohort.name} has no expert ratings", remedy="Leave 'expert' out of --modalities"
        )
    by_clip = cohort.ratings.pivot_table(index=["patient", "clip"], columns="item", values="rating", aggfunc="mean")
    if target.level == "clip":
        return by_clip.droplevel("patient").add_prefix("expert ").reindex(patients.index)
    grouped = by_clip.groupby(level="patient")
    table = pd.concat([grouped.mean().add_prefix("mean "), grouped.max().add_prefix("max ")], axis=1)
    return _spread(table, patients)
