"""The page of commands lists every option as the code has it, and no document names an option that is not there."""

import re
from pathlib import Path

import commands
import pytest

from blues import __main__ as overview

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent.name for path in (ROOT / "blues").glob("*/__main__.py"))


def flags_of(command):
    return {flag for action, _ in commands.parser_of(command).options for flag in action.option_strings}


def named_in(text):
    """Return (command, flags) for each command line of a document; a line that ends in a backslash goes on."""
    for line in text.replace("\\\n", " ").splitlines():
        for found in re.finditer(r"python -m (blues\.\w+)([^`|#]*)", line):
            package, first = found[1], found[2].split()[:1]
            command = " ".join([package, *first])
            yield command if command in commands.COMMANDS else package, re.findall(r"(?<=\s)--[a-z][\w-]*", found[2])


def test_the_page_is_up_to_date():
    made = commands.PAGE.read_text(encoding="utf-8").partition(commands.MARK)[2]
    assert made.strip() == commands.tables().strip(), "run: python docs/hooks/commands.py"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_command_is_listed(package):
    source = (ROOT / "blues" / package / "command.py").read_text(encoding="utf-8")
    first = re.findall(r'words\[:1\] == \["(\w+)"\]', source)
    first += re.findall(r'"(\w+)": _\w+', "".join(re.findall(r"actions = \{.*\}", source)))
    listed = [command for command in commands.COMMANDS if command.split()[0] == f"blues.{package}"]
    assert listed
    assert {command.split()[1] for command in listed if " " in command} == set(first)


def test_the_list_of_commands_is_whole(capsys):
    assert overview.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = [line.split()[2].removeprefix("blues.") for line in lines if line.startswith("  python -m")]
    assert sorted(told) == PACKAGES
    assert told == list(dict.fromkeys(command.split()[0].removeprefix("blues.") for command in commands.COMMANDS))
    assert overview.main(["--help"]) == 0
    assert overview.main(["fuse", "FOLDER"]) == 2
    assert "python -m blues.fuse" in capsys.readouterr().err


def test_every_option_has_help():
    for command in set(commands.COMMANDS) - set(commands.WITHOUT_WORDS):
        for action, _ in commands.parser_of(command).options:
            assert action.help, f"{command}: {action.dest}"


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name)
def test_documents_name_options_that_exist(path):
    for command, flags in named_in(path.read_text(encoding="utf-8")):
        if command in commands.COMMANDS and flags:
            assert set(flags) <= flags_of(command) | {"--help"}, command


def test_the_check_sees_a_wrong_option():
    found = list(named_in("    python -m blues.report patient RUN P01 \\\n        --arms x\n"))
    assert found == [("blues.report patient", ["--arms"])]
    assert "--arms" not in flags_of("blues.report patient")
