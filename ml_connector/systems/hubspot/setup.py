"""Creates the group and the properties that the flows write to and the account lacks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ml_connector.errors import ConfigurationProblem
from ml_connector.http import RecordRefused, stopping
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.errors import NAME
from ml_connector.systems.hubspot.properties import (
    GROUP,
    GROUP_LABEL,
    INVOICES,
    NOT_UNIQUE,
    Present,
    Property,
    kinds,
    needed,
    present,
)
from ml_connector.systems.hubspot.transaction_store import on_invoices, setup_transactions
from ml_connector.systems.registry import SetupStep

TAKEN = 409


def setup(client: HubSpotClient) -> Sequence[SetupStep]:
    """One step per missing group or property; one that is there with another type is left alone.

    Raises: ConfigurationProblem where a property is to hold our key and exists without being unique; Stopped.
    """
    steps: list[SetupStep] = []
    of_transactions = on_invoices(client)
    wanted = {kind: list(needed(kind, client.settings)) for kind in kinds(client.settings)}
    if of_transactions:
        wanted[INVOICES] = [*wanted.get(INVOICES, ()), *of_transactions]
    for kind, properties in wanted.items():
        there = present(client, kind)
        missing = [one for one in properties if _is_missing(one, there)]
        if missing and not _has_group(client, kind):
            steps.append(SetupStep(f"create the property group {GROUP_LABEL} of {kind}", partial(_group, client, kind)))
        steps += [
            SetupStep(
                f"create the property {one.name} of {kind} ({one.label}, {'unique' if one.unique else one.type})",
                partial(_property, client, one),
            )
            for one in missing
        ]
    return [*steps, *setup_transactions(client)]


def _is_missing(one: Property, there: dict[str, Present]) -> bool:
    """Raises ConfigurationProblem for a key that cannot be one."""
    found = there.get(one.name)
    if found is not None and one.unique and not found.unique:
        raise ConfigurationProblem(
            f"{NAME} has a property {one.name} of {one.kind} already, and it is not unique.",
            "Without a unique key the same customer could become two records. Nothing was created.",
            NOT_UNIQUE,
        )
    return found is None


def _has_group(client: HubSpotClient, kind: str) -> bool:
    with stopping(NAME, f"reading the property groups of {kind}"):
        groups = client.get(client.routes.groups(kind)).data.get("results") or []
    return any(isinstance(one, dict) and one.get("name") == GROUP for one in groups)


def _group(client: HubSpotClient, kind: str) -> None:
    """Create it unless it is there by now."""
    with stopping(NAME, f"creating the property group {GROUP} of {kind}"):
        try:
            client.post(client.routes.groups(kind), {"name": GROUP, "label": GROUP_LABEL, "displayOrder": -1})
        except RecordRefused as problem:
            if problem.status != TAKEN:
                raise


def _property(client: HubSpotClient, one: Property) -> None:
    """Create it unless it is there by now, as it has to be."""
    with stopping(NAME, f"creating the property {one.name} of {one.kind}"):
        try:
            client.post(client.routes.properties(one.kind), one.definition)
        except RecordRefused as problem:
            if problem.status != TAKEN:
                raise
            _is_missing(one, present(client, one.kind))
