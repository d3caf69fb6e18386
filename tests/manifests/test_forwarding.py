"""A forwarded port stays open while a command runs, also when the pod behind it is replaced, and is closed after it."""

import sys
from pathlib import Path

from carnet_dev.cluster.forwarding import run_forwarded
from carnet_dev.ports import LOOPBACK, free_port, is_free

# Stands in for `kubectl port-forward`, whose pod goes after the first connection.
ONE_CONNECTION = "import socket, sys; s = socket.create_server((sys.argv[1], int(sys.argv[2]))); s.accept()[0].close(); s.accept()"
TWO_VISITS = """
import sys
from datetime import timedelta
from carnet_dev.ports import wait_until_open
for _ in range(2):
    wait_until_open(int(sys.argv[1]), lambda: True, timedelta(seconds=20))
sys.exit(7)
"""


def test_a_port_is_forwarded_as_long_as_a_command_runs(tmp_path: Path) -> None:
    port = free_port()
    forward = [sys.executable, "-c", ONE_CONNECTION, LOOPBACK, str(port)]
    visits = tmp_path / "visits.py"
    visits.write_text(TWO_VISITS)
    assert run_forwarded(forward, port, [sys.executable, str(visits), str(port)]) == 7
    assert is_free(port)
