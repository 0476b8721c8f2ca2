"""connections.yaml: what is right is ready to be used; every mistake is named with file, line, path and what to do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ml_connector.cli.init import template
from ml_connector.config import Config, Target, load, load_tolerant
from ml_connector.config.blocks import WINDOWS
from ml_connector.errors import ConfigurationProblem
from ml_connector.systems.registry import systems

GOOD = """\
companies:
  nordic:
    timezone: Europe/Oslo
    start: 2026-11-01
    visma:
      company_id: "1234567"
    targets:
      mailchimp:
        system: mailchimp
        audience: a1b2c3d4e5
        flows:
          members:
            new_member_status: pending
"""
SECOND = GOOD.removeprefix("companies:\n").replace("nordic", "baltic")


def written(folder: Path, text: str) -> Path:
    path = folder / "connections.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str) -> Config:
    return load(written(folder, text))


def refused(folder: Path, text: str) -> ConfigurationProblem:
    with pytest.raises(ConfigurationProblem) as caught:
        loaded(folder, text)
    return caught.value


def test_the_shortest_configuration_takes_every_default(tmp_path: Path) -> None:
    """Whoever names company, audience and consent has said enough."""
    config = loaded(tmp_path, GOOD)
    company = config.company("nordic")
    assert company.timezone.key == "Europe/Oslo"
    assert company.window == timedelta(hours=1)
    assert company.start == date(2026, 11, 1)
    assert (company.source.id, company.source.poll, company.source.full) == (
        "nordic/visma",
        "*/10 * * * *",
        "0 3 * * 0",
    )
    assert (company.source.overlap, company.source.brake) == (timedelta(hours=2, minutes=5), 0.05)
    target = config.target("nordic/mailchimp")
    assert (target.id, target.deliver, [flow.name for flow in target.flows]) == ("nordic/mailchimp", None, ["members"])


def test_windows_begin_with_the_first_day_in_utc(tmp_path: Path) -> None:
    """Partitions are labels in UTC, whatever the company's clocks say."""
    text = GOOD.replace("    start:", "    window: 15m\n    start:")
    windows = loaded(tmp_path, text).company("nordic").windows
    assert (windows.start, windows.minutes) == (datetime(2026, 11, 1, tzinfo=UTC), 15)


@pytest.mark.parametrize("window", WINDOWS)
def test_every_window_that_is_offered_divides_a_day(tmp_path: Path, window: str) -> None:
    """And lies between a quarter of an hour and a day."""
    length = loaded(tmp_path, GOOD.replace("    start:", f"    window: {window}\n    start:")).company("nordic").window
    assert timedelta(days=1) % length == timedelta()
    assert timedelta(minutes=15) <= length <= timedelta(days=1)


def test_the_template_is_a_configuration_as_soon_as_consent_is_decided(tmp_path: Path) -> None:
    """The one thing that nobody but the operator can know is left open, and asked for with its line."""
    text = template("connections.yaml")
    problem = refused(tmp_path, text)
    line = text.splitlines().index("            new_member_status:") + 1
    assert problem.what == (
        f"{tmp_path}/connections.yaml, line {line}: companies.nordic.targets.mailchimp.flows.members.new_member_status "
        "is empty; expected subscribed, pending or transactional."
    )
    decided = text.replace("new_member_status:\n", "new_member_status: pending\n")
    found = loaded(tmp_path, decided).company("nordic")
    assert list(found.targets) == ["mailchimp"]
    assert getattr(found.source.settings, "company_id", "") is None, "a placeholder would be sent with every call"


def test_the_template_names_every_default_as_it_is(tmp_path: Path) -> None:
    """A setting that is shown as a comment changes nothing when it is made real."""
    text = template("connections.yaml").replace("new_member_status:\n", "new_member_status: pending\n")
    shown = [line for line in text.splitlines() if line.lstrip().startswith("# ")]
    real = text
    for line in shown:
        bare = line.replace("# ", "", 1)
        key = bare.split(":")[0].strip()
        if (
            bare.count(": ") == 1
            and key.isidentifier()
            and key.islower()
            and key not in ("deliver", "where", "company_id")
        ):
            real = real.replace(line, bare)
    assert real.count("\n") == text.count("\n")
    assert real != text
    plain, spelled = loaded(tmp_path, text).company("nordic"), loaded(tmp_path, real).company("nordic")
    assert spelled.source == plain.source
    assert spelled.window == plain.window


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence", "action"),
    [
        ("    start:", "    strat:", 4, "companies.nordic.strat is not a setting", "Did you mean start?"),
        ("    start: 2026-11-01\n", "", 2, "companies.nordic.start is missing; expected the day", "Correct this line"),
        ("2026-11-01", "soon", 4, 'companies.nordic.start is "soon"; expected a day, like 2026-11-01', ""),
        ("2026-11-01", "2126-11-01", 4, "companies.nordic.start is 2126-11-01; expected a day that has begun", ""),
        ("Europe/Oslo", "Europe/Olso", 3, 'is "Europe/Olso"; expected the name of a time zone, like Europe/Oslo', ""),
        ("Europe/Oslo", "1", 3, "timezone is the number 1; expected the name of a time zone", ""),
        ("    start:", "    window: 7m\n    start:", 4, 'window is "7m"; expected one of 15m, 20m, 30m, 1h', ""),
        ("    start:", "    window: 60\n    start:", 4, "window is the number 60; expected one of 15m", ""),
        ("    visma:", "    vismaa:", 5, "companies.nordic.vismaa is not a setting", "Did you mean visma?"),
        ("    visma:", "    vismaa:", 2, "companies.nordic has no source; expected exactly one block visma", ""),
        ('"1234567"', "1234567", 6, "visma.company_id is the number 1234567; expected text", "Put it into quotes"),
        ("      company", "      poll: '* * *'\n      company", 6, 'poll is "* * *"; a schedule has five fields', ""),
        ("      company", "      full: 5\n      company", 6, "full is the number 5; expected text", ""),
        (
            "      company",
            "      overlap: 2\n      company",
            6,
            "overlap is the number 2; expected a length of time",
            "",
        ),
        ("      company", "      overlap: ''\n      company", 6, 'overlap is ""; expected a length of time', ""),
        (
            "      company",
            "      brake: 5\n      company",
            6,
            "brake is the number 5; expected less than or equal to 1",
            "",
        ),
        (
            "      company",
            "      client_secret: x\n      company",
            6,
            "client_secret is a credential and no setting",
            "",
        ),
        (
            "        audience:",
            "        api_key: x\n        audience:",
            10,
            "api_key is a credential",
            "credentials set",
        ),
        ("        audience: a1b2c3d4e5\n", "", 8, "mailchimp.audience is missing; expected the id of the audience", ""),
        ("audience:", "audiense:", 10, "mailchimp.audiense is not a setting", "Did you mean audience?"),
        (
            "system: mailchimp",
            "system: mailchip",
            9,
            'system is "mailchip"; expected chargebee or hubspot or mailchimp',
            "",
        ),
        ("        system: mailchimp\n", "", 8, "mailchimp.system is missing; expected the system's name", ""),
        ("pending", "subscribe", 13, 'is "subscribe"; expected subscribed, pending or transactional', "subscribed?"),
        ("            new_member_status: pending\n", "            {}\n", 12, "new_member_status is missing", ""),
        (
            "pending\n",
            "pending\n            feilds: {}\n",
            14,
            "members.feilds is not a setting",
            "Did you mean fields?",
        ),
        (
            "pending\n",
            "pending\n            where: {class: [NO]}\n",
            14,
            "where.class[0] is false (YAML reads",
            "quotes",
        ),
        ("pending\n", "pending\n            fields: {FNAME: nme}\n", 14, 'fields.FNAME is "nme"; expected', ""),
        ("    targets:", "    targets: {}\n    other:", 7, "targets is a block of settings; expected at least one", ""),
        ("companies:", "company:", 1, "company is not a setting", "Did you mean companies?"),
    ],
)
def test_a_mistake_is_named_with_line_path_and_what_was_expected(
    tmp_path: Path, old: str, new: str, line: int, sentence: str, action: str
) -> None:
    """Unknown key, missing key, wrong type, wrong value: each in the words of the file."""
    problem = refused(tmp_path, GOOD.replace(old, new, 1))
    named = [text for text in problem.what.splitlines() if sentence in text]
    assert named, problem.what
    assert named[0].startswith(f"{tmp_path}/connections.yaml, line {line}: ")
    assert named[0].endswith((".", "?"))
    assert action in problem.action
    assert problem.exit_code == 2


@pytest.mark.parametrize(
    "name", ["Nordic", "1nordic", "nor-dic", "nor__dic", "nordic_", "config", "class", "n" * 49, "é"]
)
@pytest.mark.parametrize("kind", ["company", "target"])
def test_names_that_dagster_cannot_bear_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    """Here, with a sentence, and not when the code location is loaded."""
    old, indent = ("  nordic:", "  ") if kind == "company" else ("      mailchimp:", "      ")
    problem = refused(tmp_path, GOOD.replace(old, f'{indent}"{name}":', 1))
    assert f"is no name for a {kind}" in problem.what


def test_a_target_cannot_bear_the_name_of_the_source(tmp_path: Path) -> None:
    """Both name credentials, runs and assets of the company."""
    problem = refused(tmp_path, GOOD.replace("      mailchimp:", "      visma:", 1))
    assert "targets.visma is no name for a target: the source of the company bears it" in problem.what


def test_two_targets_of_a_company_cannot_lead_to_the_same_account(tmp_path: Path) -> None:
    """They would overwrite each other in turn, whatever else they are set to."""
    second = GOOD[GOOD.index("      mailchimp:") :].replace("mailchimp:", "newsletter:", 1)
    second = second.replace("        flows:", "        connections: 2\n        flows:")
    problem = refused(tmp_path, GOOD + second)
    assert "targets.newsletter leads to the same account as mailchimp" in problem.what
    apart = second.replace("a1b2c3d4e5", "ffffffffff")
    assert list(loaded(tmp_path, GOOD + apart).company("nordic").targets) == ["mailchimp", "newsletter"]


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Nobody has to run the command ten times."""
    text = GOOD.replace("Oslo", "Olso").replace('"1234567"', "1").replace("pending", "x")
    lines = [int(sentence.split("line ")[1].split(":")[0]) for sentence in refused(tmp_path, text).what.splitlines()]
    assert lines == [3, 6, 13]


def test_the_value_of_a_credential_in_the_file_is_not_shown(tmp_path: Path) -> None:
    """The error may end up in a log."""
    problem = refused(tmp_path, GOOD.replace("      company_id", "      client_secret: hunter2\n      company_id"))
    assert "hunter2" not in str(problem)


def test_a_company_twice_is_refused(tmp_path: Path) -> None:
    """The first one would be gone without a word."""
    problem = refused(tmp_path, GOOD + GOOD.removeprefix("companies:\n"))
    assert problem.what.endswith("line 14: companies.nordic is there twice (first in line 2).")


def test_tolerant_loading_keeps_the_good_companies_and_says_why_the_others_are_left_out(tmp_path: Path) -> None:
    """One typing mistake does not stop everybody's sync."""
    path = written(tmp_path, GOOD + SECOND.replace("pending", "subscribe"))
    config = load_tolerant(path)
    assert list(config.companies) == ["nordic"]
    assert "line 25: companies.baltic.targets" in config.broken["baltic"].what
    assert config.broken["baltic"].meaning == "The company baltic is left out; the others work."
    with pytest.raises(ConfigurationProblem, match=r"companies\.baltic"):
        config.company("baltic")
    with pytest.raises(ConfigurationProblem, match=r"companies\.baltic"):
        load(path)


@pytest.mark.parametrize("text", ["", "[]", "companies:", "companies: {}", "companies: 5", "companies: [a]"])
def test_a_file_without_companies_is_refused_also_by_tolerant_loading(tmp_path: Path, text: str) -> None:
    """There is nothing to keep."""
    with pytest.raises(ConfigurationProblem, match="expected at least one company"):
        load_tolerant(written(tmp_path, text))


def test_accounts_are_found_by_name(tmp_path: Path) -> None:
    """Everything, a company, or one account: as the command line takes it."""
    config = loaded(tmp_path, GOOD + SECOND)
    assert [account.id for account in config.accounts()] == [
        "nordic/visma",
        "nordic/mailchimp",
        "baltic/visma",
        "baltic/mailchimp",
    ]
    assert [account.id for account in config.accounts("baltic")] == ["baltic/visma", "baltic/mailchimp"]
    assert [account.id for account in config.accounts("baltic/visma")] == ["baltic/visma"]
    assert isinstance(config.account("nordic/mailchimp"), Target)


@pytest.mark.parametrize(
    ("name", "sentence", "action"),
    [
        ("nordik", "There is no company nordik", "Did you mean nordic?"),
        ("nordic/mailchip", "There is no account nordic/mailchip", "Did you mean nordic/mailchimp?"),
        ("oslo/mailchimp", "There is no company oslo", "Known here: nordic."),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path, name: str, sentence: str, action: str) -> None:
    """And with the one that was probably meant."""
    with pytest.raises(ConfigurationProblem, match=sentence) as caught:
        loaded(tmp_path, GOOD).accounts(name)
    assert action in caught.value.action


def test_the_source_is_no_target(tmp_path: Path) -> None:
    """A replay or a preview of it makes no sense."""
    with pytest.raises(ConfigurationProblem, match="There is no target nordic/visma"):
        loaded(tmp_path, GOOD).target("nordic/visma")


@pytest.mark.parametrize("name", sorted(systems()))
def test_every_system_refuses_unknown_settings_and_credentials(name: str) -> None:
    """A misspelt setting that is ignored is the worst of all answers."""
    system = systems()[name]
    assert system.settings.model_config.get("extra") == "forbid"
    assert system.credentials.model_config.get("extra") == "forbid"
