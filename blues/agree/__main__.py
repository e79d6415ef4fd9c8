"""Runs ``python -m blues.agree``."""

from blues.agree import main

raise SystemExit(main())
