"""Hold the built site to its word: every internal link leads somewhere, and no page asks the network for anything.

``python docs/hooks/links.py site`` prints what it found; links to other sites are counted and listed, not followed.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# what a browser fetches by itself when it opens a page; a link in <a> waits for the reader
_FETCHED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
_QUIET = {"canonical", "next", "prev", "alternate", "author", "license"}
_IN_STYLE = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class Page(HTMLParser):
    """The names in a page, what it links to, and what it fetches."""

    def __init__(self, text: str):
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what the tag names, links to and fetches."""
        given = {k: v for k, v in attrs if v is not None}
        self.names |= {given[k] for k in ("id", "name") if k in given}
        self._style = tag == "style"
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag == "link" and "href" in given:
            quiet = set(given.get("rel", "").split()) & _QUIET
            (self.links if quiet else self.fetched).add(given["href"])
        for name in _FETCHED.get(tag, ()):
            if name in given:
                parts = given[name].split(",") if name == "srcset" else [given[name]]
                self.fetched |= {part.split()[0] for part in parts if part.split()}
        self.fetched |= set(in_style(given.get("style", "")))

    def handle_data(self, data: str) -> None:
        """Take what a style sheet fetches."""
        if self._style:
            self.fetched |= set(in_style(data))

    def handle_endtag(self, tag: str) -> None:
        """Leave a style sheet."""
        self._style = self._style and tag != "style"


def in_style(text: str) -> Iterator[str]:
    """Give each address that a style sheet fetches."""
    for match in _IN_STYLE.finditer(text):
        yield match.group(1) or match.group(2)


def outside(address: str) -> bool:
    """Return whether an address leads off the site; data inside the page does not."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https", "ftp", "ws", "wss")


def check(site: Path) -> tuple[list[str], list[str], list[str]]:
    """Return what is broken, what would be fetched from elsewhere, and the links that lead off the site.

    Parameters
    ----------
    site : path
        The built site.
    """
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in sorted(site.rglob("*.html"))}
    broken, requests, external = [], [], set()
    for path, page in pages.items():
        for address in sorted(page.links | page.fetched):
            if outside(address):
                external.add(address)
            elif why := _missing(address, path, site, pages):
                broken.append(f"{path.relative_to(site)}: {address} {why}")
        requests += [f"{path.relative_to(site)}: {a}" for a in sorted(page.fetched) if outside(a)]
    for path in sorted(site.rglob("*.css")):
        found = in_style(path.read_text(encoding="utf-8"))
        requests += [f"{path.relative_to(site)}: {a}" for a in found if outside(a)]
    return broken, requests, sorted(external)


def _missing(address: str, path: Path, site: Path, pages: dict[Path, Page]) -> str:
    """Return why an internal address leads nowhere, else nothing."""
    parts = urlsplit(address)
    if parts.scheme:  # data:, mailto:, javascript:
        return ""
    place = unquote(parts.path)
    base = site if place.startswith("/") else path.parent
    target = (base / place.lstrip("/")).resolve() if place else path
    target = target / "index.html" if target.is_dir() else target
    # the page for addresses that do not exist names everything from the root
    if not target.is_file():
        return "leads to no file"
    names = pages[target].names if target in pages else None
    if parts.fragment and names is not None and unquote(parts.fragment) not in names | {"__top", "top"}:
        return "names no place on that page"
    return ""


def main() -> int:
    """Check the site that the command line names; 1 if something is wrong."""
    site = Path(sys.argv[1]).resolve()
    broken, requests, external = check(site)
    for text in (*broken, *(f"{r} asks the network" for r in requests)):
        print(text, file=sys.stderr)
    print(
        f"{len(list(site.rglob('*.html')))} pages; {len(broken)} broken links; {len(requests)} requests to other places"
    )
    print("Links that lead elsewhere, not followed:", *external, sep="\n  ")
    return 1 if broken or requests else 0


if __name__ == "__main__":
    sys.exit(main())
