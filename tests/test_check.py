import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from blues import check
from blues.check import InputError


@dataclass(frozen=True)
class Options:
    folder: str = field(default="here", metadata={"positional": True, "help": "where"})
    model: tuple[str, ...] = ("forest",)
    fusion: Literal["early", "late"] = "early"
    folds: int = 5
    out: Path | None = None
    quiet: bool = False
    from_: Path | None = None


def _parse(*argv):
    return check.parse(Options, argv, prog="x", description="")


def test_flags_become_the_dataclass():
    got = _parse("there", "--model", "a,b", "c", "--folds", "7", "--out", "o", "--quiet", "--fusion", "late")
    assert got == Options("there", ("a", "b", "c"), "late", 7, Path("o"), True)
    assert _parse() == Options()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--folds", "many"], r"folds: .*integer.*'many'"),
        (["--fusion", "both"], r"fusion: .*'early' or 'late'.*'both'"),
    ],
)
def test_bad_value_names_flag_value_and_allowed(argv, message):
    with pytest.raises(InputError, match=message):
        _parse(*argv)


def test_unknown_flag_exits_with_2(capsys):
    with pytest.raises(SystemExit) as stopped:
        _parse("--fold", "3")
    assert stopped.value.code == 2
    assert "--fold" in capsys.readouterr().err


def test_toml_gives_values_and_flags_override(tmp_path):
    file = tmp_path / "e.toml"
    file.write_text('folds = 3\nmodel = ["a"]\n')
    got = _parse("--from", str(file), "--folds", "9")
    assert (got.folds, got.model) == (9, ("a",))


@pytest.mark.parametrize(("text", "message"), [("fold = 3", "Nearest: 'folds'"), ("folds = ", "not valid TOML")])
def test_bad_toml_names_the_file(tmp_path, text, message):
    file = tmp_path / "e.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        check.from_toml(Options, file)
    assert "e.toml" in str(error.value)


def test_message_carries_place_allowed_and_remedy():
    error = InputError("is odd", file="t.csv", row=3, column="CRP", value="x", allowed=["a", "b"], remedy="Mend it")
    assert str(error) == "t.csv, row 3, column 'CRP', value 'x': is odd. Allowed: a, b. Mend it."


@pytest.mark.parametrize(
    ("raised", "rc", "text"),
    [
        (InputError("bad"), 2, "x: error: bad."),
        (OSError(errno.ENOSPC, "No space", "f.csv"), 2, "f.csv: the disk is full"),
        (PermissionError(errno.EACCES, "denied", "f.csv"), 2, "no permission"),
        (FileNotFoundError(errno.ENOENT, "no", "f.csv"), 2, "no such file"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_command_turns_errors_into_one_line(raised, rc, text, capsys):
    def action():
        raise raised

    assert check.command("x", action) == rc
    err = capsys.readouterr().err
    assert text in err
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_command_lets_bugs_through():
    def action():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        check.command("x", action)


def test_binary_outcome():
    np.testing.assert_array_equal(check.binary_outcome([True, False]), [1, 0])
    with pytest.raises(InputError, match=r"one class only \(1\)"):
        check.binary_outcome([1, 1])
    with pytest.raises(InputError, match="holds 0, 2"):
        check.binary_outcome([0, 2])
    with pytest.raises(InputError, match="first at position 1"):
        check.binary_outcome([0, np.nan])


def test_probabilities_and_lengths():
    with pytest.raises(InputError, match="1 of 2 lie outside"):
        check.probabilities([0.5, 1.2])
    with pytest.raises(InputError, match="y has 2, p has 3"):
        check.same_length(y=[1, 2], p=[1, 2, 3])
    with pytest.raises(InputError, match="no column 'agee'.*Nearest: age"):
        check.columns_exist(["agee"], ["age", "sex"], "clinical.csv")
