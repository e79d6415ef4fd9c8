"""Several networks as one encoder: the members of a training in folds, or of several seeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from blues.check import InputError
from blues.cohort import natural_key
from blues.encoders.base import Encoder, distinct, encoder_hash, weights_hash
from blues.encoders.cards import card

__all__ = ["Ensemble", "joined", "member_files", "union"]


class Ensemble(nn.Module):
    """Networks of one kind, trained on different folds or from different seeds.

    Gives every member's embedding, one after the other (their units do not correspond, so a mean would mean nothing), then
    the mean of the named outputs, then their standard deviation over the members (n - 1 in the denominator).

    Parameters
    ----------
    members : sequence of nn.Module
        Each gives its embedding and, after it, its outputs.
    outputs : int
        Number of outputs.
    """

    def __init__(self, members: Sequence[nn.Module], outputs: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.outputs = outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return embeddings, mean and spread, shape (n, members * dimensions + 2 * outputs)."""
        given = [member(x) for member in self.members]
        if not self.outputs:
            return torch.cat(given, 1)
        width = given[0].shape[1] - self.outputs
        said = torch.stack([values[:, width:] for values in given])
        return torch.cat([*(values[:, :width] for values in given), said.mean(0), said.std(0)], 1)


def joined(name: str, members: Sequence[Encoder], files: Sequence[Path]) -> Encoder:
    """Make one encoder of several networks that see the same frames and give the same features.

    Parameters
    ----------
    name : str
        What the ensemble is called.
    members : sequence of Encoder
    files : sequence of Path
        Where each comes from, for messages.

    Returns
    -------
    Encoder
        Features: ``member_1_...`` to ``member_n_...`` for the embeddings, the outputs (means) under their own names, and each
        with ``_sd`` after its name, the spread over the members. It has seen what any member has seen. A single member is
        returned as it is.

    Raises
    ------
    InputError
        When a member differs from the first in architecture, features or preprocessing, or is the same network again.
    """
    first = members[0]
    if len(members) == 1:
        return first
    _check_alike(members, files)
    outputs = list(first.card["outputs"])
    stem = first.feature_names[: first.dimensions - len(outputs)]
    spread = [f"{output}_sd" for output in outputs]
    features = (*(f"member_{m}_{unit}" for m in range(1, len(members) + 1) for unit in stem), *outputs, *spread)
    distinct(features, files[0])
    modules = [member.module for member in members if member.module is not None]
    module = Ensemble(modules, len(outputs)).eval().requires_grad_(False)
    made_of = weights_hash(module.state_dict())
    architecture = f"{first.architecture}, {len(members)} members"
    # a member's own hash knows what its tensors do not tell: its activation, which of its layers are centred
    computes = " ".join([architecture, *(member.hash for member in members)])
    return Encoder(
        name=name,
        architecture=architecture,
        feature_names=features,
        preprocessing=first.preprocessing,
        card=_card(architecture, members, [*outputs, *spread], made_of),
        hash=encoder_hash(computes, made_of, first.preprocessing, features),
        module=module,
    )


def _check_alike(members: Sequence[Encoder], files: Sequence[Path]) -> None:
    """Raise when a member differs from the first, or is an earlier one again."""
    first = members[0]
    for member, file in zip(members, files, strict=True):
        for what, its, expected in (
            ("is a", member.architecture, first.architecture),
            ("gives", _told(member), _told(first)),
            ("sees frames as", member.preprocessing, first.preprocessing),
            ("ends in", _activation(member), _activation(first)),
        ):
            if its != expected:
                raise InputError(
                    f"this member {what} {its}",
                    file=file,
                    allowed=f"the first member's: {expected}",
                    remedy="Leave it out",
                )
    hashes = [member.hash for member in members]
    if len(set(hashes)) < len(hashes):
        again = next(i for i, made_of in enumerate(hashes) if made_of in hashes[:i])
        earlier = files[hashes.index(hashes[again])]
        raise InputError(
            "this member's weights are those of an earlier one",
            value=str(earlier),
            file=files[again],
            remedy="Leave it out",
        )


def _card(architecture: str, members: Sequence[Encoder], outputs: list[str], made_of: str) -> dict[str, Any]:
    """Return the card: what any member saw, and every licence, source and note."""
    cards = [member.card for member in members]
    said = card(
        architecture,
        saw=union(one["saw"] for one in cards),
        labels=union(one["labels"] for one in cards),
        licence="; ".join(union([one["licence"]] for one in cards)),
        source="; ".join(union([one["source"]] for one in cards)),
        outputs=outputs,
        weights=made_of,
        note=" ".join(union([one["note"]] for one in cards)),
    )
    if "units" in cards[0]:
        units = dict(cards[0]["units"])
        said["units"] = units | {f"{k}_sd": f"standard deviation over members: {v}" for k, v in units.items()}
    if any("arguments" in one for one in cards):
        said["arguments"] = [one.get("arguments") for one in cards]
    return said


def _told(member: Encoder) -> str:
    outputs = member.card["outputs"]
    said = f"{len(outputs)} outputs ({', '.join(outputs)})" if outputs else "no outputs"
    return f"{member.dimensions - len(outputs)} features and {said}"


def _activation(member: Encoder) -> str:
    return str(getattr(member.module, "activation", ""))


def union(lists: Iterable[Iterable[str]]) -> list[str]:
    """Return what any of the lists holds, in the order of first mention.

    Parameters
    ----------
    lists : iterable of iterable of str
    """
    return list(dict.fromkeys(item for items in lists for item in items))


def member_files(weights: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the members' weight files or folders; one folder with ``fold_*`` in it stands for what lies in it.

    Descriptions beside the files are no members; ``fold_10`` comes after ``fold_9``.

    Raises
    ------
    InputError
        When two members are of one fold.
    """
    paths = [Path(weights)] if isinstance(weights, str | Path) else [Path(w) for w in weights]
    if len(paths) == 1 and paths[0].is_dir():
        found = sorted(
            (path for path in paths[0].glob("fold_*") if path.suffix != ".json"),
            key=lambda path: natural_key(path.name),
        )
        _check_folds(found)
        return found or paths
    return paths


def _check_folds(members: Sequence[Path]) -> None:
    """Raise when two are of one fold by their names, as ``fold_2_best`` and ``fold_2_last``."""
    earlier: dict[int, Path] = {}
    for member in members:
        fold = re.match(r"fold_(\d+)", member.name)
        if fold and (first := earlier.setdefault(int(fold[1]), member)) != member:
            raise InputError(
                f"{first.name} and {member.name} are of one fold",
                file=member.parent,
                allowed="one member a fold",
                remedy="Move one of them away; members that are no folds can be given one by one",
            )
