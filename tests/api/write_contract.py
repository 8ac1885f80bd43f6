"""Write `openapi/openapi.json` anew from the code: `python -m tests.api.write_contract`."""

from collections.abc import Mapping
from typing import cast

from service.api.access import KeyRing
from service.api.app import create_app
from service.api.contract import openapi_document
from service.api.services import LedgerServices, Services
from tests.api.test_contract import CONTRACT, written

if __name__ == "__main__":
    # The document depends on the routes alone: no database, no key is needed.
    nothing: Mapping[int, LedgerServices] = {}
    app = create_app(Services(cast("KeyRing", None), nothing))
    CONTRACT.parent.mkdir(exist_ok=True)
    CONTRACT.write_text(written(openapi_document(app)), encoding="utf-8")
