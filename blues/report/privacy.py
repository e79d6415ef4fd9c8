"""Pseudonyms instead of patient ids, and no path of the machine that made the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["OWN_NAMES", "Privacy", "pseudonyms", "without_paths"]

OWN_NAMES = (
    "Names of patients such as P07 are one run's own: in another run of the same cohort, P07 is another patient."
)
_DECIMALS = 9

# at least two parts; below the homes of users, and on Windows, a part may hold spaces
_END = r"[^\s\\/\"'<>|:;,()\[\]{}`]+"
_PART = r"[^\\/\"'<>|:;,\n]+"
_BEFORE = r"(?<![\w./:\\-])(?:file://)?"
_POSIX = re.compile(rf"{_BEFORE}~?(?:/{_END}){{2,}}/?")
_HOME = re.compile(rf"{_BEFORE}/(?:home|Users|root|media|mnt|Volumes)/(?:{_PART}/)*{_END}")
_WINDOWS = re.compile(rf"(?:\b[A-Za-z]:|\\\\{_END})[\\/](?:{_PART}[\\/])*{_END}")


def _last_part(match: re.Match[str]) -> str:
    return "…/" + re.split(r"[\\/]", match.group(0).rstrip("\\/"))[-1]


def without_paths(text: str) -> str:
    r"""Return a text with each absolute path cut down to its last part.

    Examples
    --------
    >>> without_paths("cannot read /home/jane/study one/clip.mp4: truncated")
    'cannot read …/clip.mp4: truncated'
    >>> without_paths(r"weights C:\Users\jane\w.safetensors, 3 mg/L, and/or, https://example.org/a/b")
    'weights …/w.safetensors, 3 mg/L, and/or, https://example.org/a/b'
    """
    for pattern in (_WINDOWS, _HOME, _POSIX):
        text = pattern.sub(_last_part, text)
    return text


def pseudonyms(predictions: pd.DataFrame, seed: int | None = 0) -> dict[str, str]:
    """Name the patients ``P01``, ``P02``, ... in an order that says nothing about their ids.

    The order comes from a hash of id, seed and all out-of-fold predictions to nine decimals: noise in their last bits
    changes no name, any other difference (another setting, a patient more) renames everybody. Where predictions are finer
    than the six digits that a page holds, the page alone does not allow to undo the names by trying all ids.

    Parameters
    ----------
    predictions : DataFrame
        Columns ``patient``, ``y``, ``p``.
    seed : int
        The seed of the run.

    Returns
    -------
    dict
        Patient id -> pseudonym.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"patient": ["7", "10"], "y": [0, 1], "p": [0.25, 0.5]})
    >>> sorted(pseudonyms(table).values())
    ['P01', 'P02']
    """
    ids = sorted(set(predictions["patient"].astype(str)))
    digest = hashlib.sha256(str(seed).encode())
    rounded = predictions[["y", "p"]].round(_DECIMALS) + 0.0  # no -0.0
    digest.update(pd.util.hash_pandas_object(rounded, index=False).to_numpy().tobytes())
    key = digest.digest()
    order = sorted(ids, key=lambda i: hashlib.blake2b(i.encode("utf-8", "replace"), key=key).digest())
    width = max(2, len(str(len(ids))))
    return {patient: f"P{number:0{width}d}" for number, patient in enumerate(order, 1)}


@dataclass(frozen=True)
class Privacy:
    """What may be shown.

    Attributes
    ----------
    names : mapping
        Patient id -> the name shown; empty when ids are shown as they are.
    clips : tuple of str
        Clip names that must not be shown.
    keep : frozenset of str
        Words that are never an id: the names of columns.
    paths : bool
        Whether paths may be shown.
    folders : tuple of str
        Folders and files of the run, whose paths are cut wherever they occur, whatever characters they hold.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    clips: tuple[str, ...] = ()
    keep: frozenset[str] = frozenset()
    paths: bool = False
    folders: tuple[str, ...] = ()

    def patient(self, patient: object) -> str:
        """Return the name to show for a patient."""
        return self.names.get(str(patient), "a patient" if self.names else str(patient))

    def text(self, text: str) -> str:
        """Return free text without ids, clip names and paths."""
        if not self.paths:
            for folder in self.folders:
                text = text.replace(folder, "…/" + Path(folder).name)
            text = without_paths(text)
        if self.names:
            text = _KEPT.sub("\ufffd", text)
            for clip in sorted(self.clips, key=len, reverse=True):
                text = re.sub(rf"(?<![\w-]){re.escape(clip)}(?:\.\w{{1,5}})?(?![\w-])", "[a clip]", text)
            text = _VIDEO.sub("[a clip]", _CLIP.sub(self._without_clip, text))
            # a pseudonym may well be another patient's id: what was replaced is kept apart until all is
            text = self._opaque(_PATIENT_LIST.sub(self._renamed, text))
            text = _KEPT.sub(lambda m: self._shown[ord(m.group()) - _FIRST], text)
            text = _CLIPS.sub(" (names: in the terminal and provenance.json)", text)
        return text

    def row(self, text: str) -> str:
        """Return what was found on reading: as :meth:`text`, and without the row of the table it was found in."""
        text = self.text(text)
        return re.sub(r",? row \d+", "", text) if self.names else text

    def _opaque(self, text: str) -> str:
        """Replace ids that are no mere number wherever they stand, and words made with one, such as ``P023_R1``.

        A bare number means many things.
        """
        if self._opaque_ids is None:
            return text
        return self._opaque_ids.sub(self._without_id, text)

    @cached_property
    def _opaque_ids(self) -> re.Pattern[str] | None:
        ids = (i for i in self.names if len(i) >= 3 and not i.isdigit() and i not in self.keep)
        listed = "|".join(map(re.escape, sorted(ids, key=len, reverse=True)))
        if not listed:
            return None
        return re.compile(rf"(?<!\w)(?P<before>(?:[\w-]*[_-])?)(?P<id>{listed})(?P<after>(?:[_-]\w[\w-]*)?)(?!\w)")

    @cached_property
    def _shown(self) -> list[str]:
        """The pseudonyms, in the order of the characters that stand for them."""
        return list(dict.fromkeys(self.names.values()))

    def _mark(self, patient: str) -> str:
        """Return the character that stands for a patient's pseudonym until all ids are gone."""
        return chr(_FIRST + self._shown.index(self.names[patient]))

    def _without_id(self, match: re.Match[str]) -> str:
        if not match["before"] and not match["after"]:
            return self._mark(match["id"])
        return match.group() if match.group() in self.keep else "[a clip]"

    def _without_clip(self, match: re.Match[str]) -> str:
        """Replace a word such as ``patient_53_R1_2`` when it names a known patient and is no column's name."""
        word = match.group(0)
        known = word not in self.keep and set(re.split(r"[_.-]", word)) & set(self.names)
        return "[a clip]" if known else word

    def _renamed(self, match: re.Match[str]) -> str:
        return match.group(1) + re.sub(
            r"[\w-]*\d[\w-]*", lambda m: self._mark(m[0]) if m[0] in self.names else m[0], match.group(2)
        )

    def value(self, value: Any) -> Any:
        """Return a JSON-ready value with every text in it, keys too, treated by :meth:`text`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.value(v) for k, v in value.items()}
        if isinstance(value, Iterable):
            return [self.value(v) for v in value]
        return value


_FIRST = 0xF0000  # the first of some 65,000 characters that mean nothing and stand in no text
_KEPT = re.compile("[\U000f0000-\U000ffffd]")
_VIDEO = re.compile(
    r"(?<![\w.…/-])(?:(?:[\w.-]+/)+[\w-]+(?: [\w-]+)*|[\w-]+)\.(?:mp4|avi|mov|gif|mkv|webm|m4v|mpe?g|wmv|npy|dcm)\b",
    re.IGNORECASE,
)
_CLIP = re.compile(
    r"(?<![\w-])(?:patients?|pat|subjects?|sub|subj|case|id|p)[_-]\w[\w-]*(?:\.\w{1,5})?(?![\w-])", re.IGNORECASE
)
_CLIPS = re.compile(r": \[a clip\](?:(?:, | and )\[a clip\])+(?: and \d+ more)?")
_PATIENT_LIST = re.compile(
    r"\b((?:one patient, |(?:patients?|pat|subjects?|ids?)(?: ids?)?(?: |: ))['\"]?)"
    r"([\w-]*\d[\w-]*(?:['\"]?(?:, ?| and |; )['\"]?[\w-]*\d[\w-]*)*)",
    re.IGNORECASE,
)
