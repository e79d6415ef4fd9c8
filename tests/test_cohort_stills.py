"""Pictures are clips of one frame where the dictionary says so; a draft says so where there are no others."""

import tomllib

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_cohort import CLIPS, TOML, findings, swap, write

from blues import embed
from blues.check import InputError
from blues.cohort import draft, read

STILLS = swap(TOML, "[clips]\n", "[clips]\nstills = true\n")


def own(tmp_path, suffix=".png", extra=()):
    """Write twenty patients with a picture of two points each, in a folder without a dictionary."""
    rng = np.random.default_rng(1)
    ids = [f"P{i:02d}" for i in range(1, 21)]
    table = pd.DataFrame({"patient": ids, "age": rng.integers(20, 90, 20), "crp": rng.gamma(2, 30, 20).round(1)})
    table.assign(pcr=["positive", "negative"] * 10).to_csv(tmp_path / "patients.csv", index=False)
    (tmp_path / "pictures").mkdir()
    for one in ids:
        for point in ("R1", "L1"):
            path = tmp_path / "pictures" / f"{one}_{point}{suffix}"
            Image.fromarray(rng.integers(0, 255, (64, 80)).astype(np.uint8)).save(path)
    for name in extra:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 2000)
    return tmp_path


def test_covers_and_copies_beside_clips_are_left_out_each(tmp_path):
    cohort = read(write(tmp_path, clips=(*CLIPS, "1_R1.webm", "1_L1.TIF")))
    assert len(cohort.clips) == len(CLIPS)
    assert not set(cohort.clips["path"]) & {"videos/1_R1.webm", "videos/1_L1.TIF"}
    told = findings(cohort, done="left out").set_index("value")["what"]
    assert told[".webm"].endswith("so its cover or a copy (1 file: 1_R1.webm beside 1_R1.mp4)")
    assert "1_L1.TIF beside 1_L1.MP4" in told[".tif"]


def test_pictures_beside_clips_are_left_out_and_counted_unless_asked_for(tmp_path):
    folder = write(tmp_path, clips=(*CLIPS, "2_L1.png", "10_L1.jpg", "10_R1.PNG"))
    cohort = read(folder)
    assert len(cohort.clips) == len(CLIPS)
    told = findings(cohort, done="left out; stills = true in [clips] makes pictures clips")
    assert dict(zip(told["value"], told["what"], strict=True)) == {".png": "not clips (2 files)", ".jpg": "not a clip"}


def test_pictures_asked_for_are_clips(tmp_path):
    folder = write(tmp_path, toml=STILLS, clips=(*(c for c in CLIPS if c[:2] != "10"), "10_L1.jpg", "10_R1.PNG"))
    cohort = read(folder)
    assert cohort.clips.loc["10_R1", "path"] == "videos/10_R1.PNG"
    assert findings(cohort, kind="left out", file="videos").empty
    (folder / "videos" / "1_R1.png").write_bytes(b"x" * 7)
    with pytest.raises(InputError, match=r"1_R1"):
        read(folder)


def test_pictures_alone_name_the_setting(tmp_path):
    with pytest.raises(InputError, match=r"holds no clips.*stills = true"):
        read(write(tmp_path, clips=("1_R1.png", "2_R1.png")))


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".bmp"])
def test_a_folder_of_pictures_is_drafted_read_and_embedded(tmp_path, suffix):
    folder = own(tmp_path, suffix, extra=("pictures/intro.mp4", "teaser.avi"))
    text = draft(folder)
    assert tomllib.loads(text)["clips"]["stills"] is True
    assert "stills = true # DECIDE" in text
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    cohort = read(folder)
    assert (len(cohort.clips), cohort.clips["point"].nunique()) == (40, 2)
    made = embed.embed(cohort, "frame-stats", cache=tmp_path / "cache", progress=False)
    assert made.table["frames"].tolist() == [1] * 40
    assert np.isfinite(made.values).all()


def test_pictures_beside_clips_are_asked_about(tmp_path):
    folder = own(tmp_path, ".mp4.png")
    for path in list((folder / "pictures").glob("*.png")):
        path.with_suffix("").write_bytes(b"x" * 2000)
    text = draft(folder)
    assert tomllib.loads(text)["clips"]["stills"] is False
    assert "40 pictures such as" in text
    for path in (folder / "pictures").glob("*.png"):
        path.unlink()
    assert "stills" not in draft(folder)


def test_figures_are_no_clips(tmp_path):
    folder = own(tmp_path, extra=("figures/flow.png", "figures/roc.png"))
    for path in (folder / "pictures").glob("*"):
        path.unlink()
    drafted = tomllib.loads(draft(folder))
    assert "clips" not in drafted
    assert "clips" not in drafted["files"]


@pytest.mark.parametrize("suffix", ["mkv", "WEBM", "m4v", "tiff", "tif", "3gp"])
def test_what_can_be_read_is_a_clip(tmp_path, suffix):
    folder = write(tmp_path, clips=(*CLIPS, f"2_L1_2.{suffix}"))
    assert "2_L1_2" in read(folder).clips.index
