"""The server as a process: routes, formats, limits, several workers, slow clients, and its end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import ipc

import chainrule as cr

ROWS = [{"size": 1.5, "colour": "red", "gap": None}, {"size": -2.0, "colour": "unheard", "gap": 0.5}]
JSON = {"Content-Type": "application/json"}


@contextlib.contextmanager
def serving(run: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[str], str]]:
    """The command on a free port: the port, the process and what it said."""
    command = [sys.executable, "-m", "chainrule", "serve", str(run), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if line.startswith(("try", "chainrule:")):
                break
        found = re.search(r"://\S+:(\d+) ", said)
        assert found, said
        yield int(found[1]), process, said
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def ask(port: int, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str = "") -> Any:
    """Status, headers and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def port(run_directory: Path) -> Iterator[int]:
    """One server for all questions that change nothing."""
    with serving(run_directory) as (port, process, _):
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_predictions_are_those_of_predict(port: int, run_directory: Path) -> None:
    """To the bit, in every format."""
    run = cr.load(run_directory)
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    probability = run.predict_proba(columns)
    status, headers, body = ask(port, "/predict", json.dumps(ROWS), JSON)
    assert (status, headers["x-content-type-options"]) == (200, "nosniff")
    found = json.loads(body)["predictions"]
    assert [row["prediction"] for row in found] == run.predict(columns).tolist()
    assert [row["probability_large"] for row in found] == [float(str(p)) for p in probability[:, 0]]
    text = "size,colour,gap\n1.5,red,\n-2.0,unheard,0.5\n"
    _, _, as_text = ask(port, "/predict", text, {"Content-Type": "text/csv"})
    lines = as_text.decode().splitlines()
    assert lines[0] == "prediction,probability_large,probability_small"
    assert [line.split(",")[1] for line in lines[1:]] == [str(p) for p in probability[:, 0]]
    sink = pa.BufferOutputStream()
    table = pa.table(columns)
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    _, _, as_arrow = ask(
        port, "/predict", sink.getvalue().to_pybytes(), {"Content-Type": "application/vnd.apache.arrow.stream"}
    )
    got = ipc.open_stream(as_arrow).read_all()
    assert got["probability_large"].to_numpy().tolist() == probability[:, 0].tolist()


def test_explanations_are_those_of_explain_row(port: int, run_directory: Path) -> None:
    """One list for each row; the contributions add up."""
    run = cr.load(run_directory)
    status, _, body = ask(port, "/predict?explain=1", json.dumps(ROWS), JSON)
    found = json.loads(body)
    assert status == 200 and len(found["explanations"]) == len(found["predictions"]) == 2
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    (expected,) = run.explain_row(columns, row=1)
    assert found["explanations"][1] == [json.loads(json.dumps(expected.to_dict()))]
    assert ask(port, "/predict?explain=2", json.dumps(ROWS), JSON)[0] == 422


def test_explanations_are_limited(port: int) -> None:
    """Too many rows at once, too many a second."""
    assert ask(port, "/predict?explain=1", json.dumps(ROWS * 60), JSON)[0] == 429
    statuses = {ask(port, "/predict?explain=1", json.dumps(ROWS * 40), JSON)[0] for _ in range(3)}
    assert 429 in statuses


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "words"),
    [
        ("/predict", "{", JSON, 400, "must be JSON"),
        ("/predict", '[{"size": "many", "colour": "", "gap": 1}]', JSON, 422, "'size'.*'many'"),
        ("/predict", "size,colour\n1,red\n", {"Content-Type": "text/csv"}, 422, "'gap'"),
        ("/predict", "x", {"Content-Type": "image/png"}, 415, "Content-Type 'image/png'"),
        ("/predict", "[]", JSON | {"Accept": "image/png"}, 415, "Accept 'image/png'"),
        ("/predict", "[]", JSON | {"Content-Encoding": "br"}, 415, "must be gzip"),
        ("/predict", b" " * (17 << 20), JSON, 413, "at most 16,777,216 bytes"),
        ("/predict", None, {}, 405, "POST /predict"),
        ("/nowhere", None, {}, 404, "The routes are"),
        ("/../run.json", None, {}, 404, "The routes are"),
        ("/predict", "[]", JSON | {"Host": "evil.com"}, 403, "Host must be"),
        ("/predict", "[]", JSON | {"Origin": "http://evil.com"}, 403, "another address"),
    ],
)
def test_refusals_are_one_line(
    port: int, path: str, body: Any, headers: dict[str, str], status: int, words: str
) -> None:
    """With status, the thing and the remedy; nothing of this machine's folders."""
    found, got, text = ask(port, path, body, headers)
    message = json.loads(text)["error"]
    assert found == status and re.search(words, message) and "\n" not in message and "/tmp" not in message
    assert "access-control-allow-origin" not in {name.lower() for name in got}


def test_the_description_fits_what_is_answered(port: int) -> None:
    """OpenAPI names the columns; /, /health and /metrics answer; counters count."""
    described = json.loads(ask(port, "/openapi.json")[2])
    assert described["openapi"] == "3.1.0"
    assert described["components"]["schemas"]["Row"]["required"] == ["size", "colour", "gap"]
    about = json.loads(ask(port, "/")[2])
    assert about["columns"] == {"size": "number", "colour": "category", "gap": "number"}
    assert len(about["sha256"][0]) == 64
    assert ask(port, "/health")[0] == 200

    def counted() -> float:
        text = ask(port, "/metrics")[2].decode()
        return sum(float(n) for n in re.findall(r"^chainrule_predicted_rows_total (\S+)$", text, re.M))

    before = counted()
    ask(port, "/predict", json.dumps(ROWS), JSON)
    assert counted() == before + 2


def test_many_clients_get_their_own_rows(port: int) -> None:
    """Requests that are computed together are not mixed up, and one that is wrong harms no other."""
    wrong = [0]

    def client(k: int) -> None:
        for i in range(15):
            rows = [{"size": k + i / 10, "colour": "red", "gap": None}] * (1 + (k + i) % 3)
            if (k + i) % 7 == 0:
                wrong[0] += ask(port, "/predict", '[{"size": "x", "colour": "", "gap": 1}]', JSON)[0] != 422
            alone = json.loads(ask(port, "/predict", json.dumps(rows), JSON)[2])["predictions"]
            wrong[0] += len(alone) != len(rows) or len({tuple(row.items()) for row in alone}) != 1
            wrong[0] += alone[0]["probability_large"] != expected.setdefault(
                rows[0]["size"], alone[0]["probability_large"]
            )

    expected: dict[float, float] = {}
    threads = [threading.Thread(target=client, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong[0] == 0 and len(expected) > 50


def test_workers_share_counters_start_again_and_end(run_directory: Path, tmp_path: Path) -> None:
    """With a token; one that is killed is replaced; SIGTERM ends them all within a second or two."""
    token = tmp_path / "token"
    token.write_text("a-secret-of-some-length")
    with serving(run_directory, "--workers", "2", "--token-file", str(token)) as (port, process, said):
        assert "with token" in said and "a-secret" not in said
        assert ask(port, "/predict", json.dumps(ROWS), JSON)[0] == 401
        headers = JSON | {"Authorization": "Bearer a-secret-of-some-length"}
        for _ in range(20):
            assert ask(port, "/predict", json.dumps(ROWS), headers)[0] == 200
        assert "chainrule_predicted_rows_total 40" in ask(port, "/metrics", headers=headers)[2].decode()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if children.exists():
            pids = list(map(int, children.read_text().split()))
            assert len(pids) == 2
            os.kill(pids[0], signal.SIGKILL)
            time.sleep(0.5)
            for _ in range(10):
                assert ask(port, "/predict", json.dumps(ROWS), headers)[0] == 200
            assert len(children.read_text().split()) == 2
            assert "chainrule_predicted_rows_total 60" in ask(port, "/metrics", headers=headers)[2].decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        if children.exists() or sys.platform == "linux":
            assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_host_beyond_loopback_needs_a_token(run_directory: Path) -> None:
    """One is made and shown once."""
    with serving(run_directory, "--host", "0.0.0.0") as (port, _, said):
        token = re.search(r"^token +(\S+)$", said, re.M)
        assert token and len(token[1]) >= 40
        assert ask(port, "/")[0] == 401
        assert ask(port, "/", headers={"Authorization": f"Bearer {token[1]}"})[0] == 200


def test_slow_clients_are_cut(served: Any) -> None:
    """Half a head, half a body, an answer that nobody reads: each connection ends, others are answered meanwhile."""
    from dataclasses import replace

    from chainrule.serve.limits import Limits
    from chainrule.serve.server import Address, serve
    from chainrule.web.connection import listening

    address = Address(port=0)
    listener = listening(address.host, address.port)
    port = listener.getsockname()[1]
    model = replace(served, limits=Limits(request_s=0.6))
    pid = os.fork()
    if pid == 0:
        try:
            serve(model, address, token=None, n_workers=1, listener=listener)
        finally:
            os._exit(0)
    listener.close()
    try:
        host = f"Host: localhost:{port}\r\n".encode()
        slow = [
            b"", b"GET / HTTP/1.1\r\nHost: loc",
            b"POST /predict HTTP/1.1\r\n" + host + b"Content-Length: 10\r\n\r\n[{",
        ]  # fmt: skip
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in slow]
        for one, start in zip(sockets, slow, strict=True):
            one.sendall(start)
            one.settimeout(5)
        assert ask(port, "/health")[0] == 200
        began = time.monotonic()
        for one in sockets:
            with contextlib.suppress(ConnectionError):
                while one.recv(1_000):
                    pass
            one.close()
        assert time.monotonic() - began < 4
        assert ask(port, "/health")[0] == 200
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "0"], "--workers 0: must be 1 to 256"),
        (["--certfile", "x"], "given together"),
        (["--certfile", "x", "--keyfile", "y"], "no such file"),
        (["--token-file", "none"], "--token-file none"),
        (["--port", "70000"], "--port 70000"),
    ],
)
def test_wrong_options(run_directory: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Named before anything is loaded."""
    from chainrule.cli import main

    assert main(["serve", str(run_directory), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_port_in_use_is_named(run_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the remedy."""
    from chainrule.cli import main

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", str(run_directory), "--port", str(taken.getsockname()[1])]) == 2
    assert "Try another --port" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="making a certificate needs openssl")
def test_tls(run_directory: Path, tmp_path: Path) -> None:
    """The certificate is shown; a client without TLS gets nothing."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with serving(run_directory, "--certfile", str(certificate), "--keyfile", str(key)) as (port, _, said):
        assert f"https://127.0.0.1:{port}" in said
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
        connection.request("POST", "/predict", json.dumps(ROWS), JSON)
        assert connection.getresponse().status == 200
        connection.close()
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            ask(port, "/health")
