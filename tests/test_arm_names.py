"""Names of arms are made and read in one place."""

import re
from pathlib import Path

import pytest

import blues
from blues.features.arm_names import arm_name, modalities, model_of, with_images

MADE_BY_HAND = re.compile(r"""["'](expert rule|baseline: )|image\+\{|["'] \[["']""")


@pytest.mark.parametrize("model", ["", "xgboost/late/platt"])
@pytest.mark.parametrize("looks_at", [("image",), ("clinical", "blood"), ("baseline: CRP, LDH",)])
def test_a_name_tells_what_it_was_made_of(looks_at, model):
    name = arm_name(looks_at, model)
    assert (modalities(name), model_of(name)) == (looks_at, model)
    assert (modalities(with_images(name)), model_of(with_images(name))) == (("image", *looks_at), model)


def test_no_other_file_spells_a_name_by_hand():
    package = Path(blues.__file__).parent
    files = (path for path in package.rglob("*.py") if path.name != "arm_names.py")
    lines = (f"{path.relative_to(package)}: {line}" for path in files for line in path.read_text().splitlines())
    code = [line for line in lines if MADE_BY_HAND.search(line) and "``" not in line and ">>>" not in line]
    assert not code
