"""``python -m blues.pretrain --out FOLDER --minutes 90``."""

from blues.pretrain import main

if __name__ == "__main__":
    raise SystemExit(main())
