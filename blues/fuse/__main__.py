"""Run ``python -m blues.fuse``."""

from blues.fuse import main

raise SystemExit(main())
