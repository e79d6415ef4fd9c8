"""``python -m blues.embed FOLDER --encoder NAME --out FOLDER``."""

from blues.embed import main

if __name__ == "__main__":
    raise SystemExit(main())
