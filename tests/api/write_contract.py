"""Write `openapi/openapi.json` anew from the code: `python -m tests.api.write_contract`."""

from typing import cast

from service.api.app import create_app
from service.api.callers.key_desk import KeyDesk
from service.api.callers.principal import KeyRing
from service.api.callers.quotas import Quotas
from service.api.contract import openapi_document
from service.api.services import Services
from tests.api.test_contract import CONTRACT, written

if __name__ == "__main__":
    # The document depends on the routes alone: no database, no key is needed.
    app = create_app(Services(cast("KeyRing", None), cast("KeyDesk", None), Quotas(lambda: 0), {}))
    CONTRACT.parent.mkdir(exist_ok=True)
    CONTRACT.write_text(written(openapi_document(app)), encoding="utf-8")
