# SPDX-License-Identifier: MIT
"""document: reads the examples out of a contract's text: the curl command and the JSON answer that follows it, section by section, and
compares an answer with the document's own."""
import json
import re
import shlex
import textwrap
import urllib.parse


class Example:
    """title of its section, method, path (with the query), headers, body (bytes or None), answer (parsed JSON)."""

    def __init__(self, title, command, answer=None):
        self.title, self.answer = title, answer
        self.method, self.headers, self.body, url = "GET", {}, None, None
        words = shlex.split(command.replace("\\\n", " "))
        assert words[0] == "curl", command
        words = iter(words[1:])
        for word in words:
            if word in ("-X", "--request"):
                self.method = next(words)
            elif word in ("-H", "--header"):
                name, value = next(words).split(":", 1)
                self.headers[name.strip()] = value.strip()
            elif word in ("-d", "--data"):
                self.body = next(words).encode()
            elif not word.startswith("-"):
                assert url is None, command
                url = word
            else:
                raise AssertionError(f"unknown word {word} in {command}")
        parts = urllib.parse.urlsplit(url)
        self.path = parts.path + (f"?{parts.query}" if parts.query else "")


def fences(text):
    """(language, content) of the fenced blocks, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.M | re.S)


def sections(text, level=3):
    """{title: text} of the sections whose headings have that many `#`; each ends at the next heading of its level or a higher one."""
    parts = re.split(rf"^{'#' * level} ", text, flags=re.M)[1:]
    return {p.split("\n", 1)[0].strip(): re.split(rf"^#{{2,{max(level - 1, 2)}}} ", p, flags=re.M)[0] for p in parts}


def examples(text):
    """All examples of a document, by the title of their section."""
    found = {}
    for title, section in sections(text).items():
        blocks = fences(section)
        commands = [c for lang, c in blocks if lang == "bash"]
        answers = [json.loads(c) for lang, c in blocks if lang == "json"]
        if commands:
            assert len(commands) == len(answers) == 1, title
            found[title] = Example(title, commands[0], answers[0])
    return found


def blocks(text, language):
    """The contents of all fenced blocks of a language in their order, those within a list too."""
    return [textwrap.dedent(c) for _, lang, c in re.findall(r"^( *)```(\w*)\n(.*?)^\1```", text, flags=re.M | re.S) if lang == language]


def table(text, title, heading):
    """Rows (lists of cells) of the table under `#### heading` in the section `### title`."""
    section = sections(text)[title]
    part = re.split(r"^#### ", section, flags=re.M)
    part = next(p for p in part if p.split("\n", 1)[0].strip() == heading)
    rows = [[c.strip() for c in line.strip().strip("|").split("|")] for line in part.split("\n") if line.startswith("|")]
    return rows[2:]


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
FRESH = {"execution_time_ms"}
IDS = {"task_id"}


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


def differences(documented, got, where="", fresh=FRESH, ids=IDS):
    """What an answer lacks or has otherwise than the document. Fresh ids keep their prefix, fresh times their form, all else its value. More fields than
    documented are allowed (a client of the document never breaks by them)."""
    if isinstance(documented, dict) and isinstance(got, dict):
        found = [f"{where}.{k} is missing" for k in documented if k not in got]
        for k in documented:
            if k in got:
                found += differences(documented[k], got[k], f"{where}.{k}", fresh, ids)
        return found
    if kind(documented) != kind(got):
        return [f"{where} is a {kind(got)} ({got!r}), documented is a {kind(documented)}"]
    if isinstance(documented, list):
        if len(documented) != len(got):
            return [f"{where} has {len(got)} items, documented are {len(documented)}"]
        return [d for i, (a, b) in enumerate(zip(documented, got)) for d in differences(a, b, f"{where}[{i}]", fresh, ids)]
    name = where.rsplit(".", 1)[-1]
    if name in fresh:
        return []
    if name in ids:
        prefix = re.match(r"(.*-)?", documented).group(0)
        return [] if got.startswith(prefix) and len(got) > len(prefix) else [f"{where} is {got!r}, documented ids begin with {prefix!r}"]
    if isinstance(documented, str) and TIME.fullmatch(documented):
        return [] if TIME.fullmatch(got) else [f"{where} is {got!r}, documented is the form {documented}"]
    return [] if documented == got else [f"{where} is {got!r}, documented is {documented!r}"]


def disorder(documented, got, where=""):
    """The objects of an answer whose documented members come in another order than the document's. What only one of the two has is none of it."""
    if isinstance(documented, list) and isinstance(got, list):
        return [d for i, (a, b) in enumerate(zip(documented, got)) for d in disorder(a, b, f"{where}[{i}]")]
    if not isinstance(documented, dict) or not isinstance(got, dict):
        return []
    both, order = [k for k in documented if k in got], [k for k in got if k in documented]
    return [d for k in both for d in disorder(documented[k], got[k], f"{where}.{k}")] + ([] if both == order else [f"{where} has its members as {order}, documented are {both}"])
