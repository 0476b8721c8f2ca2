"""Dotted paths into the models: which exist, and what stands there. `fields:` and `where:` are checked against these.

name                         a member
main_address.country.id      a member of a block; a missing block reads as None
class                        a shortcut (`Model.shortcuts`)
attributes.SEGMENT           the value of the attribute with this id
"""

from __future__ import annotations

from datetime import date
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin

from ml_connector.systems.visma.models import Attribute, Model

ATTRIBUTE = "attributes.*"


@cache
def paths(model: type[Model]) -> dict[str, str]:
    """Every path of a model -> what stands there ("text", "number", "date", "yes or no"); `*` is any id.

    Lists have no paths, but for attributes.
    """
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        kind = _plain(field.annotation)
        if get_origin(kind) is list:
            if get_args(kind)[0] is Attribute:
                found[f"{name}.*"] = "text"
        elif isinstance(kind, type) and issubclass(kind, Model):
            found |= {f"{name}.{path}": what for path, what in paths(kind).items()}
        else:
            found[name] = _KINDS.get(kind, "number")
    return found | {short: found[path] for short, path in model.shortcuts.items()}


def exists(model: type[Model], path: str) -> bool:
    """Whether something can stand at a path."""
    return path in paths(model) or (ATTRIBUTE in paths(model) and path.startswith("attributes.") and path[-1] != ".")


def read(record: Model, path: str) -> Any:
    """What stands at a path; None where it, or a block on the way, is missing. KeyError: there is no such path."""
    if not exists(type(record), path):
        raise KeyError(path)
    value: Any = record
    first, _, rest = record.shortcuts.get(path, path).partition(".")
    if isinstance(held := getattr(record, first), list):
        return next((line.value for line in held if line.id == rest), None)
    value = held
    for name in rest.split(".") if rest else ():
        value = getattr(value, name, None)
    return value


_KINDS = {str: "text", bool: "yes or no", date: "date"}


def _plain(annotation: Any) -> Any:
    """The type without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
