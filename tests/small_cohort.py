"""A small cohort for tests: the example of docs/dictionary.md, with five patients and eight clips."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs" / "dictionary.md"
TOML = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
CLINICAL = """id,pcr,age,copd,crp,litres,status,icu_hours,ward_number
1,1,60,0,3,,1,,a
2,0,71,1,-99,2,1,,a
03,1,55,1,9.5,5,0,30,b
10,0,64,0,100,,2,,b
4,1,50,1,12,1,1,,c
"""
RATINGS = """clip,rater,score
1_R1,a,0
1_R1,b,1
1_L1,a,3
1_L1,b,3
2_R1.mp4,a,2
3_R1,a,1
3_R1_2,a,3
3_L1,a,2
"""
CLIPS = ("1_R1.mp4", "1_L1.MP4", "2_R1.mp4", "2_L1.avi", "03_R1.mp4", "3_R1_2.mp4", "3_L1.mp4", "10_R1.mp4")


def write(folder, toml=TOML, clinical=CLINICAL, ratings=RATINGS, clips=CLIPS):
    """Write the cohort into a folder; every part can be replaced, or left out with None."""
    if toml is not None:
        (folder / "cohort.toml").write_text(toml, encoding="utf-8")
    if clinical is not None:
        (folder / "clinical.csv").write_bytes(clinical if isinstance(clinical, bytes) else clinical.encode())
    if ratings is not None:
        (folder / "ratings.csv").write_text(ratings, encoding="utf-8")
    for clip in clips if clips is not None else ():
        path = folder / "videos" / clip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 7)
    return folder


def swap(text, old, new):
    """Replace a part of a text that must be there."""
    assert old in text
    return text.replace(old, new)


def findings(cohort, **where):
    """Return the findings whose columns have the given values."""
    found = cohort.findings
    for column, value in where.items():
        found = found[found[column] == value]
    return found
