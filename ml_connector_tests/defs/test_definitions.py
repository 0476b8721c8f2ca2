"""What Dagster shows: assets, jobs, automation, resources, and companies that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import yaml

from ml_connector.defs.build import build_definitions, configured
from ml_connector.defs.windows import partitions
from ml_connector.engine.windows import Windows
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import Home
from ml_connector_tests.defs.place import CUSTOMERS, MEMBERS, PROJECT, Place


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_a_company_is_one_graph_from_its_source_to_its_targets(place: Place) -> None:
    """Every source entity and every flow is an asset of the company's group; a flow depends on what it maps."""
    found = specs(place.definitions())
    assert set(found) == {
        "nordic/visma/customers",
        "nordic/visma/contacts",
        "nordic/visma/customer_classes",
        "nordic/mailchimp/members",
    }
    assert {spec.group_name for spec in found.values()} == {"nordic"}
    assert {dep.asset_key for dep in found["nordic/mailchimp/members"].deps} >= {CUSTOMERS}
    assert found["nordic/visma/customer_classes"].partitions_def is None
    assert all(spec.owners and spec.kinds and spec.tags for spec in found.values())


def test_definitions_can_be_loaded_and_run(place: Place) -> None:
    """Dagster finds nothing wrong with jobs, resources, schedules and sensors, and everything starts by itself."""
    definitions = place.definitions()
    dg.Definitions.validate_loadable(definitions)
    repository = definitions.get_repository_def()
    jobs = {"nordic__poll", "nordic__deliver_mailchimp", "nordic__check_mailchimp"}
    assert jobs <= set(repository.job_names)
    assert {one.name for one in repository.schedule_defs} == {"nordic__poll_schedule", "nordic__full_reread"}
    assert all(one.default_status is dg.DefaultScheduleStatus.RUNNING for one in repository.schedule_defs)
    assert {one.name for one in repository.sensor_defs} == {
        "nordic__deliver_mailchimp_sensor",
        "nordic__check_mailchimp_sensor",
    }
    assert all(one.default_status is dg.DefaultSensorStatus.RUNNING for one in repository.sensor_defs)
    assert all(one.description for one in repository.schedule_defs)
    assert all(one.description for one in repository.sensor_defs)
    checks = {key.name for key in repository.asset_graph.asset_check_keys if key.asset_key == MEMBERS}
    assert checks == {"every_record_delivered", "outcomes_add_up", "no_one_resubscribed"}
    assert definitions.resolve_implicit_global_asset_job_def().executor_def.name == "in_process"


def test_a_target_shows_its_field_mapping_as_a_table(place: Place) -> None:
    """The description of a flow's asset has a row for every field, and says what to type."""
    place.configure(mailchimp={"flows": {"members": {"new_member_status": "pending", "fields": {"CITY2": "number"}}}})
    description = specs(place.definitions())["nordic/mailchimp/members"].description or ""
    assert "| CITY2 | number |" in description
    assert "| --- | --- |" in description
    assert "ml-connector record nordic KEY" in description


def test_companies_stand_side_by_side(place: Place) -> None:
    """Two companies with the same systems share nothing: names, groups, resources and pools are their own."""
    document = yaml.safe_load(place.home.config_path.read_text())
    document["companies"]["fjord"] = document["companies"]["nordic"]
    place.write(document)
    definitions = place.definitions()
    dg.Definitions.validate_loadable(definitions)
    assert {spec.group_name for spec in definitions.resolve_all_asset_specs()} == {"nordic", "fjord"}
    assert len(definitions.get_repository_def().get_top_level_resources()) == 4


def test_a_broken_company_is_shown_and_the_others_work(place: Place) -> None:
    """A company with a mistake stands in the graph with the three parts of its problem, beside the ones that work."""
    text = place.home.config_path.read_text()
    place.home.config_path.write_text(text + "  fjord:\n    timezone: Europe/Olso\n    start: 2026-11-01\n")
    definitions = build_definitions(configured(place.home), place.home)
    found = specs(definitions)
    assert "nordic/mailchimp/members" in found
    broken = found["fjord/configuration"]
    assert broken.group_name == "fjord"
    assert "Europe/Olso" in (broken.description or "")
    sensor = definitions.resolve_sensor_def("fjord__configuration")
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(ConfigurationProblem, match="Europe/Olso"):
        sensor.evaluate_tick(dg.build_sensor_context(instance))


@pytest.mark.parametrize("text", [None, "companies: [", "companies: {}", "compannies: {a: 1}"])
def test_a_configuration_that_cannot_be_read_does_not_keep_dagster_from_loading(home: Home, text: str | None) -> None:
    """Without a usable file there is one asset that says what to do."""
    if text is not None:
        home.config_path.write_text(text)
    found = specs(build_definitions(configured(home), home))
    (only,) = found.values()
    assert str(home.config_path) in (only.description or "")


def test_reading_the_definitions_opens_nothing_and_holds_no_secret(place: Place, home: Home) -> None:
    """Neither the vault nor the ledger is opened at load, so no credential can stand in a definition."""
    (home.path / "ml_connector.db").rename(home.path / "elsewhere.db")
    home.key_file.unlink()
    definitions = place.definitions()
    assert not (home.path / "ml_connector.db").exists()
    resources = definitions.get_repository_def().get_top_level_resources()
    assert set(resources) == {"nordic__visma", "nordic__mailchimp"}
    assert definitions.resources is not None
    assert definitions.resources["nordic__mailchimp"].address == place.mailchimp.url


def test_the_code_location_is_valid_for_dagster_itself(place: Place) -> None:
    """`dagster definitions validate` on workspace.yaml ends with 0 and without a warning."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(PROJECT / "workspace.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=place.home.path, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    warned = [line for line in said.splitlines() if "warning" in line.lower()]
    assert all("`definitions_validate_command` is superseded" in line for line in warned), said  # Dagster's own


@pytest.mark.parametrize("minutes", [15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440])
def test_windows_are_dagsters_partitions(minutes: int) -> None:
    """The engine's keys are the partition keys, the open window included, whatever the length."""
    start = datetime(2026, 3, 27, tzinfo=UTC)  # over the change to summer time
    windows = Windows(start, minutes)
    now = datetime(2026, 3, 30, 13, 37, tzinfo=UTC)
    keys = list(windows.keys(windows.key(start, now), windows.key(now, now)))
    assert list(partitions(windows).get_partition_keys(current_time=now)) == keys
    assert windows.key(now - timedelta(days=400), now) == keys[0]
