"""The vendor's client for Node, `chargebee` 3.33.0, drives the simulator (reference, section 6): a third encoder.

Skipped, with the reason, where Node, npm or the package is not at hand.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_connector_tests.simulators.chargebee_support import Chargebee, invoice_form

pytest_plugins = "ml_connector_tests.simulators.chargebee_fixtures"

PACKAGE = "chargebee@3.33.0"
SCRIPT = """
import Chargebee from 'chargebee';
const [port, apiKey, invoice] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const client = new Chargebee({apiKey, site: '127', hostSuffix: '.0.0.1', protocol: 'http', port: Number(port)});
const made = await client.customer.create({id: 'V-10001', first_name: 'Kåre', auto_collection: 'off',
  billing_address: {city: 'Tromsø', country: 'NO'}});
const imported = await client.invoice.importInvoice(invoice);
const events = await client.event.list({event_type: {in: ['customer_created', 'customer_changed']}, limit: 10});
const read = await client.event.retrieve(events.list[0].event.id);
let refused;
try { await client.event.retrieve('ev_forged'); } catch (error) { refused = error; }
console.log(JSON.stringify({
  city: made.customer.billing_address.city, total: imported.invoice.total, lines: imported.invoice.line_items.length,
  types: events.list.map(entry => entry.event.event_type), first_name: read.event.content.customer.first_name,
  refused: [refused.http_status_code, refused.api_error_code],
}));
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs the script with arguments; returns what it printed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not installed")
    folder: Path = tmp_path_factory.mktemp("npm")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", PACKAGE]
    try:
        installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not install {PACKAGE} within a minute")
    if installed.returncode != 0:
        pytest.skip(f"npm could not install {PACKAGE}: {installed.stderr.strip()[-200:]}")
    (folder / "run.mjs").write_text(SCRIPT)

    def running(*arguments: str) -> Any:
        command = [node, "run.mjs", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return running


def test_it_creates_imports_and_reads_events(run: Callable[..., Any], chargebee: Chargebee) -> None:
    """Nested values, lists of rows, filters with lists, and a refusal."""
    port, invoice = chargebee.url.rpartition(":")[2], invoice_form(chargebee)
    assert run(port, chargebee.settings.api_key, json.dumps(invoice)) == {
        "city": "Tromsø",
        "total": 12_500,
        "lines": 1,
        "types": ["customer_created"],
        "first_name": "Kåre",
        "refused": [404, "resource_not_found"],
    }
