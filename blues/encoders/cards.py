"""Cards: what an encoder has seen, its licence and outputs; and whether a cohort is among what it saw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blues.check import InputError

__all__ = ["card", "check_card", "filled", "has_seen", "nearly_seen", "tells_lung"]

LUS_NET = "lus_net"
"""What the card of the package's own network gives as its architecture."""

ALIASES = {
    "license": "licence",
    **dict.fromkeys(("seen", "hasseen", "trainedon", "trainedwith", "trainingcohorts"), "saw"),
}
"""Other words for fields of a card, plain."""


def check_card(fields: Mapping[str, Any]) -> None:
    """Raise when a card could be misread: a text in ``saw`` would be read by letters, ``Saw`` would not be read.

    Parameters
    ----------
    fields : mapping
        Further fields may be there, but not one that differs from a known one by case or signs alone, nor, in place of
        ``saw`` or ``licence``, another word for it.

    Raises
    ------
    InputError
        For the first such field, and for one of another type than :func:`card` takes.
    """
    known = {"saw", "labels", "licence", "source", "note"}
    for name in fields:
        plain = _plain(str(name))
        meant = plain if plain in known else ALIASES.get(plain)
        if meant and name != meant and (plain == meant or meant not in fields):
            raise InputError(
                f"the card has a field {name!r}", allowed=", ".join(sorted(known)), remedy=f"Call it {meant!r}"
            )
    for name in ("saw", "labels", "outputs"):
        value = fields.get(name, [])
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            raise InputError(f"{name} of the card is {value!r}", allowed=f'a list of names, such as "{name}": ["NAME"]')
    for name in ("licence", "source", "note"):
        if not isinstance(fields.get(name, ""), str):
            raise InputError(f"{name} of the card is {fields[name]!r}", allowed="text")


def tells_lung(card: Mapping[str, Any]) -> bool:
    """Tell whether a card's output ``lus`` is the package's own: the probability that this is lung ultrasound at all.

    Parameters
    ----------
    card : mapping
        Of an encoder, or of an ensemble. Networks of one's own may call anything ``lus``.
    """
    return "lus" in card.get("outputs", ()) and str(card.get("architecture")).split(",")[0] == LUS_NET


def has_seen(saw: Iterable[str], cohort: str) -> bool:
    """Tell whether a card's list of cohorts names this one, whatever the spelling.

    A name with a version, or with a word for a part, behind the other counts as the same: "COVID-BLUES v1.0", "COVID-BLUES,
    fold 0" and the repository "OWNER/COVID-BLUES-dataset" have clips of "COVID-BLUES". Another site or year does not:
    "hannover-external" is what "hannover" is tested on. See :func:`nearly_seen` for what is left to doubt.

    Parameters
    ----------
    saw : iterable of str
        Names of the cohorts it was trained on.
    cohort : str
        Name of the cohort to score it on.

    Returns
    -------
    bool

    Examples
    --------
    >>> has_seen(["COVIDx-US, version 1.4"], "covidx_us"), has_seen(["COVIDx-US"], "covid")
    (True, False)
    """
    return any(_are_one(named, cohort) for named in _listed(saw))


def nearly_seen(saw: Iterable[str], cohort: str) -> list[str]:
    """Return the names in a card's list that may mean this cohort, and are not taken for it by :func:`has_seen`.

    One of the two names stands as whole words within the other, and is not a short one: "COVID-BLUES (Maastricht)".

    Parameters
    ----------
    saw : iterable of str
        Names of the cohorts it was trained on.
    cohort : str
        Name of the cohort to score it on.

    Examples
    --------
    >>> nearly_seen(["COVID-BLUES 2021", "covidx-us", "COVID-BLUES external"], "covid-blues")
    ['COVID-BLUES 2021']
    """
    return [
        named
        for named in _listed(saw)
        if not _are_one(named, cohort)
        and (_within(named, cohort) or _within(cohort, named))
        and not _ELSEWHERE & {*_words(named), *_words(cohort)}
    ]


_PART = (
    r"(v|ver|version|release|rev) ?\d+( \d+)*|\d+( \d+)+|(train|training|val|valid|validation|test|testing|dev|sample|part|"
    r"subset|split|folds?)( ?\d+)?|data|dataset|cohort|study|database|(\d+ (of (the )?)?)*(patients|clips|videos|frames|images)"
)
_OF_THE_SAME = re.compile(f"({_PART})( ({_PART}))*")
"""What may stand behind a cohort's name and leave it the same cohort: a version, or words for a part or for the whole."""
_ELSEWHERE = {"external", "extern", "externally"}
"""Words that say that a cohort is not the other, whatever it is called."""
_LONG = 5
"""Letters and digits of a name that hardly stands within another by chance."""


def _listed(saw: Iterable[str]) -> list[str]:
    return [saw] if isinstance(saw, str) else list(saw)


def _are_one(named: str, cohort: str) -> bool:
    """Tell whether two names mean one cohort; each may be a repository's, with its owner."""
    pairs = ((a, b) for a in _called(named) for b in _called(cohort))
    return any(_is_part(a, b) or _is_part(b, a) for a, b in pairs)


def _called(name: str) -> list[str]:
    """Return a name, and the last part of it where it is a path and that part says more than "train"."""
    last = name.rstrip("/ ").removesuffix(".git").rsplit("/", 1)[-1]
    return [name] if last == name or _OF_THE_SAME.fullmatch(" ".join(_words(last))) else [name, last]


def _within(longer: str, name: str) -> bool:
    """Tell whether a name that is long enough stands as whole words within another."""
    words, whole = _words(longer), _plain(name)
    runs = ("".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1))
    return len(whole) >= _LONG and whole in runs


def _words(name: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in name.lower()).split()


def _is_part(longer: str, name: str) -> bool:
    """Return whether a name is the other, or the other with a version or a word for a part behind it."""
    words = _words(longer) or [longer]
    whole = _plain(name) or name
    for i in range(len(words)):
        if "".join(words[: i + 1]) == whole:
            rest = " ".join(words[i + 1 :])
            return not rest or _OF_THE_SAME.fullmatch(rest) is not None
    return False


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def card(
    architecture: str,
    *,
    saw: Sequence[str] = (),
    labels: Sequence[str] = (),
    licence: str = "MIT",
    source: str = "",
    outputs: Sequence[str] = (),
    weights: str | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Return an encoder's card, every field filled.

    Parameters
    ----------
    architecture : str
        What computes the features.
    saw : sequence of str
        Cohort names, as in their dictionaries, whose clips or labels shaped the weights.
    labels : sequence of str
        The labels it was trained on.
    licence, source : str
        Of the weights; where they come from.
    outputs : sequence of str
        Those of the feature names that mean something by themselves.
    weights : str, optional
        Hash of the weights.
    note : str
        What a reader must know.

    Raises
    ------
    InputError
        When a field is of another type.
    """
    check_card({"saw": saw, "labels": labels, "licence": licence, "source": source, "note": note})
    return {
        "architecture": architecture,
        "saw": list(saw),
        "labels": list(labels),
        "licence": licence,
        "source": source,
        "outputs": list(outputs),
        "weights": weights,
        "note": note,
    }


def filled(given: Mapping[str, Any], architecture: str, features: Sequence[str]) -> dict[str, Any]:
    """Return the card of an encoder with every field, after a check that none could be misread.

    Parameters
    ----------
    given : mapping
        The fields that are known; one name as ``saw`` counts as a list of it.
    architecture : str
        What computes the features.
    features : sequence of str
        Their names.

    Returns
    -------
    dict
        ``saw`` is ``unknown`` where it was not given.

    Raises
    ------
    InputError
        As :func:`check_card`, and when an output is none of the features.
    """
    if not isinstance(given, Mapping):
        raise InputError(f"the card is {given!r}", allowed='a dictionary, such as {"saw": ["NAME"], "licence": "MIT"}')
    said = dict(given)
    if isinstance(said.get("saw"), str):
        said["saw"] = [said["saw"]]
    check_card(said)
    unsaid = {} if "saw" in said else {"saw": ["unknown"], "note": "Its card does not say what it has seen."}
    whole = card(architecture, licence="not stated") | unsaid | said
    if strange := [name for name in whole["outputs"] if name not in features]:
        raise InputError(
            f"outputs of the card: {', '.join(map(repr, strange[:3]))} {'is' if len(strange) == 1 else 'are'} no feature",
            allowed="names of features",
        )
    return whole
