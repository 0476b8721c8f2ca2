"""What is wrong in a configuration: each with its line, and all of them as one problem in three parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ml_connector.errors import ConfigurationProblem

Key = str | int
Keys = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        keys: where, from the top of the file.
        line: the line, from 1.
        what: completes the sentence that begins with the path ("is not a setting").
        action: what to do about it; empty where `what` says enough.
    """

    keys: Keys
    line: int
    what: str
    action: str = ""

    def sentence(self, file: Path) -> str:
        text = " ".join(filter(None, [dotted(self.keys), self.what]))
        return f"{file}, line {self.line}: {text.rstrip('.')}" + ("" if text.endswith("?") else ".")


def dotted(keys: Keys) -> str:
    """`companies.nordic.targets.mailchimp.flows.members.where.class[1]`"""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def problem(file: Path, mistakes: Sequence[Mistake], meaning: str = "Nothing was started.") -> ConfigurationProblem:
    """All mistakes as one problem; their sentences stand below each other, in the order of the file."""
    ordered = sorted(mistakes, key=lambda mistake: mistake.line)
    actions = dict.fromkeys(mistake.action for mistake in ordered if mistake.action)
    return ConfigurationProblem(
        "\n".join(mistake.sentence(file) for mistake in ordered),
        meaning,
        "\n".join([*actions] or ["Correct this line and try again."]),
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def advice(word: str, known: Iterable[str]) -> str:
    """`Did you mean audience? Known here: audience, base_url, flows.`"""
    known = sorted(known)
    meant = nearest(word, known)
    listed = f"Known here: {', '.join(known)}." if known else "Nothing is known here."
    return f"Did you mean {meant}? {listed}" if meant else listed
