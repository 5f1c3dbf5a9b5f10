"""`python -m harpcaller.worker` is `harpd`."""

import sys

from harpcaller.worker.cli import main

sys.exit(main())
