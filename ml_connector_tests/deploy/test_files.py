"""What can be checked of `deploy/` without an engine for containers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from ml_connector_tests.deploy.files import DEPLOY, PROJECT, command, compose, instructions, read, service_commands

BIN = Path(sys.executable).parent
SETTINGS = ("dagster.yaml", "deploy/dagster.postgres.yaml")
OF_THE_README = [
    "dagster instance concurrency set",
    "ml-connector init",
    "ml-connector credentials set",
    "ml-connector check",
    "ml-connector status",
    "ml-connector webhooks",
]


def subcommand(words: list[str]) -> list[str]:
    """A command without its options."""
    options = next((position for position, word in enumerate(words) if word.startswith("-")), len(words))
    return words[:options]


def starts(words: list[str]) -> str:
    """The help of a command, which has to end with 0."""
    done = subprocess.run(
        [BIN / words[0], *words[1:], "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_settings_of_dagster_differ_in_the_storage_alone() -> None:
    """What holds on one host with SQLite holds on PostgreSQL: queue, limits, pools, retention, no telemetry."""
    local, postgres = (read(PROJECT / path) for path in SETTINGS)
    storage = postgres.pop("storage")
    assert local == postgres
    assert storage == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    assert local["telemetry"] == {"enabled": False}
    assert local["run_retries"] == {"enabled": False}


def test_the_settings_are_accepted_on_postgresql(
    tmp_path: Path, new_postgres: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster opens its storage in a real PostgreSQL with this file, and applies the limits."""
    assert callable(new_postgres)
    url = str(new_postgres()).replace("postgresql://", "postgresql+psycopg2://")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.postgres.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs_count() == 0
        instance.event_log_storage.set_concurrency_slots("nordic/mailchimp", 1)
        assert [pool.name for pool in instance.event_log_storage.get_pool_limits()] == ["nordic/mailchimp"]
        config = instance.get_concurrency_config()
        assert config.run_queue_config is not None
        assert config.run_queue_config.tag_concurrency_limits[0]["key"] == "connection_target"
        assert config.pool_config.default_pool_limit == 1
        assert not instance.telemetry_enabled


def test_the_settings_of_a_new_home_are_these(tmp_path: Path) -> None:
    """`ml-connector init` writes the same dagster.yaml and workspace.yaml."""
    home = tmp_path / "home"
    subprocess.run([BIN / "ml-connector", "init", str(home)], check=True, capture_output=True, timeout=60)
    for name in ("dagster.yaml", "workspace.yaml"):
        assert yaml.safe_load((home / name).read_text()) == read(PROJECT / name)


@pytest.mark.parametrize("name", sorted(service_commands()))
def test_every_command_of_the_compose_file_starts(name: str) -> None:
    """The command and its options are known to the program that is installed."""
    words = service_commands()[name]
    if words[0] == "python":
        compile(words[2], "health check", "exec")
        return
    known = starts(subcommand(words))
    assert [word for word in words if word.startswith("--") and word not in known] == []


@pytest.mark.parametrize("text", OF_THE_README)
def test_every_command_of_the_page_starts(text: str) -> None:
    """What the page tells people to type exists, and the page does say it."""
    assert text in (DEPLOY / "README.md").read_text()
    starts(text.split())


def test_the_compose_file_defines_what_it_names() -> None:
    """Services, secrets and volumes; every service is watched, and no port is open to the world."""
    found = compose()
    services = found["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service.get("secrets", [])) <= set(found["secrets"])
        named = {volume.partition(":")[0] for volume in service["volumes"]}
        assert {name for name in named if not name.startswith((".", "/"))} <= set(found["volumes"])
        assert service["healthcheck"]["test"][0] == "CMD"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_no_secret_stands_in_the_environment_of_a_container() -> None:
    """Passwords and keys come from files; URLs carry none; only code location and receiver see the vault key."""
    services = compose()["services"]
    for name, service in services.items():
        for variable, value in service["environment"].items():
            assert not re.search(r"//[^/@]*:[^/@]*@", value), variable
            assert not re.search("PASSWORD|KEY", variable) or variable.endswith("_FILE")
        assert ("vault_key" in service["secrets"]) == (name in ("code", "receiver"))


def test_the_workspace_names_the_code_location() -> None:
    """Host and port are those of the compose file's service, and the location has the name of every other start."""
    (location,) = (entry["grpc_server"] for entry in read(DEPLOY / "workspace.yaml")["load_from"])
    (local,) = (entry["python_module"] for entry in read(PROJECT / "workspace.yaml")["load_from"])
    words = compose()["services"][location["host"]]["command"]
    assert words[words.index("--port") + 1] == str(location["port"])
    assert words[words.index("--module-name") + 1] == local["module_name"]
    assert location["location_name"] == local["location_name"]


def versions(path: str) -> dict[str, tuple[str, int]]:
    """Package -> version, and how many hashes it has."""
    blocks = re.split(r"\n(?=\S)", (PROJECT / path).read_text())
    named = {block.partition("==")[0]: block for block in blocks if "==" in block}
    return {name: (block.split("==")[1].split()[0], block.count("--hash=sha256:")) for name, block in named.items()}


def test_the_image_installs_the_tested_versions_by_their_hashes() -> None:
    """Those of the project's lock file without what tests alone need; no other package is resolved."""
    image, tested = versions("deploy/requirements.lock"), versions("requirements.lock")
    assert image.items() <= tested.items()
    assert all(hashes for _, hashes in image.values())
    assert {"dagster", "dagster-postgres", "httpx", "typer"} <= image.keys()
    assert not {"pytest", "mypy", "playwright"} & image.keys()
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert "--require-hashes" in installs[0]
    assert "requirements.lock" in installs[0]
    assert all("--no-deps" in rest for rest in installs)


def test_no_secret_and_no_data_gets_into_the_image() -> None:
    """What the page tells to put below deploy/, homes, and what belongs to a checkout stays out of the context."""
    ignored = (PROJECT / ".dockerignore").read_text().split()
    assert {"deploy/secrets", "deploy/home", ".demo", ".ml_connector", "home", ".venv", ".git"} <= set(ignored)
    secrets = [Path("deploy", one["file"]).as_posix() for one in compose()["secrets"].values() if "file" in one]
    assert all(any(path.startswith(f"{entry}/") for entry in ignored) for path in secrets)


def test_the_receiver_is_watched_and_reached_where_it_listens() -> None:
    """Its health check and its published port name the port of its command; the page's proxy sends to that one."""
    receiver = compose()["services"]["receiver"]
    port = receiver["command"][receiver["command"].index("--port") + 1]
    assert f"127.0.0.1:{port}/healthz" in receiver["healthcheck"]["test"][-1]
    assert receiver["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"proxy_pass http://127.0.0.1:{port};" in (DEPLOY / "README.md").read_text()


def test_the_dockerfile_copies_what_exists_and_starts_what_is_installed() -> None:
    """Every source of a copy is in the project, root runs nothing, and the command is the code location's."""
    found = instructions()
    copied = [words for word, rest in found if word == "COPY" and not (words := rest.split())[0].startswith("--from")]
    assert copied
    assert [source for *sources, _ in copied for source in sources if not (PROJECT / source).exists()] == []
    last = dict(found)
    assert last["USER"].partition(":")[0] != "0"
    assert command(last["CMD"]) == compose()["services"]["code"]["command"]
    assert {word for word, _ in found} <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "CMD"}
