"""The shipped dictionary of COVIDx-US, on tables and clips laid out as the collection's notebook leaves them."""

import shutil

import av
import numpy as np
import pytest
from small_cohort import findings

from blues import datasets, embed, video
from blues.pretrain.real import LabelledClips

HEADER = "id,LUSS,source,probe,class,class_on_website,type,patient,case_no"
ROWS = [
    ("1_butterfly_covid", "mp4", "3", "COVID", "", "lung", "p1"),
    ("23_grepmed_pneumonia", "mp4", "1", "Pneumonia", '"irregular, patchy"', "lung", "p2"),
    ("176_uf_normal", "wmv", "0", "Normal", "a \u201cD\u201d shaped septum", "lung", "p3"),
    ("177_uf_other", "mp4", "NA", "Other", "", "lung", "p3"),
    ("118_litfl_other", "gif", "NA", "Other", "", "cardiac", "p4"),
]


def wmv(path, frames):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("wmv2", rate=15)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray").reformat(format="yuv420p")))
        container.mux(stream.encode())


@pytest.fixture
def folder(tmp_path, rng):
    (tmp_path / "utils").mkdir()
    (tmp_path / "labels").mkdir()
    clips = tmp_path / "data" / "video" / "original"
    clips.mkdir(parents=True)
    lines, scores = [HEADER], ["id,LUSS,filetype,source,probe,class,type"]
    for number, (clip, kind, score, label, on_website, organ, patient) in enumerate(ROWS):
        source = clip.split("_")[1]
        lines.append(f"{clip},{score},{source},Convex,{label},{on_website},{organ},{patient},{number}")
        scores.append(f"{clip},{score},{kind},{source},Convex,{label},{organ}")
        frames = rng.integers(0, 200, (9, 96, 96)).astype(np.uint8)
        (wmv if kind == "wmv" else video.write)(clips / f"{clip}.{kind}", frames)
    (tmp_path / "labels" / "COVIDx-US1.4_4class.csv").write_text("\n".join(lines) + "\n", encoding="cp1252")
    (tmp_path / "utils" / "LUSS_metadata.csv").write_text("\n".join(scores) + "\n", encoding="ascii")
    return tmp_path


def test_a_checkout_where_the_notebook_ran_is_known(folder):
    made = datasets.load(folder)
    assert made.name == "COVIDx-US"
    assert made.clips["patient"].to_dict() == {
        "1_butterfly_covid": "p1",
        "23_grepmed_pneumonia": "p2",
        "176_uf_normal": "p3",
        "177_uf_other": "p3",
    }
    assert made.target("covid19").to_dict() == {"p1": 1, "p2": 0, "p3": 0, "p4": 0}
    assert made.target("pneumonia").sum() == made.target("normal").sum() == 1
    scores = made.ratings.set_index("clip")["rating"].dropna()
    assert scores.to_dict() == {"1_butterfly_covid": 3, "23_grepmed_pneumonia": 1, "176_uf_normal": 0}


def test_clips_of_other_organs_and_patients_of_two_classes_are_told(folder):
    left = findings(datasets.load(folder), kind="left out")
    assert "type is 'cardiac', and the dictionary takes lung only" in left["what"].tolist()
    assert any("which has another class" in what for what in left["what"])


def test_its_clips_are_read_and_its_scores_teach_the_network(folder):
    made = datasets.load(folder)
    found = embed.embed(made, "frame-stats", workers=1, cache=None)
    assert len(found.quarantine) == 0
    assert len(found.table) == 4
    learned = LabelledClips(made)
    assert learned.name == "COVIDx-US"
    assert len(learned.frames) == 3


def test_the_tables_themselves(covidx_folder, tmp_path):
    for name in ("labels", "utils"):
        shutil.copytree(covidx_folder / name, tmp_path / name)
    clips = tmp_path / "data" / "video" / "original"
    clips.mkdir(parents=True)
    for line in (covidx_folder / "labels" / "COVIDx-US1.4_4class.csv").read_text(encoding="latin-1").splitlines()[1:]:
        (clips / f"{line.split(',')[0]}.mp4").write_bytes(b"a clip")
    made = datasets.load(tmp_path)
    assert len(made.patients) == 190
    assert len(made.clips) == 228, "of 243, 15 are not known to show a lung"
    assert made.ratings["rating"].value_counts().to_dict() == {0: 62, 2: 47, 3: 33, 1: 30}
    assert findings(made, kind="left out")["what"].str.contains("which has another class,").sum() == 5
