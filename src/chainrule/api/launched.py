"""A worker of train(…, workers=N): `python -m chainrule.api.launched FOLDER`; worker 0 trains, the others follow it."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import chainrule
from chainrule.api.elsewhere import perform
from chainrule.api.trial import in_memory
from chainrule.api.workers import JOB, OUTCOME, unpacked
from chainrule.distributed import team
from chainrule.errors import ChainruleError


def main(folder: Path, again: bool) -> int:
    """The exit code of this worker."""
    own = team.join()
    if not own.leads:
        return own.follow(functools.partial(perform, in_memory))
    outcome: dict[str, Any] = {"warnings": [], "error": None}
    code = 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            job = json.loads((folder / JOB).read_text(encoding="utf-8"))
            content = unpacked(job["content"], folder)
            how = {**content["how"], "directory": job["directory"], "resume": job["resume"] or again}
            own.stated_threads, own.is_auto = how.get("threads"), job["auto"]
            run = chainrule.train(content["network"], *content["rows"], **how, progress=False)
            code = 130 if run.result["stopped"] == "interrupted" else 1 if run.diverged else 0
        except ChainruleError as error:
            outcome["error"], code = [type(error).__name__, str(error)], 2
    outcome["warnings"] = [[one.category.__name__, str(one.message)] for one in warned]
    (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")
    return own.end(code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), len(sys.argv) > 2))
