"""Figures: what is drawn is what was given, the same bytes each time, safe for any text and for colour-blind readers."""

import itertools
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from blues import evaluate, plots
from blues.check import InputError
from blues.plots import style

HOSTILE = ("<script>alert(1)</script> \"quotes\" & 'more' אבג \u202etxet", "😀🫁 $x_{1$ \\frac{ a\nb\x00c" + "x" * 300)
SVG = "{http://www.w3.org/2000/svg}"


def curve(arms=("image+blood", "blood"), n=21):
    grid = np.linspace(0, 1, n)
    parts = [
        pd.DataFrame(
            {
                "arm": a,
                "fpr": grid,
                "tpr": grid ** (0.3 + 0.3 * i),
                "low": grid * 0.8,
                "high": np.minimum(1, grid + 0.3),
            }
        )
        for i, a in enumerate(arms)
    ]
    return pd.concat(parts, ignore_index=True)


def predictions(arms=("image+blood", "blood"), n=30, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    parts = [pd.DataFrame({"arm": a, "y": y, "p": np.clip(0.3 + 0.4 * y + rng.normal(0, 0.15, n), 0, 1)}) for a in arms]
    return pd.concat(parts, ignore_index=True)


def scores(arms=("image", "blood", "image+blood")):
    value = np.linspace(0.6, 0.9, len(arms))
    return pd.DataFrame({"arm": list(arms), "value": value, "low": value - 0.1, "high": value + 0.05})


def times(value="survival"):
    t = np.arange(10.0)
    parts = [
        pd.DataFrame(
            {
                "group": g,
                "time": t,
                value: np.linspace(1, 0.2, 10),
                "low": 0.1,
                "high": 1.0,
                "at_risk": np.arange(n, n - 10, -1),
            }
        )
        for g, n in (("PCR +", 33), ("PCR −", 30))
    ]
    return pd.concat(parts, ignore_index=True)


def everything(names=("image+blood", "blood")):
    """One call of every figure, with the given names in every place a name can stand."""
    a, b = names
    c, p = curve((a, b)), predictions((a, b))
    table = pd.DataFrame([[5, 1], [2, 7]], index=[a, b], columns=[a, b])
    moved = pd.DataFrame({"y": [0, 1], "before": [0.2, 0.7], "after": [0.1, 0.9]})
    threshold = c.rename(columns={"fpr": "threshold", "tpr": "net_benefit"})
    everyone = pd.DataFrame({"arm": "all", "threshold": [0.0, 1.0], "net_benefit": [0.5, -1.0]})
    return {
        "roc": plots.roc(c, {a: a}),
        "precision_recall": plots.precision_recall(c.rename(columns={"fpr": "recall", "tpr": "precision"}), 0.4),
        "calibration": plots.calibration(c.rename(columns={"fpr": "predicted", "tpr": "observed"}), p),
        "decision_curve": plots.decision_curve(pd.concat([threshold, everyone])),
        "risk_distribution": plots.risk_distribution(p),
        "change": plots.change(moved, a, b),
        "observed_predicted": plots.observed_predicted(p),
        "arms_forest": plots.arms_forest(
            scores((a, b)), scores((a, b)).assign(reference=b, difference=0.1, low=0.0, high=0.2), a
        ),
        "repeats": plots.repeats(
            pd.DataFrame({"arm": [a, a, b, b], "repeat": [0, 1, 0, 1], "value": [0.6, 0.7, 0.8, 0.9]}), a
        ),
        "null_histogram": plots.null_histogram(np.linspace(0.3, 0.7, 50), 0.9, a),
        "learning_curve": plots.learning_curve(pd.DataFrame({"arm": a, "patients": [10, 20], "value": [0.6, 0.7]}), b),
        "importance": plots.importance(pd.DataFrame({"feature": [a, b], "value": [1.0, 2.0], "modality": [a, b]})),
        "missingness": plots.missingness(pd.DataFrame({"column": [a, b], "missing": [0.2, 0.0], "role": [a, b]})),
        "flow": plots.flow(pd.DataFrame({"step": [a, b], "n": [3, 2], "excluded": ["", a]})),
        "survival": plots.survival(times().replace("PCR +", a)),
        "cumulative_incidence": plots.cumulative_incidence(times("incidence").assign(cause=b).replace("PCR +", a)),
        "agreement_matrix": plots.agreement_matrix(table, a, b),
        "bland_altman": plots.bland_altman([1, 2], [0, 1], (0.5, 0, 1), ((-1, -2, 0), (2, 1, 3)), a),
        "pairs_forest": plots.pairs_forest(
            pd.DataFrame({"pair": [a, b], "value": 0.5, "low": 0.4, "high": 0.6, "kind": [a, b]}), a
        ),
        "waterfall": plots.waterfall(
            pd.DataFrame({"name": [a, b], "start": [0.5, 0.7], "end": [0.7, 0.6], "modality": [a, b]}), a, b
        ),
        "chest": plots.chest(pd.DataFrame({"point": ["R1", a], "text": [b, a], "level": [0.4, np.nan]}), b),
    }


@pytest.fixture(scope="module")
def figures():
    return everything()


def test_every_public_figure_is_drawn_here(figures):
    helpers = {"plain", "save", "svg"}
    functions = {name for name in plots.__all__ if callable(getattr(plots, name))} - helpers
    assert functions == set(figures)


def test_same_figure_gives_the_same_bytes(figures):
    for name, figure in figures.items():
        assert plots.svg(figure, name, "t") == plots.svg(figure, name, "t"), name
    assert plots.svg(plots.roc(curve(), {"image+blood": "image+blood"}), "a") == plots.svg(figures["roc"], "a")


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_process():
    code = (
        "import hashlib, pandas as pd; from blues import plots;"
        "f = plots.roc(pd.DataFrame({'arm': ['a', 'a', 'b', 'b'], 'fpr': [0, 1, 0, 1], 'tpr': [0, 1, .5, 1]}));"
        "print(hashlib.sha256(plots.svg(f, 'n', 't').encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": s}, capture_output=True, text=True, check=True
        ).stdout
        for s in ("1", "2")
    }
    assert len(runs) == 1


def test_svg_is_well_formed_and_its_ids_are_its_own(figures):
    ids = []
    for name, figure in figures.items():
        tree = ET.fromstring(plots.svg(figure, name, "Title", "Words"))
        assert tree.tag == f"{SVG}svg"
        assert tree.get("role") == "img"
        assert tree.get("aria-label") == "Title. Words"
        found = [e.get("id") for e in tree.iter() if e.get("id")]
        assert all(i.startswith(f"{name}-") for i in found)
        ids += found
        text = plots.svg(figure, name)
        assert 'aria-hidden="true"' in text
        for reference in re.findall(r'(?:href="#|url\(#)([^")]+)', text):
            assert reference in found, f"{name} refers to {reference}"
    assert len(ids) == len(set(ids)), "two figures on one page share an id"


def test_svg_has_no_date_no_address_and_only_theme_colours(figures):
    for name, figure in figures.items():
        text = plots.svg(figure, name)
        assert "<metadata" not in text
        assert set(re.findall(r'https?://[^"]+', text)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }
        bare = re.findall(r"(?<!,)#[0-9a-f]{6}", text.split(">", 1)[1])
        assert not bare, f"{name} has colours that no theme can change: {set(bare)}"


def test_standalone_svg_carries_both_themes(figures):
    text = plots.svg(figures["roc"], "roc", "t", standalone=True)
    assert "prefers-color-scheme:dark" in text
    for theme in (plots.LIGHT, plots.DARK):
        assert all(f"--{name}:{colour}" in text for name, colour in theme.items())


@pytest.mark.parametrize("pair", [HOSTILE, HOSTILE[::-1]])
def test_any_name_is_drawn_as_text(pair):
    tags = {"svg", "defs", "style", "g", "path", "use", "text", "clipPath", "rect", "image"}
    for name, figure in everything(pair).items():
        text = plots.svg(figure, name, pair[0], pair[1])
        tree = ET.fromstring(text)
        assert {e.tag.removeprefix(SVG) for e in tree.iter()} <= tags, name
        assert "\u202e" not in text, name
        assert "frac" in text or "alert" in text
        if name == "arms_forest":
            drawn = ET.tostring(tree, encoding="unicode", method="text")
            assert all(line in drawn for line in style.folded(pair[0]).split("\n"))


def test_plain_keeps_words_and_cuts_length():
    assert plots.plain("  a \n b ") == "a b"
    assert plots.plain("x" * 300, 10) == "x" * 9 + "…"
    assert plots.plain("\u202eabc\x07\ud800") == "abc"
    assert plots.plain("אבג") == "אבג"


def test_places_of_the_axes_are_where_the_marks_are(figures):
    """The pointer finds data by ``data-axes``: it must agree with where matplotlib put the marks."""
    table = pd.DataFrame({"y": [1, 1], "before": [0.1, 0.85], "after": [0.35, 0.6]})
    tree = ET.fromstring(plots.svg(plots.change(table, "a", "b"), "c"))
    frame = json.loads(tree.get("data-axes"))[0]
    marks = [(float(u.get("x")), float(u.get("y"))) for u in tree.iter(f"{SVG}use")]

    def place(x, y):
        return (
            frame["left"] + (x - frame["x"][0]) / (frame["x"][1] - frame["x"][0]) * (frame["right"] - frame["left"]),
            frame["bottom"] - (y - frame["y"][0]) / (frame["y"][1] - frame["y"][0]) * (frame["bottom"] - frame["top"]),
        )

    for x, y in ((0.1, 0.35), (0.85, 0.6)):
        assert min(np.hypot(*np.subtract(place(x, y), mark)) for mark in marks) < 0.05
    assert len(json.loads(ET.fromstring(plots.svg(figures["calibration"], "c")).get("data-axes"))) == 1


# what is drawn


def test_roc_draws_every_point_and_band():
    frame = curve()
    axes = plots.roc(frame).axes[0]
    for line, (_, part) in zip(axes.lines[1:], frame.groupby("arm", sort=False), strict=True):
        assert np.allclose(line.get_xydata(), part[["fpr", "tpr"]])
    assert len(axes.collections) == 2
    assert len(plots.roc(frame.drop(columns=["low", "high"])).axes[0].collections) == 0
    styles = {(line.get_color(), str(line._dash_pattern)) for line in axes.lines[1:]}
    assert len(styles) == 2
    assert axes.lines[1].get_linestyle() != axes.lines[2].get_linestyle()


def test_forest_rows_are_in_the_order_given():
    frame = scores()
    left, right = plots.arms_forest(
        frame, frame.assign(reference="blood", difference=frame["value"] - 0.75).iloc[[2]]
    ).axes
    assert [t.get_text() for t in left.get_yticklabels()] == ["image", "blood", "image+blood"]
    assert list(left.get_yticks()) == [0, -1, -2]
    points = [line for line in right.lines if line.get_marker() in "oD"]
    assert [(float(p.get_xdata()[0]), float(p.get_ydata()[0])) for p in points] == [(pytest.approx(0.15), -2.0)]
    assert right.get_xlabel() == "difference to blood"


def test_arms_with_images_differ_by_colour_and_mark_even_with_a_model_in_the_name():
    axes = plots.arms_forest(scores(("image [forest]", "blood [forest]", "image+blood [forest]"))).axes[0]
    marks = [(line.get_marker(), line.get_color()) for line in axes.lines if line.get_marker() in "oD"]
    assert marks[0] == marks[2] != marks[1]


def test_decision_curve_draws_both_default_strategies():
    frame = curve().rename(columns={"fpr": "threshold", "tpr": "net_benefit"})
    everyone = pd.DataFrame({"arm": "all", "threshold": [0.0, 1.0], "net_benefit": [0.5, -1.0]})
    axes = plots.decision_curve(pd.concat([frame, everyone])).axes[0]
    named = {line.get_label(): line for line in axes.lines}
    assert {"treat none", "treat all", "image+blood", "blood"} == set(named)
    assert np.allclose(named["treat all"].get_ydata(), [0.5, -1.0])


def test_calibration_histogram_counts_outcomes_apart():
    p = pd.DataFrame({"arm": "a", "y": [1, 1, 0], "p": [0.91, 0.93, 0.11]})
    line = pd.DataFrame({"arm": ["a", "a"], "predicted": [0, 1], "observed": [0, 1]})
    _, bottom = plots.calibration(line, p).axes
    heights = [round(bar.get_height()) for bar in bottom.patches]
    assert sum(h for h in heights if h > 0) == 2
    assert sum(h for h in heights if h < 0) == -1


def test_risk_distribution_shows_everybody_and_the_medians():
    frame = predictions(("a",), 30)
    axes = plots.risk_distribution(frame).axes[0]
    dots = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert [len(d.get_xdata()) for d in dots] == [15, 15]
    medians = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2]
    expected = [frame.loc[frame["y"] == y, "p"].median() for y in (1, 0)]
    assert np.allclose(medians, expected)
    assert len(plots.risk_distribution(predictions(("a",), 1000)).axes[0].lines) > 2


def test_numbers_at_risk_are_those_of_the_table():
    figure = plots.survival(times())
    below = figure.axes[1]
    shown = [t.get_text() for t in below.texts]
    assert shown[0] == "number at risk"
    assert shown[1:6] == ["33", "31", "29", "27", "25"]
    assert len(plots.survival(times().drop(columns="at_risk")).axes) == 1


def test_legend_stays_inside_the_figure_and_takes_nothing_from_the_plot():
    curves = times("incidence")
    curves = pd.concat([curves.assign(cause=c) for c in ("died in hospital", "discharged alive")])
    short = plots.cumulative_incidence(curves.assign(group=curves["group"].map({"PCR +": "a", "PCR −": "b"})))
    long = plots.cumulative_incidence(curves.assign(group=curves["group"] + " by the first test at admission"))
    for figure in (short, long):
        assert figure.legends[0].get_window_extent().width <= figure.bbox.width
    assert long.get_figheight() > short.get_figheight()


def test_importance_sums_what_it_does_not_draw():
    frame = pd.DataFrame({"feature": [f"f{i}" for i in range(20)], "value": np.arange(20.0)})
    axes = plots.importance(frame, most=5).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["f19", "f18", "f17", "f16", "f15", "15 others, summed"]
    assert sum(p.get_width() for p in axes.patches) == pytest.approx(frame["value"].sum())


def test_missingness_hides_nothing_in_silence():
    frame = pd.DataFrame({"column": [f"c{i}" for i in range(8)], "missing": [0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]})
    axes = plots.missingness(frame, most=4).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["c7", "c6", "c5", "c4"]
    assert axes.get_xlabel() == "missing, % (2 of 8 complete; 2 more incomplete)"


@pytest.mark.parametrize(("unit", "shown"), [(1.0, "+0.30"), (1000.0, "+300"), (0.01, "+0.0030")])
def test_steps_have_as_many_decimals_as_their_size_asks_for(unit, shown):
    steps = pd.DataFrame({"name": ["a", "b"], "start": [0.2 * unit, 0.5 * unit], "end": [0.5 * unit, 0.4 * unit]})
    texts = [text.get_text() for text in plots.waterfall(steps).axes[0].texts]
    assert texts[0] == shown


def test_arms_of_a_learning_curve_differ_in_their_marks_too():
    frame = pd.DataFrame({"arm": ["a", "a", "b", "b"], "patients": [10, 20] * 2, "value": [0.6, 0.7, 0.5, 0.6]})
    first, second = plots.learning_curve(frame).axes[0].lines
    assert first.get_marker() != second.get_marker()


def test_bland_altman_and_matrix_show_their_numbers():
    axes = plots.bland_altman([1, 2], [0, 1], (0.5, 0, 1), ((-1, -2, 0), (2, 1, 3))).axes[0]
    assert [t.get_text() for t in axes.texts] == ["bias 0.50", "lower limit −1.00", "upper limit 2.00"]
    table = pd.DataFrame([[5, 1], [2, 7]], index=["no", "yes"], columns=["no", "yes"])
    assert [t.get_text() for t in plots.agreement_matrix(table).axes[0].texts] == ["5", "1", "2", "7"]


# bad input, state, files


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.roc(pd.DataFrame({"arm": [], "fpr": []})), "curves has no column 'tpr'"),
        (lambda: plots.flow(pd.DataFrame({"step": [], "n": []})), "the flow has no step"),
        (lambda: plots.agreement_matrix(pd.DataFrame([[1, 2, 3]])), "same categories"),
        (lambda: plots.null_histogram([0.5, np.nan], 0.5), "missing or infinite"),
        (lambda: plots.bland_altman([1], [1, 2], (0, 0, 0), ((0, 0, 0), (0, 0, 0))), "differ in length"),
        (lambda: plots.survival(pd.DataFrame({"group": ["a"], "time": [1]})), "no column 'survival'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_nothing_is_left_behind():
    before = dict(matplotlib.rcParams)
    plots.svg(plots.roc(curve()))
    assert dict(matplotlib.rcParams) == before
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, blues.plots; print('matplotlib.pyplot' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "False"


def test_saved_files_are_what_they_say_and_repeat(tmp_path, figures):
    for ending, magic in (("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        first = plots.save(figures["roc"], tmp_path / f"a.{ending}").read_bytes()
        again = plots.save(figures["roc"], tmp_path / "sub" / f"a.{ending}").read_bytes()
        assert first.startswith(magic)
        assert first == again
    with pytest.raises(InputError, match="Allowed: svg, png, pdf"):
        plots.save(figures["roc"], tmp_path / "a.bmp")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "a.png", "a.svg", "sub"]


def test_many_points_stay_small():
    frame = predictions(("a",), 20_000)
    moved = pd.DataFrame({"y": frame["y"], "before": frame["p"], "after": frame["p"][::-1].to_numpy()})
    assert len(plots.svg(plots.change(moved, "a", "b"))) < 300_000


# colour


def _linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _luminance(colour):
    return _linear(colour) @ [0.2126, 0.7152, 0.0722]


def _contrast(a, b):
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira and Fernandes 2009, IEEE TVCG 15:1291, severity 1.0
_SEEN = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def _lab(colour, sight):
    rgb = np.clip(np.array(_SEEN[sight]) @ _linear(colour), 0, 1)
    xyz = (
        np.array(
            [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
        )
        @ rgb
    )
    f = np.cbrt(np.maximum(xyz / [0.95047, 1.0, 1.08883], 1e-6))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", [plots.LIGHT, plots.DARK], ids=["light", "dark"])
def test_colours_stand_out_from_the_page(theme):
    for name in ("ink", "muted"):
        assert _contrast(theme[name], theme["paper"]) >= 4.5, f"{name} is too weak for text"
    for name, colour in theme.items():
        if name.startswith("c"):
            assert _contrast(colour, theme["paper"]) >= 3, f"{name} is too weak for a line"


@pytest.mark.parametrize("sight", list(_SEEN))
@pytest.mark.parametrize("theme", [plots.LIGHT, plots.DARK], ids=["light", "dark"])
def test_the_three_arms_of_a_figure_differ_for_every_eye(theme, sight):
    for a, b in itertools.combinations(("c1", "c2", "c3"), 2):
        assert np.linalg.norm(_lab(theme[a], sight) - _lab(theme[b], sight)) > 18, f"{a} and {b} look alike"
    with_, without = (f"c{1 + style.SERIES.index(c)}" for c in (plots.curves.WITH, plots.curves.WITHOUT))
    assert np.linalg.norm(_lab(theme[with_], sight) - _lab(theme[without], sight)) > 18


@pytest.mark.parametrize("falling", [False, True])
def test_the_area_under_precision_is_the_average_precision(falling):
    y, p = np.array([1, 0, 0, 0, 1, 1, 0, 0]), np.linspace(0.9, 0.2, 8)
    hits, called = y.cumsum(), np.arange(1, 9)
    frame = pd.DataFrame({"arm": "a", "recall": hits / 3, "precision": hits / called})
    figure = plots.precision_recall(frame[::-1] if falling else frame, prevalence=3 / 8)
    (line,) = (one for one in figure.axes[0].get_lines() if one.get_label() == "a")
    x, height = line.get_data()
    assert line.get_drawstyle() == "steps-pre"
    assert (np.diff(x) * height[1:]).sum() == pytest.approx(evaluate.average_precision(y, p).value)


def test_a_notebook_shows_a_figure_as_a_picture():
    figure = plots.roc(pd.DataFrame({"arm": "blood", "fpr": [0, 0.1, 1], "tpr": [0, 0.9, 1]}))
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_colour_and_dashes_tell_groups_and_width_tells_events():
    curves = pd.concat([times("incidence").assign(cause=c) for c in ("died", "left")])
    axes, below = plots.cumulative_incidence(curves).axes
    look = {}
    for line in axes.lines:
        look[line.get_label()] = (line.get_color(), tuple(line._unscaled_dash_pattern[1] or ()), line.get_linewidth())
    groups, causes = curves["group"].unique(), ("died", "left")
    for group in groups:
        assert len({look[f"{group}, {cause}"][:2] for cause in causes}) == 1
    for cause in causes:
        assert len({look[f"{group}, {cause}"][2] for group in groups}) == 1
    assert [len(set(part)) for part in zip(*look.values(), strict=True)] == [2, 2, 2]
    swatches = {tuple(line._unscaled_dash_pattern[1] or ()) for line in below.lines}
    assert swatches == {part[1] for part in look.values()}
    assert set(groups) <= {t.get_text() for t in below.texts}
    alone = plots.cumulative_incidence(curves[curves["group"] == groups[0]]).axes[0]
    assert len({tuple(line._unscaled_dash_pattern[1] or ()) for line in alone.lines}) == 2


def test_bars_no_more_than_chance_have_an_outline_that_can_be_seen():
    frame = pd.DataFrame({"feature": ["a", "b"], "value": [2.0, 1.0], "inside_null": [False, True]})
    outlined = [p for p in plots.importance(frame).axes[0].patches if not p.get_fill()]
    assert len(outlined) == 1
    assert _contrast(to_hex(outlined[0].get_edgecolor()), style.PAPER) >= 3


def overhang(figure):
    """Return by how many points the names of rows and axes reach out of a figure, at either side."""
    texts = [text for axes in figure.axes for text in (axes.xaxis.label, *axes.get_yticklabels())]
    boxes = [text.get_window_extent() for text in texts]
    return max(0, -min(box.x0 for box in boxes), max(box.x1 for box in boxes) - figure.bbox.width)


def test_names_that_differ_at_their_ends_are_told_apart_and_the_axis_keeps_inside():
    arms = [f"expert rule: each clip by pleural line irregular in zone {i}" for i in "ab"] + ["image", "x" * 90 + "y"]
    frame = pd.DataFrame({"arm": arms, "value": 0.1, "low": 0.0, "high": 0.2})
    for metric, better in (("difference in AUROC", 1), ("difference in AUROC, second run − first run, anew", 0)):
        figure = plots.arms_forest(frame, metric=metric, chance=0.0, better=better)
        shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert len(set(shown)) == 4
        assert "zone a" in shown[0]
        assert shown[3].endswith("y")
        assert overhang(figure) == 0
    assert len({style.folded(arm) for arm in arms}) == 4


def test_bars_of_small_values_have_numbers_apart_and_say_what_the_rest_is():
    frame = pd.DataFrame({"feature": ["L2", "R1"], "value": [0.0085, 0.006], "low": 0.003, "high": [0.021, 0.02]})
    figure = plots.importance(frame, most=1)
    ticks = [label.get_window_extent() for label in figure.axes[0].get_xticklabels() if label.get_text()]
    assert all(one.x1 + 4 < after.x0 for one, after in itertools.pairwise(ticks))
    assert "others, summed" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_days_are_whole_numbers():
    curves = pd.DataFrame(
        {"group": "all", "time": [0.0, 3, 9, 18], "survival": [1, 0.6, 0.3, 0], "at_risk": [40, 30, 9, 1]}
    )
    figure = plots.survival(curves)
    assert all(tick == int(tick) for tick in figure.axes[0].get_xticks())
