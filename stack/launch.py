"""Runs a program that dies with its parent: `launch.py SIGNAL PARENT UID:GID|- PROGRAM [ARGUMENT …]`.

A program of its own, because a process with threads of gRPC must not run Python between fork and exec: that crashed now
and then. Imports nothing of ours and no site packages, so that it costs some ten milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the program, as the user that is named. Exits at once when the parent is gone already."""
    orphan_signal, parent, user, program, *rest = arguments
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # only now: another user's process is set free of it
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(orphan_signal))
    if os.getppid() != int(parent):
        sys.exit(1)
    # Python ignores them for itself, and what is ignored stays so beyond exec
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.execvp(program, [program, *rest])  # noqa: S606  that is what it is for


if __name__ == "__main__":
    main(sys.argv[1:])
