"""Writes docs/conformance.md: what the conformance suites' modules and cases are about, and what their tests came to.

    conformance.py OUTPUT [--write]

OUTPUT is what `cargo test --test it` printed. Fails where a module has neither a test nor a reason, a test no module, a test did not pass, or the
file in the repository says otherwise; with --write the file is written instead of compared.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = ROOT / "tests/it/conformance/modules.toml"
TABLE = ROOT / "docs/conformance.md"

HEAD = """\
# Conformance

What the relying-party modules of the [OpenID Foundation's conformance suite](https://openid.net/certification/about-conformance-suite/) ask of a
client, and what tokigate does. Each module is a test of its name in `tests/it/conformance/`: the whole gate, before a provider that does exactly that
module's one thing, and an application behind it that must see nothing, or the right user. Where the suite is lenient, the gate is not: a signature is
always checked where keys are known.

This is no certificate: the suite itself has not been run against it. The suite passes a module about a mistake when the client stops there; these
tests do so by the list of every call that the provider got. \"Stops\" also means: a page that says so, no session, nothing for the application.

Made of `tests/it/conformance/modules.toml` and of what the tests came to, by `tests/run conformance`; `tests/run it` fails where this page says
anything else. [HTTP/2](#http2) has its own suite, at the end.
"""

HTTP2 = """
## HTTP/2

What [h2spec](https://github.com/summerwind/h2spec) 2.6 asks of a server, each case a test of its section and number in `tests/it/h2spec/`, sent frame by
frame to the whole gate: by prior knowledge over TCP, and again by ALPN over TLS. h2spec takes a connection that ends for an answer to any error; these
tests want the GOAWAY or the RST_STREAM as well, and that the next client is served. Of errors of the connection the library says PROTOCOL_ERROR in
places where RFC 9113 has a code that tells more. For `http2/5.1/11` and `/12` an error of the stream passes too: RFC 9113 leaves the choice, RFC 7540
and h2spec do not. This is no run of h2spec itself.
"""
# Beside the 146 of version 2.6: one that only `--strict` asks, one of a later version, and one that 2.6 has as generic/3.3/5 alone.
BESIDE = {"http2/5.4.1/2", "http2/5.1.1/3", "http2/6.3/3"}
H2SPEC = 146


def snake(name):
    """oidcc-client-test-invalid-iss, FAPI2SPFinalClientTestInvalidIss: as their tests are called."""
    if "-" in name:
        return name.replace("-", "_")
    return "fapi2_sp" + re.sub("([A-Z])", r"_\1", name.removeprefix("FAPI2SP")).lower()


def results(output):
    """Name of test -> what it came to."""
    found = {}
    for module, name, result in re.findall(r"^test conformance::(\w+)::(\w+) \.\.\. (\w+)", output, re.MULTILINE):
        found[name] = (f"{module}::{name}", {"ok": "passes", "FAILED": "**fails**"}.get(result, result))
    return found


def row(*cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(plan, found, problems):
    published = f"{plan['suite']}." if " " in plan["suite"] else f"Plan: `{plan['suite']}`."
    lines = ["", f"## {plan['title']}", "", published, *(["", plan["note"]] if "note" in plan else [])]
    tested, reasoned = [], []
    for name, module in modules_of(plan).items():
        if set(module) == {"reason"}:
            reasoned.append(row(f"`{name}`", module["reason"]))
            continue
        if set(module) != {"provider", "gate"}:
            problems.append(f"{name}: it wants `provider` and `gate`, or `reason`")
        test, result = found.pop(snake(name), ("no test of its name", "**no test**"))
        if result != "passes":
            problems.append(f"{name}: {test}: {result.strip('*')}")
        tested.append(row(f"`{name}`", module.get("provider", ""), module.get("gate", ""), result))
    if tested:
        lines += ["", row("module", "the provider …", "the gate …", "test"), row(*["---"] * 4), *tested]
    if reasoned:
        lines += ["", row("module", "why there is no test"), row(*["---"] * 2), *reasoned]
    return lines


def modules_of(plan):
    return {name: module for name, module in plan.items() if isinstance(module, dict)}


def http2(output, problems):
    """The cases of h2spec, a row for each of its sections."""
    pattern = r"^test h2spec::(generic|http2|hpack)\w*::s(\w+?)_case_(\d+)_(\w+) \.\.\. (\w+)"
    sections = {}
    for suite, section, number, says, result in re.findall(pattern, output, re.MULTILINE):
        case = f"{suite}/{section.replace('_', '.')}/{number}"
        if result != "ok":
            problems.append(f"h2spec {case}: {result}")
        sections.setdefault(case.rsplit("/", 1)[0], []).append((int(number), says.replace("_", " "), case, result))
    cases = [case for section in sections.values() for case in section]
    asked = [case for case in cases if case[2] not in BESIDE]
    if len(asked) != H2SPEC or len(cases) != H2SPEC + len(BESIDE):
        problems.append(f"h2spec has {H2SPEC} cases and there are {len(BESIDE)} beside; tests there are of {len(asked)} and {len(cases) - len(asked)}")
    passing = sum(result == "ok" for *_, result in asked)
    lines = [*HTTP2.splitlines(), "", f"{passing} of {H2SPEC} pass; {len(BESIDE)} cases that version 2.6 does not ask, or asks elsewhere, are marked with a star."]
    lines += ["", row("section", "cases", "pass"), row(*["---"] * 3)]
    order = lambda name: (["generic", "http2", "hpack"].index(name.split("/")[0]), [int(part) for part in name.split("/")[1].split(".")])
    for name in sorted(sections, key=order):
        section = sorted(sections[name])
        text = " · ".join(f"{number}{'*' if case in BESIDE else ''} {says}" for number, says, case, _ in section)
        lines.append(row(f"`{name}`", text, f"{sum(result == 'ok' for *_, result in section)} of {len(section)}"))
    return lines


def main(output, write):
    plans = tomllib.loads(MODULES.read_text()).values()
    output = pathlib.Path(output).read_text()
    found, problems = results(output), []
    modules = [(name, module) for plan in plans for name, module in modules_of(plan).items()]
    names = [name for name, _ in modules]
    problems += [f"{name}: it is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    tested = [snake(name) for name, module in modules if "gate" in module]
    passing = sum(name in found and found[name][1] == "passes" for name in tested)

    without = len(modules) - len(tested)
    lines = HEAD.splitlines()
    lines += ["", f"{len(tested)} modules have a test: {passing} pass. {without} are about something else, each with the reason."]
    for plan in plans:
        lines += section(plan, found, problems)
    problems += [f"{test}: a test of no module in modules.toml" for test, _ in found.values()]
    lines += http2(output, problems)
    text = "\n".join(lines) + "\n"
    if write:
        TABLE.write_text(text)
    elif not TABLE.exists() or TABLE.read_text() != text:
        problems.append("docs/conformance.md is not what this run makes of it; write it with: tests/run conformance")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--write" in sys.argv))
