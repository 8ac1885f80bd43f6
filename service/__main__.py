"""`python -m service` and the installed program `consent-ledger`."""

import sys

from service.cli.entry import run


def main() -> None:
    """Run the command that the arguments name and end with its status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
