"""One look for all figures: a palette safe for colour-blind readers, drawn so that a page can turn it light or dark.

Figures are made without pyplot, so nothing is kept between calls. :func:`svg` writes the same bytes for the same figure;
its colours are CSS variables with the light colour as fallback, so one file serves both themes.
"""

from __future__ import annotations

import functools
import html
import io
import json
import math
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from blues.check import one_of
from blues.features import MODALITIES
from blues.provenance import replacing

__all__ = [
    "DARK",
    "INK",
    "LIGHT",
    "SERIES",
    "dashes",
    "folded",
    "legend_below",
    "modality_colours",
    "ordered",
    "panel",
    "plain",
    "save",
    "series_colour",
    "styled",
    "svg",
]

# what no label may hold: characters that XML forbids, or that turn the direction of the text after them
_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

P = ParamSpec("P")
R = TypeVar("R")

INK, MUTED, GRID, PAPER = "#1f2933", "#5c6773", "#d9dee4", "#ffffff"
SERIES = ("#0069b4", "#d9480f", "#00443a", "#b3329f", "#8a6d00", "#3a9bd0", "#6b5b4d", "#3a4048")
LIGHT = {"ink": INK, "muted": MUTED, "grid": GRID, "paper": PAPER} | {f"c{i}": c for i, c in enumerate(SERIES, 1)}
_DARK_SERIES = ("#4aa8ee", "#ff9a5c", "#c8f7df", "#e572d6", "#e3c13c", "#a5dcff", "#c9b8a6", "#dde1e3")
DARK = {"ink": "#e6eaee", "muted": "#a3adb8", "grid": "#3b444e", "paper": "#14181d"} | {
    f"c{i}": c for i, c in enumerate(_DARK_SERIES, 1)
}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (6, 2, 1.5, 2)), (0, (1.5, 1.5)), (0, (8, 2, 2, 2, 2, 2)))

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.8,
    "text.color": INK,
    # a column called "$x_1$" is a name, not mathematics
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "blues",
    "pdf.fonttype": 42,
    "pdf.use14corefonts": False,
    "savefig.facecolor": "none",
}


@contextmanager
def _look() -> Iterator[None]:
    """Apply the style for the length of the block; names in scripts the font lacks are no reason to warn."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Run a drawing function in the common look; the settings of the caller come back afterwards.

    A figure that it returns is laid out and then held still: laying it out again at each drawing would move it by
    fractions of a point, and the same figure would not give the same bytes twice.
    """

    @functools.wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with _look():
            result = function(*args, **kwargs)
            if isinstance(result, Figure):
                for text in result.findobj(Text):
                    text.set_text(_SHOWN.sub("", text.get_text()))
                result.draw_without_rendering()
                result.set_layout_engine("none")
            return result

    return inner


class _Shown(Figure):
    """A figure that a notebook shows where it is the last thing of a cell: it is none of pyplot's, which are shown there."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        with _look():
            self.savefig(stream, format="png", dpi=100, facecolor="white")
        return stream.getvalue()


def panel(
    width: float = 4.5, height: float = 3.8, rows: int = 1, columns: int = 1, **layout: Any
) -> tuple[Figure, Any]:
    """Return a figure of ``width`` x ``height`` inches and its axes (one Axes, or an array as ``Figure.subplots``)."""
    figure = _Shown(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, **layout)
    return figure, axes


def plain(text: object, most: int = 44) -> str:
    r"""Return ``text`` fit for a label: one line, no control or direction-override characters, at most ``most`` long.

    Parameters
    ----------
    text : object
        Its ``str`` is taken.
    most : int
        Characters; a longer text ends in an ellipsis.

    Returns
    -------
    str

    Examples
    --------
    >>> plain("two\nlines\u202e", most=8)
    'two lin…'
    """
    kept = "".join(
        " " if c.isspace() else c for c in str(text) if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
    kept = " ".join(kept.split())
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"


def folded(text: object, most: int = 34) -> str:
    r"""Return ``text`` fit for a label of two lines, as :func:`plain` makes it; what is too long is cut in its middle.

    Names that begin alike differ in their ends, so neither end is lost.

    Parameters
    ----------
    text : object
        Its ``str`` is taken.
    most : int
        Characters of a line.

    Returns
    -------
    str

    Examples
    --------
    >>> folded("rule on each clip by its pleural line", most=24)
    'rule on each clip by its\npleural line'
    >>> folded("first_of_some_long_names_that_never_end", most=9)
    'first_of…\nnever_end'
    """
    whole = plain(text, most=10_000)
    found = textwrap.wrap(whole, most)
    return "\n".join(found) if len(found) <= 2 else f"{whole[: most - 1].rstrip()}…\n{whole[-most:].lstrip()}"


def series_colour(index: int) -> str:
    """Return the colour of the ``index``-th series, counted from 0; it repeats after eight."""
    return SERIES[index % len(SERIES)]


_OF_MODALITY = dict(zip(MODALITIES, (SERIES[0], SERIES[2], SERIES[1], SERIES[3]), strict=True))


def modality_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name: the known kinds of information keep theirs in every figure, others follow."""
    others = [name for name in names if name not in MODALITIES]
    return _OF_MODALITY | {name: series_colour(len(MODALITIES) + i) for i, name in enumerate(others)}


def marker(index: int) -> str:
    """Return the shape of the points of a series, so that series differ without colour too."""
    return "oDs^v"[index % 5]


def axis_decimals(span: float) -> int:
    """Return how many decimals tell values apart that span this much: 2 from 0.1 to 10, more below, fewer above."""
    if not (math.isfinite(span) and span > 0):
        return 2
    power = math.floor(math.log10(span))
    return min(max(0, 2 - power) if power >= 0 else 1 - power, 6)


def dashes(index: int) -> Any:
    """Return the line style of the ``index``-th series, so that lines are told apart without colour."""
    return _DASHES[index % len(_DASHES)]


def legend_below(figure: Figure, axes: Axes, columns: int = 1) -> None:
    """Put the legend under the plot, where it hides no data, in as many of the columns as the figure is wide enough for."""
    handles, labels = axes.get_legend_handles_labels()
    height = 0.0
    for fewer in range(columns if handles else 0, 0, -1):
        legend = figure.legend(handles, labels, loc="outside lower left", ncols=fewer)
        needs = legend.get_window_extent()
        height = height or needs.height
        if fewer == 1 or needs.width <= figure.bbox.width:
            # what the further lines need is not taken from the plot
            figure.set_figheight(figure.get_figheight() + (needs.height - height) / figure.dpi)
            return
        legend.remove()


_COLOURS = {colour: f"var(--{name},{colour})" for name, colour in LIGHT.items() if name != "ink"} | {
    INK: f"var(--ink,{INK})"
}
_SAFE_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def _frames(figure: Figure) -> list[dict[str, Any]]:
    """Where each axes lies in the picture, in its units from the top left, and what it shows."""
    width, height = figure.get_size_inches() * 72
    frames = []
    for axes in figure.axes:
        box = axes.get_position()
        linear = axes.get_xscale() == "linear" and axes.get_yscale() == "linear"
        if linear and not axes.get_gid() == "no-hover":
            frames.append(
                {
                    "left": round(float(box.x0 * width), 2),
                    "right": round(float(box.x1 * width), 2),
                    "top": round(float((1 - box.y1) * height), 2),
                    "bottom": round(float((1 - box.y0) * height), 2),
                    "x": [float(v) for v in axes.get_xlim()],
                    "y": [float(v) for v in axes.get_ylim()],
                }
            )
    return frames


def _theme_rule() -> str:
    light = ";".join(f"--{k}:{v}" for k, v in LIGHT.items())
    dark = ";".join(f"--{k}:{v}" for k, v in DARK.items())
    return (
        f"<style>svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark};background:{DARK['paper']}}}}}</style>"
    )


@styled
def svg(figure: Figure, name: str = "figure", title: str = "", description: str = "", standalone: bool = False) -> str:
    """Return a figure as one ``<svg>`` element, the same bytes each time.

    Parameters
    ----------
    figure : Figure
    name : str
        Prefix of every id inside, so that several figures live on one page.
    title, description : str
        What a screen reader says; plain text, escaped here. With a title the element has ``role="img"``.
    standalone : bool
        Add the colours of both themes, for a file that is opened by itself.

    Returns
    -------
    str
        The attribute ``data-axes`` holds, as JSON, each axes' place in the picture and its limits, for pointer hover.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    name = _SAFE_NAME.sub("-", name)
    # ids that nothing in the picture refers to would only be in the way on a page
    used = set(re.findall(r'(?:url\(|xlink:href=")#([^)"]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m.group(1)}"' if m.group(1) in used else "", text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', text)
    # a style attribute holds no user text, so colours can be exchanged there without touching names
    text = re.sub(r'style="[^"]*"', lambda m: _themed(m.group(0)), text)
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    assert box is not None, "matplotlib writes a viewBox"
    label = f'role="img" aria-label="{html.escape(_spoken(title, description))}"' if title else 'aria-hidden="true"'
    frames = html.escape(json.dumps(_frames(figure), separators=(",", ":")))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box.group(1)}" {label} data-axes="{frames}"'
    return head + ">" + (_theme_rule() if standalone else "") + body.strip() + "\n"


def _spoken(title: str, description: str) -> str:
    return plain(f"{title}. {description}" if description else title, most=10_000)


def _themed(style: str) -> str:
    for colour, variable in _COLOURS.items():
        style = style.replace(colour, variable)
    return style.replace("'DejaVu Sans'", "var(--font,'DejaVu Sans',sans-serif)")


@styled
def save(figure: Figure, path: str | Path, dpi: int = 300) -> Path:
    """Write a figure as svg, png or pdf, by the ending of ``path``; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : path
        Written whole or not at all. The svg carries both themes; png and pdf have a white background.
    dpi : int
        Dots per inch of the png.

    Returns
    -------
    Path
        As named.

    Raises
    ------
    InputError
        For another ending.
    """
    path = Path(path)
    kind = one_of(path.suffix.lower().removeprefix("."), ("svg", "png", "pdf"), "figure format")
    with replacing(path) as draft:
        if kind == "svg":
            draft.write_text(svg(figure, name=path.stem, title=path.stem, standalone=True), encoding="utf-8")
        elif kind == "pdf":
            figure.savefig(draft, format="pdf", facecolor="white", metadata={"CreationDate": None, "Creator": None})
        else:
            figure.savefig(draft, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return path


def ordered(values: Sequence[Any]) -> list[Any]:
    """Return the distinct values in the order they first occur."""
    return list(dict.fromkeys(values))
