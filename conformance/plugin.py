"""The pytest plugin: the suite's options, its parametrised properties, the report and the summary.

It is loaded in a clone by `addopts`, by `eqwise run`, or by hand with ``-p eqwise.conformance.plugin``; never as an entry
point, so that it touches no foreign pytest run.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from eqwise.conformance.adapter import OPERATIONS, Operation
from eqwise.conformance.check import attempted
from eqwise.conformance.disturbance import undisturbed
from eqwise.conformance.inquiry import looked_into
from eqwise.conformance.loading import UsageError, is_foreign, load, options_in
from eqwise.conformance.properties import UNTYPED, checks_of
from eqwise.conformance.purity import check_smoke
from eqwise.conformance.report import bugs
from eqwise.conformance.report.annotations import annotated
from eqwise.conformance.report.bug import Setting
from eqwise.conformance.report.citing import cited
from eqwise.conformance.report.faults import is_fault
from eqwise.conformance.report.terminal import failure, summary
from eqwise.conformance.report.text import plain
from eqwise.conformance.report.writer import Writer, suite_version
from eqwise.conformance.session import DEFAULT_SEED, EFFORTS, Session
from eqwise.conformance.verdicts import Result
from eqwise.spec.document import LAST_EQUATION
from eqwise.spec.numbers.formats import FORMATS

SESSION = pytest.StashKey[Session]()
RESULT = pytest.StashKey[dict[str, Any]]()
_controller: list[Writer] = []  # the writer of the run in the controlling process; workers have none
USUAL = {"effort": "standard", "accuracy": "absolute", "conformance_seed": DEFAULT_SEED}  # what verdicts depend on


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("eqwise", "conformance with the notes")
    names = "built-in name, module:Class, path/to/file.py[:Class], stdio:COMMAND"
    group.addoption("--adapter", default="reference", metavar="A", help=names)
    group.addoption("--isolate", action="store_true", help="run the adapter in a process of its own, which may crash or hang")
    group.addoption("--adapter-option", action="append", default=[], metavar="KEY=VALUE", help="passed to the adapter's class")
    group.addoption("--device", metavar="D", help="where the framework computes, such as cuda: the adapter's option of that name")
    group.addoption("--equations", metavar="N,N-M", help=f"only these of the equations 1 to {LAST_EQUATION}")
    group.addoption("--dtypes", metavar="D,D", help=f"only these of {', '.join(FORMATS)}")
    group.addoption("--literal", action="store_true", help="accept no reading but the printed formula")
    accuracy = "absolute; strict: inaccurate results fail; or a share of strict"
    group.addoption("--accuracy", default=USUAL["accuracy"], metavar="A", help=accuracy)
    group.addoption("--effort", default=USUAL["effort"], help=f"how many points are judged: {', '.join(EFFORTS)}")
    group.addoption("--conformance-seed", type=int, default=USUAL["conformance_seed"], metavar="N", help="explore other points")
    group.addoption("--conformance-report", metavar="FILE", help="write the JSON report")
    group.addoption("--bug-reports", metavar="DIR", help="write a Markdown file for each distinct fault, with a script that shows it")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "section(number): the properties of a section's operations")
    config.addinivalue_line("markers", "clauses(*keys): what the test cites")
    config.addinivalue_line("filterwarnings", r"ignore::RuntimeWarning:eqwise\.(conformance|spec)\.")  # at extreme numbers
    try:
        config.stash[SESSION] = session = _session(config)
        if not hasattr(config, "workerinput"):
            _controller.append(Writer(config.option.conformance_report, session, _shown(config)))
            if config.option.bug_reports:
                bugs.folder(config.option.bug_reports)
    except UsageError as error:
        raise pytest.UsageError(f"eqwise: {error}") from error


def _session(config: pytest.Config) -> Session:
    options = config.option
    equations(options.equations)
    adapter, known = load(options.adapter, options_in(_adapter_options(options)), options.isolate)
    dtypes = _dtypes(options.dtypes, adapter.dtypes)
    _check_accuracy(options.accuracy)
    if options.effort not in EFFORTS:
        raise UsageError(f"--effort {options.effort!r}: one of {', '.join(EFFORTS)}")
    return Session(adapter, known, options.conformance_seed, options.effort, options.accuracy, options.literal, dtypes, inquires=True)


def _adapter_options(options: Any) -> list[str]:
    """KEY=VALUE texts, among them that of --device."""
    return [*options.adapter_option, *([f"device={options.device}"] if options.device else [])]


def _unusual(options: Any) -> list[str]:
    """The options that verdicts depend on, where they are not left at their defaults, as words of a command line."""
    given = [(f"--{name.replace('_', '-')}", str(getattr(options, name))) for name in USUAL if getattr(options, name) != USUAL[name]]
    return [*(["--literal"] if options.literal else []), *(word for pair in given for word in pair)]


def _check_accuracy(text: str) -> None:
    if text not in ("absolute", "strict") and not re.fullmatch(r"0?\.\d+|1", text):
        raise UsageError(f"--accuracy {text!r}: absolute, strict, or a share of the strict allowance from 0 to 1, such as 0.5")


def _shown(config: pytest.Config) -> dict[str, Any]:
    names = ("adapter", "isolate", "equations", "dtypes", "literal", "accuracy", "effort")
    return {**{name: getattr(config.option, name) for name in names}, "adapter_option": _adapter_options(config.option)}


def equations(text: str | None) -> frozenset[int]:
    """The numbers that ``10,57-68`` names; all of them for None."""
    if text is None:
        return frozenset(range(1, LAST_EQUATION + 1))
    chosen: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= LAST_EQUATION:
            raise UsageError(f"--equations {text!r}: the notes number their equations 1 to {LAST_EQUATION}, as in 10,57-68")
        chosen.update(range(first, last + 1))
    return frozenset(chosen)


def _dtypes(text: str | None, offered: Any) -> tuple[str, ...]:
    if isinstance(offered, str):
        raise UsageError(f"the adapter's dtypes are {offered!r}; they are a tuple of names, such as ({offered!r},)")
    unknown = [name for name in offered if name not in FORMATS]
    if unknown:
        raise UsageError(f"the adapter lists dtype {unknown[0]!r}; the suite judges {', '.join(FORMATS)}")
    if text is None:
        return tuple(offered)
    for name in text.split(","):
        if name not in FORMATS:
            raise UsageError(f"--dtypes {name!r}: the suite judges {', '.join(FORMATS)}")
        if name not in offered:
            raise UsageError(f"--dtypes {name!r}: the adapter offers {', '.join(offered)}")
    return tuple(text.split(","))


# parametrisation: ids read eq12-softplus-derivative-float32


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    session = metafunc.config.stash[SESSION]
    if "check" in metafunc.fixturenames:
        section = metafunc.definition.get_closest_marker("section")
        metafunc.parametrize("check", list(_checks(session, section.args[0] if section else "")))
    cites = metafunc.definition.get_closest_marker("clauses")
    if "dtype" in metafunc.fixturenames and cites:
        words = cited(cites.args) or "smoke"
        metafunc.parametrize("dtype", session.dtypes, ids=lambda dtype: f"{words}-{dtype}")


@dataclass(frozen=True)
class Check:
    """One property of one operation in one dtype."""

    operation: Operation
    kind: str
    dtype: str

    @property
    def name(self) -> str:
        return "-".join(filter(None, (cited(self.operation.clauses), self.operation.name, self.kind, self.dtype)))

    def __call__(self, session: Session) -> Result:
        blank = Result(self.operation.clauses, self.operation.name, self.kind, self.dtype or None, "not_offered")
        if not session.adapter.offers(self.operation.name):
            return blank
        failed = smoke(session, self.dtype) if self.dtype else None
        if failed and failed.verdict != "conforms":
            message = f"not judged, because the smoke property failed: {failed.message}"
            return replace(blank, verdict="undecided", label="smoke", message=message)
        return attempted(blank, lambda: checks_of(self.operation)[self.kind](session, self.operation, self.dtype))


def _checks(session: Session, section: str) -> Iterator[Any]:
    for operation in OPERATIONS.values():
        if operation.section == section:
            for kind in checks_of(operation):
                for dtype in session.dtypes if operation.typed and kind not in UNTYPED else ("",):
                    check = Check(operation, kind, dtype)
                    yield pytest.param(check, id=check.name, marks=pytest.mark.clauses(*operation.clauses))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what cites a chosen equation, or a statement where no equations are chosen."""
    if config.option.equations is None:
        return
    wanted = {f"eq{number}" for number in equations(config.option.equations)}
    kept = [item for item in items if not _clauses(item) or wanted & set(_clauses(item))]
    left = set(items) - set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left])
    items[:] = kept


def _clauses(item: pytest.Item) -> tuple[str, ...]:
    """What a test cites; nothing for the smoke property, and for tests that are not the suite's."""
    marker = item.get_closest_marker("clauses")
    return marker.args if marker else ()


@pytest.fixture
def settle(request: pytest.FixtureRequest) -> Callable[[Callable[[Session], Result]], None]:
    """Runs a check, records its result and fails the test where the verdict asks for it."""
    session = request.config.stash[SESSION]

    def run(check: Callable[[Session], Result]) -> None:
        start, inside = time.process_time(), session.adapter_seconds
        result, problem = session.settle(undisturbed(check(session)))
        known_fault = bool(request.config.option.bug_reports) and is_fault(result, session.accuracy)
        if session.inquires and ((problem and result.waiver is None) or known_fault):
            result = looked_into(session, result)
        seconds = {"cpu_seconds": time.process_time() - start, "adapter_cpu_seconds": session.adapter_seconds - inside}
        request.node.stash[RESULT] = {**result.as_json(), **seconds}
        request.node.user_properties.extend(_properties(result))
        if problem:
            pytest.fail(failure(result, problem), pytrace=False)
        if result.verdict == "not_offered":
            pytest.skip(f"not offered: {result.message or result.operation}")
        if result.label == "smoke":
            pytest.skip(str(result.message))

    return run


def _properties(result: Result) -> list[tuple[str, str]]:
    """What JUnit XML tells of a test case: the facts of the other reports."""
    facts = {
        "clauses": " ".join(result.clauses),
        "verdict": result.verdict,
        "operation": result.operation,
        "property": result.property,
        "dtype": result.dtype,
        "reading": result.reading,
        "where": result.where,
        "diagnosis": "; ".join(one.text for one in result.explanations),
        "waiver": result.waiver and f"{result.waiver['kind']}: {result.waiver['reason']}",
    }
    return [(name, plain(fact)) for name, fact in facts.items() if fact]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report: Any = yield
    if call.when == "call" and RESULT in item.stash:
        report.eqwise = item.stash[RESULT]
    return report


def pytest_runtest_logreport(report: Any) -> None:
    """In the controlling process: every result arrives here, from whichever process judged it."""
    if hasattr(report, "eqwise") and _controller:
        _controller[-1].add(dict(report.eqwise))


def smoke(session: Session, dtype: str) -> Result:
    """The smoke property of a dtype, judged once in each process."""
    if ("smoke", dtype) not in session.cache:
        blank = Result((), None, "smoke", dtype, "not_offered")
        session.cache["smoke", dtype] = attempted(blank, lambda: check_smoke(session, dtype))
    return session.cache["smoke", dtype]  # type: ignore[no-any-return]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if _controller:
        session, results = config.stash[SESSION], _controller[-1].results
        for line in summary(results, session.adapter):
            terminalreporter.write_line(line)
        for waiver in session.known.unmet(results):
            terminalreporter.write_line(f"stale waiver: {waiver.key} covers nothing that was judged; remove it", red=True)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for line in _annotated(session, results):
                terminalreporter.write_line(line)
        if config.option.bug_reports:
            _report_bugs(terminalreporter, config)


def _annotated(session: Session, results: list[Result]) -> Iterator[str]:
    problems = [(result, session.settle(result)[1]) for result in results]
    failed = [(result, problem) for result, problem in problems if problem]
    yield from annotated(failed, [r for r, problem in problems if not problem and r.verdict == "inaccurate" and not r.waiver])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A waiver of nothing fails the run."""
    ran = session.config.stash.get(SESSION, None)
    if _controller and ran is not None and session.exitstatus == 0 and ran.known.unmet(_controller[-1].results):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _report_bugs(terminalreporter: Any, config: pytest.Config) -> None:
    """In the controlling process, which has an adapter of its own to lift from."""
    session, options = config.stash[SESSION], config.option
    texts = _adapter_options(options)
    fresh, asked, foreign = lambda: load(options.adapter, options_in(texts))[0], options.adapter, is_foreign(options.adapter)
    setting = Setting(session.adapter, fresh, asked, texts, suite_version(), options.isolate, foreign, _unusual(options))
    terminalreporter.write_line("")
    try:
        written = bugs.write(bugs.folder(options.bug_reports), _controller[-1].results, setting, session.accuracy)
    except (OSError, UsageError) as error:
        terminalreporter.write_line(f"bug reports: not written to {options.bug_reports}: {error}")
        return
    terminalreporter.write_line(f"bug reports: {len(written) or 'none'} in {options.bug_reports}")
    for path in written:
        terminalreporter.write_line(f"  {path.name}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The report is written last, so that an interrupted run still leaves what it has."""
    if _controller and config.stash.get(SESSION, None) is not None:
        _controller.pop().finish()
