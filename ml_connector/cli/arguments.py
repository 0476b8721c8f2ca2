"""What several commands take: companies and targets by name, and the home of the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from ml_connector.config import Config
from ml_connector.home import Home, OpenHome

Selection = Annotated[
    str | None,
    typer.Argument(metavar="COMPANY[/TARGET]", help="A company or one target of it; everything by default."),
]
CompanyOrTarget = Annotated[
    str, typer.Argument(metavar="COMPANY[/TARGET]", help="A company, or one target of it: nordic/mailchimp.")
]
OneTarget = Annotated[str, typer.Argument(metavar="COMPANY/TARGET", help="One target of a company: nordic/mailchimp.")]


def here() -> Home:
    """The home that the environment names."""
    return Home.locate(os.environ)


@contextmanager
def opened() -> Iterator[OpenHome]:
    """That home with its database and its vault open."""
    with here().open() as home:
        yield home


def known(config: Config, selection: str | None) -> tuple[str | None, str | None]:
    """`nordic/mailchimp` as company and target; None where one is not named. Raises `ConfigurationProblem`."""
    if selection is None:
        return None, None
    company, _, target = selection.partition("/")
    if target:
        config.account(selection)
    else:
        config.company(company)
    return company, target or None
