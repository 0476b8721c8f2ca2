"""Checks one block against its model and says what is wrong in the words of the file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ml_connector.config.document import Document, describe
from ml_connector.config.mistakes import Key, Keys, Mistake, advice, nearest

Model = TypeVar("Model", bound=BaseModel)

EXPECTED = {  # pydantic's error types -> what was expected
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a block of settings",
    "mapping_type": "a block of settings",
    "model_type": "a block of settings",
    "model_attributes_type": "a block of settings",
    "date_type": "a day, like 2026-11-01",
    "date_parsing": "a day, like 2026-11-01",
    "date_from_datetime_parsing": "a day, like 2026-11-01",
    "date_from_datetime_inexact": "a day, like 2026-11-01, without a time",
}


def validate(model: type[Model], data: Any, keys: Keys, document: Document, also: Collection[str] = ()) -> Model:
    """The block as its model. Raises `Mistakes`.

    `also` names keys that may stand in the block although they belong to another model: they are suggested, too.
    """
    if not isinstance(data, Mapping):
        raise Mistakes([document.mistake(keys, f"is {describe(data)}; expected a block of settings")])
    try:
        return model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise Mistakes([_mistake(model, data, detail, keys, document, also) for detail in details]) from None


class Mistakes(Exception):
    """All that is wrong in one block."""

    def __init__(self, found: list[Mistake]) -> None:
        super().__init__(found)
        self.found = found


def _mistake(
    model: type[BaseModel],
    data: Mapping[str, Any],
    detail: ErrorDetails,
    keys: Keys,
    document: Document,
    also: Collection[str],
) -> Mistake:
    inner = _written(data, detail["loc"], missing=detail["type"] == "missing")
    place = (*keys, *inner)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = {*_known(model, inner[:-1]), *(also if len(inner) == 1 else ())}
        return document.mistake(place, "is not a setting", advice(str(inner[-1]), known))
    if kind == "missing":
        described = _description(model, inner)
        return document.mistake(place, "is missing" + (f"; expected {described}" if described else ""))
    value = detail["input"]
    if kind == "value_error":
        said = str(context["error"])
        return document.mistake(place, f"is {describe(value)}; {said}" if _plain(value) else f"cannot be so: {said}")
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"]).replace("'", "")
        meant = nearest(str(value), expected.replace(" or ", ", ").split(", "))
        hint = f"Did you mean {meant}?" if meant else ""
        return document.mistake(place, f"is {describe(value)}; expected {expected}", hint)
    expected = EXPECTED.get(kind) or detail["msg"].removeprefix("Input should be ")
    hint = (
        'Put it into quotes: "..." is always text.'
        if kind == "string_type" and _plain(value) and value is not None
        else ""
    )
    return document.mistake(place, f"is {describe(value)}; expected {expected}", hint)


def _plain(value: Any) -> bool:
    return not isinstance(value, (Mapping, list))


def _written(data: Any, location: tuple[Key, ...], missing: bool) -> Keys:
    """pydantic's location without the steps that only pydantic knows (which member of a union it tried)."""
    keys: list[Key] = []
    for position, key in enumerate(location):
        if _holds(data, key):
            data = data[key]
        elif not (missing and position == len(location) - 1):
            continue
        keys.append(key)
    return tuple(keys)


def _holds(data: Any, key: Key) -> bool:
    if isinstance(data, list):
        return isinstance(key, int) and key < len(data)
    return isinstance(data, Mapping) and key in data


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, inside of lists, dictionaries and alternatives as well."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _models(argument)


def _at(model: type[BaseModel], keys: Keys) -> list[type[BaseModel]]:
    """The models of the block that a path leads to."""
    models = [model]
    for key in keys:
        fields = [field for each in models for name, field in each.model_fields.items() if key in (name, field.alias)]
        models = [inner for field in fields for inner in _models(field.annotation)] or models
    return models


def _known(model: type[BaseModel], keys: Keys) -> set[str]:
    return {field.alias or name for each in _at(model, keys) for name, field in each.model_fields.items()}


def _description(model: type[BaseModel], keys: Keys) -> str | None:
    for each in _at(model, keys[:-1]):
        for name, field in each.model_fields.items():
            if keys[-1] in (name, field.alias):
                return field.description
    return None
