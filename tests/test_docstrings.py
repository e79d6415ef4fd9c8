"""What the packages offer is documented: parameters by the names that the signature has, none left out, none too many."""

import importlib
import inspect
import pkgutil
import re

import pytest

import blues


def _offered():
    """Return functions, classes and their methods in ``__all__`` of each package and single module, by their full names."""
    found = {}
    for module in (importlib.import_module(f"blues.{m.name}") for m in pkgutil.iter_modules(blues.__path__)):
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                found[f"{module.__name__}.{name}"] = thing
            for method, what in vars(thing).items() if inspect.isclass(thing) else ():
                what = getattr(what, "__func__", what)  # of class and static methods
                if not method.startswith("_") and inspect.isfunction(what) and what.__module__.startswith("blues."):
                    found[f"{module.__name__}.{name}.{method}"] = what
    return found


def _sections(doc):
    """Return the lines of each numpydoc section."""
    lines = inspect.cleandoc(doc).split("\n")
    found, now = {}, None
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.fullmatch(r"-{3,}", following):
            now = found.setdefault(line, [])
        elif now is not None and not re.fullmatch(r"-{3,}", line):
            now.append(line)
    return found


def _named(lines):
    """Return the names that a section describes; ``a, b : int`` describes two."""
    heads = [re.match(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: :|$)", line) for line in lines]
    return [name.lstrip("*") for head in heads if head for name in head[1].split(", ")]


def faults(thing):
    """Return what a docstring leaves out or says too much."""
    doc = thing.__doc__ or ""
    if not doc or doc.startswith(f"{thing.__name__}("):  # what dataclasses write by themselves
        return ["it has no docstring"]
    sections = _sections(doc)
    try:
        taken = list(inspect.signature(thing).parameters)
        taken = taken[1:] if "." in thing.__qualname__ and taken[:1] in (["self"], ["cls"]) else taken
    except ValueError:  # an exception has no signature of its own
        taken = []
    parts = [sections[title] for title in ("Parameters", "Other Parameters") if title in sections]
    named = [name for part in parts for name in _named(part)]
    attributes = _named(sections.get("Attributes", []))
    if inspect.isclass(thing):
        wrong = [f"names {n}, which it does not take" for n in named if n not in taken]
        wrong += [f"leaves out {n}" for n in taken if n not in named + attributes]
        return wrong
    if not parts:
        return ["has no Parameters"] if len(taken) >= 3 else []
    return [f"leaves out {n}" for n in taken if n not in named] + [
        f"names {n}, which it does not take" for n in named if n not in taken
    ]


@pytest.mark.parametrize("name", sorted(_offered()))
def test_docstring_names_every_parameter(name):
    assert faults(_offered()[name]) == []


def test_the_check_sees_what_is_missing():
    def half(a, b):
        """Do.

        Parameters
        ----------
        a, c : int
            Both.
        """

    def none(a, b, c):
        """Do."""

    assert faults(half) == ["leaves out b", "names c, which it does not take"]
    assert faults(none) == ["has no Parameters"]
