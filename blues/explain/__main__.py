"""Run ``python -m blues.explain``."""

from blues.explain.command import main

raise SystemExit(main())
