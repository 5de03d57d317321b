"""How good the diagnosis is: what it says of every planted error, beside why somebody would write it.

    python tests/diagnoses.py [PATTERN …] [-j N] [--json FILE] [--only-unexplained] [--bug-reports DIR]

Each planted error is judged as in `test_wrong.py`; its first failing property is explained. What has been reviewed stands in
`diagnoses.toml`: there `names` says whether the diagnosis names the planted cause, and `wrong` that it is not true of the code.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from test_wrong import READY

from eqwise.conformance.diagnosis.search import explained
from eqwise.conformance.inquiry import looked_into
from eqwise.conformance.report import bugs
from eqwise.conformance.report.bug import Setting
from eqwise.conformance.session import Session
from eqwise.conformance.strength.detection import results_of
from eqwise.conformance.verdicts import Result
from wrong.collection import KNOWN, WRONG

REVIEWED = Path(__file__).with_name("diagnoses.toml")


def diagnosis(name: str, reports: str | None = None) -> dict[str, object]:
    """What is said of one planted error; the report of it is written to a folder of its own in `reports`."""
    warnings.simplefilter("ignore")
    wrong, start = WRONG[name], time.process_time()
    session = Session(wrong.adapter(), KNOWN, effort="smoke")
    failed = next((result for result in results_of(session, wrong) if session.settle(result)[1]), None)
    try:
        looked = (looked_into if reports else explained)(session, failed) if failed else None
        found = looked.explanations if looked else ()
    except Exception as error:
        told = {"property": "a defect of the suite", "told": [], "seconds": 0.0, "defect": repr(error)}
        return {"name": name, "because": wrong.because, **told}
    if reports and looked:
        bugs.write(bugs.folder(str(Path(reports) / name)), [looked], Setting(wrong.adapter(), wrong.adapter, "reference"), "absolute")
    return {
        "name": name,
        "because": wrong.because,
        "property": f"{failed.property} {failed.dtype or ''}" if failed else "not caught",
        "told": [f"[{one.kind}] {one.text}" for one in found] or _as_reading(failed),
        "seconds": round(time.process_time() - start, 1),
    }


def _as_reading(failed: Result | None) -> list[str]:
    """A reading that is followed and not declared is named by the verdict itself."""
    return [f"[reading] follows the reading {failed.reading}"] if failed and failed.verdict == "conforms_as" else []


def main() -> None:
    """Prints every diagnosis, then the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="*", default=["*"])
    parser.add_argument("-j", type=int, default=1, metavar="N")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--bug-reports", metavar="DIR")
    parser.add_argument("--only-unexplained", action="store_true")
    known = parser.parse_args()
    names = [n for n, w in WRONG.items() if w.operation in READY and any(fnmatch(n, pattern) for pattern in known.pattern)]
    with ProcessPoolExecutor(known.j) as pool:
        found = []
        for one in pool.map(partial(diagnosis, reports=known.bug_reports), names):
            found.append(one)
            if not (known.only_unexplained and one["told"]):
                print(f"{one['name']} ({one['because']}), {one['property']}, {one['seconds']} s", flush=True)
                print("".join(f"    {told}\n" for told in one["told"] or [str(one.get("defect", "nothing"))]), end="", flush=True)
    if known.json:
        Path(known.json).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(figures(found)))


def figures(found: list[dict[str, object]]) -> list[str]:
    """How many are explained, and how many of the reviewed ones name the planted cause."""
    reviewed = tomllib.loads(REVIEWED.read_text(encoding="utf-8")) if REVIEWED.is_file() else {}
    verdicts = Counter(_reviewed(one, reviewed) for one in found)
    seconds = sum(float(str(one["seconds"])) for one in found)
    return [
        f"planted {len(found)}, explained {sum(bool(one['told']) for one in found)}, CPU seconds {seconds:.0f}",
        "reviewed: " + ", ".join(f"{what} {count} ({count / len(found):.1%})" for what, count in verdicts.most_common()),
    ]


def _reviewed(one: dict[str, object], reviewed: dict[str, dict[str, object]]) -> str:
    entry = reviewed.get(str(one["name"]))
    if not one["told"]:
        return "without explanation"
    if entry is None or entry["told"] != one["told"]:
        return "not reviewed as it is now"
    return "wrong" if entry.get("wrong") else "names the cause" if entry["names"] else "true, but does not name the cause"


if __name__ == "__main__":
    main()
