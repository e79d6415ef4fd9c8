"""``python -m blues.report``: from a run folder to its page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blues import check
from blues.fuse import Run
from blues.provenance import replacing, write_json
from blues.report.compare import compare
from blues.report.export import save_figures, save_tables
from blues.report.extras import read_beside
from blues.report.markdown import to_markdown
from blues.report.page import render, render_patient
from blues.report.single import PAGES, file_name, identified, summarize_patient, with_pages
from blues.report.stills import gone, key_frames
from blues.report.summary import summarize

__all__ = ["Comparison", "Options", "Patients", "main", "write", "write_patients"]

_PROG = "python -m blues.report"


@dataclass(frozen=True)
class Options:
    """What to make of one run.

    Attributes
    ----------
    run : Path
        The run folder.
    out : Path
        The page; by default ``report.html`` in the run folder.
    pseudonymise, paths : bool
        Show pseudonyms for ids (default); show file paths.
    tables, figures, json, markdown : bool
        Also write these, beside the page.
    """

    run: Path = check.word("run folder that python -m blues.fuse wrote")
    out: Path | None = check.option(None, "the page (default: report.html in the run folder)")
    pseudonymise: bool = check.option(True, "show P01, P02, ... instead of patient ids (default)")
    paths: bool = check.option(False, "keep paths of this machine in the page")
    tables: bool = check.option(False, "also write every table as csv, LaTeX and HTML for word processors")
    figures: bool = check.option(False, "also write every figure as svg, png and pdf")
    json: bool = check.option(False, "also write the numbers beside the page: report.json, or as --out is called")
    markdown: bool = check.option(False, "also write the report beside the page: report.md, or as --out is called")


@dataclass(frozen=True)
class Comparison:
    """Two runs to put side by side.

    Attributes
    ----------
    a, b : Path
        The run folders.
    out : Path
        The page.
    paths : bool
        Keep paths of this machine in it.
    """

    a: Path = check.word("first run folder")
    b: Path = check.word("second run folder")
    out: Path = check.option(Path("comparison.html"), "the page")
    paths: bool = check.option(False, "keep paths of this machine in the page")


@dataclass(frozen=True)
class Patients:
    """Pages of single patients of a run.

    Attributes
    ----------
    run : Path
        The run folder.
    patients : tuple of str
        Ids, or the names of the report: ``P01`` and so on.
    arm : str
        Whose prediction is taken apart; by default the arm that the report explains.
    clips : str
        The cohort's folder, for key frames.
    output : str
        The encoder's output whose places are shown.
    out : Path
        The folder of the pages; by default ``patients`` in the run folder.
    pseudonymise : bool
        Show pseudonyms for ids (default), and no names of clips.
    """

    run: Path = check.word("run folder that python -m blues.fuse wrote")
    patients: tuple[str, ...] = check.word("ids, or names as in the report (P01)", metavar="PATIENT")
    arm: str | None = check.option(None, "arm to take apart (default: that of the report)")
    clips: str | None = check.option(
        None, "cohort folder: adds key frames of these patients, so keep the page to yourself", metavar="FOLDER"
    )
    output: str | None = check.option(None, "output of the encoder to show in the frames")
    out: Path | None = check.option(None, "folder of the pages (default: patients in the run folder)", folder=True)
    pseudonymise: bool = check.option(True, "show P01, P02, ... instead of patient ids (default)")


def main(argv: Sequence[str] | None = None) -> int:
    """Rebuild the page of a run, make pages of single patients, or compare two runs; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line, by default those of this process.

    Returns
    -------
    int
        As :func:`blues.check.command`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["patient"]:
        return check.command(_PROG, lambda: _patients(words[1:]))
    if words[:1] == ["compare"]:
        return check.command(_PROG, lambda: _compare(words[1:]))
    return check.command(_PROG, lambda: _report(words))


def _report(argv: Sequence[str]) -> int:
    text = "Rebuild the report of a run from its saved numbers, or: patient RUN PATIENT ...; compare RUN_A RUN_B."
    options = check.parse(Options, argv, prog=_PROG, description=text)
    page = write(options.run, options)
    print(f"Report: {page}")
    return 0


def _patients(argv: Sequence[str]) -> int:
    text = "Make pages of single patients: what each arm predicts, what moved it, and why to doubt it."
    options = check.parse(Patients, argv, prog=f"{_PROG} patient", description=text)
    for page in write_patients(options):
        print(f"Patient: {page}")
    return 0


def write_patients(options: Patients) -> list[Path]:
    """Write the pages of single patients, then the report of the run anew where its page links to them; return their paths.

    Parameters
    ----------
    options : Patients
        Run folder, patients, and what their pages show.

    Returns
    -------
    list of Path
        In the order in which the patients were named.

    Raises
    ------
    InputError
        When a patient is not in the run, or the run holds no explanations. Nothing is written then.
    """
    found = Run.load(options.run)
    ids = [identified(found, name) for name in options.patients]
    folder = options.out or Path(options.run) / PAGES
    pages = []
    for one in ids:
        frames = key_frames(found, one, options.clips, output=options.output) if options.clips else []
        for point, why in gone(frames).items():
            print(f"{point}: no picture, {why}", file=sys.stderr)
        made = summarize_patient(
            found, f"id:{one}", arm=options.arm, pseudonymise=options.pseudonymise, pictures=frames
        )
        pages.append((folder / f"{file_name(made['patient'])}.html", made))
    home = "../report.html" if options.out is None else ""
    for path, made in pages:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_text(path, render_patient(made, home))
    if options.out is None and (Path(options.run) / "report.html").is_file():
        write(options.run)
    return [path for path, _ in pages]


def _compare(argv: Sequence[str]) -> int:
    options = check.parse(Comparison, argv, prog=f"{_PROG} compare", description="Put two runs side by side.")
    names = (options.a.resolve().name, options.b.resolve().name)
    names = names if names[0] != names[1] else (f"{names[0]} (A)", f"{names[1]} (B)")
    found = compare(Run.load(options.a), Run.load(options.b), names, paths=options.paths)
    _write_text(options.out, render(found))
    print(f"Comparison: {options.out}")
    return 0


def write(run: Path, options: Options | None = None) -> Path:
    """Write the page of a run folder, and what else the options ask for; return the page's path.

    Parameters
    ----------
    run : Path
        Run folder. Results of other parts that lie in it come with it; see :func:`blues.report.extras.read_beside`.
    options : Options, optional
        By default the page alone, ``report.html`` in the run folder.

    Raises
    ------
    InputError
        When the folder is no whole run folder.
    """
    options = options or Options(run)
    folder = Path(run)
    found = Run.load(folder)
    beside: Mapping[str, Any] = read_beside(folder)
    summary = summarize(
        found,
        pseudonymise=options.pseudonymise,
        paths=options.paths,
        folders=(str(folder.resolve()), str(Path.home())),
        **beside,
    )
    page = options.out or folder / "report.html"
    if options.out is None and options.pseudonymise:
        summary = with_pages(summary, folder)
    _write_text(page, render(summary))
    place = page.parent
    if options.tables:
        save_tables(summary, place / "tables")
    if options.figures:
        save_figures(summary, place / "figures")
    if options.json:
        write_json(page.with_suffix(".json"), summary)
    if options.markdown:
        _write_text(page.with_suffix(".md"), to_markdown(summary))
    return page


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
