# SPDX-License-Identifier: MIT
"""Peer: what the calls document was written for: FastAPI takes a call and hands it to Celery, whose workers POST it to Twilio, with Redis between. Two processes of
uvicorn (uvloop, httptools), answered past FastAPI's encoder; four processes of Celery, which acknowledge a job when it is done and keep its result.
As a program: `enqueue N FILE` puts N jobs and keeps their names, `wait FILE` tells from the first job's begin to the last one's end.
BENCH_REDIS (URL), BENCH_TWILIO (URL of Calls.json), BENCH_TOKEN (SHA-256 of the token, hexadecimal)."""

import hashlib
import json
import os
import sys
import time
from typing import Optional

import requests
from celery import Celery

cel = Celery("calls", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
cel.conf.update(worker_prefetch_multiplier=16, task_acks_late=True, broker_connection_retry_on_startup=True)
session = requests.Session()
session.trust_env = False


@cel.task(bind=True, name="call")
def call(self, to_number, from_number, metadata):
    began = time.time()
    self.update_state(state="PROGRESS", meta={"progress": 50, "message": "Creating call"})
    answer = session.post(os.environ["BENCH_TWILIO"], data={"To": to_number, "From": from_number, "Url": "http://127.0.0.1/twiml", "StatusCallback": "http://127.0.0.1/status"})
    return {"call_sid": answer.json()["sid"], "to_number": to_number, "metadata": metadata, "began": began, "ended": time.time()}


def application():
    from fastapi import FastAPI, Header, HTTPException
    from fastapi.responses import JSONResponse
    from pydantic import BaseModel, Field

    class Single(BaseModel):
        to_number: str = Field(regex=r"^\+[1-9]\d{7,14}$")
        from_number: Optional[str] = Field(None, regex=r"^\+[1-9]\d{7,14}$")
        webhook_url: Optional[str] = Field(None, max_length=2048)
        status_callback_url: Optional[str] = Field(None, max_length=2048)
        call_metadata: Optional[dict] = None
        delay_seconds: int = Field(0, ge=0, le=86400)

    api = FastAPI()

    @api.post("/api/v1/celery/twilio/queue-single-call")
    def queue(single: Single, authorization: str = Header(None)):
        if not authorization or hashlib.sha256(authorization[7:].encode()).hexdigest() != os.environ["BENCH_TOKEN"]:
            raise HTTPException(401)
        job = call.delay(single.to_number, single.from_number or "+15005550006", single.call_metadata)
        return JSONResponse({"success": True, "task_id": job.id, "message": f"Call to {single.to_number} queued successfully",
                             "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "estimated_completion": None})

    return api


def main():
    if sys.argv[1] == "enqueue":
        names = [call.delay(f"+1202{5000000 + n}", "+15005550006", {"n": n}).id for n in range(int(sys.argv[2]))]
        with open(sys.argv[3], "w") as f:
            json.dump(names, f)
        return
    with open(sys.argv[2]) as f:
        found = [cel.AsyncResult(name).get(timeout=120) for name in json.load(f)]
    print(json.dumps({"done": len({one["call_sid"] for one in found}), "seconds": max(one["ended"] for one in found) - min(one["began"] for one in found)}))


if __name__ == "__main__":
    main()
