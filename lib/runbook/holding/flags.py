"""Flags as a state and a base have them: which agree, which side is taken, and where a person must say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, cast, get_args

from runbook.holding.own_table import BaseFlag
from runbook.state import Side

Verdict = Literal["agreed", "tell", "take", "create", "differ", "unknown"]


class FlagVerdict(NamedTuple):
    """What becomes of a flag.

    `agreed`: both say the same. `tell`: the base is to be told. `take`: the state takes the base's side. `create`: a
    new flag, at 'wix'. `differ`, `unknown`: a person must say.
    """

    verdict: Verdict
    mine: Side | None
    base: BaseFlag | None


@dataclass(frozen=True)
class FlagVerdicts:
    """By flag."""

    by_flag: Mapping[str, FlagVerdict] = field(default_factory=dict)

    def of(self, *verdicts: Verdict) -> dict[str, FlagVerdict]:
        """The flags with one of these verdicts."""
        return {name: found for name, found in self.by_flag.items() if found.verdict in verdicts}

    @property
    def unsettled(self) -> dict[str, FlagVerdict]:
        """The flags of which a person must say where they stand."""
        return self.of("differ", "unknown")


def judge_flags(
    names: Iterable[str],
    mine: Mapping[str, Side],
    agreed: Mapping[str, str],
    base: Mapping[str, BaseFlag],
    *,
    rebuilt: bool,
    is_new: Callable[[str], bool],
) -> FlagVerdicts:
    """Compare three ways: `mine`, the `base`, and what both last `agreed` on ("": a person has said since).

    `mine` has only flags that exist in the state. `rebuilt`: this state is not the one that last wrote to the base.
    `is_new`: whether a flag that neither knows cannot have been turned anywhere.

    | state | agreed       | base                | verdict                                                     |
    |-------|--------------|---------------------|-------------------------------------------------------------|
    | x     | any          | x                   | agreed                                                      |
    | x     | y            | y, none             | tell: it was turned while the base could not be told        |
    | x     | x or unknown | none                | tell: its row was deleted; unknown, where it is rebuilt     |
    | x     | unknown      | y                   | take                                                        |
    | x     | x            | y                   | differ; take, where it is rebuilt                           |
    | none  | any          | y                   | take                                                        |
    | none  | any          | none, or not a side | create, where it is new; else unknown                       |
    """
    found = {}
    for name in names:
        side, last, there = mine.get(name), agreed.get(name), base.get(name)
        verdict: Verdict
        if side is not None and there is not None and side == there.side:
            verdict = "agreed"
        elif side is not None and last is not None and side != last:
            verdict = "tell"
        elif there is None or not there.side:
            verdict = "create" if side is None and is_new(name) else "unknown" if side is None or rebuilt else "tell"
        elif there.side in get_args(Side) and (rebuilt or side is None or last is None):
            verdict = "take"
        else:
            verdict = "unknown" if side is None else "differ"
        found[name] = FlagVerdict(verdict, side, there)
    return FlagVerdicts(found)


def side_of(flag: BaseFlag) -> Side:
    """The side of a flag that `judge_flags` takes."""
    return cast("Side", flag.side)
