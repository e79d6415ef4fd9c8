"""``python -m blues.cohort FOLDER`` and ``python -m blues.cohort init FOLDER``."""

from blues.cohort import main

if __name__ == "__main__":
    raise SystemExit(main())
