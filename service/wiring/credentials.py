"""Every kind of credential at one door, told apart by its text."""

from service.api.callers.key_format import PREFIX
from service.api.callers.principal import KeyRing, Principal

_BEARER = len("Bearer ")


class Credentials:
    """Implements `api.principal.KeyRing` for API keys and access tokens."""

    def __init__(self, keys: KeyRing, tokens: KeyRing) -> None:
        self._keys = keys
        self._tokens = tokens

    async def authenticate(self, authorization: str) -> Principal | None:
        """The caller of this `Authorization` header, or None when it holds no live credential."""
        if authorization.startswith(PREFIX, _BEARER):
            return await self._keys.authenticate(authorization)
        return await self._tokens.authenticate(authorization)
