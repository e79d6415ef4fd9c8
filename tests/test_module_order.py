"""Data runs down the line of modules in docs/modules.md: a module imports only from those above it."""

import ast
from pathlib import Path

import pytest

import blues

ORDER = (
    "check provenance cohort video simulate datasets encoders pretrain embed pool features models evaluate survive "
    "explain fuse agree plots report"
).split()
PACKAGE = Path(blues.__file__).parent


def _module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Return the blues modules a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write blues.…"
            names = [f"{node.module}.{a.name}" if node.module == "blues" else str(node.module) for a in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("blues.")}
    return found


def _files() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in ("__init__", "__main__"))


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_up_the_line(path):
    module = _module_of(path)
    assert module in ORDER, f"{module} has no place in the line of modules"
    if path.name == "__main__.py" or module == "_version":
        return
    for imported in _imports(path) - {module, "__version__"}:
        assert imported in ORDER, f"{path}: imports blues.{imported}, which has no place in the line"
        assert ORDER.index(imported) < ORDER.index(module), f"blues.{module} may not import blues.{imported}"


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_outgrows_one_reading(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450, f"{path}: split it along the line of the data"
