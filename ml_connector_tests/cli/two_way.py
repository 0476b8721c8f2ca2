"""A home whose Chargebee is read, too, with both systems' simulators behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ml_connector.home import Home
from ml_connector.store.vault import new_key
from ml_connector_tests.simulators.chargebee_support import serve_chargebee
from ml_connector_tests.simulators.visma_support import serve_visma
from ml_connector_tests.systems.chargebee.support import COMPANY, Sync, events_block, open_sync, settings


@contextmanager
def two_way(folder: Path, **events: Any) -> Iterator[Sync]:
    """A new home in this folder, open, with nothing read yet.

    Args:
        events: of the block `events`, what is unlike the usual.
    """
    folder.mkdir()
    (folder / "vault.key").write_text(new_key())
    (folder / "vault.key").chmod(0o600)
    with serve_chargebee(plan="custom") as chargebee, serve_visma() as visma:
        visma.start_over()
        chosen = {"events": events_block(**events)}
        block = settings(chargebee.url, **chosen).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        company = {
            "timezone": "Europe/Oslo",
            "start": "2026-11-01",
            "visma": {"base_url": visma.url},
            "targets": {"chargebee": {"system": "chargebee", **block}},
        }
        (folder / "connections.yaml").write_text(yaml.safe_dump({"companies": {COMPANY: company}}))
        home = Home.locate({"ML_CONNECTOR_HOME": str(folder)})
        with home.open() as opened, open_sync(opened.ledger(COMPANY), chargebee, visma, **chosen) as sync:
            yield sync


def subscribe(sync: Sync, name: str, price: int, **more: Any) -> None:
    """A yearly subscription at this price in minor units, with its first invoice."""
    item = {"item_price_id": "lisens", "item_type": "plan", "unit_price": price}
    sync.chargebee.subscribe(
        name, items=[item], billing_period=1, billing_period_unit="year", tax_rate=25, tax_name="MVA", **more
    )
