# SPDX-License-Identifier: MIT
"""install: what only the benchmark needs. Debian's packages by apt-get where they are missing, npm's into the folder it is given, which git
ignores. A peer that cannot be installed costs its own rows alone."""

import json
import os
import re
import shutil
import subprocess
import sys

import stack as st

NPM = {"fastify": "5", "pg": "8", "pg-boss": "10"}
NODE = 20                 # what these want; where Debian's is older, npm's package `node` brings one
DEBIAN = {
    "wrk": lambda: shutil.which("wrk"),
    "python3-psycopg2": lambda: imports("psycopg2"),
    "python3-fastapi": lambda: imports("fastapi"),
    "python3-asyncpg": lambda: imports("asyncpg"),
    "python3-uvicorn": lambda: imports("uvicorn"),
    "python3-uvloop": lambda: imports("uvloop"),
    "python3-httptools": lambda: imports("httptools"),
    "python3-celery": lambda: imports("celery"),
    "python3-redis": lambda: imports("redis"),
    "python3-requests": lambda: imports("requests"),
    "redis-server": lambda: shutil.which("redis-server"),
}
FASTAPI = ["python3-fastapi", "python3-asyncpg", "python3-uvicorn", "python3-uvloop", "python3-httptools"]
CELERY = [name for name in DEBIAN if name not in ("wrk", "python3-psycopg2", "python3-asyncpg")]


def imports(name):
    return subprocess.run(["/usr/bin/python3", "-c", f"import {name}"], capture_output=True).returncode == 0


def debian(wanted):
    missing = [name for name in wanted if not DEBIAN.get(name, lambda: shutil.which(name))()]
    if not missing:
        return
    print(f"bench: installing {' '.join(missing)}", file=sys.stderr)
    become = [] if os.geteuid() == 0 else ["sudo"]
    if not shutil.which("apt-get") or (become and not shutil.which("sudo")):
        raise st.Failed(f"missing, and apt-get cannot be used to install it: {' '.join(missing)}")
    st.run([*become, "apt-get", "update", "-q"], 300)
    st.run([*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", "--no-install-recommends", *missing], 600)


def node_major(path):
    return int(st.run([path, "--version"]).strip().lstrip("v").split(".")[0])


def npm(folder):
    """The node program to use; its packages are in folder/node_modules. Nothing about where they came from is kept."""
    debian([name for name in ("nodejs", "npm") if not shutil.which({"nodejs": "node"}.get(name, name))])
    wanted = dict(NPM)
    node = shutil.which("node")
    if node_major(node) < NODE:
        wanted["node"] = str(NODE)
        node = f"{folder}/node_modules/node/bin/node"
    if any(version(folder, name).split(".")[0] != major for name, major in wanted.items()):
        print(f"bench: npm installs {' '.join(wanted)}", file=sys.stderr)
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/package.json", "w") as f:
            json.dump({"name": "taskgate-bench", "private": True, "type": "module"}, f)
        names = [f"{name}@{major}" for name, major in wanted.items()]
        st.run(["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", *names], 300, cwd=folder)
    return node


def version(folder, name):
    try:
        with open(f"{folder}/node_modules/{name}/package.json") as f:
            return json.load(f)["version"]
    except OSError:
        return ""


def versions(folder):
    from importlib import metadata
    found = {name: version(folder, name) for name in NPM}
    for name in ("fastapi", "asyncpg", "uvicorn", "uvloop", "httptools", "celery", "redis", "requests"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    if shutil.which("node"):
        found["node"] = st.run(["node", "--version"]).strip().lstrip("v")
    if shutil.which("redis-server"):
        found["redis-server"] = re.search(r"v=([\d.]+)", st.run(["redis-server", "--version"]))[1]
    return {name: v for name, v in found.items() if v}
