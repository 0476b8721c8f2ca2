"""A YAML file as plain data that remembers in which line everything stands."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ml_connector.config.mistakes import Key, Keys, Mistake, problem
from ml_connector.errors import ConfigurationProblem

COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class Document:
    """What a YAML file holds.

    Attributes:
        path: the file.
        data: dictionaries, lists and scalars.
        lines: the line (from 1) of every key and list item, by its path.
        mistakes: what YAML allows and a configuration should not have: a key twice, a key that is no text.
    """

    path: Path
    data: Any = None
    lines: dict[Keys, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, keys: Keys) -> int:
        """The line of this path, or of the nearest enclosing one that is written down."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)

    def mistake(self, keys: Keys, what: str, action: str = "") -> Mistake:
        return Mistake(keys, self.line(keys), what, action)


def read(path: Path) -> Document:
    """Parse a file. Raises `ConfigurationProblem` where it cannot be read or is not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationProblem(
            f"There is no configuration at {path}.",
            "Nothing was started: which companies to keep in step is not known.",
            "Write one with `ml-connector init`, or set ML_CONNECTOR_CONFIG to where it is.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationProblem(
            f"The configuration {path} cannot be read: {reason}.",
            "Nothing was started.",
            "Let the user who runs ml-connector read this file, and save it as UTF-8.",
        ) from None
    document = Document(path)
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            document.data = _Builder(loader, document).build(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise problem(path, [Mistake((), line, f"this is not YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise problem(path, [Mistake((), 1, f"this is not YAML: {error}")]) from None
    finally:
        loader.dispose()
    return document


class _Builder:
    """Turns nodes into data; keys are checked here because a dictionary would swallow a second one."""

    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self._loader = loader
        self._document = document
        self._open: set[int] = set()  # the nodes being built: an alias to one of them would never end
        self._flattened: set[int] = set()

    def build(self, node: Node, keys: Keys) -> Any:
        self._document.lines.setdefault(keys, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node, keys)
        if node.tag not in COLLECTIONS:
            raise yaml.constructor.ConstructorError(None, None, f"{node.tag} is unknown", node.start_mark)
        if id(node) in self._open:
            raise yaml.constructor.ConstructorError(None, None, "an alias contains itself", node.start_mark)
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, keys)
            assert isinstance(node, SequenceNode)  # noqa: S101  (YAML has these three)
            return [self.build(item, (*keys, position)) for position, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: MappingNode, keys: Keys) -> dict[Key, Any]:
        if id(node) not in self._flattened:
            self._flattened.add(id(node))
            self._check_keys(node, keys)
            self._loader.flatten_mapping(node)  # `<<: *shared` first, so that what is written out wins below
        mapping: dict[Key, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            self._document.lines[*keys, key] = key_node.start_mark.line + 1
            mapping[key] = self.build(value_node, (*keys, key))
        return mapping

    def _check_keys(self, node: MappingNode, keys: Keys) -> None:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key, line = self._key(key_node), key_node.start_mark.line + 1
            if key in seen:
                what = f"is there twice (first in line {seen[key]})"
                self._document.mistakes.append(Mistake((*keys, key), line, what, "Keep one of the two."))
            if not isinstance(self._scalar(key_node, keys), str):
                what = f"is read by YAML as {describe(self._scalar(key_node, keys))}, not as a name"
                action = f'Put it into quotes: "{key_node.value}".'
                self._document.mistakes.append(Mistake((*keys, key), line, what, action))
            seen[key] = line

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key has to be a word", node.start_mark)
        return str(node.value)

    def _scalar(self, node: Node, keys: Keys) -> Any:
        try:
            return self._loader.construct_object(node)
        except ValueError as error:  # 2026-02-30 looks like a date and is none
            mark = node.start_mark
            raise yaml.constructor.ConstructorError(None, None, f"{node.value}: {error}", mark) from None


def describe(value: Any) -> str:
    """A value for people: what it is and what YAML took it for."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"{str(value).lower()} (YAML reads yes, no, on and off as true and false)"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:60]}..."'
        case list():
            return "a list"
        case dict():
            return "a block of settings"
        case _:
            return f"the date {value}"
