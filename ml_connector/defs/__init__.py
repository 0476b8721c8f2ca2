"""All that knows Dagster: assets, windows, automation, checks and resources, composed in `build.py`."""
