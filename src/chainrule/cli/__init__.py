"""The command line: `chainrule COMMAND …`. Results go to stdout, progress and warnings to stderr.

Exit codes: 0 done, 1 a check failed or training diverged, 2 wrong use or unreadable input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected error is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    from chainrule.errors import ChainruleError, DivergedError

    try:
        if arguments == ["--version"]:
            from chainrule.cli.version import version

            print(version())
            return 0
        from chainrule.cli.parser import build

        options = build().parse_args(arguments)
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except SystemExit as leaving:  # argparse leaves this way after --help
        return int(leaving.code or 0)
    except DivergedError as error:
        return _complain(str(error), 1)
    except ChainruleError as error:
        return _complain(str(error), 2)
    except BrokenPipeError:  # the reader of stdout went away, as `| head` does; nothing is left to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or error}", 2)
    except MemoryError:
        return _complain("not enough memory; give fewer rows, a smaller network or a smaller batch.", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(message: str, code: int) -> int:
    print(f"chainrule: {' '.join(message.split())}", file=sys.stderr)
    return code
