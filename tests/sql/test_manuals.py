# SPDX-License-Identifier: MIT
"""The manuals against the programs' own tables: what is in one and not in the other is a failed check."""
import json
import re

import pytest

import stack as stacks

MAN = stacks.TOP / "man"


def page(name):
    """The page's text without its marks, blanks made one."""
    text = (MAN / name).read_text().replace("\\-", "-")
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("name", sorted(p.name for p in MAN.glob("*.[1-8]")))
def test_page_has_its_sections(name):
    text = (MAN / name).read_text()
    for section in ("NAME", "DESCRIPTION", "EXIT STATUS", "DIAGNOSTICS", "SEE ALSO"):
        assert f".Sh {section}\n" in text, section


def test_settings_page_has_each_setting_with_its_default(ledger):
    text = page("taskgate.conf.5")
    named = set(re.findall(r"\.It Ev (\w+)", text))
    rows = ledger.ctl_json("conf")
    assert named == {r["name"] for r in rows}
    for r in rows:
        part = text.split(f".It Ev {r['name']} ")[1].split(".It Ev")[0]
        assert r["help"][1:] in part, r["name"]
        assert (f"Default: .Li {r['default']} ." if r["default"] else "Not set by default.") in part, r["name"]


def test_command_page_has_each_command_and_option(ledger):
    text = page("taskgatectl.1")
    source = "".join(p.read_text() for p in (stacks.TOP / "src" / "ctl").glob("*.c"))
    commands = re.findall(r'\.words = "([^"]+)"', source)
    assert set(re.findall(r"\.It Ic ([a-z-]+(?: [a-z-]+)?)(?= |$)", text)) == set(commands)
    for words in commands:
        part = text.split(f".It Ic {words}")[1].split(".It Ic")[0]
        own = ledger.ctl(*words.split(), "--help").split("\n\n")[2].split("  --json")[0]
        for option in re.findall(r"--([a-z-]+)", " ".join(line.split("  ")[1] for line in own.splitlines() if line.startswith("  --"))):
            assert f"Fl -{option}" in part, (words, option)


def test_api_page_has_each_route_and_code(ledger):
    text = page("taskgate-api.7")
    for r in ledger.ctl_json("routes"):
        assert f".It {r['method']} Pa {r['path']} {r['doc']}" in text, r["name"]
        assert r["scope"] is None or f".Li {r['scope']} ." in text
    codes = set(re.findall(r'\{ TG_E_\w+, +(?:NULL|"\w+"), +"(\w+)"', "".join(p.read_text() for p in (stacks.TOP / "src").glob("[as]*/**/*.c"))))
    listed = set(re.findall(r"\.It ([A-Z_]+) Ta", text))
    assert listed == {c for c in codes if c.isupper()}, listed ^ {c for c in codes if c.isupper()}
    # The messaging pages' own: what is not one of the above in small letters is named.
    small = {c for c in codes if c.islower() and c.upper() not in listed}
    assert small and not [c for c in small if not re.search(rf"\b{c}\b", text)], small


def test_states_page_shows_the_table(ledger):
    assert re.sub(r"\s+", " ", ledger.ctl("states")).strip() in page("taskgate-states.7")
    assert json.loads(ledger.ctl("states", "--json"))
