"""Take pip and its kin out of the base image's own Python: what runs there can install nothing.

They are looked for where Python itself looks, so this holds for Debian's Python as for the one of python.org's images. Times of the
folders that change are put back: the layer is the same whenever it is built.
"""

# ruff: noqa: INP001  # a program of the build, in no package

import os
import shutil
import site
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_PACKAGES = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack", "ensurepip")
_LEFTOVERS = (
    *(f"{name}{tail}" for name in _PACKAGES for tail in ("", "-*.dist-info", "-*.egg-info")),
    "distutils-precedence.pth",
)
_PROGRAMS = ("pip", "pip3", "pip3.*", "wheel", "easy_install*")


def _found() -> Iterator[Path]:
    libraries = {*site.getsitepackages(), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "/usr/lib/python3/dist-packages"}
    for folder, patterns in [*((one, _LEFTOVERS) for one in libraries), ("/usr/bin", _PROGRAMS), ("/usr/local/bin", _PROGRAMS)]:
        for pattern in patterns:
            yield from Path(folder).glob(pattern)
    yield from Path("/usr/share").glob("python-wheels")


def main() -> None:
    """Remove what is found; nothing to remove is well too."""
    for path in sorted(set(_found())):
        if not (path.exists() or path.is_symlink()):
            continue
        before = path.parent.stat()
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        os.utime(path.parent, ns=(before.st_atime_ns, before.st_mtime_ns))


if __name__ == "__main__":
    main()
