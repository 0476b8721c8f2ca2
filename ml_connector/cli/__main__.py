"""`python -m ml_connector.cli`: the command without its script."""

import sys

from ml_connector.cli import main

sys.exit(main())
