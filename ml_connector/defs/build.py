"""One function composes everything; tests and the command line bring a configuration, a home and a rule of turns."""

from __future__ import annotations

import warnings

import dagster as dg

from ml_connector.config import Config, load_tolerant
from ml_connector.defs.broken import broken_asset, broken_sensor
from ml_connector.defs.company import company_definitions
from ml_connector.defs.site import Site, Turn, skip_if_busy
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home


def build_definitions(config: Config, home: Home, turn: Turn = skip_if_busy) -> dg.Definitions:
    """Everything that Dagster shows and runs: the companies that can be used, and why the others cannot.

    Reads and opens nothing: a home, a vault or a database that is missing shows where something is run.
    """
    site = Site(config, home, turn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # backfill policies
        companies = [company_definitions(site, company) for company in config.companies.values()]
    problems = config.broken.items()
    return dg.Definitions.merge(
        dg.Definitions(executor=dg.in_process_executor),
        *companies,
        dg.Definitions(
            assets=[broken_asset(name, problem) for name, problem in problems],
            sensors=[broken_sensor(name, problem) for name, problem in problems],
        ),
    )


def configured(home: Home) -> Config:
    """The home's configuration as far as it can be used."""
    try:
        return load_tolerant(home.config_path)
    except ConfigurationProblem as problem:
        return Config(home.config_path, {}, {"ml_connector": problem})
