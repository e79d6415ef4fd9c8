"""Published and independently computed answers with their sources: ``tests/data/published.json``, by name."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "published.json"


def examples() -> dict[str, dict[str, Any]]:
    """Return the examples by name: ``input``, ``expected``, ``tolerance``, ``source``; data named by another example put in."""
    found = {example["name"]: example for example in json.loads(FILE.read_text(encoding="utf-8"))}
    for example in found.values():
        given = example["input"]
        if isinstance(given, dict) and given.get("data") in found:
            example["input"] = {**found[given["data"]]["input"], **given}
    return found
