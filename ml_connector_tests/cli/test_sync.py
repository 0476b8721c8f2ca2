"""`ml-connector sync`, and what can be asked afterwards: status, problems, record, preview, replay."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from ml_connector.defs.launch import sync
from ml_connector.home import Home
from ml_connector_tests.cli.conftest import CUSTOMERS, FIRST, REFUSED, TARGET, Cli, World, bring_over

FLOW = ["flow", "read", "created", "updated", "unchanged", "skipped", "rejected", "failed", "calls", "seconds"]
PROBLEM = [
    *("company", "target", "flow", "key", "outcome", "class", "reason", "vendor_code", "first_seen", "last_tried"),
    *("attempts", "run_id"),
]


def flow_of(document: dict[str, Any]) -> dict[str, Any]:
    """The counts of the one delivery."""
    (delivered,) = [run for run in document["runs"] if run["flows"]]
    (flow,) = delivered["flows"]
    assert flow["read"] == sum(flow[name] for name in FLOW[2:8])
    return dict(flow)


def test_a_first_sync_brings_everybody_and_a_second_one_sends_nothing(cli: Cli, ready: Home, world: World) -> None:
    """The document has the keys that programs rely on, and the counts add up."""
    ran = cli("sync", "nordic", "--json")
    assert ran.code == 0
    read, delivered = ran.json["runs"]
    assert (read["company"], read["target"], read["flows"]) == ("nordic", "visma", [])
    assert (delivered["company"], delivered["target"]) == ("nordic", "mailchimp")
    assert list(delivered["flows"][0]) == FLOW
    assert {"run_id", "company", "target", "windows", "flows"} <= set(delivered)
    assert len(delivered["windows"]) == 2
    flow = flow_of(ran.json)
    assert flow["read"] == CUSTOMERS
    assert flow["created"] == len(world.members()) > 0
    world.forget_calls()

    again = cli("sync", "nordic", "--json")
    assert again.code == 0
    assert flow_of(again.json)["read"] == 0
    assert world.calls("mailchimp", "PUT", "PATCH", "POST", "DELETE") == []


def test_a_full_sync_reads_everything_and_sends_only_what_differs(cli: Cli, synced: Home, world: World) -> None:
    """A change without a new time of change is found by it."""
    world.change(FIRST, name="Quietly Renamed AS", silent=True)
    bring_over(synced)
    assert cli("preview", TARGET, "--json").json["flows"][0]["counts"] == {}
    flow = flow_of(cli("sync", "nordic", "--full", "--json").json)
    assert (flow["read"], flow["updated"]) == (1, 1)


def test_an_empty_list_archives_nobody_and_says_so(cli: Cli, synced: Home, world: World) -> None:
    """failures.md 37: the brake is told in the terminal that asked for the full read, and stays in the status."""
    world.faults("visma", {"fault": "empty_page", "path": "/v1/customer$"})
    ran = cli("sync", "nordic", "--full")
    world.no_faults()
    assert f"nordic/visma, visma.customers: The full read found {CUSTOMERS} of {CUSTOMERS}" in " ".join(ran.err.split())
    assert "none was marked as vanished" in " ".join(cli("status").out.split())
    assert len(world.members("subscribed")) == CUSTOMERS


def test_for_people_there_are_tables_and_for_programs_nothing_else(cli: Cli, ready: Home) -> None:
    """Standard output is a result; Dagster's log is not."""
    ran = cli("sync", TARGET)
    assert ran.code == 0
    assert "nordic/mailchimp: members" in ran.out
    assert "nordic: visma.customers" in ran.out
    assert ran.err == ""


def test_a_target_that_is_down_ends_with_3_and_the_next_sync_does_the_rest(cli: Cli, ready: Home, world: World) -> None:
    """What was read is kept; only what is missing is sent."""
    world.faults("mailchimp", {"fault": "expired_token"})
    ran = cli("sync", "nordic", "--json")
    assert ran.code == 3
    assert ran.err.startswith("Error: nordic/mailchimp: ")
    assert ran.json["runs"][1]["problem"]["exit_code"] == 3
    status = cli("status", "--json").json[0]["targets"][0]
    assert status["flows"][0]["waiting"] == CUSTOMERS
    assert status["oldest_undelivered"] is not None

    world.no_faults()
    again = cli("sync", "nordic", "--json")
    assert again.code == 0
    assert flow_of(again.json)["read"] == CUSTOMERS


def test_a_source_that_cannot_be_read_is_told_until_it_can(cli: Cli, synced: Home, world: World) -> None:
    """The targets have nothing to do meanwhile, and look as if all were well."""
    world.faults("visma", {"fault": "expired_token"})
    assert cli("sync", "nordic").code == 3
    (company,) = cli("status", "--json").json
    stopped = {entity["entity"]: entity["stopped"] for entity in company["source"]["entities"]}
    assert "Visma.net" in stopped["visma.customers"]
    assert company["targets"][0]["stopped"] is None
    assert stopped["visma.customers"][:30] in " ".join(cli("status").out.split())

    world.no_faults()
    assert cli("sync", "nordic").code == 0
    entities = cli("status", "--json").json[0]["source"]["entities"]
    assert {entity["stopped"] for entity in entities} == {None}


def test_an_entity_that_nothing_needs_any_more_is_not_told_to_be_stopped(cli: Cli, synced: Home, world: World) -> None:
    """Nothing reads it, so it would be told for ever."""
    with synced.open() as home:
        home.ledger("nordic").readings.stopped("visma.suppliers", "The key was revoked.")
        home.ledger("nordic").readings.stopped("visma.contacts", "The key was \0 revoked.")
    entities = {one["entity"]: one["stopped"] for one in cli("status", "--json").json[0]["source"]["entities"]}
    assert entities["visma.suppliers"] is None
    assert (entities["visma.contacts"] or "").startswith("The key was")


def test_nobody_becomes_a_member_before_the_contacts_were_read(cli: Cli, ready: Home, world: World) -> None:
    """failures.md 40: whoever is flagged "no mass mail" stands there. It ends with 3 and heals by itself."""
    world.faults("visma", {"fault": "server_error", "path": "/v1/contact"})
    ran = cli("sync", "nordic", "--json")
    assert ran.code == 3
    assert world.members() == []
    assert "visma.contacts was never read to the end" in ran.json["runs"][1]["problem"]["what"]
    assert ran.json["runs"][1]["problem"]["action"]
    (company,) = cli("status", "--json").json
    read = {entity["entity"]: entity["covered_until"] for entity in company["source"]["entities"]}
    assert read["visma.contacts"] is None
    assert read["visma.customers"] is not None
    assert company["targets"][0]["flows"][0]["waiting"] == CUSTOMERS
    assert re.search(r"visma\.contacts +never", cli("status").out)

    world.no_faults()
    assert flow_of(cli("sync", "nordic", "--json").json)["read"] == CUSTOMERS
    assert any(member["merge_fields"].get("FNAME") for member in world.members())


def test_a_long_read_and_a_long_delivery_say_how_far_they_are(ready: Home, world: World) -> None:
    """What is told to a person beside the bar: entity and rows, then records, not one word for minutes."""
    world.faults("visma", {"fault": "slow", "seconds": 2.5, "path": "/v1/contact", "times": 1})
    world.faults("mailchimp", {"fault": "slow", "seconds": 3.5, "path": "/members/", "method": "PUT", "after": 40})
    told: list[str] = []
    sync(ready, "nordic", progress=told.append)
    world.no_faults()
    assert "Reading nordic/visma: visma.contacts, 0 new versions so far" in told
    delivered = [int(text.split(": ")[1].split()[0]) for text in told if re.match("Delivering.* records so far", text)]
    assert 0 < max(delivered) <= CUSTOMERS
    assert delivered == sorted(delivered)


def test_what_is_rejected_ends_with_1_and_is_listed_with_its_reason(
    cli: Cli, synced: Home, with_a_problem: str
) -> None:
    """The list has the keys that programs rely on."""
    ran = cli("problems", "--json")
    assert ran.code == 0
    (problem,) = ran.json
    assert list(problem) == PROBLEM
    assert (problem["company"], problem["target"], problem["flow"]) == ("nordic", "mailchimp", "members")
    assert (problem["key"], problem["outcome"]) == (with_a_problem, "rejected")
    assert problem["reason"]
    assert datetime.fromisoformat(problem["first_seen"]).tzinfo is not None
    shown = cli("problems").out
    assert with_a_problem in shown
    assert f"ml-connector replay {TARGET} --problems" in shown
    assert "ml-connector record nordic " in shown
    assert cli("problems", "nordic/visma", "--json").json == []


def test_without_problems_the_list_is_empty(cli: Cli, synced: Home) -> None:
    """An empty document is a document."""
    assert cli("problems", "--json").json == []
    assert cli("problems").out == "Nothing is rejected or failed.\n"


def test_the_status_shows_success_coverage_and_what_comes_next(cli: Cli, synced: Home, with_a_problem: str) -> None:
    """Ten seconds are enough to see what is wrong, and where to look."""
    (company,) = cli("status", "--json").json
    assert company["company"] == "nordic"
    assert {entity["entity"] for entity in company["source"]["entities"]} >= {"visma.customers", "visma.contacts"}
    assert all(entity["covered_until"] for entity in company["source"]["entities"])
    assert company["source"]["next_poll"] > company["source"]["entities"][0]["covered_until"]
    (target,) = company["targets"]
    assert target["last_success"] is not None
    assert target["oldest_undelivered"] is not None
    assert target["flows"][0]["records"] == {"created": CUSTOMERS - 1, "rejected": 1}
    shown = cli("status", "nordic").out
    assert "ml-connector problems nordic" in shown
    assert "when something lands" in shown


def test_the_status_tells_when_what_failed_is_tried_again(cli: Cli, synced: Home, world: World) -> None:
    """Nothing has to land for that."""
    world.change(FIRST, name="Renamed AS")
    world.faults("mailchimp", {"fault": "server_error", "method": "PUT"})
    assert cli("sync", "nordic").code == 1
    ran = cli("status", "--json")
    assert ran.json[0]["targets"][0]["flows"][0]["due_at"] is not None
    assert re.search(r" in \d+ (min|s) ", cli("status").out)


def test_before_anything_ran_the_status_says_so(cli: Cli, ready: Home) -> None:
    """A new home is no error."""
    ran = cli("status")
    assert ran.code == 0
    assert re.search(r"visma\.customers +never", ran.out)
    assert re.search(r"visma\.contacts +never", ran.out)


def test_one_record_shows_its_source_every_flow_and_every_attempt(
    cli: Cli, synced: Home, world: World, with_a_problem: str
) -> None:
    """What was sent is shown only when asked for."""
    plain = cli("record", "nordic", with_a_problem, "--json")
    assert plain.code == 0
    assert {row["entity"] for row in plain.json["source"]} >= {"visma.customers"}
    (flow,) = plain.json["flows"]
    assert (flow["target"], flow["flow"], flow["outcome"]) == ("mailchimp", "members", "rejected")
    assert [row["outcome"] for row in plain.json["audit"]] == ["created", "rejected"]
    assert "payload" not in plain.json["audit"][0]
    assert REFUSED not in plain.out

    opened = cli("record", "nordic", with_a_problem, "--payload", "--json")
    assert opened.json["audit"][1]["payload"]["email_address"] == REFUSED
    assert REFUSED in cli("record", "nordic", with_a_problem, "--payload").out


def test_one_run_shows_what_it_did_with_each_of_its_records(cli: Cli, ready: Home, world: World) -> None:
    """As the run's windows in Dagster say, and the audit has its attempts."""
    run_id = cli("sync", "nordic", "--json").json["runs"][1]["run_id"]
    world.change(FIRST, name="Later AS")
    later = cli("sync", "nordic", "--json").json["runs"][1]["run_id"]
    shown = cli("record", "nordic", "--run", later, "--json")
    assert shown.code == 0
    (record,) = shown.json["records"]
    assert (record["target"], record["flow"], record["key"], record["outcome"]) == (
        *("mailchimp", "members", FIRST, "updated"),
    )
    assert len(cli("record", "nordic", "--run", run_id, "--json").json["records"]) == CUSTOMERS
    assert FIRST in cli("record", "nordic", "--run", later).out
    assert [row["key"] for row in cli("audit", "export", TARGET, "--run", later, "--json").json] == [FIRST]

    unknown = cli("record", "nordic", "--run", "nope")
    assert unknown.code == 1
    assert len(unknown.parts) == 3
    assert cli("record", "nordic").code == cli("record", "nordic", FIRST, "--run", later).code == 2


def test_a_record_that_nobody_has_met_is_said_to_be_unknown(cli: Cli, synced: Home) -> None:
    """It is no mistake of the command, but nothing was found."""
    ran = cli("record", "nordic", "99999")
    assert ran.code == 1
    assert ran.parts[0] == "Error: Nothing is known of a record 99999 of nordic."


def test_a_preview_before_the_first_sync_reads_live_and_writes_nothing(cli: Cli, ready: Home, world: World) -> None:
    """Neither at the target nor in the ledger: the first sync still finds everything to do."""
    ran = cli("preview", TARGET, "--json")
    assert ran.code == 0
    (flow,) = ran.json["flows"]
    assert flow["live"] is True
    assert flow["counts"] == {"create": CUSTOMERS}
    assert world.calls("mailchimp") == []
    assert {one["covered_until"] for one in cli("status", "--json").json[0]["source"]["entities"]} == {None}


def test_a_preview_says_what_is_never_created(cli: Cli, ready: Home, world: World) -> None:
    """A terminated customer is changed where it is a member, and never made one: the rule is shown."""
    world.change(FIRST, status="Inactive")
    (flow,) = cli("preview", TARGET, "--record", FIRST, "--json").json["flows"]
    assert flow["counts"] == {"update if there": 1}
    assert flow["records"][0]["why"] is not None
    bring_over(ready)
    assert FIRST not in {member["merge_fields"].get("CUSTNO") for member in world.members()}


def test_a_preview_shows_first_what_would_be_sent_and_says_how_many_more_there_are(
    cli: Cli, ready: Home, world: World
) -> None:
    """Of many that are held back, the one that will be created is what somebody looks for."""
    last = str(int(FIRST) + CUSTOMERS - 1)
    for number in range(int(FIRST), int(last)):
        world.change(str(number), mainContact={"email": ""})
    shown = cli("preview", TARGET, "--limit", "2").out
    assert f"{last}: create" in shown
    assert f"... and {CUSTOMERS - 2} more: --limit" in shown
    assert "more: --limit" not in cli("preview", TARGET, "--limit", str(CUSTOMERS)).out


@pytest.mark.parametrize("landed", [False, True])
def test_a_preview_knows_who_shares_an_address_whatever_page_they_are_on(
    cli: Cli, ready: Home, world: World, landed: bool
) -> None:
    """The lowest number owns it, live and from what has landed, for everybody and for one that is named."""
    ready.config_path.write_text(ready.config_path.read_text().replace("visma:\n", "visma:\n      page_size: 10\n", 1))
    shared, last = "shared@nordic-customers.no", str(int(FIRST) + CUSTOMERS - 1)
    world.change(FIRST, mainContact={"email": shared})
    world.change(last, mainContact={"email": shared})
    if landed:
        world.faults("mailchimp", {"fault": "expired_token"})
        cli("sync", "nordic")
    (flow,) = cli("preview", TARGET, "--limit", "100", "--json").json["flows"]
    assert flow["live"] is not landed
    assert flow["counts"] == {"create": CUSTOMERS - 1, "skipped": 1}
    (skipped,) = [one for one in flow["records"] if one["step"] == "skipped"]
    assert skipped["key"] == last
    assert skipped["why"].startswith(f"same address as {FIRST}")
    (flow,) = cli("preview", TARGET, "--record", last, "--json").json["flows"]
    assert flow["counts"] == {"skipped": 1}


@pytest.mark.parametrize("landed", [False, True])
def test_a_preview_of_a_record_that_nobody_has_met_is_an_error(cli: Cli, ready: Home, landed: bool) -> None:
    """As a replay of it is."""
    if landed:
        bring_over(ready)
    ran = cli("preview", TARGET, "--record", "NOPE")
    assert ran.code == cli("replay", TARGET, "--record", "NOPE").code == 2
    assert "NOPE" in ran.parts[0]
    assert len(ran.parts) == 3


def test_a_preview_shows_each_field_before_and_after(cli: Cli, synced: Home, world: World) -> None:
    """From what has landed, without asking the source."""
    world.change(FIRST, name="Renamed AS")
    world.faults("mailchimp", {"fault": "expired_token"})
    bring_over(synced)
    world.forget_calls()
    (flow,) = cli("preview", TARGET, "--json").json["flows"]
    assert flow["live"] is False
    assert flow["counts"] == {"update": 1}
    (record,) = flow["records"]
    after = {difference["field"]: difference["after"] for difference in record["differences"]}
    before = {difference["field"]: difference["before"] for difference in record["differences"]}
    assert record["key"] == FIRST
    assert after["merge_fields.COMPANY"] == "Renamed AS"
    assert before["merge_fields.COMPANY"] not in (None, "Renamed AS")
    assert "merge_fields.CITY" not in after
    assert world.calls("visma") == []
    assert "-> Renamed AS" in cli("preview", TARGET, "--record", FIRST).out


def test_named_records_are_sent_again_also_when_the_target_has_them(cli: Cli, synced: Home, world: World) -> None:
    """A replay repairs what somebody changed by hand at the target."""
    ran = cli("replay", TARGET, "--record", FIRST, "--json")
    assert ran.code == 0
    assert flow_of(ran.json)["read"] == 1
    assert len(world.calls("mailchimp", "PUT", "PATCH")) == 1


def test_a_replay_of_a_record_that_is_held_back_says_so(cli: Cli, synced: Home, world: World) -> None:
    """Its contacts were not read since it landed; `--reread` reads them first."""
    world.change(FIRST, name="Renamed AS")
    world.faults("visma", {"fault": "server_error", "path": "/v1/contact"})
    cli("sync", "nordic")
    ran = cli("replay", TARGET, "--record", FIRST)
    assert ran.code == 1
    assert f"Not sent to {TARGET} by members: {FIRST}. They landed after the last complete read" in ran.err
    (held,) = cli("replay", TARGET, "--record", FIRST, "--json").json["runs"][0]["held_back"]
    assert held == {"flow": "members", "waits_for": ["visma.contacts"], "keys": [FIRST]}
    world.faults("visma")
    ran = cli("replay", TARGET, "--record", FIRST, "--reread", "--json")
    assert (ran.code, ran.json["runs"][0]["held_back"], flow_of(ran.json)["updated"]) == (0, [], 1)


def test_problems_are_tried_again_once_they_are_put_right(
    cli: Cli, synced: Home, with_a_problem: str, world: World
) -> None:
    """Here the customer's address, and the source is read again."""
    world.change(with_a_problem, mainContact={"email": "right@nordic-customers.no"}, silent=True)
    ran = cli("replay", TARGET, "--problems", "--reread", "--json")
    assert ran.code == 0
    assert cli("problems", "--json").json == []
    ran = cli("replay", TARGET, "--problems", "--json")
    assert (ran.code, ran.json) == (0, {"runs": []})


def test_everything_that_a_run_took_up_can_be_replayed(cli: Cli, ready: Home) -> None:
    """A run is named as Dagster and `problems` show it."""
    run_id = cli("sync", "nordic", "--json").json["runs"][1]["run_id"]
    ran = cli("replay", TARGET, "--run", run_id, "--json")
    assert ran.code == 0
    assert flow_of(ran.json)["read"] == CUSTOMERS


def test_json_is_one_document_in_every_command(cli: Cli, synced: Home) -> None:
    """Whatever is said besides goes to standard error."""
    for command in [
        ("check",),
        ("setup", TARGET),
        ("status",),
        ("preview", TARGET),
        ("sync", "nordic"),
        ("problems",),
        ("record", "nordic", "10001"),
        ("audit", "verify"),
        ("audit", "export"),
        ("credentials", "list"),
        ("init",),
    ]:
        json.loads(cli(*command, "--json").out)
