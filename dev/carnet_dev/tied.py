"""Become another program that receives SIGTERM when its parent dies: `python -I -S tied.py PARENT_PID PROGRAM ARGUMENT...`.

A file of its own, run in a fresh interpreter, because a forked copy of a process that uses gRPC may run nothing between fork and exec.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _tie_to(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # only Linux has the call

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(1)


if __name__ == "__main__":
    _tie_to(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # the command is the caller's
