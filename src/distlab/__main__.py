"""``python -m distlab``: the same as ``distlab``."""

from distlab.cli import main

raise SystemExit(main())
