"""Errors that a person sees, named by what the person has to do.

Problem                      three parts: what happened, what it means, what to do
├── ConfigurationProblem     exit 2: the configuration, the command's words, a credential, the home
├── StoppedProblem           exit 3: the other side stops everything (credentials refused, outage, quota)
│   └── NotReadProblem       exit 3: what a flow has to know of its records could not be read yet
└── BusyProblem              exit 3: another run works on the same thing
"""

from __future__ import annotations


class Problem(Exception):
    """Something a person must know of, in three parts.

    Attributes:
        what: what happened, one sentence, with the names needed to find it.
        meaning: what follows from it; says what was or was not written.
        action: what to do now.
        exit_code: what the command line ends with.
    """

    exit_code = 1

    def __init__(self, what: str, meaning: str, action: str) -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning
        self.action = action

    def __str__(self) -> str:
        return f"{self.what}\n{self.meaning}\n{self.action}"


class ConfigurationProblem(Problem):
    """The configuration, a credential, the home or the command's words are wrong: nothing was started."""

    exit_code = 2


class StoppedProblem(Problem):
    """The other side stopped the work as a whole: what was not attempted is still due."""

    exit_code = 3


class NotReadProblem(StoppedProblem):
    """What belongs to a flow's records was never read: the flow waits for that, and other flows go on."""


class BusyProblem(Problem):
    """Another run works on the same source or target."""

    exit_code = 3
