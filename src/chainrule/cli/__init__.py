"""The command line: `chainrule COMMAND …`. Results go to stdout, progress and warnings to stderr.

Exit codes: 0 done, 1 a check failed or training diverged, 2 wrong use or unreadable input, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from chainrule._version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected error is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        print(f"chainrule {__version__}")
        return 0
    from chainrule.cli.parser import build
    from chainrule.errors import ChainruleError, DivergedError

    try:
        options = build().parse_args(arguments)
        return int(options.run(options))
    except SystemExit as leaving:  # argparse: --help or wrong use
        return int(leaving.code or 0)
    except DivergedError as error:
        return _complain(str(error), 1)
    except ChainruleError as error:
        return _complain(str(error), 2)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return _complain(f"{error.filename or ''}: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(message: str, code: int) -> int:
    print(f"chainrule: {' '.join(message.split())}", file=sys.stderr)
    return code
