"""The files a service cannot do without: certificate, URLs of its stores, master keys. All are read before anything is waited for.

Decides whether a process may begin. Every fault is a line that names the variable and the file, says what is wrong, and what must be in
it; no line tells what is in it. A setting whose name ends in ``_url_file`` names a file with the URL of a store.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from carnet_platform.certificates import CertificateError, CertificateFolder
from carnet_platform.keys import MasterKeys
from carnet_platform.settings import PREFIX, PlatformSettings, SettingsError, meaning

_URL_FILE: Final = "_url_file"
_MONGO_SCHEMES: Final = frozenset({"mongodb", "mongodb+srv"})
_REDIS_SCHEMES: Final = frozenset({"redis", "rediss", "unix"})


class OwnFiles:
    """What the settings of a service lead to, read and found good."""

    def __init__(self, name: str, settings: PlatformSettings) -> None:
        """Read everything for the service `name`. Raises SettingsError with one line for each thing wrong."""
        faults: list[str] = []
        self._urls: dict[Path, str] = {}
        for field in type(settings).model_fields:
            file = getattr(settings, field)
            if field.endswith(_URL_FILE) and file is not None:
                try:
                    self._urls[file] = _url(settings, field, file)
                except SettingsError as error:
                    faults.append(str(error))
        self.keys: MasterKeys | None = None
        for read in (self._read_keys, self._read_certificates):
            try:
                read(name, settings)
            except SettingsError as error:
                faults.append(str(error))
        if faults:
            raise SettingsError("\n".join(faults))

    def url(self, file: Path) -> str:
        """The URL in a file that a setting names."""
        return self._urls[file]

    def _read_keys(self, _: str, settings: PlatformSettings) -> None:
        folder = settings.master_key_folder
        if folder is None:
            return
        try:
            self.keys = MasterKeys.load(folder)
        except OSError as error:
            raise _fault(settings, "master_key_folder", f"{error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise _fault(settings, "master_key_folder", f"{folder}: {error}") from None

    def _read_certificates(self, name: str, settings: PlatformSettings) -> None:
        try:
            self.certificates = CertificateFolder(settings.certificate_folder, service=name)
        except CertificateError as error:
            raise SettingsError(f"{PREFIX}CERTIFICATE_FOLDER: {error}") from None


def _url(settings: PlatformSettings, field: str, file: Path) -> str:
    try:
        url = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _fault(settings, field, f"{file}: {error.strerror}") from None
    except ValueError:
        raise _fault(settings, field, f"{file} is not text in UTF-8") from None
    if not url:
        raise _fault(settings, field, f"{file} is empty")
    if rule := _broken_rule(url, is_redis=field.startswith("redis")):
        raise _fault(settings, field, f"{file} {rule}")
    return url


def _broken_rule(url: str, *, is_redis: bool) -> str:
    """What is wrong with the URL, in words of ours: those of a library may quote it."""
    schemes = _REDIS_SCHEMES if is_redis else _MONGO_SCHEMES
    try:
        parts = urlsplit(url)
        if parts.scheme not in schemes:
            return f"does not begin with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}"
        if is_redis:
            return ""
        if not parts.path.strip("/"):
            return "names no database: .../DATABASE?..."
        if parts.scheme == "mongodb":  # the other would have to ask DNS
            parse_uri(url)
    except (PyMongoError, ValueError, OSError):
        return "holds a URL with a part that cannot be used: a host, an option, a file it names, or a character that must be %-encoded"
    return ""


def _fault(settings: PlatformSettings, field: str, what: str) -> SettingsError:
    mode = "" if "mode" in meaning(type(settings), field) else " Mode 0600."
    return SettingsError(f"{PREFIX}{field.upper()}: {what}. {meaning(type(settings), field)}{mode}")
