"""`ml-connector status`: how everything stands, to be read in ten seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ml_connector.cli import output
from ml_connector.cli.arguments import Selection, known, opened
from ml_connector.config import Company, Source, Target
from ml_connector.config.cron import Cron

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

EXAMPLE = "Example: ml-connector status nordic"


def run(selection: Selection = None, as_json: output.AsJson = False) -> None:
    """Show when each target last succeeded, what is undelivered and since when, what comes next, and problems."""
    now = datetime.now(UTC)
    with opened() as home, home.database.connect() as connection:
        company, target = known(home.config, selection)
        chosen = [one for one in home.config.companies.values() if company in (None, one.name)]
        found = [_company(connection, one, target, now) for one in chosen]
    if as_json:
        output.document(found)
        return
    for position, one in enumerate(found):
        if position:
            output.say()
        _show(one, now)


def _company(connection: Connection, company: Company, only: str | None, now: datetime) -> dict[str, Any]:
    source = company.source
    chosen = [target for target in company.targets.values() if only in (None, target.name, source.system.name)]
    return {
        "company": company.name,
        "timezone": company.timezone.key,
        "source": {
            "name": source.id,
            "entities": _entities(connection, company),
            "next_poll": Cron.parse(source.poll).next(now, company.timezone),
        },
        "targets": [_target(connection, company, target, now) for target in chosen],
        "inboxes": [_inbox(connection, company, inward) for inward in company.inward if _is_shown(inward, only)],
    }


def _is_shown(inward: Source, only: str | None) -> bool:
    """An inbox is that of the target that its webhooks come from."""
    return only in (None, inward.target, inward.name)


def _inbox(connection: Connection, company: Company, inward: Source) -> dict[str, Any]:
    from ml_connector.store import reports

    target = str(inward.target)
    return {"target": f"{company.name}/{target}", **reports.inbox_status(connection, company.name, target)}


def _entities(connection: Connection, company: Company) -> list[dict[str, Any]]:
    """How far every entity was read, or made of another one; those first that never were: what needs them waits."""
    from ml_connector.store import reports

    nothing = {"covered_until": None, "full_at": None, "brake": None, "stopped": None}
    rows = {entity.name: {"entity": entity.name, **nothing} for entity in company.entities}
    for row in reports.coverage(connection, company.name):
        idle = {} if row["entity"] in rows else {"stopped": None}  # nothing needs it any more, so nothing reads it
        rows[row["entity"]] = row | idle
    derived = {one.entity.name for inward in company.inward for one in inward.derivations}
    ordered = sorted(rows.values(), key=lambda row: row["covered_until"] is not None)
    return [{**row, "derived": row["entity"] in derived} for row in ordered]


def _target(connection: Connection, company: Company, target: Target, now: datetime) -> dict[str, Any]:
    from ml_connector.store import reports

    flows = [
        reports.flow_status(connection, company.name, target.name, flow.name, flow.entity, now) for flow in target.flows
    ]
    oldest = [flow.oldest for flow in flows if flow.oldest]
    succeeded = [flow.delivered_at for flow in flows if flow.delivered_at]
    return {
        "target": target.id,
        "last_success": min(succeeded) if len(succeeded) == len(flows) else None,
        "oldest_undelivered": min(oldest, default=None),
        "next_run": Cron.parse(target.deliver).next(now, company.timezone) if target.deliver else None,
        "stopped": next((flow.stopped for flow in flows if flow.stopped), None),
        "flows": [
            {
                "flow": flow.flow,
                "records": flow.records,
                "waiting": flow.waiting,
                "due_at": flow.due_at,
                "problems": flow.problems,
                "oldest_undelivered": flow.oldest,
                "last_success": flow.delivered_at,
                "stopped": flow.stopped,
            }
            for flow in flows
        ],
    }


def _show(company: dict[str, Any], now: datetime) -> None:
    source = company["source"]
    output.say(f"{company['company']}  (source {source['name']}, next poll {output.ago(source['next_poll'], now)})")
    output.table(
        {
            "Read": "entity",
            "Covered until": lambda row: output.ago(row["covered_until"], now),
            "Last full read": lambda row: None if row["derived"] else output.ago(row["full_at"], now),
            "Brake": "brake",
            "Stopped": "stopped",
        },
        source["entities"],
    )
    output.say()
    output.table(
        {
            "Target": "target",
            "Flow": "flow",
            "Last success": lambda row: output.ago(row["last_success"], now),
            "Oldest undelivered": lambda row: _since(row["oldest_undelivered"], now),
            "Next run": lambda row: _soon(row, now),
            "Waiting": "waiting",
            "Rejected": lambda row: row["records"].get("rejected", 0),
            "Failed": lambda row: row["records"].get("failed", 0),
            "Stopped": "stopped",
        },
        [target | flow for target in company["targets"] for flow in target["flows"]],
    )
    if company["inboxes"]:
        output.say()
        output.table(
            {
                "Inbox": "target",
                "Last webhook": lambda row: output.ago(row["last_webhook"], now),
                "Waiting": "waiting",
                "Oldest waiting": lambda row: _since(row["oldest_waiting"], now),
                "Refused": "refused",
                "Found by polls alone": "found_by_poll",
            },
            company["inboxes"],
        )
    refused = any(inbox["refused"] for inbox in company["inboxes"])
    if refused or any(flow["problems"] for target in company["targets"] for flow in target["flows"]):
        output.say(f"What is rejected, refused or failed, and why: ml-connector problems {company['company']}")


def _since(moment: datetime | None, now: datetime) -> str | None:
    return output.ago(moment, now) if moment else None


def _soon(row: dict[str, Any], now: datetime) -> str:
    if row["next_run"]:
        return output.ago(row["next_run"], now)
    if row["waiting"] or (row["due_at"] and row["due_at"] <= now):
        return "at the next tick"
    return output.ago(row["due_at"], now) if row["due_at"] else "when something lands"
