"""``python -m blues.datasets list``, ``fetch NAME FOLDER`` and ``synthetic FOLDER``."""

from blues.datasets.command import main

if __name__ == "__main__":
    raise SystemExit(main())
