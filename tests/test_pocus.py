"""The shipped dictionary of POCUS, on a table written like the collection's; on the sample itself where it is at hand."""

import numpy as np
import pandas as pd
import pytest
import small_cohort

from blues import check, cohort, datasets, video
from blues.pretrain.real import LabelledClips, targets

HEADER = [
    *cohort.read_dictionary("pocus").columns,
    "",
]


def write(folder, rows):
    """Write a table with all columns of the collection, one without a name among them, and a clip a row."""
    lines = [",".join(HEADER)]
    for row in rows:
        lines.append(",".join(str(row.get(name, "")) for name in HEADER))
    (folder / "dataset_metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for number, row in enumerate(rows):
        place = folder / "pocus_videos" / row["Probe"]
        place.mkdir(parents=True, exist_ok=True)
        video.write(place / f"{row['Filename']}.mp4", np.full((9, 64, 64), 30 + 20 * number, np.uint8))
    return folder


def rows():
    known = {"License": "CC BY 4.0", "Type": "video", "Fever": "n/A", "Healthy": "0"}
    return [
        known
        | {"Filename": "Cov-one", "Label": "COVID-19", "Probe": "convex", "B-lines": 1, "A-lines": 0, "Gender": "w"},
        known
        | {"Filename": "Reg+two (44)", "Label": "Regular", "Probe": "linear", "B-lines": 0, "A-lines": 1, "Age": 0},
        known
        | {
            "Filename": "pneu.three",
            "Label": "Bacterial pneumonia",
            "Probe": "convex",
            "Effusion": 1,
            "Consolidations": 1,
            "Gender": "nd",
            "Age": 56,
        },
        known | {"Filename": "Cov-one", "Label": "COVID-19", "Probe": "convex", "B-lines": 0},
    ]


def test_a_folder_like_the_collection_is_known(tmp_path):
    made = datasets.load(write(tmp_path, rows()))
    assert made.name == "POCUS"
    assert "non-commercial" in made.dictionary.licence
    assert sorted(made.clips["patient"]) == ["Cov-one", "Reg+two (44)", "pneu.three"]
    assert made.target("covid19").to_dict() == {"Cov-one": 1, "Reg+two (44)": 0, "pneu.three": 0}
    assert made.target("regular").to_dict() == {"Cov-one": 0, "Reg+two (44)": 1, "pneu.three": 0}
    rated = made.ratings.pivot_table(index="clip", columns="item", values="rating")
    by_patient = rated.set_axis(made.clips.loc[rated.index, "patient"])
    assert by_patient.loc["Cov-one", "b_lines"] == 1
    assert by_patient.loc["Reg+two (44)", ["b_lines", "a_lines"]].tolist() == [0, 1]
    assert by_patient.loc["pneu.three", ["effusion", "consolidation"]].tolist() == [1, 1]
    assert np.isnan(by_patient.loc["pneu.three", "b_lines"])
    assert made.patients.loc["pneu.three", "Age"] == 56
    assert np.isnan(made.patients.loc["Reg+two (44)", "Age"])
    told = cohort.unused(made)
    assert any("without a name" in line for line in told)
    assert any("met in an earlier row already" in line.lower() and "Cov-one" in line for line in told)


def test_its_ratings_teach_the_network(tmp_path):
    made = datasets.load(write(tmp_path, rows()))
    from blues.encoders.lus import GLOBALS

    known = targets(made.ratings)
    clip = made.clips.index[made.clips["patient"] == "pneu.three"][0]
    taught = {name for name, value in zip(GLOBALS, known[clip].tolist(), strict=True) if value == 1}
    assert taught == {"consolidation", "effusion", "lus"}
    learned = LabelledClips(made)
    assert learned.name == "POCUS"
    assert "non-commercial" in learned.licence
    assert len(learned.frames) == 3


def test_columns_without_a_name_and_rows_met_before_are_errors_unless_the_dictionary_says_so(tmp_path):
    (tmp_path / "a").mkdir()
    lines = small_cohort.CLINICAL.splitlines()
    nameless = "\n".join(f"{line},{'' if i == 0 else 'x'}" for i, line in enumerate(lines)) + "\n"
    twice = "\n".join([*lines, lines[1].replace("60", "61")]) + "\n"
    for text, setting, message, told in (
        (nameless, "nameless_columns", "has no name", "without a name"),
        (twice, "repeated_rows", "is in row 2 already", "met in an earlier row"),
    ):
        small_cohort.write(tmp_path / "a", clinical=text)
        with pytest.raises(check.InputError, match=message):
            cohort.read(tmp_path / "a")
        toml = small_cohort.swap(small_cohort.TOML, "[files]\n", f'[files]\n{setting} = "leave out"\n')
        small_cohort.write(tmp_path / "a", toml=toml, clinical=text)
        made = cohort.read(tmp_path / "a")
        assert made.patients.loc["1", "age"] == 60
        assert small_cohort.findings(made, kind="left out")["what"].str.contains(told).any()


@pytest.mark.real
def test_the_sample_itself(pocus_folder):
    made = datasets.load(pocus_folder)
    assert len(made.clips) == 83
    assert made.ratings["clip"].nunique() == 83
    labels = pd.Series(made.target("covid19"))[made.clips["patient"]]
    assert int(labels.sum()) == 18
