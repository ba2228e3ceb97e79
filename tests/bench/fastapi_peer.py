# SPDX-License-Identifier: MIT
"""Peer: FastAPI + asyncpg under uvicorn (uvloop, httptools), what a good user would write for GET and PUT /generic over the project's own
tables, with the project's own statements, which asyncpg prepares and keeps. enter() stands in the same transaction, as row-level security
wants it, and asyncpg has no pipeline, so a request is four round trips. Two things are better than usual, to its advantage: the pool does not
reset a connection that comes back (a fifth round trip), and answers go past FastAPI's encoder.
Two processes on a port each, asked directly: see fastify_peer.mjs. BENCH_STATEMENTS, BENCH_SETTINGS (JSON), BENCH_POOL, PG*."""

import hashlib
import json
import os
import uuid
from typing import List, Optional

import asyncpg
from fastapi import FastAPI, Header, HTTPException, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

with open(os.environ["BENCH_STATEMENTS"]) as f:
    TEXT = json.load(f)
STATUS = {"TG401": 401, "TG403": 403, "TG429": 429, "23505": 409}
app = FastAPI()
pool = None


class Connection(asyncpg.Connection):
    def get_reset_query(self):
        return ""


class Generic(BaseModel):
    task_type: str = Field(regex="^[A-Za-z][A-Za-z0-9_.:-]{0,63}$")
    action: str = Field(min_length=1, max_length=100)
    target_id: Optional[str] = Field(None, min_length=1, max_length=255)
    payload: Optional[dict] = None
    priority: int = Field(5, ge=1, le=10)
    timeout: int = Field(300, ge=1, le=86400)
    retry_count: int = Field(3, ge=0, le=20)
    callback_url: Optional[str] = Field(None, max_length=2048)
    tags: Optional[List[str]] = Field(None, max_items=50)


@app.on_event("startup")
async def connect():
    global pool
    size = int(os.environ["BENCH_POOL"])
    pool = await asyncpg.create_pool(min_size=size, max_size=size, connection_class=Connection, server_settings=json.loads(os.environ["BENCH_SETTINGS"]))


async def transact(request, authorization, scope, name, *values):
    if not authorization or not authorization.startswith("Bearer "):
        raise HTTPException(401)
    digest = hashlib.sha256(authorization[7:].encode()).digest()
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetchval(TEXT["enter"], digest, scope, uuid.uuid4().hex, request.client.host, None)
            return await connection.fetchrow(TEXT[name], *values)
    except asyncpg.PostgresError as error:
        raise HTTPException(STATUS.get(error.sqlstate, 500), str(error))


def answer(status, row):
    data = {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in row.items()}
    for key in ("result", "tags"):
        if isinstance(data.get(key), str):
            data[key] = json.loads(data[key])
    return JSONResponse({"success": True, "data": data}, status)


Entity = Path(regex="^[A-Za-z0-9._:-]{1,128}$")


@app.get("/generic/{entity}")
async def generic_get(request: Request, entity: str = Entity, authorization: str = Header(None)):
    row = await transact(request, authorization, "disposition:read", "generic_get", entity, False, True, False)
    if row is None:
        raise HTTPException(404)
    return answer(200, row)


@app.put("/generic/{entity}")
async def generic_put(request: Request, g: Generic, entity: str = Entity, authorization: str = Header(None)):
    row = await transact(request, authorization, "disposition:write", "generic_create", entity, g.task_type, g.action, g.target_id,
                         None if g.payload is None else json.dumps(g.payload), g.priority, None, g.timeout, g.retry_count, g.callback_url, g.tags, False)
    return answer(201, row)
