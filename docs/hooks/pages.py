"""Pages that are made and not written: the reference, the notebooks, and files from elsewhere in the checkout."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import books

ROOT = Path(__file__).parents[2]
EXECUTED = ROOT / "build" / "notebooks"
REPORT = ROOT / "reports" / "demo" / "report.html"


def modules() -> list[tuple[str, str]]:
    """Return name and purpose of each module, in the order of the module map."""
    text = (ROOT / "docs" / "modules.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)`[^|]*\| ([^|]+?) \|", text, re.MULTILINE)


def reference() -> dict[str, str]:
    """Return a page a module, made from its docstrings, and one that lists them."""
    lines = [f"| [`blues.{name}`]({name}.md) | {what} |" for name, what in modules()]
    first = (
        "# Reference\n\nMade from the docstrings, in the order in which data runs.\n\n| module | does |\n|---|---|\n"
    )
    pages = {"api/index.md": first + "\n".join(lines) + "\n"}
    return pages | {f"api/{name}.md": f"# blues.{name}\n\n::: blues.{name}\n" for name, _ in modules()}


def executed(folder: Path = EXECUTED) -> dict[str, books.Page]:
    """Return a page a notebook: as `make docs` executed it, else as committed, without outputs."""
    pages = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        ran = folder / path.name
        pages[f"notebooks/{path.stem}.md"] = books.page(ran if ran.is_file() else path)
    return pages


def _title(text: str) -> str:
    return re.search(r"^# (.+)$", text, re.MULTILINE)[1]


def on_config(config: Any) -> Any:
    """Fill the parts of the contents that are lists of made pages, and append pages that nobody put there."""
    config.extra["notebooks"] = made = executed()
    titles = [{_title(page.text): place} for place, page in made.items()]
    api = ["api/index.md", *({f"blues.{name}": f"api/{name}.md"} for name, _ in modules())]
    lists = {"notebooks/": titles, "api/": api}

    def filled(item: Any) -> Any:
        if isinstance(item, dict):
            return {title: filled(part) for title, part in item.items()}
        return [filled(part) for part in item] if isinstance(item, list) else lists.get(item, item)

    config.nav = filled(config.nav)
    listed = set(re.findall(r"[\w-]+\.md", str(config.nav)))
    more = [p for p in sorted(Path(config.docs_dir).glob("*.md")) if p.name not in listed]
    if more:
        config.nav.append({"More": [{_title(p.read_text(encoding="utf-8")): p.name} for p in more]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the made pages, and the example report as it is."""
    texts = reference() | {place: page.text for place, page in config.extra["notebooks"].items()}
    texts |= {
        f"{name.lower()}.md": (ROOT / f"{name}.md").read_text(encoding="utf-8")
        for name in ("CONTRIBUTING", "CHANGELOG")
    }
    for place, text in texts.items():
        files.append(File.generated(config, place, content=text))
    files.append(File.generated(config, "demo-report.html", abs_src_path=str(REPORT)))
    return files


def on_page_content(content: str, page: Any, config: Any, **_: Any) -> str:
    """Put the outputs of a notebook where its page leaves room for them."""
    made = config.extra["notebooks"].get(page.file.src_uri)
    return made.filled(content) if made else content
