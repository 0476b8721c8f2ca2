"""Keeps Visma.net ERP in step with marketing, billing and commerce systems, as a Dagster project."""

__version__ = "0.1.0"
