# SPDX-License-Identifier: MIT
"""Fixtures of tests/out: servers that end with their test, and a certificate. peers is imported late: where aiosmtpd is absent the tests skip."""
import ssl
import subprocess

import pytest

import stack as stacks


@pytest.fixture(autouse=True)
def need_program():
    if not (stacks.BUILD / "tests/out/transfers").exists():
        pytest.skip(f"tests/out/transfers is not in {stacks.BUILD}: make check builds it")


@pytest.fixture
def make_server():
    from peers import Server
    made = []

    def make(**options):
        made.append(Server(**options))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def script():
    from peers import Script
    made = []

    def make(**replies):
        made.append(Script(**replies))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that only those trust who were told, as (file, server's context)."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key", "-out", folder / "crt", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return str(folder / "crt"), context
