"""chainrule serve: predictions over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from chainrule.cli.subject import loaded_model, pipeline_of
from chainrule.errors import SettingsError
from chainrule.run.model import parameters_hash


def run(options: argparse.Namespace) -> int:
    """Load the model and answer until the command is ended."""
    try:
        from chainrule.serve.server import Address, serve
        from chainrule.web.connection import listening
    except ImportError as error:
        raise SettingsError(
            f'chainrule serve needs {error.name}. Install it with pip install "chainrule[serve]".'
        ) from None
    from chainrule.serve.access import token_for
    from chainrule.serve.model import Served

    n_workers = _workers(options.workers)
    _check_files(options)
    token, is_new = token_for(options.host, options.token_file)
    subject = loaded_model(options.run_directory)
    pipeline = pipeline_of(subject, options.run_directory)
    trained = (subject.network,) if subject.ensemble is None else subject.ensemble.networks
    model = Served(
        predictor=subject.predictor, networks=subject._networks, pipeline=pipeline,
        name=Path(options.run_directory).resolve().name,
        facts={"sha256": [parameters_hash(network.parameters) for network in trained]},
    )  # fmt: skip
    address = Address(host=options.host, port=options.port, certfile=options.certfile, keyfile=options.keyfile)
    listener = listening(address.host, address.port)
    address = Address(**{**vars(address), "port": listener.getsockname()[1]})
    if is_new:
        print(f"token    {token}\n         shown this once; --token-file FILE takes one of your own", file=sys.stderr)
    print(f"serving  {options.run_directory} at {address.url} ({'with' if token else 'no'} token)", file=sys.stderr)
    print(f"try      curl {address.url}/openapi.json; end with Ctrl-C", file=sys.stderr, flush=True)
    return serve(model, address, token=token, n_workers=n_workers, listener=listener)


def _workers(given: str) -> int:
    """How many processes: a number, or auto for one a core."""
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if given != "auto":
        if not given.isdigit() or not 1 <= int(given) <= 256:
            raise SettingsError(f"--workers {given}: must be 1 to 256, or auto for one a core ({n} here).")
        n = int(given)
    if n > 1 and not hasattr(os, "fork"):
        raise SettingsError(f"--workers {n}: must be 1 on this system, which cannot fork processes.")
    if n > 1:
        os.environ.setdefault("CHAINRULE_THREADS", "1")
    return n


def _check_files(options: argparse.Namespace) -> None:
    if (options.certfile is None) != (options.keyfile is None):
        raise SettingsError("--certfile and --keyfile: must be given together. Give both, or neither.")
    for name, path in (("--certfile", options.certfile), ("--keyfile", options.keyfile)):
        if path is not None and not Path(path).is_file():
            raise SettingsError(f"{name} {path}: no such file.")
    if not 0 <= options.port <= 65_535:
        raise SettingsError(f"--port {options.port}: must be 0 to 65535; 0 takes a free one.")
