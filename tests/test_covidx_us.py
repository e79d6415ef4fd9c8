"""The shipped dictionary of COVIDx-US, on tables and clips laid out as the collection's notebook leaves them."""

import av
import numpy as np
import pytest

from blues import cohort, datasets, embed, video
from blues.pretrain.real import LabelledClips

HEADER = list(cohort.read_dictionary("covidx_us").columns)
ROWS = [
    ("1_butterfly_covid", "mp4", "COVID", "3", {"gender": "", "age": ""}),
    (
        "23_grepmed_pneumonia",
        "mp4",
        "Pneumonia",
        "1",
        {"comment": '"irregular, patchy"', "gender": "male", "age": "54"},
    ),
    ("176_uf_normal", "wmv", "Normal", "0", {"comment": "a \u201cD\u201d shaped septum"}),
    ("118_litfl_other", "gif", "Other", "NA", {"type": "cardiac", "gender": "female", "age": "71"}),
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
    clips = tmp_path / "data" / "video" / "original"
    clips.mkdir(parents=True)
    lines, scores = [",".join(HEADER)], ["id,LUSS,filetype,source,probe,class,type"]
    for clip, kind, label, score, more in ROWS:
        row = {
            "id": clip,
            "filetype": kind,
            "class": label,
            "source": clip.split("_")[1],
            "probe": "Convex",
            "type": "lung",
        } | more
        lines.append(",".join(row.get(name, "") for name in HEADER))
        scores.append(f"{clip},{score},{kind},{row['source']},Convex,{label},{row['type']}")
        frames = rng.integers(0, 200, (9, 96, 96)).astype(np.uint8)
        (wmv if kind == "wmv" else video.write)(clips / f"{clip}.{kind}", frames)
    (tmp_path / "utils" / "video_metadata.csv").write_text("\n".join(lines) + "\n", encoding="cp1252")
    (tmp_path / "utils" / "LUSS_metadata.csv").write_text("\n".join(scores) + "\n", encoding="ascii")
    return tmp_path


def test_a_checkout_where_the_notebook_ran_is_known(folder):
    made = datasets.load(folder)
    assert made.name == "COVIDx-US"
    assert sorted(made.clips["patient"]) == sorted(row[0] for row in ROWS)
    assert made.target("covid19").to_dict() == {row[0]: float(row[2] == "COVID") for row in ROWS}
    assert made.target("pneumonia").sum() == made.target("normal").sum() == 1
    scores = made.ratings.set_index("clip")["rating"]
    assert {made.clips.loc[clip, "patient"]: value for clip, value in scores.dropna().items()} == {
        "1_butterfly_covid": 3,
        "23_grepmed_pneumonia": 1,
        "176_uf_normal": 0,
    }


def test_its_clips_are_read_and_its_scores_teach_the_network(folder):
    made = datasets.load(folder)
    found = embed.embed(made, "frame-stats", workers=1, cache=None)
    assert len(found.quarantine) == 0
    assert len(found.table) == 4
    learned = LabelledClips(made)
    assert learned.name == "COVIDx-US"
    assert len(learned.frames) == 3
