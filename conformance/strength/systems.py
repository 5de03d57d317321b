"""The tests of our own system, which are asked of no adapter, with a mutant in the place of the reference."""

from __future__ import annotations

import os
import resource
import signal
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from eqwise import conformance
from eqwise.conformance.strength import mutants
from eqwise.conformance.strength.mutation import Mutation

_HOLDERS = "eqwise.conformance.exact_training"  # holds classes of the reference, which must be the mutant's
IDLE = 10  # times the CPU seconds, by the clock, where the machine is busy
_LEFT_OUT = "test_system_figures.py"  # draws pictures, slowly, and needs matplotlib


def failure(mutation: Mutation, seconds: int) -> str:
    """The test that fails first, or that they hang, for so many CPU seconds; empty where none does.

    In a process of its own, which imports anew.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_tell, args=(mutation, sender, seconds))
    child.start()
    sender.close()
    try:
        return str(receiver.recv()) if receiver.poll(IDLE * seconds) else "it hangs"
    except EOFError:
        child.join()
        return "it hangs" if child.exitcode == -signal.SIGXCPU else "it crashes"
    finally:
        child.kill()
        child.join()


def _tell(mutation: Mutation, sender: Connection, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))  # of this process alone
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    seen = _Seen()
    tests = sorted(str(path) for path in Path(conformance.__path__[0]).glob("test_system_*.py") if path.name != _LEFT_OUT)
    with mutants.loaded(mutation):
        sys.modules.pop(_HOLDERS, None)
        pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider", "-p", "eqwise.conformance.plugin"], plugins=[seen])
    sender.send(seen.failed if seen.ran else "no test of the system ran")


class _Seen:
    """What became of the tests."""

    def __init__(self) -> None:
        self.ran, self.failed = 0, ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        if report.failed and not self.failed:
            self.failed = report.nodeid.rpartition("::")[2]
