# SPDX-License-Identifier: MIT
"""signing: Standard Webhooks 1.0.0, from the receiver's side and written anew, so that it proves the sender's."""
import base64
import hashlib
import hmac
import time


def signatures(secret, webhook_id, timestamp, body):
    mac = hmac.new(secret, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def keys_of(stack, tenant):
    """The tenant's live keys, as bytes."""
    return [bytes(r["secret"]) for r in stack.rows("select secret from webhook_key where tenant_id = %s and (retire_at is null or retire_at > now())", tenant.id)]


def check_signature(stack, tenant, seen, keys=None):
    """Every live key has signed exactly what arrived, a moment ago."""
    keys = keys_of(stack, tenant) if keys is None else keys
    webhook_id, timestamp = seen.headers["webhook-id"], seen.headers["webhook-timestamp"]
    assert webhook_id.startswith("msg_") and abs(time.time() - int(timestamp)) < 60
    sent = seen.headers["webhook-signature"].split(" ")
    assert sorted(sent) == sorted(signatures(k, webhook_id, timestamp, seen.body) for k in keys)
