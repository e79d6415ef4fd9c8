"""The shipped dictionary of the COVID-19 image data collection, on rows made up under the header of its last version."""

import pytest

from blues import datasets
from blues.cohort import read_dictionary
from blues.features import design

HEADER = (
    "patientid,offset,sex,age,finding,RT_PCR_positive,survival,intubated,intubation_present,went_icu,in_icu,"
    "needed_supplemental_O2,extubated,temperature,pO2_saturation,leukocyte_count,neutrophil_count,lymphocyte_count,"
    "view,modality,date,location,folder,filename,doi,url,license,clinical_notes,other_notes,"
)
ROWS = [
    "1,0,M,65,Pneumonia/Viral/COVID-19,Y,Y,N,N,Y,N,Y,,38.6,97,7.4,,,PA,X-ray,2020,,images,a.jpg,,,,he died later,,",
    "1,5,M,65,Pneumonia/Viral/COVID-19,Y,N,Y,Y,Y,Y,Y,,,,,,,AP,X-ray,2020,,images,b.jpg,,,,,,",
    "2a,,F,40,Pneumonia,,N,Y,Y,,,,,400,,,3.1,0.9,PA,X-ray,2017,,images,c.jpg,,,CC BY,,,",
]


@pytest.fixture
def collection(tmp_path):
    (tmp_path / "metadata.csv").write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "covid-severity-scores.csv").write_text("filename\n")
    return datasets.load(tmp_path)


def test_a_row_is_an_image_and_the_first_counts(collection):
    assert collection.name == "COVID-19 image data collection"
    assert collection.patients.index.tolist() == ["1", "2a"]
    assert collection.clips.empty
    assert collection.target("icu").iloc[0] == 1
    assert collection.target("died").tolist() == [0, 1]
    assert collection.patients["temperature"].isna().tolist() == [False, True], "400 degrees is no temperature"
    told = collection.findings["what"]
    assert told.str.contains("which has another offset, survival, intubated").sum() == 1


def test_outcomes_and_notes_predict_nothing():
    dictionary = read_dictionary("chest_xray")
    may = [c for c in dictionary.columns if c != "patientid" and dictionary.refusal(c, "icu") is None]
    assert may == [
        "offset",
        "sex",
        "age",
        "temperature",
        "pO2_saturation",
        "leukocyte_count",
        "neutrophil_count",
        "lymphocyte_count",
    ]


def test_a_design_is_made_without_clips(collection):
    made = design(collection, "died", modalities=("clinical", "blood"))
    assert set(made.blocks) == {"clinical", "blood"}
