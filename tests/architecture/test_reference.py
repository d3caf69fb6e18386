"""The pages of docs/reference are what `make docs` would write now."""

import subprocess
import sys

from support.tree import ROOT


def test_no_page_of_the_reference_is_stale() -> None:
    result = subprocess.run([sys.executable, ROOT / "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
