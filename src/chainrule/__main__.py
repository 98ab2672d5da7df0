"""`chainrule …` and `python -m chainrule`: the command line, from the first instruction on."""

import sys


def main() -> int:
    """Run one command and return its exit code; Ctrl-C while the command line is being loaded ends it as ever."""
    try:
        from chainrule.cli import main as command

        return command()
    except KeyboardInterrupt:
        sys.stderr.write("chainrule: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
