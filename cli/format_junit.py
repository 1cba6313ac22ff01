"""Reports as JUnit's XML, in the form Jenkins reads: a suite for each model, a case for each thing to hold."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from gru_lower.cli.run import advice_of, sentence, sentence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.cli.run import Run, Runs
    from gru_lower.diagnostics import Diagnostic

COUNTED = ("tests", "failures", "errors")
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(runs: Runs) -> Iterator[str]:
    """Yield the document: what makes a run fail are failed cases, the rest is output; a clean model passes."""
    totals: Counter[str] = Counter()
    seconds = 0.0
    for suite in map(_suite, runs()):
        totals.update({key: int(suite.get(key, "0")) for key in COUNTED})
        seconds += float(suite.get("time", "0"))
    counts = " ".join(f'{key}="{totals[key]}"' for key in COUNTED)
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="gru-lower" {counts} time="{seconds:.3f}">\n'
    for suite in map(_suite, runs()):
        ET.indent(suite, level=1)
        yield f"  {ET.tostring(suite, encoding='unicode').rstrip()}\n"
    yield "</testsuites>\n"


def _suite(run: Run) -> ET.Element:
    suite = ET.Element("testsuite", name=_legal(run.name))
    command = run.what
    seen: Counter[str] = Counter()
    for name, kind, text in run.failures:
        seen[name] += 1
        failed = _case(suite, run, name if seen[name] == 1 else f"{name} ({seen[name]})")
        ET.SubElement(failed, "failure", message=_legal(text), type=kind).text = _legal(text)
    if run.error is not None:
        broken = ET.SubElement(_case(suite, run, command), "error", message=_legal(sentence_of(run.error)))
        broken.text = _legal(advice_of(run.error))
        broken.set("type", run.error.code or type(run.error).__name__)
    elif not run.failures or command != "check":
        _passed(suite, run, command)
    notes = [_note(each) for each in run.diagnostics if each not in run.counted]
    if notes:
        ET.SubElement(suite, "system-out").text = _legal("\n".join(notes))
    for key, tag in (("tests", "."), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        cases = suite.findall("testcase")
        suite.set(key, str(sum(tag == "." or case.find(tag) is not None for case in cases)))
    spent = f"{run.seconds:.3f}"
    suite.set("time", spent)
    for case in suite.findall("testcase")[:1]:  # what one case takes is not known: they are found out together
        case.set("time", spent)
    return suite


def _note(found: Diagnostic) -> str:
    """Return a finding that is no failure in one line."""
    if found.fix is not None and found.is_mended:
        kind, said = "mended", found.fix.message
    else:
        kind, said = "known" if found.known else found.severity, sentence(found)
    return ": ".join(filter(None, [f"{kind} {found.code}", found.node, said]))


def _passed(suite: ET.Element, run: Run, command: str) -> None:
    """Add the cases that hold: each GRU that was dealt with, the verdict; or the command where there is neither."""
    report = run.report
    added = False
    if report is not None and command != "check":
        for site in report.sites:
            case = _case(suite, run, f"{site.action} {site.site}")
            if site.action == "kept" and site.code:
                ET.SubElement(case, "skipped", message=_legal(f"{site.code}: {site.message}"))
            added = True
        if report.verification.status != "different":
            if report.verification.status != "not_run":
                case = _case(suite, run, "verification")
                added = True
                if report.verification.status == "inconclusive":
                    ET.SubElement(case, "skipped", message=_legal(report.verification.message))
        else:
            added = True
    if not added and not run.failures:
        _case(suite, run, command)


def _case(suite: ET.Element, run: Run, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_legal(run.name), name=_legal(name), time="0")


def _legal(text: str) -> str:
    """Replace what XML cannot hold, however it is escaped."""
    return ILLEGAL.sub("\ufffd", text)
