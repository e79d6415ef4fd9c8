"""Numbers, intervals, p values and counts as a reader meets them, on a page, in a notebook and in a terminal alike."""

from __future__ import annotations

import math

__all__ = ["INTERVAL", "counted", "interval", "number", "p_is", "p_value", "signed"]

INTERVAL = "95% interval"
"""What the interval of a run's numbers is called."""


def number(value: float | None, digits: int = 2) -> str:
    """Return a rounded number with a true minus sign and no "minus zero"; a dash for none.

    Parameters
    ----------
    value : float, optional
    digits : int
        Decimals. Halves go away from zero.

    Examples
    --------
    >>> number(-0.0004, 3), number(-0.25), number(0.0625, 3), number(None)
    ('0.000', '−0.25', '0.063', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    # halves go away from zero, also where the last bit of a number read back from csv differs
    text = f"{value + math.copysign(1e-12, value):.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.") else "−" + text[1:]
    return text


def signed(value: float | None, digits: int = 3) -> str:
    """Return a rounded number with its sign; zero has none.

    Parameters
    ----------
    value : float, optional
    digits : int
        Decimals.

    Examples
    --------
    >>> signed(0.0625), signed(-0.25), signed(-0.0001), signed(None)
    ('+0.063', '−0.250', '0.000', '–')
    """
    text = number(value, digits)
    return text if text[0] in "−–" or not text.strip("0.") else "+" + text


def interval(
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    digits: int = 2,
    sign: bool = False,
) -> str:
    """Return ``value (low to high)``, or the value alone where there is no interval.

    Parameters
    ----------
    value, low, high : float, optional
    digits : int
        Decimals.
    sign : bool
        Write the plus sign too, as of a difference.

    Examples
    --------
    >>> interval(0.938, 0.861, 0.974), interval(-0.039, -0.091, 0.0023, 3, sign=True), interval(math.nan)
    ('0.94 (0.86 to 0.97)', '−0.039 (−0.091 to +0.002)', '–')
    """
    show = signed if sign else number
    if any(end is None or not math.isfinite(end) for end in (value, low, high)):
        return show(value, digits)
    return f"{show(value, digits)} ({show(low, digits)} to {show(high, digits)})"


def p_value(p: float | None) -> str:
    """Return a p value to two significant places, or ``< 0.001``; a dash for none.

    Parameters
    ----------
    p : float, optional

    Examples
    --------
    >>> p_value(0.0312), p_value(0.00004), p_value(0.51)
    ('0.031', '< 0.001', '0.51')
    """
    if p is None or not math.isfinite(p):
        return "–"
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_is(p: float | None) -> str:
    """Return a p value as a sentence has it.

    Parameters
    ----------
    p : float, optional

    Examples
    --------
    >>> p_is(0.0312), p_is(0.00004)
    ('p = 0.031', 'p < 0.001')
    """
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def counted(n: int, noun: str) -> str:
    """Return a number and what is counted, in the plural where it is not one.

    Parameters
    ----------
    n : int
    noun : str
        In the singular; its plural ends in s.

    Examples
    --------
    >>> counted(1, "clip"), counted(0, "clip"), counted(1200, "missing rating"), counted(2, "class")
    ('1 clip', '0 clips', '1,200 missing ratings', '2 classes')
    """
    plural = noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")
    return f"{n:,} {noun if n == 1 else plural}"
