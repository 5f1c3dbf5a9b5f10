"""`python -m harpcaller` is harpcallerd."""

from __future__ import annotations

import sys

from harpcaller.cli import main

sys.exit(main())
