"""What a run knows: the adapter, the options, what is declared and waived, and every result so far."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eqwise.conformance.adapter import Adapter
from eqwise.conformance.verdicts import FAILING, Result
from eqwise.conformance.waivers import NOTHING_KNOWN, Known

EFFORTS = {"smoke": 1, "standard": 4, "thorough": 32}
DEFAULT_SEED = 20190628
DEFECT = "defect"  # the label of an error of the suite's own
MEASURED = ("value", "derivative", "update", "state", "inference")  # properties that are judged by an allowance
TELLING = ("value", "derivative", "update", "distribution", "scale")  # properties that tell the readings of what they cite apart


@dataclass
class Session:
    """One run of the suite against one adapter."""

    adapter: Adapter
    known: Known = NOTHING_KNOWN
    seed: int = DEFAULT_SEED
    effort: str = "standard"
    accuracy: str = "absolute"  # strict, or the share of the strict allowance that is accepted
    literal: bool = False
    dtypes: tuple[str, ...] = ()
    inquires: bool = False  # whether failures are looked into: where they are, and what would explain them
    cache: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dtypes = self.dtypes or tuple(self.adapter.dtypes)
        self.adapter = Timed(self.adapter)  # type: ignore[assignment]

    @property
    def adapter_seconds(self) -> float:
        """CPU seconds spent inside the adapter so far."""
        return self.adapter.seconds  # type: ignore[attr-defined]

    @property
    def volume(self) -> int:
        """How many times the smallest number of structures is drawn."""
        return EFFORTS[self.effort]

    @property
    def is_reference(self) -> bool:
        """Whether the adapter is the built-in reference, which is no witness against itself."""
        return bool(self.adapter.name == "reference")

    def seed_for(self, *words: object) -> int:
        """A seed of its own for every property, the same in every process."""
        return zlib.crc32(repr((self.seed, *words)).encode())

    def declared(self, operation: str) -> dict[str, str]:
        """The readings that the waivers file declares for the operation, by clause."""
        return self.known.readings_of(operation)

    def accepts(self, result: Result) -> bool:
        """Whether a result is as accurate as was asked for: any that does not deviate, unless more was."""
        if self.accuracy == "absolute" or result.verdict == "inaccurate":
            return self.accuracy == "absolute"
        return self.accuracy == "strict" or result.property not in MEASURED or (result.max_share or 0.0) <= float(self.accuracy)

    def settle(self, result: Result) -> tuple[Result, str | None]:
        """The result with its waiver if it has one, and the message of the failure if it is one."""
        problem = self._problem(result)
        waivable = result.verdict != "not_offered" and result.label != DEFECT
        waiver = self.known.waiver_for(result) if waivable else None
        if waiver is None or (waiver.sometimes and not problem):
            return result, problem
        stale = f"is waived ({waiver.kind}: {waiver.reason}) but passes: remove the waiver"
        return replace(result, waiver=waiver.as_json()), None if problem else stale

    def _problem(self, result: Result) -> str | None:
        if result.label == DEFECT:
            return result.message
        if result.property == "special_values":
            return result.message if result.verdict == "error" else None
        if result.label == "smoke":
            return None  # the smoke test fails by itself
        if result.verdict in FAILING or (result.verdict == "inaccurate" and not self.accepts(result)):
            return result.message or result.verdict
        if not self.accepts(result):
            return result.message or f"errs by {result.max_share:.3g} of the strict allowance, of which {self.accuracy} is accepted"
        if result.reading:
            if self.literal:
                return f"follows the reading {result.reading}, and --literal accepts the printed formula only"
            if not self._is_declared(result):
                return (
                    f"follows the reading {result.reading}, which is a convention and no fault; "
                    "declare it under [[reading]] in the adapter's waivers file"
                )
        if result.verdict == "conforms" and result.points and result.property in TELLING:
            declared = self.declared(result.operation or "")
            stale = {clause: name for clause, name in declared.items() if clause in result.clauses}
            if stale:
                return (
                    f"follows the printed formula, but the waivers file declares {stale}: remove the declaration, "
                    "unless another property follows it, in which case they are not of one function"
                )
        return None

    def _is_declared(self, result: Result) -> bool:
        names = {f"{clause}:{name}" for clause, name in self.declared(result.operation or "").items()}
        return set((result.reading or "").split(", ")) <= names


class Timed:
    """An adapter that counts the CPU seconds spent inside its methods, and keeps NumPy's error state."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter, self.seconds = adapter, 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.adapter, name)
        if not callable(found) or name == "offers":
            return found

        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                with np.errstate():  # the framework may change it
                    return found(*arguments, **named)
            except SystemExit as error:
                raise RuntimeError(f"SystemExit: {error.code}") from error  # which must not end the run
            finally:
                self.seconds += time.process_time() - start

        setattr(self, name, timed)
        return timed
