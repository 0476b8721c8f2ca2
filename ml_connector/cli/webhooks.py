"""`ml-connector webhooks`: the receiver of webhooks, in this process."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import output
from ml_connector.cli.arguments import opened

EXAMPLE = "Example: ml-connector webhooks --port 8080"

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]


def run(host: Host = "127.0.0.1", port: Port = 8080) -> None:
    """Receive webhooks until it is ended, and store each before it is answered.

    A target's webhooks go to /webhooks/COMPANY/TARGET, with the user name and password that its credentials hold. Put
    a server with TLS in front of it. /healthz tells whether events can be stored.
    """
    from ml_connector.web.doorkeeper import webhook_targets
    from ml_connector.web.serving import serve

    with opened() as home:
        ready = [
            f"{target.id}: http://{host}:{port}/webhooks/{target.company}/{target.name}"
            for target in webhook_targets(home)
        ]
        serve(home, host, port, lambda: output.say("\n".join(ready)))
