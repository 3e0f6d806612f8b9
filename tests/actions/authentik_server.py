"""A server that is built from authentik's published schema, for want of authentik itself.

From the schema come the paths, methods, parameters, status codes and forms; each request and each of its own answers is
held to it. What the schema leaves open is done as authentik's source does it, which is named where it is.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.actions.authentik_valid import faults, of_text
from tests.actions.relay import Broken

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "authentik_schema.json").read_text())
COMPONENTS: dict[str, Any] = SCHEMA["components"]["schemas"]
API = "/api/v3"
TIME = "2026-11-25T10:00:00+00:00"
LATER = "2027-11-25T10:00:00+00:00"
# A collection's path -> app and model, as permissions have them, and what names an object in its path.
MODELS = {
    "/core/users/": ("authentik_core", "user", "pk"),
    "/core/authenticated_sessions/": ("authentik_core", "authenticatedsession", "uuid"),
    "/core/tokens/": ("authentik_core", "token", "identifier"),
    "/oauth2/refresh_tokens/": ("authentik_providers_oauth2", "refreshtoken", "pk"),
    "/oauth2/access_tokens/": ("authentik_providers_oauth2", "accesstoken", "pk"),
    "/oauth2/authorization_codes/": ("authentik_providers_oauth2", "authorizationcode", "pk"),
}
UNLISTED = frozenset({404})
"""What django-rest-framework answers to a name that is none, and the schema lists for no path."""
PAGE = 3
"""Most objects of a page; authentik caps what page_size asks for too."""

Object = dict[str, Any]


@dataclass
class Store:
    """What the server keeps, and who may do what."""

    kept: dict[str, dict[str, Object]] = field(default_factory=lambda: {path: {} for path in MODELS})
    callers: dict[str, tuple[int, set[str]]] = field(default_factory=dict)
    """Token -> the user whose it is, and the permissions."""
    mistakes: list[str] = field(default_factory=list)
    """Requests, or answers, that the schema does not know."""
    before: dict[int, Callable[[], object]] = field(default_factory=dict)
    after: dict[int, Callable[[], object]] = field(default_factory=dict)
    """Number of a change (from 1) -> what happens then; Broken breaks the connection off."""
    came_from: dict[str, str] = field(default_factory=dict)
    """An access token's number -> the session that it came from; the schema does not show it."""
    changes: int = 0
    instead: int = 0
    """A status that each request is answered with, by what stands in front of authentik: 302, 502."""

    def user(self, name: str, *, email: str = "", superuser: bool = False, kind: str = "internal") -> int:
        """A new account; its number."""
        pk = 7 + len(self.kept["/core/users/"])
        self.kept["/core/users/"][str(pk)] = {
            "pk": pk,
            "username": name,
            "name": name,
            "is_active": True,
            "last_login": TIME,
            "date_joined": TIME,
            "is_superuser": superuser,
            "groups": [],
            "groups_obj": [],
            "roles": [],
            "roles_obj": [],
            "email": email,
            "avatar": "data:,",
            "attributes": {},
            "uid": f"uid-{pk}",
            "path": "users",
            "type": kind,
            "uuid": str(uuid.UUID(int=pk)),
            "password_change_date": TIME,
            "last_updated": TIME,
        }
        return pk

    def caller(self, token: str, user: int, *permissions: str) -> None:
        """Who a token is, and what it may do."""
        self.callers[token] = (user, set(permissions))

    def session(self, user: int, ip: str = "203.0.113.9", agent: str = "Firefox") -> str:
        """A login that lasts; its name."""
        name = str(uuid.uuid4())
        self.kept["/core/authenticated_sessions/"][name] = {
            "uuid": name,
            "current": False,
            "user_agent": {
                "device": {"brand": None, "family": "Other", "model": None},
                "os": {"family": "Linux", "major": None, "minor": None, "patch": None, "patch_minor": None},
                "user_agent": {"family": agent, "major": "140", "minor": "0", "patch": "0"},
                "string": agent,
            },
            "geo_ip": None,
            "asn": None,
            "user": user,
            "last_ip": ip,
            "last_user_agent": agent,
            "last_used": TIME,
            "expires": LATER,
        }
        return name

    def token(self, user: int, identifier: str, intent: str = "api") -> str:
        """A token of somebody's own."""
        self.kept["/core/tokens/"][identifier] = {
            "pk": str(uuid.uuid4()),
            "managed": None,
            "identifier": identifier,
            "intent": intent,
            "user": user,
            "user_obj": self.kept["/core/users/"][str(user)],
            "description": "for a script",
            "expires": LATER,
            "expiring": True,
        }
        return identifier

    def grant(self, kind: str, user: int, app: str, session: str = "") -> int:
        """What an application got: `refresh_tokens`, `access_tokens`, `authorization_codes`."""
        path = f"/oauth2/{kind}/"
        pk = 100 + len(self.kept[path])
        if kind == "access_tokens":
            self.came_from[str(pk)] = session
        found = {
            "pk": pk,
            "provider": {
                "pk": 1,
                "name": f"Provider for {app}",
                "authentication_flow": None,
                "authorization_flow": None,
                "invalidation_flow": None,
                "property_mappings": [],
                "component": "ak-provider-oauth2-form",
                "assigned_application_slug": app.lower(),
                "assigned_application_name": app,
                "assigned_backchannel_application_slug": None,
                "assigned_backchannel_application_name": None,
                "verbose_name": "OAuth2/OpenID Provider",
                "verbose_name_plural": "OAuth2/OpenID Providers",
                "meta_model_name": "authentik_providers_oauth2.oauth2provider",
            },
            "user": self.kept["/core/users/"][str(user)],
            "is_expired": False,
            "expires": LATER,
            "scope": ["openid", "offline_access"],
        }
        if kind != "authorization_codes":
            found |= {"id_token": "{}", "revoked": False}
        self.kept[path][str(pk)] = found
        return pk

    def there(self, path: str) -> list[str]:
        """The names of what a collection has."""
        return list(self.kept[path])


class Answering(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"detail": detail}


def answer(store: Store, method: str, target: str, token: str, body: bytes) -> tuple[int, Any]:
    """Status and body, held to the schema."""
    parts = urlsplit(target)
    path = parts.path.removeprefix(API)
    template, names = _route(path)
    operation = SCHEMA["paths"].get(template, {}).get(method.lower())
    if not parts.path.startswith(API) or operation is None:
        store.mistakes.append(f"the schema has no {method} {parts.path}")
        known = parts.path.startswith(API) and template
        return (405 if known else 404), {"detail": "Not found."}
    try:
        query = _parameters(store, operation, names, parse_qsl(parts.query, keep_blank_values=True))
        change = _body(operation, body)
        status, found = _done(store, method, template, names, query, change, _caller(store, token))
    except Answering as error:
        status, found = error.status, error.body
    _hold(store, operation, status, found)
    return status, found


def _route(path: str) -> tuple[str, dict[str, str]]:
    """The template of the schema that a path is of, the plainest first, and its words."""
    for template in sorted(SCHEMA["paths"], key=lambda one: one.count("{")):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        if match := re.fullmatch(pattern, path):
            return template, {name: unquote(text) for name, text in match.groupdict().items()}
    return "", {}


def _parameters(store: Store, operation: Object, names: dict[str, str], query: list[tuple[str, str]]) -> Object:
    """The query by name. What the schema does not know is a mistake of the client's."""
    known = {(one["in"], one["name"]): one["schema"] for one in operation["parameters"]}
    found = {}
    for name, text in query:
        schema = known.get(("query", name))
        if schema is None:
            store.mistakes.append(f"{operation['operationId']} has no parameter {name}")
            raise Answering(400, f"{name} is not known")
        found[name] = of_text(text, schema)
        if wrong := list(faults(found[name], schema, COMPONENTS, name)):
            store.mistakes += wrong
            raise Answering(400, "; ".join(wrong))
    for name, text in names.items():
        if wrong := list(faults(of_text(text, known["path", name]), known["path", name], COMPONENTS, name)):
            raise Answering(404, "; ".join(wrong))
    return found


def _body(operation: Object, body: bytes) -> Object:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        if body:
            raise Answering(400, "a body, where the schema has none")
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        raise Answering(400, "JSON parse error") from None
    if wrong := list(faults(found, content["application/json"]["schema"], COMPONENTS)):
        raise Answering(400, "; ".join(wrong))
    assert isinstance(found, dict)
    return found


def _caller(store: Store, token: str) -> tuple[int, set[str]]:
    found = store.callers.get(token)
    if found is None:
        # authentik/api/authentication.py says so with 403, for want of a WWW-Authenticate.
        raise Answering(403, "Token invalid/expired")
    return found


def _done(
    store: Store,
    method: str,
    template: str,
    names: dict[str, str],
    query: Object,
    change: Object,
    caller: tuple[int, set[str]],
) -> tuple[int, Any]:
    """What comes back, before it is held to the schema."""
    me = store.kept["/core/users/"][str(caller[0])]
    if template == "/core/users/me/":
        return 200, {"user": _myself(me), "users": [_myself(me)]}
    path = re.sub(r"\{\w+\}/\Z", "", template)
    visible = _visible(store, path, me, caller[1])
    if not names:
        return 200, _page([one for one in visible.values() if _meets(one, query, store)], query)
    (name,) = names.values()
    if name not in visible:
        raise Answering(404, "No object matches the given query.")
    app, model, _ = MODELS[path]
    verb = {"GET": "view", "DELETE": "delete", "PATCH": "change"}[method]
    if not (me["is_superuser"] or f"{app}.{verb}_{model}" in caller[1] or _owner(visible[name]) == me["pk"]):
        raise Answering(403, "You do not have permission to perform this action.")
    if method == "DELETE":
        _delete(store, path, name)
        return 204, None
    visible[name].update(change)
    return 200, visible[name]


def _delete(store: Store, path: str, name: str) -> None:
    """With a session go the access tokens that came from it (providers/oauth2/signals.py)."""
    del store.kept[path][name]
    if path == "/core/authenticated_sessions/":
        access = store.kept["/oauth2/access_tokens/"]
        for pk in [pk for pk in access if store.came_from[pk] == name]:
            del access[pk]


def _visible(store: Store, path: str, me: Object, permissions: set[str]) -> dict[str, Object]:
    """As rbac/filters.py: all with the right to view; else one's own, where an object has an owner; else a refusal."""
    app, model, _ = MODELS[path]
    kept = store.kept[path]
    if me["is_superuser"] or f"{app}.view_{model}" in permissions:
        return kept
    if path == "/core/users/":
        raise Answering(403, "You do not have permission to perform this action.")
    return {name: one for name, one in kept.items() if _owner(one) == me["pk"]}


def _owner(one: Object) -> Any:
    user = one.get("user")
    return user["pk"] if isinstance(user, dict) else user


def _meets(one: Object, query: Object, store: Store) -> bool:
    for name, wanted in query.items():
        if name in ("page", "page_size"):
            continue
        # Django's filters take blanks off at both ends.
        text = wanted.strip() if isinstance(wanted, str) else wanted
        if name == "user__username":
            holds = store.kept["/core/users/"][str(one["user"])]["username"] == text
        elif name == "user":
            holds = _owner(one) == text
        elif name == "search":
            holds = text.lower() in f"{one['username']} {one['email']}".lower()
        else:
            holds = one[name] == text
        if not holds:
            return False
    return True


def _page(found: list[Object], query: Object) -> Object:
    size = min(query.get("page_size", PAGE), PAGE)
    number = query.get("page", 1)
    pages = max(1, -(-len(found) // size))
    if not 1 <= number <= pages:
        raise Answering(404, "Invalid page.")
    low = (number - 1) * size
    return {
        "pagination": {
            "next": number + 1 if number < pages else 0,
            "previous": number - 1,
            "count": len(found),
            "current": number,
            "total_pages": pages,
            "start_index": low + 1,
            "end_index": min(low + size, len(found)),
        },
        "results": found[low : low + size],
        "autocomplete": {},
    }


def _myself(me: Object) -> Object:
    names = ("pk", "username", "name", "is_active", "is_superuser", "email", "avatar", "uid", "type")
    more = {"is_current": True, "groups": [], "roles": [], "settings": {}, "system_permissions": []}
    return {name: me[name] for name in names} | more


def _hold(store: Store, operation: Object, status: int, found: Any) -> None:
    """The server's own answers are of the schema, too."""
    if status in UNLISTED:
        return
    said = operation["responses"].get(str(status))
    name = operation["operationId"]
    if said is None:
        store.mistakes.append(f"{name} has no answer {status}")
    elif schema := said.get("content", {}).get("application/json", {}).get("schema"):
        # The models of authentik-client have named keys only; an error may have others.
        if status == 200 or schema["$ref"].endswith("GenericError"):
            store.mistakes += [f"{name} {status}: {one}" for one in faults(found, schema, COMPONENTS)]
    elif found is not None:
        store.mistakes.append(f"{name} {status} has no body")


@contextmanager
def serving(store: Store) -> Iterator[str]:
    """The address of a server of `store`, for the length of a `with`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Head and body in one write, else each answer waits 40 ms for an acknowledgement.

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            number = 0
            if self.command != "GET":
                store.changes += 1
                number = store.changes
            try:
                store.before.get(number, int)()
                status, found = store.instead, None
                if not status:
                    status, found = answer(store, self.command, self.path, token, body)
                store.after.get(number, int)()
            except Broken:
                self.close_connection = True
                return
            data = b"" if found is None else json.dumps(found).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/if/flow/default-authentication-flow/")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that http.server asks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
