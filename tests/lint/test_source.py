# SPDX-License-Identifier: MIT
"""Rules that every C and SQL file keeps: layers, rooms of the libraries, banned functions, size, statements and their names."""
import pathlib
import re

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]

# What each room may stand on, itself besides. The mains stand on everything.
STANDS_ON = {
    "base": set(),
    "db": {"base"},
    "http": {"base"},
    "out": {"base"},
    "proc": {"base", "http"},
    "core": {"base", "db"},
    "serve": {"base", "db", "core", "http"},
    "api": {"base", "db", "core", "http", "serve", "proc"},       # proc.h: the scoreboard that /metrics prints
    "sweep": {"base", "db", "core", "out", "proc"},
    "ctl": {"base", "db", "core", "out", "serve"},
    "basic": {"base", "http", "out"},
}
# What one header of another room is used for elsewhere: the scanner knows nothing of HTTP.
BESIDES = {"sweep": {"json_scan.h"}}
# A library's header and the only places that may include it.
LIBRARIES = {
    r"libpq(-fe|/.*)?\.h": ("src/db/",),
    r"fcgi(app|_stdio|_config|misc|os)\.h|fcgiapp\.h": ("src/http/fcgi.c",),
    r"curl/.*": ("src/out/",),
    r"openssl/.*": ("src/base/digest.c",),
    r"json-c/.*": ("src/api/", "src/serve/", "src/http/"),
}
BANNED = r"strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|strtok_r|atoi|atol|atoll|atof|alloca|system|popen|tmpnam|tempnam|mktemp|strncpy|strncat"
ESCAPE = re.compile(r"/\* lint: (\w+) because .+\*/")


def sources(*patterns):
    return sorted(p for pattern in patterns for p in TOP.glob(pattern))


def name(path):
    return str(path.relative_to(TOP))


C_FILES = sources("src/*.c", "src/*/**/*.c")
C_AND_H = sources("src/*.c", "src/*/**/*.[ch]", "include/taskgate/*/*.h")
ALL_C = C_AND_H + sources("tests/unit/*.[ch]", "tests/fuzz/*.[ch]")


def strip_comments(text):
    """Comments become blanks, lines stay where they are; strings are kept."""
    def blank(m):
        s = m.group(0)
        return s if s[0] in "\"'" else re.sub(r"[^\n]", " ", s)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', blank, text, flags=re.S)


def without_strings(text):
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', lambda m: m.group(0)[0] + " " * (len(m.group(0)) - 2) + m.group(0)[0], strip_comments(text))


def strings_of(text):
    """(line, value) of the string literals; neighbours are one."""
    text = strip_comments(text)
    for m in re.finditer(r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*', text):
        pieces = re.findall(r'"((?:\\.|[^"\\\n])*)"', m.group(0))
        yield text.count("\n", 0, m.start()) + 1, "".join(pieces)


def includes_of(path):
    for number, line in enumerate(strip_comments(path.read_text()).split("\n"), 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if m:
            yield number, m.group(1), m.group(2)


def room_of(path):
    parts = path.relative_to(TOP).parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[0] == "include":
        return parts[2]
    return None     # a main


def told(faults):
    assert not faults, "\n" + "\n".join(faults)


# -- layers --

def test_arrows_point_down():
    faults = []
    for path in C_AND_H:
        room = room_of(path)
        if room is None:
            continue
        if room not in STANDS_ON:
            faults.append(f"{name(path)}: the room {room} is not known to STANDS_ON")
            continue
        may = STANDS_ON[room] | {room}
        for line, _, header in includes_of(path):
            if header.startswith("taskgate/"):
                _, other, file = header.split("/")
                if other not in may and file not in BESIDES.get(room, ()):
                    faults.append(f"{name(path)}:{line}: {room} must not stand on {other} ({header})")
    told(faults)


def test_private_headers_stay_in_their_folder():
    faults = []
    for path in C_AND_H:
        for line, mark, header in includes_of(path):
            if mark == '"' and not header.startswith("taskgate/") and not (path.parent / header).exists():
                faults.append(f"{name(path)}:{line}: {header} is not in this folder; what others may see is in include/taskgate")
            if ".." in header or header.startswith("src/"):
                faults.append(f"{name(path)}:{line}: {header} reaches into another folder")
    told(faults)


def test_libraries_stay_in_their_rooms():
    faults = []
    for path in C_AND_H:
        for line, _, header in includes_of(path):
            for pattern, rooms in LIBRARIES.items():
                if re.fullmatch(pattern, header) and not name(path).startswith(rooms):
                    faults.append(f"{name(path)}:{line}: {header} belongs to {', '.join(rooms)}")
    told(faults)


# -- one file --

def test_banned_functions():
    faults = []
    for path in C_AND_H:
        lines, code = path.read_text().split("\n"), without_strings(path.read_text()).split("\n")
        for number, line in enumerate(code, 1):
            for m in re.finditer(rf"(?<![\w.>])({BANNED})\s*\(", line):
                escape = ESCAPE.search(lines[number - 1])
                if not (escape and escape.group(1) == m.group(1)):
                    faults.append(f"{name(path)}:{number}: {m.group(1)}() is banned (`/* lint: {m.group(1)} because ... */` on the line, where it must be)")
    told(faults)


def test_no_variable_format_and_no_ndebug():
    told([f"{name(p)}: NDEBUG" for p in ALL_C if "NDEBUG" in p.read_text()])


def test_opening_paragraph():
    faults = []
    for path in ALL_C:
        text = path.read_text()
        m = re.match(r"/\* SPDX-License-Identifier: MIT\n((?: \*.*\n)*? \*(?:.*\*)?/)", text)
        if name(path).endswith("_table.h"):
            # A table has no guard and is included many times; its comment says what a row is.
            if not text.startswith("/*"):
                faults.append(f"{name(path)}: a table begins with a comment that says what a row is")
        elif not m:
            faults.append(f"{name(path)}: begins with `/* SPDX-License-Identifier: MIT` and one paragraph")
        elif path.suffix == ".c" and path in C_FILES and len(m.group(1)) < 60:
            faults.append(f"{name(path)}: the opening paragraph says what it owns, what it promises, what it never does")
        elif not path.name.startswith(("test_", "fuzz_")) and not re.match(rf" \* {re.escape(path.stem)}\b", m.group(1)):
            faults.append(f"{name(path)}: the opening paragraph begins with ` * {path.stem}: `")
    told(faults)


def test_no_file_is_too_long():
    long = {name(p): p.read_text().count("\n") for p in ALL_C + sources("sql/queries/*/*.sql", "tests/lib/*", "tests/**/*.py", "dev") if p.is_file()}
    for f, n in sorted(long.items(), key=lambda x: -x[1]):
        if n > 400:
            print(f"look twice: {f} has {n} lines")
    told([f"{f}: {n} lines; 600 is the most" for f, n in long.items() if n > 600])


def test_words_that_a_source_does_not_hold():
    word = re.compile(r"\b(TODO|FIXME|XXX|HACK|for now)\b")
    told([f"{name(p)}:{n}: {word.search(line).group(0)}" for p in C_AND_H + sources("sql/**/*.sql", "nginx/*", "dev") if p.is_file()
          for n, line in enumerate(p.read_text().split("\n"), 1) if word.search(line)])


def test_text_files_are_tidy():
    faults = []
    for p in ALL_C + sources("sql/**/*.sql", "tests/**/*.py", "tests/**/*.race", "nginx/*", "dev", "Makefile.am", "configure.ac"):
        if not p.is_file():
            continue
        text = p.read_text()
        if not text.endswith("\n") or text.endswith("\n\n"):
            faults.append(f"{name(p)}: ends with one newline")
        faults += [f"{name(p)}:{n}: blanks at the end" for n, line in enumerate(text.split("\n"), 1) if line != line.rstrip()]
    told(faults)


def test_braces_hold_no_hidden_ways_out():
    """No macro hides return or goto."""
    faults = []
    for p in C_AND_H:
        text = strip_comments(p.read_text()).replace("\\\n", "\\ ")
        for m in re.finditer(r"^\s*#\s*define\b[^\n]*\b(return|goto)\b", text, flags=re.M):
            faults.append(f"{name(p)}: a macro hides {m.group(1)}: {m.group(0).strip()[:80]}")
    told(faults)


# -- SQL --

def statements():
    """name -> (file, text)"""
    found, faults = {}, []
    for path in sources("sql/queries/*/*.sql"):
        current = None
        for number, line in enumerate(path.read_text().split("\n"), 1):
            m = re.match(r"-- name: (\S+)", line)
            if m:
                current = m.group(1)
                if not re.fullmatch(r"[a-z][a-z0-9_]*", current):
                    faults.append(f"{name(path)}:{number}: a name is lower-case words with underscores: {current}")
                if current in found:
                    faults.append(f"{name(path)}:{number}: {current} is a name already in {found[current][0]}")
                found[current] = (name(path), "")
            elif current:
                found[current] = (found[current][0], found[current][1] + re.sub(r"--.*", "", line) + "\n")
    return found, faults


def test_statement_names_are_unique():
    found, faults = statements()
    assert found
    told(faults)


def test_statements_are_used():
    code = "\n".join(without_strings(p.read_text()) for p in C_FILES)
    used = set(re.findall(r"\bTG_(?:SQL|BIND)_([A-Z0-9_]+)\b", code))
    found, _ = statements()
    names = {n.upper(): (n, f) for n, (f, _) in found.items()}
    told([f"{f}: {n} is used by no C file" for u, (n, f) in sorted(names.items()) if u not in used]
         + [f"TG_SQL_{u} is used and is in no file of sql/queries" for u in sorted(used - set(names) - {"_MAX", "NONE"})])


def test_statements_name_their_columns():
    faults = []
    for n, (f, text) in statements()[0].items():
        # A row of one table through a sub-select (`select * from task ...`) is what other columns are picked from by name.
        outer = re.sub(r"\(\s*select \* from task\b", "(select task", text)
        outer = re.sub(r"'(?:[^']|'')*'", "''", outer)
        if re.search(r"\bselect\s+(distinct\s+)?(\w+\.)?\*|\breturning\s+(\w+\.)?\*|,\s*\w+\.\*", outer):
            faults.append(f"{f}: {n} has a *: a changed table would break its plan")
    told(faults)


def test_no_sql_in_c():
    """SQL stands in sql/ alone: no string of C begins like a statement."""
    begins = re.compile(r"\s*(select|insert\s+into|update\s+\w+\s+set|delete\s+from|with\s+\w+\s+as|create\s+(table|role|index|database)|alter|drop|truncate|"
                        r"begin|commit|rollback|set\s+(role|local|session)|reset|lock\s+table)\b(?!:)", re.I)
    faults = []
    for path in C_FILES:
        lines = path.read_text().split("\n")
        for line, s in strings_of(path.read_text()):
            m = begins.match(s)
            # A single word may be an event's or a command's name.
            if m and (" " in s.strip() or name(path).startswith("src/db/")) and not looks_like_prose(s) and not ESCAPE.search(lines[line - 1]):
                faults.append(f"{name(path)}:{line}: SQL in C: {s[:60]!r}")
    told(faults)


def looks_like_prose(s):
    """`update task set`, `select x from` and the like are SQL; "set role of a user" is not told apart from it by its first word alone."""
    return not re.search(r"\b(from|into|values|set\s+\w+\s*=|set\s+role\s+\w+$|as\s*\(|select\s+\S+|begin$|commit$|rollback$|table|role|index|schema)\b", s, re.I)


# -- what is written twice --

def test_settings_are_documented():
    rows = re.findall(r"^ROW\((\w+),", (TOP / "include/taskgate/base/conf_table.h").read_text(), flags=re.M)
    assert rows and len(rows) == len(set(rows))
    faults = []
    for where in ("man/taskgate.conf.5", "service/taskgate.conf.example"):
        path = TOP / where
        if not path.exists():
            faults.append(f"{where} is not there")
            continue
        text = path.read_text().replace("\\-", "-").replace("\\_", "_")
        faults += [f"{where}: {row} is not in it" for row in rows if not re.search(rf"\b{row}\b", text)]
        known = set(re.findall(r"\b(?:TASKGATE|LOG)_[A-Z_]+\b", text))
        faults += [f"{where}: {w} is no setting" for w in sorted(known - set(rows)) if not w.endswith("_")]
    told(faults)


# -- what the tree does not hold --

def tree():
    skip = {".git", ".dev", "build", "autom4te.cache", "__pycache__", ".pytest_cache", "build-aux", "gen", "node_modules"}
    made = {"configure", "configure~", "files.am", "aclocal.m4", "Makefile.in", "Makefile"}
    for p in sorted(TOP.rglob("*")):
        if p.is_file() and not skip & set(p.relative_to(TOP).parts) and p.name not in made:
            try:
                yield p, p.read_text()
            except UnicodeDecodeError:
                pass


def test_no_paths_of_one_machine_and_no_registries():
    paths = re.compile("|".join([r"(?<![\w./])/wo" + r"rk/(main|shared)\b", r"/tmp/t" + r"g\b"]))
    hosts = re.compile("|".join(h.replace("!", "") for h in (r"registry\.npm!js", r"pypi!\.org", r"files\.python!hosted", r"crates!\.io", r"proxy\.go!lang",
                                                             r"deb\.deb!ian\.org", r"maven!\.org", r"ruby!gems")))
    faults = []
    for p, text in tree():
        for number, line in enumerate(text.split("\n"), 1):
            for pattern in (paths, hosts):
                m = pattern.search(line)
                if m:
                    faults.append(f"{name(p)}:{number}: {m.group(0)}")
    told(faults)
