"""How a reader calls what an encoder measures, and in what unit."""

from __future__ import annotations

import re

__all__ = ["POOLED", "family", "image_words", "of_unit", "unit_of"]

POOLED = re.compile(r" \((?:max|sd|max over points)\)")
"""What pooling adds to a feature's name."""
_SAID = {
    "b_line_presence": "B-lines seen",
    "b_line_count": "B-lines",
    "b_line_coverage": "B-line coverage",
    "a_line_presence": "A-lines seen",
    "a_line_count": "A-lines",
    "pleura_visible": "visible pleural line",
    "pleura_depth": "depth of pleural line",
    "pleura_irregularity": "pleural irregularity",
    "pleura_breaks": "pleural breaks",
    "pleura_gaps": "pleural gaps",
    "consolidation_presence": "consolidation seen",
    "consolidation_area": "consolidation area",
    "effusion_presence": "effusion seen",
    "soldati": "severity",
    "lus": "looks like lung ultrasound",
    "white_lung_share": "white lung",
}
_FAMILIES = (
    (r"b[_ -]?line|b_coverage|vertical_|white_lung", "B-lines and white lung"),
    (r"a[_ -]?line|horizontal_", "A-lines"),
    (r"consolidat", "consolidation"),
    (r"effusion", "effusion"),
    (r"below_pleura|near_pleura", "below the pleural line"),
    (r"pleura|irregularity|breaks", "pleural line"),
    (r"rib|shadow", "shadows"),
    (r"brightness|dark|depth_band|attenuation", "brightness"),
    (r"speckle|texture|left_right|centre_edge", "texture"),
    (r"soldati|severity", "severity"),
    (r"^lus$", "quality of the clip"),
    (r"scanned", "which points were scanned"),
)


def image_words(name: str) -> str:
    """Return an image feature in words.

    Parameters
    ----------
    name : str
        An encoder's feature, with or without the pooling in brackets.

    Returns
    -------
    str

    Examples
    --------
    >>> image_words("b_line_count"), image_words("a_line_spacing"), image_words("b_line_coverage (max)")
    ('B-lines', 'A-line spacing', 'B-line coverage (max)')
    """
    plain = POOLED.sub("", name)
    said = _SAID.get(plain) or re.sub(r"\b([ab])[_ ]line", lambda m: f"{m[1].upper()}-line", plain).replace("_", " ")
    return said + "".join(POOLED.findall(name))


def family(name: str) -> str:
    """Return the group of findings that a named image feature belongs to."""
    return next((group for pattern, group in _FAMILIES if re.search(pattern, name)), "other image features")


_UNIT = r"share of .*|[^\s,:=]+( [^\s,:=]+)?"
"""What in brackets may be a unit: a share of something, or a word or two; no remark."""


def unit_of(text: str) -> str:
    """Return the unit at the end of an output's description, behind the last comma or in brackets; empty for none.

    Examples
    --------
    >>> unit_of("A-lines, count"), unit_of("probability that a B-line can be seen, 0 to 1")
    ('count', 'probability')
    >>> unit_of("depth of the pleural line (share of the image)"), unit_of("expected severity, 0 to 3 (Soldati et al. 2020)")
    ('share of the image', '0 to 3')
    >>> unit_of("share of scan lines in shadow (ribs, poor contact)"), unit_of("spacing (share of the image; 0 if none)")
    ('', 'share of the image')
    """
    _, comma, tail = text.rpartition(", ")
    tail = (
        re.sub(r" \([^()]*\)$", "", tail)
        .replace("% of the picture's depth", "% of image depth")
        .replace("the polar ", "")
    )
    if comma and re.match(r"\d|%|count\b", tail):
        kind = next((word for word in ("probability", "share") if text.startswith(word)), "")
        return kind if kind and tail == "0 to 1" else tail
    bracket = re.search(r"\(([^();]*)[^()]*\)$", text)
    return bracket[1] if bracket and re.fullmatch(_UNIT, bracket[1]) else ""


_TIMES = ("minutes", "hours", "days", "weeks", "months", "years")
_PLAIN = ("count", "probability", "share")
_SCALE = re.compile(r"[−-]?[\d.]+ to [−-]?[\d.]+")


def of_unit(text: str, unit: str) -> str:
    """Return a number that is written already with its unit, of which one is one.

    Parameters
    ----------
    text : str
        The number.
    unit : str
        As :func:`unit_of` gives it, or a dictionary; what says no more than a number is left out.

    Returns
    -------
    str

    Examples
    --------
    >>> of_unit("1", "days"), of_unit("1.5", "days"), of_unit("1", "mmHg"), of_unit("3", "")
    ('1 day', '1.5 days', '1 mmHg', '3')
    >>> of_unit("1.72", "0 to 3"), of_unit("2", "count"), of_unit("0.1", "share of the image")
    ('1.72 (of 0 to 3)', '2', '0.1 share of the image')
    """
    if unit in _PLAIN:
        return text
    if _SCALE.fullmatch(unit):
        return f"{text} (of {unit})"
    single = unit[:-1] if text in ("1", "−1") and unit in _TIMES else unit
    return f"{text} {single}".strip()
