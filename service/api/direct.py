"""The short way to the routes that are asked most: no parsing of arguments, no building of answers.

Litestar spends more on a request than these handlers do. A route with `opt={"direct": True}` keeps its place
in the router, the middleware, the error handler and the contract; only what lies between them is left out,
which a handler that takes the request and returns its answer in bytes does not need.
"""

from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send


class Direct(ASGIMiddleware):
    """Calls the handler of such a route itself. Stands last: what guards a request has its turn before."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer, or pass on."""
        handler = scope["route_handler"]
        if not handler.opt.get("direct"):
            await next_app(scope, receive, send)
            return
        response: Response[bytes] = await handler.fn(Request(scope, receive, send))
        headers = [(b"content-type", str(response.media_type).encode("latin-1"))]
        headers += [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()
        ]
        headers.append((b"content-length", b"%d" % len(response.content)))
        await send({"type": "http.response.start", "status": response.status_code or 200, "headers": headers})
        await send({"type": "http.response.body", "body": response.content, "more_body": False})
