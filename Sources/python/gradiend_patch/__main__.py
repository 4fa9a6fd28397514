"""``gradiend-patch`` and ``python -m gradiend_patch``: the program itself."""

import os
import signal
import sys
from typing import NoReturn

from ._process import PROGRAM


def main() -> NoReturn:
    """Becomes the program, with the arguments of this process."""
    # Python ignores these two, and what it ignores stays ignored in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(PROGRAM, ["gradiend-patch", *sys.argv[1:]])
    except OSError as error:
        print(f"gradiend-patch: {PROGRAM}: {error.strerror}", file=sys.stderr)
        sys.exit(70)


if __name__ == "__main__":
    main()
