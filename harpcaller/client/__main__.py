"""`python -m harpcaller.client` is the `harp` command."""

import sys

from harpcaller.client.cli import main

sys.exit(main())
