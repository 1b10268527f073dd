"""The token server of a BadRegistry (badregistry.py), which lives in the same server.

    tokens = TokenServer(server, users={"user": "password"}, forms=True)
    … server.address now wants a token for everything …
    tokens.revoke()             # what it gave is no good any more
    tokens.asked                # [("GET", {"service": "test", …}, "user"), …]
"""

import base64
import json
import urllib.parse
import uuid

from badregistry import PROPER


class TokenServer:
    def __init__(self, server, users, forms=True, refresh=True, lifetime=None, anonymous=False, realm=None):
        """forms: it knows OAuth 2's POST (else the status to answer one with); refresh: it gives identity tokens."""
        self.server, self.users, self.forms, self.refresh = server, users, forms, refresh
        self.lifetime, self.anonymous, self.realm = lifetime, anonymous, realm or f"{server.url}/token"
        self.tokens, self.refresh_tokens, self.asked = set(), {}, []
        self.rotate = False     # each refresh token is good for one use, and brings the next
        server.spoil("^/v2/", self.guard)
        server.spoil("^/token", self.answer)

    def revoke(self):
        self.tokens.clear()

    def guard(self, handler):
        scheme, _, token = handler.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and token in self.tokens:
            if handler.path == "/v2/":
                return handler.answer(200, {}, b"{}")
            return PROPER
        challenge = f'Bearer realm="{self.realm}",service="test"'
        if handler.path != "/v2/":
            repository = handler.path.removeprefix("/v2/").split("/manifests/")[0].split("/blobs/")[0]
            challenge += f',scope="repository:{repository}:pull"'
        return handler.answer(401, {"WWW-Authenticate": challenge}, b"")

    def answer(self, handler):
        form = dict(urllib.parse.parse_qsl(handler.body().decode()))
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(handler.path).query))
        basic = base64.b64decode(handler.headers.get("Authorization", "Basic ").partition(" ")[2]).decode()
        name, _, password = basic.partition(":")
        self.asked.append((handler.command, form or query, name))
        if handler.command == "POST":
            if self.forms is not True:
                return handler.answer(self.forms, {}, b"")
            name, password = form.get("username"), form.get("password")
            if form.get("grant_type") == "refresh_token":
                name = self.refresh_tokens.get(form["refresh_token"])
                password = self.users.get(name)
                if self.rotate and name:
                    del self.refresh_tokens[form["refresh_token"]]
        if not (name and self.users.get(name) == password) and not (self.anonymous and not name):
            return handler.answer(401, {}, json.dumps({"details": "incorrect user name or password"}).encode())
        given = {"token": uuid.uuid4().hex}
        self.tokens.add(given["token"])
        if self.lifetime is not None:
            given["expires_in"] = self.lifetime
        if self.rotate or self.refresh and "offline" in (form.get("access_type"), query.get("offline_token") and "offline"):
            given["refresh_token"] = f"refresh-{uuid.uuid4().hex}"
            self.refresh_tokens[given["refresh_token"]] = name
        return handler.answer(200, {"Content-Type": "application/json"}, json.dumps(given).encode())
