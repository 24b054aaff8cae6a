"""`python -m retain.cli` is `retain`."""

import sys

from retain.cli.main import main

sys.exit(main())
