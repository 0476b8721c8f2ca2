"""The receiver of webhooks: a process of its own, which loads no Dagster.

receiver.py   the routes
postbox.py    stores what came, many at a time, before it is answered
doorkeeper.py whose calls are let in
serving.py    the server
"""
