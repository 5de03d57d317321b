"""What an adapter in another process must keep of the protocol, whatever it offers; each check tells what is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from typing import Any

import numpy as np

from eqwise.conformance.adapter import OPERATIONS, NotOffered
from eqwise.conformance.stdio.client import StdioAdapter
from eqwise.conformance.stdio.connection import Raised
from eqwise.conformance.stdio.process import WAIT, Failure
from eqwise.conformance.stdio.serve import OBJECTS
from eqwise.conformance.stdio.values import DTYPES, encoded
from eqwise.spec.numbers.formats import FORMATS

HYPER = {"eta": 0.5, "alpha": 0.5, "beta_1": 0.5, "beta_2": 0.5, "epsilon": 0.5}
SCALARS = (0.1, -0.0, float("inf"), float("-inf"), 5e-324, 1.7976931348623157e308)
FAR = 2**53 - 100  # an id that a double still holds


class Broken(Exception):
    """What the adapter did instead of keeping the protocol."""


class NothingToCheck(Exception):
    """The adapter offers nothing of the kind."""


def hello(adapter: StdioAdapter) -> None:
    """hello is as the schema has it"""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        raise NothingToCheck("pip install jsonschema, which is not there") from None
    rules = {"$ref": "#/$defs/hello", "$defs": adapter.schema()["$defs"]}
    for error in Draft202012Validator(rules).iter_errors(adapter.hello):
        raise Broken(f"{error.json_path}: {error.message}")


def names(adapter: StdioAdapter) -> None:
    """every operation is one of the contract"""
    for name in sorted(adapter.operations - {*OPERATIONS, "vjp"}):
        near = get_close_matches(name, OPERATIONS, 1, 0.0)
        raise Broken(f"there is no operation {name!r}; the nearest is {near[0]!r}")


def numbers(adapter: StdioAdapter) -> None:
    """echo keeps every number of its dtypes: -0, nan, infinities, subnormals"""
    for name in adapter.dtypes:
        values = [0.0, -0.0, 1.0, -1.5, FORMATS[name].largest, FORMATS[name].smallest_subnormal, np.inf, -np.inf, np.nan, 0.1]
        for shape in ((10,), (2, 5), (5, 1, 2), (), (0,)):
            _same(adapter, np.resize(np.array(values).astype(DTYPES[name]), shape))


def large(adapter: StdioAdapter) -> None:
    """echo keeps an array of a million bytes"""
    for name in adapter.dtypes:
        _same(adapter, np.resize(np.arange(1000), 1_000_000 // DTYPES[name].itemsize).astype(DTYPES[name]))


def _same(adapter: StdioAdapter, given: Any) -> None:
    back = adapter.echo(given)
    if not isinstance(back, np.ndarray) or (back.dtype, back.shape) != (given.dtype, given.shape):
        raise Broken(f"{given.dtype} of shape {given.shape} came back as {getattr(back, 'dtype', back)} of shape {np.shape(back)}")
    same = np.isnan(given) & np.isnan(back) | (given.view(f"u{given.itemsize}") == back.view(f"u{given.itemsize}"))
    if not same.all():
        k = int(np.flatnonzero(~same.ravel())[0])
        raise Broken(f"{given.ravel()[k]!r} of {given.dtype} came back as {back.ravel()[k]!r}")


def scalars(adapter: StdioAdapter) -> None:
    """echo keeps every float64 that is no array"""
    for value in SCALARS:
        back = adapter.asked("echo", value=value)
        if not isinstance(back, float) or back.hex() != value.hex():
            raise Broken(f"{value!r} came back as {back!r}")


def unknown_operation(adapter: StdioAdapter) -> None:
    """an operation that nobody knows is not offered"""
    _not_offered(adapter, "call", {"operation": "no_such_operation", "inputs": [], "hyper": {}})


def unknown_method(adapter: StdioAdapter) -> None:
    """a method that nobody knows is not offered"""
    _not_offered(adapter, "no_such_method", {})


def bad_inputs(adapter: StdioAdapter) -> None:
    """inputs that cannot be used are errors, and the process goes on"""
    name = next(name for name in OPERATIONS if adapter.offers(name))
    short = {"dtype": adapter.dtypes[0], "shape": [3], "data": "AAAA"}
    for value in ("text", {"thing": 1}, {**short, "dtype": "float7"}, short):
        if value != "text":
            with _refused(adapter, f"the value {value}"):
                adapter.connection.request("echo", {"value": value})
        with _refused(adapter, f"the input {value}"):
            adapter.connection.request("call", {"operation": name, "inputs": [value] * len(OPERATIONS[name].inputs), "hyper": {}})


def ids(adapter: StdioAdapter) -> None:
    """answers have the ids of their requests, large ones too"""
    before, adapter.connection.number = adapter.connection.number, FAR
    adapter.asked("echo", value=True)
    adapter.connection.number = before


def objects(adapter: StdioAdapter) -> None:
    """objects have numbers of their own, and are gone when they are released"""
    name = next((name for name in OBJECTS[:5] if adapter.offers(name)), None)
    if name is None:
        raise NothingToCheck("it offers no optimizer")
    theta = np.ones(2, DTYPES[adapter.dtypes[0]])
    hyper = {key: HYPER[key] for key in (*OPERATIONS[name].inputs, *OPERATIONS[name].hyper) if key in HYPER}
    first, second = (getattr(adapter, name)(theta, **hyper) for _ in range(2))
    if first.number == second.number:
        raise Broken(f"two objects have the number {first.number}")
    moved = [first.step(theta), first.step(theta), second.step(theta)]
    if not np.array_equal(moved[0], moved[2]):
        raise Broken("the first step of one object differs after a step of another")
    adapter.connection.request("release", {"objects": [first.number]})
    with _refused(adapter, "a step of a released object"):
        first.step(theta)
    second.step(theta)


def callbacks(adapter: StdioAdapter) -> None:
    """a function of the suite can be asked, and may fail"""
    if not adapter.offers("numerical_gradient"):
        raise NothingToCheck("it does not offer numerical_gradient")
    theta, asked = np.ones(2, DTYPES[adapter.dtypes[0]]), []

    def function(x: Any) -> float:
        asked.append(x.shape)
        return float(x.astype(np.float64).sum())

    adapter.numerical_gradient(function, theta, epsilon=0.125)
    if (2,) not in asked:
        raise Broken(f"the function was asked at arrays of the shapes {asked}, not of that of theta, (2,)")
    with _refused(adapter, "a function that fails"):
        adapter.numerical_gradient(lambda x: 1 / 0, theta, epsilon=0.125)


def ending(adapter: StdioAdapter) -> None:
    """the process ends when its input does"""
    with suppress(Failure, NotOffered):
        adapter.asked("echo", value=True)  # by another process where a check has lost the last
    running = adapter.connection.process
    if running is None:
        raise NothingToCheck("no process is left after a request")
    if not running.ends():
        raise Broken(f"it was still there {WAIT:g} seconds later")


CHECKS: tuple[Callable[[StdioAdapter], None], ...] = (
    hello, names, numbers, scalars, large, unknown_operation, unknown_method, bad_inputs, ids, objects, callbacks, ending,
)  # fmt: skip


def _not_offered(adapter: StdioAdapter, method: str, fields: Mapping[str, Any]) -> None:
    try:
        result = adapter.connection.request(method, fields)
    except NotOffered:
        return
    raise Broken(f"it has the result {result!r}")


@contextmanager
def _refused(adapter: StdioAdapter, what: str) -> Iterator[None]:
    """An error, or not offered, by a process that answers the next request."""
    try:
        yield
    except (Raised, NotOffered):
        adapter.connection.request("echo", {"value": encoded(True)})
        return
    raise Broken(f"{what} is taken without an error")


def checked(adapter: StdioAdapter) -> Iterator[tuple[str, str, str]]:
    """For each check whether it is ok, failed or skipped, what it is, and why."""
    for check in CHECKS:
        try:
            check(adapter)
        except NothingToCheck as reason:
            yield "skip", str(check.__doc__), str(reason)
        except NotOffered as reason:
            yield "FAIL", str(check.__doc__), f"it is not offered: {reason}"
        except (Broken, Failure) as error:
            yield "FAIL", str(check.__doc__), str(error) if isinstance(error, Broken) else f"it {error}"
        else:
            yield "ok", str(check.__doc__), ""
