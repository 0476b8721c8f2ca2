"""connections.yaml: what is to be kept in step with what.

`load` is strict and names every mistake with its file, line and path; `load_tolerant` keeps the companies that are
right.
"""

from ml_connector.config.loading import load, load_tolerant
from ml_connector.config.model import Company, Config, Source, Target

__all__ = ["Company", "Config", "Source", "Target", "load", "load_tolerant"]
