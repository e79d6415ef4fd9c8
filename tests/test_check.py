import errno
import importlib
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest

from blues import check
from blues.check import InputError, progress


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


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--fold", "3"], r"there is no flag --fold\. Nearest: --folds\. `x --help`"),
        (["--fold=3"], r"Nearest: --folds"),
        (["--zzz"], r"there is no flag --zzz\. `x --help` lists the flags"),
        (["here", "there"], r"one word too many: 'there'"),
    ],
)
def test_unknown_words_are_named_with_the_nearest_flag(argv, message):
    with pytest.raises(InputError, match=message):
        _parse(*argv)


@pytest.mark.parametrize("module", ["agree", "cohort", "embed", "report"])
def test_a_missing_word_ends_in_one_line(module, capsys):
    assert importlib.import_module(f"blues.{module}.command").main([]) == 2
    told = capsys.readouterr().err
    assert "arguments are required" in told
    assert f"`python -m blues.{module} --help`" in told
    assert told.count("\n") == 1
    with pytest.raises(InputError, match="--folds: expected one argument"):
        _parse("--folds")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fusion": "both"}, r"--fusion is 'both'.*Allowed: early, late\."),
        ({"heat": "hihg"}, r"--heat is 'hihg'.*Nearest: 'high'"),
        ({"fusion": None}, r"--fusion is None"),
        ({"side_dishes": ("rice", "rise")}, r"--side-dishes is 'rise'.*Nearest: 'rice'"),
        ({"side_dishes": ["rise"]}, r"--side-dishes is 'rise'"),
    ],
)
def test_what_a_literal_field_does_not_allow_is_refused_from_python(change, message):
    @dataclass(frozen=True)
    class Meal(Options):
        heat: Literal["low", "high"] | None = None
        side_dishes: tuple[Literal["rice", "salad"], ...] = ("rice",)

        def __post_init__(self):
            check.choices(self, "--")

    with pytest.raises(InputError, match=message):
        Meal(**change)
    Meal()
    Meal(heat="low", side_dishes=["salad", "rice"])


def test_of_very_many_names_those_like_the_one_given_are_shown():
    names = [f"lab_{i}" for i in range(100)] + ["pat_sex", "pat_age"]
    with pytest.raises(check.InputError) as caught:
        check.one_of("sex", names, "column")
    assert "Allowed: pat_sex, " in str(caught.value)
    assert "and 94 more. Nearest: 'pat_sex'" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_help_names_one_of_several_in_the_singular(capsys):
    @dataclass(frozen=True)
    class Several:
        modalities: tuple[str, ...] = ()
        models: tuple[str, ...] = ()

    with pytest.raises(SystemExit):
        check.parse(Several, ["--help"], prog="x", description="")
    shown = capsys.readouterr().out
    assert "--modalities MODALITY [MODALITY ...]" in shown
    assert "--models MODEL [MODEL ...]" in shown


@dataclass(frozen=True)
class Checked:
    folds: int = 5

    def __post_init__(self):
        if self.folds < 2:
            raise InputError(f"--folds is {self.folds}", allowed="2 or more")


def test_what_a_dataclass_refuses_is_said_in_its_own_words(tmp_path):
    with pytest.raises(InputError) as refused:
        check.parse(Checked, ["--folds", "1"], prog="x", description="")
    assert str(refused.value) == "--folds is 1. Allowed: 2 or more."
    file = tmp_path / "e.toml"
    file.write_text("folds = 1\n")
    with pytest.raises(InputError, match=r"e\.toml: --folds is 1\. Allowed: 2 or more\.$"):
        check.from_toml(Checked, file)


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


def test_toml_of_another_encoding_names_the_file(tmp_path):
    file = tmp_path / "e.toml"
    file.write_bytes("model = ['wäld']".encode("latin1"))
    with pytest.raises(InputError, match=r"e\.toml: not UTF-8 text"):
        check.from_toml(Options, file)


def test_a_list_that_goes_on_keeps_its_dots():
    assert str(InputError("is odd", allowed="1, 2, ...")) == "is odd. Allowed: 1, 2, ..."


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
        (IsADirectoryError(errno.EISDIR, "no", "f.csv"), 2, "f.csv: is a folder, and a file is expected"),
        (NotADirectoryError(errno.ENOTDIR, "no", "f.csv"), 2, "f.csv: is a file, or lies below one"),
        (FileExistsError(errno.EEXIST, "no", "f.csv"), 2, "f.csv: is a file, or lies below one"),
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


def test_a_terminal_that_cannot_write_a_label_gets_it_escaped(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", terminal)

    def action():
        print("lung \N{LUNGS}")
        return 0

    assert check.command("x", action) == 0
    terminal.flush()
    assert terminal.buffer.getvalue() == b"lung \\U0001fac1\n"


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


@dataclass(frozen=True)
class Idle:
    folder: str = check.word("a folder")
    item: str = check.option("", "an item")
    out: Path | None = check.option(None, "where to")


def test_an_option_without_use_is_refused_by_its_flag():
    options = check.parse(Idle, ["here", "--item", "x"], prog="p", description="d")
    assert check.given(options) == {"folder", "item"}
    check.refuse_idle(options, {"out": "nothing is written"})
    for name, flag in (("item", "--item"), ("folder", "FOLDER")):
        with pytest.raises(InputError, match=f"{flag} has no use here: why. Leave out {flag}"):
            check.refuse_idle(options, {name: "why"})
    with pytest.raises(InputError, match="required: FOLDER"):
        check.parse(Idle, [], prog="p", description="d")


def test_a_log_is_told_now_and_then_how_far_a_command_is(monkeypatch, capsys):
    seconds = iter([0, 20, 70, 80, 200])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert list(check.followed("abcd", 4, "reading", unit="letters", shown=True)) == list("abcd")
    assert capsys.readouterr() == ("", "reading: 2 of 4 letters\n"), "the end says itself"
    monkeypatch.undo()
    assert list(check.followed("abcd", 4, "reading", unit="letters", shown=False)) == list("abcd")
    check.tell(False, "hidden")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(check.followed("abcd", 4, "reading", unit="letters", shown=True)) == list("abcd")
    assert "reading:   0%|" in capsys.readouterr().err
