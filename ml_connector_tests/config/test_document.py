"""connections.yaml is read with the place of everything in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_connector.config.document import Document, read
from ml_connector.errors import ConfigurationProblem


def document(folder: Path, text: str) -> Document:
    path = folder / "connections.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path)


def mistakes(found: Document) -> list[str]:
    return [mistake.sentence(Path("f")) for mistake in found.mistakes]


def test_every_key_and_every_item_has_its_line(tmp_path: Path) -> None:
    """Also those of a flow mapping, and of a list on several lines."""
    found = document(tmp_path, "a:\n  b: {c: 1,\n      d: 2}\n  e:\n    - x\n    - y\n")
    assert found.data == {"a": {"b": {"c": 1, "d": 2}, "e": ["x", "y"]}}
    assert [found.line(keys) for keys in [("a",), ("a", "b", "c"), ("a", "b", "d"), ("a", "e", 1)]] == [1, 2, 3, 6]


def test_what_is_missing_has_the_line_of_its_block(tmp_path: Path) -> None:
    """There is nothing better to point at."""
    found = document(tmp_path, "\n\na:\n  b: 1\n")
    assert found.line(("a", "missing", "deeper")) == 3


def test_a_key_that_stands_twice_is_a_mistake(tmp_path: Path) -> None:
    """YAML libraries keep the last one without a word, and the first company would be gone."""
    found = document(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\n")
    assert mistakes(found) == ["f, line 4: b.c is there twice (first in line 3)."]


def test_norway_is_a_name_only_in_quotes(tmp_path: Path) -> None:
    """YAML 1.1 reads `no` as false, which no company is called."""
    found = document(tmp_path, "companies:\n  no: 1\n")
    assert mistakes(found) == [
        "f, line 2: companies.no is read by YAML as false (YAML reads yes, no, on and off as true and false), "
        "not as a name."
    ]
    assert found.mistakes[0].action == 'Put it into quotes: "no".'


def test_shared_settings_are_merged_and_what_is_written_out_wins(tmp_path: Path) -> None:
    """Anchors and merge keys are YAML's own means against repetition."""
    found = document(tmp_path, "a: &shared {x: 1, y: 2}\nb:\n  <<: *shared\n  y: 3\n")
    assert found.data["b"] == {"x": 1, "y": 3}
    assert not found.mistakes


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: 1\nb: [1, 2\n", 3, "this is not YAML"),
        ("a: 1\n  b: 2\n", 2, "this is not YAML"),
        ("a:\n\tb: 1\n", 2, "this is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "this is not YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "this is not YAML"),
        ("a: 1\nb: &b\n  c: *b\n", 2, "an alias contains itself"),
        ("a: 1\n? [x, y]\n: 2\n", 2, "a key has to be a word"),
        ("start: 2026-13-45\n", 1, "month must be in 1..12"),
    ],
)
def test_what_is_not_yaml_is_named_with_its_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    """A wrong indent, a tab, a second document, a tag that would run code: each is a sentence, none a traceback."""
    with pytest.raises(ConfigurationProblem, match=sentence) as caught:
        document(tmp_path, text)
    assert f"connections.yaml, line {line}: " in caught.value.what


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    """What is missing in it is the next step's matter."""
    assert document(tmp_path, "# nothing\n").data is None


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """As a Windows editor may write it."""
    path = tmp_path / "connections.yaml"
    path.write_bytes("å: 1\n".encode("latin-1"))
    with pytest.raises(ConfigurationProblem, match="it is not UTF-8 text"):
        read(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """The sentence says that it is one."""
    with pytest.raises(ConfigurationProblem, match="cannot be read: Is a directory"):
        read(tmp_path)
