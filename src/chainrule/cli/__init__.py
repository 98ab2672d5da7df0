"""The command line: `chainrule COMMAND …`. Results go to stdout, progress and warnings to stderr.

Exit codes: 0 done, 1 a check failed or training diverged, 2 wrong use or unreadable input, 130 interrupted
(143 by SIGTERM, 129 by SIGHUP).
"""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from chainrule.cli.ending import Ending


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every expected error is one line on stderr, or a list of lines."""
    from chainrule.cli import ending

    ending.ENDING = result = ending.Ending()
    with result.heard(), _doors():
        code = _exit_code(list(sys.argv[1:] if argv is None else argv), result)
        if (workers := sys.modules.get("chainrule.cli.workers")) is not None:
            code = workers.leave(code)
    ending.give_up_output()
    return code


@contextlib.contextmanager
def _doors() -> Iterator[None]:
    """Whatever is printed within passes a door, by whomever it is printed."""
    from chainrule.visible import Door

    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream if stream is None else cast(TextIO, Door(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _exit_code(arguments: list[str], ending: Ending) -> int:
    """The exit code of a command, with the line on stderr that goes with it."""
    from chainrule.cli.ending import Ended
    from chainrule.errors import ChainruleError, DivergedError, of_file

    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files and columns may be no Unicode
    try:
        code = _done(arguments)
        return code if ending.received is None else ending.code
    except SystemExit as leaving:  # argparse leaves this way after --help
        return int(leaving.code or 0)
    except DivergedError as error:
        return _complain(str(error), 1)
    except ChainruleError as error:
        return _complain(str(error), 2)
    except BrokenPipeError:  # the reader of stdout has gone away, as with `| head`; there is nobody to report to
        return 0
    except OSError as error:
        if ending.received is not None:  # the terminal is gone
            return ending.code
        return _complain(of_file(error.filename or "a file or standard output", "used", error), 2)
    except MemoryError:
        return _complain("not enough memory. Try fewer rows, a smaller network or a smaller batch.", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", ending.code)
    except Ended:
        return _complain(f"ended by {signal.Signals(ending.code - 128).name}", ending.code)


def _done(arguments: list[str]) -> int:
    """The exit code of a command that comes to its end."""
    if arguments == ["--version"]:
        from chainrule.cli.version import version

        print(version())
        return 0
    from chainrule.cli.damage import report_damage
    from chainrule.cli.parser import build
    from chainrule.status import working

    parser = build()
    if not arguments:
        parser.print_help(sys.stdout)
        return 0
    options = parser.parse_args(arguments)
    options.arguments = arguments
    quiet = getattr(options, "quiet", False) or getattr(options, "json", False)
    with working(arguments[0], False if quiet else "auto"), report_damage():
        code = int(options.run(options))
    sys.stdout.flush()
    return code


def _complain(message: str, code: int) -> int:
    from chainrule.visible import in_lines

    with contextlib.suppress(OSError):  # a terminal that is gone
        width = shutil.get_terminal_size().columns - 1 if sys.stderr.isatty() else None
        print(in_lines(f"chainrule: {message}", width), file=sys.stderr)
    return code
