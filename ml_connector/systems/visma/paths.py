"""Dotted paths into the models: which exist, and what stands there. `fields:` and `where:` are checked against these.

name                         a member
main_address.country.id      a member of a block; a missing block reads as None
class                        a shortcut (`Model.shortcuts`)
attributes.SEGMENT           the value of the attribute with this id
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import create_model

from ml_connector.systems.visma.models import Attribute, Model

ATTRIBUTE = "attributes.*"
AnyModel = TypeVar("AnyModel", bound=Model)


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


def narrowed(model: type[AnyModel], wanted: Iterable[str]) -> type[AnyModel]:
    """The model with only what lies on these paths: a third of the work, and what nobody looks at can spoil no row.

    A path that ends at a block wants all of it.
    """
    kept: dict[str, list[str]] = {}
    for path in wanted:
        name, _, rest = model.shortcuts.get(path, path).partition(".")
        kept.setdefault(name, []).append(rest)
    fields: dict[str, Any] = {}
    for name, rests in kept.items():
        field = model.model_fields[name]
        kind = _plain(field.annotation)
        is_block = isinstance(kind, type) and issubclass(kind, Model)
        fields[name] = (narrowed(kind, rests) | None if is_block and "" not in rests else field.annotation, field)
    narrow = create_model(model.__name__, __base__=Model, **fields)
    narrow.shortcuts = model.shortcuts
    return cast(type[AnyModel], narrow)


_KINDS = {str: "text", bool: "yes or no", date: "date"}


def _plain(annotation: Any) -> Any:
    """The type without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation
