"""Dagster's door: what the home's configuration describes, as one code location."""

import os

from ml_connector.defs.build import build_definitions, configured
from ml_connector.home import Home

home = Home.locate(os.environ)
defs = build_definitions(configured(home), home)
