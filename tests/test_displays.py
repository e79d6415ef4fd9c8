"""Records show themselves in notebooks, whatever their names hold, and clips play inside the page."""

import base64
import dataclasses
import re

import av
import browser
import numpy as np
import pandas as pd
import pytest
from made_design import QUICK, make_design
from test_report import HOSTILE, Tree, make_run

from blues import agree, check, evaluate, fuse, survive, video
from blues.agree.section import merged
from blues.check import InputError
from blues.cohort.display import panel
from blues.embed import Embeddings
from blues.embed.record import STRANGE
from blues.evaluate import Estimate
from blues.fuse.command import summary
from blues.video import Sector

CONVEX = Sector("convex", (120, 160), (5, 118, 20, 140), (80.0, -20.0), 30.0, 130.0, -0.5, 0.5)


def frames_of(player, tmp_path):
    (tmp_path / "made.mp4").write_bytes(player.mp4)
    with av.open(str(tmp_path / "made.mp4")) as container:
        rate = container.streams.video[0].average_rate
        return float(rate), [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_a_run_shows_arms_and_differences():
    run = make_run(null=0)
    page = run._repr_html_()
    tree = Tree(page)
    assert tree.wrong == []
    assert "PCR positive in tiny" in tree.text
    assert "(reference)" in tree.text
    scores = run.scores.set_index(["arm", "metric"])
    for arm in run.scores["arm"].unique():
        if (arm, "auroc") in scores.index:
            assert f"{scores.loc[(arm, 'auroc'), 'value']:.3f} (" in tree.text
    gain = run.comparisons[(run.comparisons["metric"] == "auroc") & run.comparisons["low"].notna()]
    first = gain.iloc[0]
    assert f"{first['difference']:+.3f}".replace("-", "−") in tree.text


def test_a_number_reads_alike_on_page_notebook_and_terminal():
    """Halves away from zero everywhere, one way to write p and the interval (before, 0.063 here and 0.062 there)."""
    run = make_run(null=0)
    columns = ["value", "low", "high"]
    half = dataclasses.replace(run, scores=run.scores.assign(**dict.fromkeys(columns, 0.0625)))
    written = check.interval(0.0625, 0.0625, 0.0625, 3)
    assert written == "0.063 (0.063 to 0.063)" == str(Estimate(0.0625, 0.0625, 0.0625))
    assert written in Tree(half._repr_html_()).text
    assert written in summary(half)
    for text in (summary(run), run._repr_html_()):
        assert check.INTERVAL in text
        assert "95 %" not in text
    table = merged(pd.DataFrame({name: [0.0625] for name in columns} | {"p_value": [1e-5]}), 3)
    assert table.to_numpy().tolist() == [[written, check.p_value(1e-5)]] == [[written, "< 0.001"]]


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_a_run_of_another_kind_shows_itself(kind):
    run = make_run(kind="continuous", null=0)
    run = dataclasses.replace(run, design={**run.design, "kind": kind})
    assert "mean absolute error" in run._repr_html_()


def test_names_are_shown_and_not_obeyed():
    page = panel(HOSTILE[0], HOSTILE[1], HOSTILE[:2], [HOSTILE[:2], HOSTILE[2:4]], HOSTILE)
    tree = Tree(page)
    assert tree.wrong == []
    assert not tree.all("script", "img")
    assert all(" ".join(h.split()) in " ".join(tree.text.split()) for h in HOSTILE[:4])


def test_an_agreement_shows_value_interval_and_sentence():
    found = agree.cohen_kappa(np.array([[0, 0], [1, 1], [1, 0], [0, 0], [1, 1]]), categories=[0, 1])
    text = Tree(found._repr_html_()).text
    assert f"{found.value:.3f} ({found.low:.3f} to".replace("-", "−") in text
    assert found.sentence() in text
    assert "agreement by chance" in text


@pytest.mark.parametrize("shape", [(6, 60, 80), (6, 61, 81), (3, 500, 700)])
def test_a_clip_plays_with_its_length_and_no_wider_than_asked(shape, tmp_path):
    rng = np.random.default_rng(1)
    gray = np.repeat(rng.integers(0, 200, (shape[0], 1, 1), dtype=np.uint8), shape[1], 1).repeat(shape[2], 2)
    clip = video.Clip(gray, np.arange(shape[0]) / 4.0, 25.0, tmp_path / "a.avi", 50)
    player = video.play(clip)
    rate, made = frames_of(player, tmp_path)
    assert rate == pytest.approx(4.0)
    assert len(made) == shape[0]
    assert made[0].shape[1] <= 320
    assert made[0].shape[0] % 2 == made[0].shape[1] % 2 == 0
    assert np.abs(np.array([m.mean() for m in made]) - gray.mean((1, 2))).max() < 4
    assert "a.avi" in player._repr_html_()


def test_overlay_keeps_its_colour_where_the_line_is(tmp_path):
    gray = np.full((3, 120, 160), 60, np.uint8)
    drawn = video.outlined(gray, CONVEX, strength=1.0)
    line = (drawn != 60).any(-1)[0]
    assert 0 < line.sum() < 0.1 * line.size
    inside = video.mask(CONVEX)
    assert (line & ~inside).sum() == 0
    rate, made = frames_of(video.play(drawn, fps=5), tmp_path)
    assert rate == 5
    seen = made[1][line].mean(0)
    assert seen[2] > seen[0] + 40
    assert np.abs(made[1][~inside].mean(0) - 60).max() < 8


def test_a_title_is_text_and_wrong_frames_are_named():
    page = video.play(np.zeros((2, 32, 32), np.uint8), title=HOSTILE[0])._repr_html_()
    assert "<script>" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    with pytest.raises(InputError, match="shape"):
        video.play(np.zeros((32, 32), np.uint8))
    with pytest.raises(InputError, match="width"):
        video.play(np.zeros((2, 32, 32), np.uint8), width=3)
    with pytest.raises(InputError, match="shape"):
        video.write("a.gif", np.zeros((2, 32, 32, 3), np.uint8))


@pytest.mark.slow
@pytest.mark.skipif(browser.find() is None, reason="no Chromium; set BLUES_CHROMIUM")
def test_a_browser_plays_it_without_the_network(tmp_path):
    player = video.play(np.random.default_rng(0).integers(0, 255, (5, 60, 80, 3), dtype=np.uint8), fps=5, title="noise")
    assert base64.b64encode(player.mp4).decode() in player._repr_html_()
    (tmp_path / "clip.html").write_text(f"<!DOCTYPE html><title>x</title>{player._repr_html_()}", encoding="utf-8")
    with browser.page() as tab:
        tab.open(tmp_path / "clip.html")
        loaded = "new Promise(r => { const v = document.querySelector('video'); const f = () => r([v.videoWidth, v.duration]); "
        loaded += "if (v.readyState > 0) f(); else { v.onloadedmetadata = f; v.onerror = () => r([0, 0]); } })"
        width, seconds = tab.run(loaded)
        assert width == 80
        assert seconds == pytest.approx(1.0, abs=0.05)
        assert [u for u in tab.requested if not u.startswith(("file:", "data:"))] == []


def test_designs_and_embeddings_are_a_line_and_a_table():
    made = make_design(40, clips=3, cohort=HOSTILE[0])
    assert repr(made).startswith("<Design made in ")
    assert repr(made).endswith(
        f"binary, 120 clips ({int(made.y.sum())} with it) of 40 patients, from image (3 features), blood (2 features)>"
    )
    assert "40 patients, from" in repr(make_design(40, kind="continuous"))
    table = pd.DataFrame({"clip": list("abc"), "patient": ["1", "1", "2"], "point": "R1", "take": 1})
    table = table.assign(first=[0, 2, 4], frames=2, total=9, problems=["", "cut short", f"{STRANGE}: 3 of 4 frames"])
    lost = pd.DataFrame([["d", "2", HOSTILE[0], "empty"]], columns=["clip", "patient", "path", "reason"])
    seen = Embeddings(
        table,
        np.zeros((6, 5)),
        ("f0", HOSTILE[0], "f2", "f3", "f4"),
        {"name": "made", "hash": "0123456789"},
        lost,
    )
    assert repr(seen) == "<Embeddings by made: 3 clips of 2 patients, 6 frames, 5 features, 1 not read>"
    for record, words in (
        (made, ("120 clips", "blood", "image", "Refused: 0 columns")),
        (
            seen,
            ("3", "2 patients", "of 27", "Not read: 1 clip", "Damaged or odd: 2 clips (1 may be no lung ultrasound)"),
        ),
    ):
        tree = Tree(record._repr_html_())
        assert tree.wrong == []
        assert not tree.all("script", "img")
        assert all(word in tree.text for word in words)
        assert len(repr(record)) < 400


def test_a_run_on_clips_counts_clips_in_terminal_and_notebook():
    made = make_design(40, clips=3)
    run = fuse.run(made, fuse.Experiment(modalities=("image", "blood"), **QUICK))
    told = f"120 clips ({int(made.y.sum())} with the event) of 40 patients;"
    assert told in summary(run)
    assert told in Tree(run._repr_html_()).text


def test_results_are_a_line_in_a_terminal_and_tables_in_a_notebook(rng):
    y, p, time = np.arange(60) % 2, rng.random(60), rng.exponential(6, 60)
    sick = pd.DataFrame({HOSTILE[0]: rng.normal(size=60), "age": rng.normal(60, 10, 60)})
    groups = np.where(y, HOSTILE[0], "others")
    area = evaluate.auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert repr(area).startswith(f"<Estimate {area}: se ")
    assert repr(area).startswith("<Estimate 0.750 (0.069 to 0.992): se ")
    assert "reason one observation" in repr(evaluate.brier([1], [0.2]))
    cox = survive.cox(time, y, sick)
    curves = survive.kaplan_meier(time, y, groups=groups)
    for record, words in [
        (area, ["0.750 (0.069 to 0.992)", "delong-logit"]),
        (evaluate.delong_test(y, p, p[::-1]), ["statistic", "DeLong, paired"]),
        (evaluate.calibration(y, p), ["slope", "spiegelhalter"]),
        (evaluate.operating_point(y, p > 0.5, [0.1]), ["tp", "sensitivity", "prevalence"]),
        (cox, ["log likelihood", "hazard_ratio", "age", f"{cox.concordance:.3f}"]),
        (curves, ["median", f"and {len(curves.table) - 8} more rows"]),
        (survive.restricted_mean(time, y, tau=5, groups=groups), ["differences", "others"]),
        (survive.describe(pd.DataFrame({"time": time, "event": y})), ["Curves", "RestrictedMean"]),
    ]:
        line, tree = repr(record), Tree(record._repr_html_())
        assert line.startswith(f"<{type(record).__name__}")
        assert len(line) < 330
        assert "\n" not in line
        assert tree.wrong == []
        assert not tree.all("script", "img")
        assert all(word in tree.text for word in words), (line, words)
