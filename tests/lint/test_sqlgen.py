# SPDX-License-Identifier: MIT
"""What src/sqlgen.awk refuses would fail only at run time."""
import pathlib
import subprocess

import pytest

SQLGEN = pathlib.Path(__file__).resolve().parents[2] / "src" / "sqlgen.awk"
HEAD = "-- name: look\n-- takes: entity, most\n-- gives: id\n"
GOOD = HEAD + "select id, '$1 :x' as \"a:b\", at::text from t where entity = :entity -- :none\nlimit :most::integer;\n"


def run(tmp_path, text):
    file = tmp_path / "t.sql"
    file.write_text(text)
    return subprocess.run(["awk", "-v", "want=c", "-f", SQLGEN, file], capture_output=True, text=True)


def test_names_become_numbers_outside_quotes_and_comments(tmp_path):
    said = run(tmp_path, GOOD)
    assert said.returncode == 0, said.stderr
    assert "select id, '$1 :x' as \\\"a:b\\\", at::text from t where entity = $1 limit $2::integer" in said.stdout


@pytest.mark.parametrize("text, why", [
    (HEAD + "select :entity, :most, :other", "uses :other"), (HEAD + "select :entity", "never uses it"), (HEAD + "select :entity, :most, $1", "$ outside quotes"),
    (HEAD.replace("most", "entity") + "select :entity", "takes entity twice"), (HEAD.replace("most", "default") + "select 1", "word of C"),
    (HEAD.replace("id", "id, id") + "select 1", "gives id"), (HEAD.replace("id", "Id") + "select 1", "names are of"),
    (GOOD + GOOD, "already defined"), (HEAD, "no text"), (GOOD + "select 2\n", "after its semicolon"), ("select 1\n", "before the first"),
])
def test_what_it_refuses(tmp_path, text, why):
    said = run(tmp_path, text)
    assert said.returncode != 0 and why in said.stderr, said.stderr
