"""Keeps everyone without the key out of the server: vLLM loads Guard with --middleware, launch.py sees to it.

vLLM asks for its key on /v1 only: inference, tokenizer, metrics and documentation answer on other routes without it. In
front of all of them: /health answers anyone; every other route asks for the key when there is one; and a server that
other machines can reach has no routes but the four in OPEN. Nothing but the standard library is behind it, since vLLM
imports it.
"""

import json
import os
import secrets

from common.hosts import is_loopback

OPEN = ("/v1/completions", "/v1/chat/completions", "/v1/models", "/health")
HOST = "SERVE_HOST"  # the environment variable in which launch.py says on which address the server listens


class Guard:
    """ASGI middleware; the key is that of VLLM_API_KEY, and where SERVE_HOST is not set other machines may be there.

    RuntimeError where other machines can reach the server and there is no key.
    """

    def __init__(self, app):
        self.app = app
        self.key = os.environ.get("VLLM_API_KEY", "").encode()
        self.alone = is_loopback(os.environ.get(HOST, ""))
        if not self.alone and not self.key:
            raise RuntimeError("a server that other machines can reach needs VLLM_API_KEY in its environment")

    async def __call__(self, scope, receive, send):
        status = self.refusal(scope)
        if status is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: HTTP 403
        else:
            await refuse(send, status)

    def refusal(self, scope) -> int | None:
        """The status with which a request is turned away, None for one that is let through."""
        if scope["type"] not in ("http", "websocket") or scope["path"] == "/health":
            return None  # the former: start and end of the server itself
        if not self.alone and (scope["type"] == "websocket" or scope["path"] not in OPEN):
            return 404
        return 401 if self.key and not self.has_key(scope["headers"]) else None

    def has_key(self, headers) -> bool:
        """Whether an Authorization header carries the key; compared in constant time."""
        given = [value.split(None, 1) for name, value in headers if name.lower() == b"authorization"]
        return any(
            len(words) == 2 and words[0].lower() == b"bearer" and secrets.compare_digest(words[1].rstrip(), self.key)
            for words in given
        )


async def refuse(send, status: int):
    """Answer in the server's own form; a 404 says no more than that of a route that does not exist."""
    body = json.dumps({"detail": "Not Found"} if status == 404 else {"error": "Unauthorized"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
