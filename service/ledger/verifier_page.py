"""The verifier as one page for a browser, read from the package: no server, no network, nothing installed.

Its sources stand beside it in `service/core/web`: a script makes it of them, and a test holds it to them.
"""

import re
from importlib.resources import files


def verifier_page() -> bytes:
    """The HTML file."""
    return files("service.core").joinpath("web", "verifier.html").read_bytes()


def content_security_policy(page: bytes) -> str:
    """What the page says of itself that it may do: its own script and style by hash, and nothing else."""
    found = re.search(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)
    if found is None:
        raise ValueError("the verifier page was made without a policy")
    return found[1].decode()
