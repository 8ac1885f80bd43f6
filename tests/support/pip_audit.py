"""What pip-audit found: `python -m tests.support.pip_audit REPORT LOG`. Status 1: known vulnerabilities."""

import json
import sys
from pathlib import Path


def verdict(report: Path, log: Path) -> tuple[int, list[str]]:
    """The exit status and what to say. A report that is not there, or knows no package, is no finding.

    `log`: what it said while it ran; its last line tells why there is no report.
    """
    try:
        packages = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
    except (OSError, ValueError, KeyError):
        said = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
        why = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        return 0, [f"pip-audit: skipped, it could not ask the vulnerability service ({why[:300]})"]
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return 0, [f"pip-audit: skipped, the vulnerability service knows none of {len(packages)} packages"]
    found = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in"
        f" {', '.join(hole['fix_versions']) or 'no version yet'}"
        for package in asked
        for hole in package["vulns"]
    ]
    unknown = f", {left} not known to the service" if (left := len(packages) - len(asked)) else ""
    return int(bool(found)), [
        *found,
        f"pip-audit: {len(found)} known vulnerabilities in {len(asked)} packages{unknown}",
    ]


if __name__ == "__main__":
    status, lines = verdict(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(status)
