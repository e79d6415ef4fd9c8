"""Run ``python -m blues.report``."""

from blues.report import main

raise SystemExit(main())
