# SPDX-License-Identifier: MIT
"""queries: the named statements of sql/queries as the programs have them: src/sqlgen.awk itself reads the files, so nobody reads them otherwise."""
import collections
import functools
import json
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / "sql" / "queries"

# file: as "disposition/generic". text: with $1.. in the order of takes, the names of the parameters. gives: the names of the columns.
Statement = collections.namedtuple("Statement", "name file text takes gives")


@functools.cache
def load():
    """{name: Statement}"""
    files = [str(p) for p in sorted(FOLDER.glob("*/*.sql"))]
    said = subprocess.run(["awk", "-v", "want=json", "-f", TOP / "src" / "sqlgen.awk", *files, "/dev/null"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found = {}
    for s in json.loads(said.stdout):
        path = pathlib.Path(s["file"])
        found[s["name"]] = Statement(s["name"], f"{path.parent.name}/{path.stem}", s["text"], s["takes"], s["gives"])
    return found
