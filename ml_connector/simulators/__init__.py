"""Stand-in servers of the outside systems: stateful, faithful to the vendors' references, driven over real HTTP.

    settings.py   what every simulator can be told, also while it runs
    app.py        puts one simulator together: vendor routes, control routes, call log, faults
    calls.py      the call log, latency and the `Date` header
    faults.py     what goes wrong, by name; fault_rules.py: when
    control.py    the `/_simulator` endpoints
    server.py     serves an app on loopback, in a thread or as the process
    people.py     seeded Nordic companies, persons and addresses

Nothing here imports the rest of the package: a simulator must be able to disagree with the client.
"""
