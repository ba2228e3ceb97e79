# SPDX-License-Identifier: MIT
"""What the tests of the database share: databases of their own in the ledger's cluster, and the named statements as the programs have them."""
import ctypes
import ctypes.util

import psycopg2
import psycopg2.extensions
import pytest

import queries

ROLES = ("taskgate_api", "taskgate_sweep", "taskgate_ctl")


def statements(*names):
    """{name: text} of the named statements, of all files or of these folders and files ("disposition", "db/session")."""
    return {name: s.text for name, s in queries.load().items() if not names or {s.file, s.file.split("/")[0]} & set(names)}


def parameters(name):
    """How many parameters the statement takes."""
    return len(queries.load()[name].takes)


def is_utility(text):
    return text.split(None, 1)[0].lower() in ("begin", "commit", "rollback", "set", "savepoint", "release")


class Database:
    """One database of the ledger's cluster."""

    def __init__(self, ledger, name):
        self.ledger, self.name = ledger, name

    def connect(self, user="postgres", autocommit=True):
        # A copy of a database does not bring the setting of its search path along, and an empty one has none yet.
        made = psycopg2.connect(host=self.ledger.env["PGHOST"], port=self.ledger.env["PGPORT"], user=user, dbname=self.name,
                                options="-c search_path=taskgate,public")
        made.autocommit = autocommit
        return made

    def conninfo(self, user):
        return f"host={self.ledger.env['PGHOST']} port={self.ledger.env['PGPORT']} user={user} dbname={self.name}"

    def ctl(self, *args, check=True, env=None):
        more = {"TASKGATE_ADMIN_DATABASE": self.conninfo("taskgate_ctl")}
        more.update(env or {})
        return self.ledger.program("taskgatectl", *args, check=check, env=more)

    def run(self, sql, *params, user="postgres", autocommit=True):
        """One statement on a connection of its own; gives its rows."""
        c = self.connect(user)
        try:
            with c.cursor() as cursor:
                cursor.execute(sql, params or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            c.close()

    def value(self, sql, *params):
        return self.run(sql, *params)[0][0]


@pytest.fixture(scope="session")
def make_database(ledger):
    """make_database(name, migrated=True): a new database; dropped at the end."""
    made = []

    def drop(name):
        ledger.run(f"drop database if exists {name} (force)")

    def make(name, migrated=True):
        drop(name)
        ledger.run(f"create database {name} owner taskgate_owner")
        database = Database(ledger, name)
        made.append(name)
        if migrated:
            database.ctl("migrate")
        return database
    yield make
    for name in made:
        drop(name)


@pytest.fixture(scope="module")
def db(make_database, request):
    """A migrated database for the tests of one file."""
    return make_database("t_" + request.module.__name__.rsplit(".", 1)[-1])


class Session:
    """A login of a program's role with a tenant entered, in a transaction that is rolled back."""

    def __init__(self, database, role, tenant=None):
        self.connection = database.connect(role, autocommit=False)
        self.cursor = self.connection.cursor()
        self.cursor.execute("set plan_cache_mode = force_generic_plan")
        if tenant:
            self.cursor.execute("select set_config('tg.tenant', %s, true)", (tenant,))

    def rows(self, sql, *params):
        self.cursor.execute(sql, params or None)
        return self.cursor.fetchall() if self.cursor.description else []

    def named(self, name, *params):
        """Runs a named statement with these parameters, as libpq would: all are texts."""
        text = statements()[name]
        assert len(params) == parameters(name)
        self.cursor.execute(f"prepare p_{name} as {text}" if params or not is_utility(text) else text)
        values = ", ".join("null" if p is None else self.cursor.mogrify("%s", (str(p),)).decode() for p in params)
        self.cursor.execute(f"execute p_{name}" + (f"({values})" if params else ""))
        found = []
        if self.cursor.description:
            columns = [c.name for c in self.cursor.description]
            found = [dict(zip(columns, row)) for row in self.cursor.fetchall()]
        self.cursor.execute(f"deallocate p_{name}")
        return found

    def close(self):
        self.connection.rollback()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def session(db):
    """session(role, tenant): see Session; closed with the test."""
    made = []

    def make(role="taskgate_api", tenant=None, database=None):
        made.append(Session(database or db, role, tenant))
        return made[-1]
    yield make
    for one in made:
        one.close()


class Libpq:
    """Just enough of libpq to Parse and Describe a statement as the programs do; psycopg2 cannot."""

    FUNCTIONS = (("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]), ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
                 ("PQprepare", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]),
                 ("PQdescribePrepared", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
                 ("PQnparams", ctypes.c_int, [ctypes.c_void_p]), ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
                 ("PQfname", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int]),
                 ("PQresultErrorMessage", ctypes.c_char_p, [ctypes.c_void_p]), ("PQclear", None, [ctypes.c_void_p]), ("PQfinish", None, [ctypes.c_void_p]))

    def __init__(self, conninfo):
        self.lib = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
        for name, result, arguments in self.FUNCTIONS:
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self.connection = self.lib.PQconnectdb(conninfo.encode())
        assert self.lib.PQstatus(self.connection) == 0

    def prepare(self, name, text):
        """Gives the number of parameters and the names of the columns; an AssertionError where the server refuses."""
        result = self.lib.PQprepare(self.connection, name.encode(), text.encode(), 0, None)
        message = self.lib.PQresultErrorMessage(result).decode()
        self.lib.PQclear(result)
        assert not message, f"{name}: {message}"
        result = self.lib.PQdescribePrepared(self.connection, name.encode())
        parameters = self.lib.PQnparams(result)
        columns = [self.lib.PQfname(result, i).decode() for i in range(self.lib.PQnfields(result))]
        self.lib.PQclear(result)
        return parameters, columns

    def close(self):
        self.lib.PQfinish(self.connection)
