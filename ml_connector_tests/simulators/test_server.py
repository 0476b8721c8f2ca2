"""Serving: in a thread, as a process, and on a port that is taken."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from ml_connector.simulators.server import PortInUse, bind, serve
from ml_connector_tests.loopback import HTTP, client
from ml_connector_tests.simulators.shelf import shelf_app


def free_port() -> int:
    with bind() as sock:
        port: int = sock.getsockname()[1]
        return port


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ml_connector.simulators", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_calls(url: str, number: int) -> None:
    """Wait until that many calls came in and none is under way."""
    for _ in range(1000):
        log = HTTP.get(f"{url}/_simulator/calls").json()
        if log["total"] == number and all(entry["status"] for entry in log["log"]):
            return
        time.sleep(0.01)
    pytest.fail(f"{number} calls were expected: {log}")


def wait_until_healthy(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            HTTP.get(f"{url}/_simulator/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the simulator did not come up: {process.communicate(timeout=5)}")


def test_serving_starts_and_stops_quickly() -> None:
    """Within a block there is a server on a port of its own, and afterwards there is none."""
    started = time.monotonic()
    with serve(shelf_app()) as first, serve(shelf_app()) as second:
        assert first.port != second.port
        assert HTTP.get(f"{first.url}/books").json() == {}
    assert time.monotonic() - started < 3
    with pytest.raises(httpx.ConnectError):
        HTTP.get(f"{first.url}/books")


def test_open_calls_do_not_hold_up_the_end() -> None:
    """A call that still sleeps when the block ends is dropped."""
    with serve(shelf_app()) as served, client(base_url=served.url) as shelf:
        shelf.post("/_simulator/faults", json=[{"fault": "slow", "seconds": 60}])
        with pytest.raises(httpx.ReadTimeout):
            shelf.get("/books", timeout=0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 3


def test_errors_within_the_block_end_the_server() -> None:
    """The server stops also when the block fails."""

    def fail() -> str:
        with serve(shelf_app()) as served:
            raise RuntimeError(served.url)

    with pytest.raises(RuntimeError) as failed:
        fail()
    with pytest.raises(httpx.ConnectError):
        HTTP.get(f"{failed.value}/books")


def test_a_caller_that_dies_while_it_sends_is_no_error_of_the_simulator(caplog: pytest.LogCaptureFixture) -> None:
    """A body that breaks off, because its sender was killed, ends that call and is not reported as a fault."""
    with serve(shelf_app()) as served:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", served.port)) as caller:
                caller.sendall(b"PUT /books/half HTTP/1.1\r\nHost: shelf\r\nContent-Length: 100\r\n\r\nhalf a")
        wait_for_calls(served.url, 3)
        assert HTTP.get(f"{served.url}/books").json() == {}
    assert not caplog.records


def test_a_port_that_is_taken_is_named() -> None:
    """`PortInUse` carries the port; it is found out by binding, whoever holds it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)) as taken, serve(shelf_app(), port):
            pass
    assert taken.value.port == port
    with serve(shelf_app(), port) as served:
        assert served.port == port


def test_a_simulator_as_a_process() -> None:
    """The options are the vendor's settings; it prints nothing and ends on SIGTERM."""
    port = free_port()
    process = start(
        "visma", "--port", str(port), "--customers", "50", "--no-awkward", "--rate-limit", "7", "--burst", "3"
    )
    with process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_healthy(process, url)
            settings = HTTP.get(f"{url}/_simulator/settings").json()
            assert (settings["customers"], settings["awkward"], settings["rate_limit"], settings["burst"]) == (
                50,
                False,
                7,
                3,
            )
            assert HTTP.get(f"{url}/_simulator/state?count=1").json()["customers"]["total"] == 50
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10) == ("", "")


def test_a_process_with_faults_from_its_start() -> None:
    """`--fault` puts a rule in force at once."""
    port = free_port()
    process = start("visma", "--port", str(port), "--customers", "1", "--fault", "html_error:path=token,times=1")
    with process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_healthy(process, url)
            assert [HTTP.post(f"{url}/connect/token").status_code for _ in range(2)] == [502, 400]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["visma", "--customers", "5"], "--port"),
        (["sap", "--port", "1"], "sap"),
        (["visma", "--port", "0", "--colour", "red"], "--colour"),
        (["visma", "--port", "0", "--customers", "1", "--fault", "earthquake"], "earthquake"),
    ],
)
def test_wrong_options_end_with_2(options: list[str], words: str) -> None:
    """A wrong option is named, before anything is served."""
    with start(*options) as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert words in err


def test_a_process_names_a_port_that_is_taken() -> None:
    """Exit code 2 and one sentence."""
    with serve(shelf_app()) as served, start("visma", "--port", str(served.port), "--customers", "1") as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")
    assert f"port {served.port}" in err
    assert "Traceback" not in err
