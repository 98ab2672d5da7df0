"""A training that is led: it pauses, steps, changes and stops where it is told, and otherwise has the bits it would."""

from __future__ import annotations

import http.client
import json
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.studio.breakpoints import breakpoint_of, condition_of, value_of
from studio_client import small, until


def state(one: Any) -> str:
    return str(one.lead.status()["state"])


def wait(one: Any, wanted: str = "paused", step: int | None = None) -> Any:
    return until(lambda: state(one) == wanted and step in (None, one.lead.status()["step"]))


def test_a_training_is_paused_stepped_changed_and_stopped(studio: Any) -> None:
    """By requests; each change holds from the next step on and is an event of the run."""
    client, one = studio.client, studio.begin()
    path = f"/api/runs/{one.id}"
    wait(one, step=0)
    client.post(f"{path}/steps", n=1)
    wait(one, step=1)
    client.post(f"{path}/steps", n=20)
    wait(one, step=21)
    assert client.post(f"{path}/set", learning_rate=0.05, l2=0.001)["values"]["learning_rate"] == 0.05
    client.post(f"{path}/steps", n=30)
    wait(one, step=51)
    client.post(f"{path}/stop")
    wait(one, "ended")
    run = one.lead.final
    assert run.result["stopped"] == "studio" and run.n_steps == 51
    assert [(e.step, e.kind, e.name) for e in run.events[:2]] == [(21, "set", "learning_rate"), (21, "set", "l2")]
    rates = [step.update.learning_rate for step in run.replay((20, 21))]
    assert rates == [0.001, 0.05]
    assert [step.backward.loss for step in run.replay(range(run.n_steps))] == run.losses.tolist()
    assert client.ask(f"{path}/pause", {})[0] == 409


def test_a_led_training_has_the_bits_of_one_that_is_not(studio: Any) -> None:
    """Whatever was looked at, and however often it waited."""
    one = studio.begin()
    studio.client.post(f"/api/runs/{one.id}/steps", n=7)
    wait(one, step=7)
    studio.client.get(f"/api/runs/{one.id}/step?t=3")
    studio.client.get(f"/api/runs/{one.id}/about")
    studio.client.post(f"/api/runs/{one.id}/breakpoints", breakpoints=[{"kind": "condition", "value": "loss < 0"}])
    studio.client.post(f"/api/runs/{one.id}/continue")
    wait(one, "ended")
    plain = small()
    assert one.lead.final.result["sha256"] == plain.result["sha256"]
    assert one.lead.final.losses.tobytes() == plain.losses.tobytes()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"learning_rate": -1}, "learning_rate=-1"), ({"learning_rate": "fast"}, "learning_rate"),
        ({"batch_size": 4}, "batch_size"),
        ({"nothing": 1}, "nothing"), ({}, "1 to 20 settings"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused_in_words(studio: Any, given: dict[str, Any], says: str) -> None:
    """And the training has none of it."""
    one = studio.begin()
    wait(one)
    status, _, body = studio.client.ask(f"/api/runs/{one.id}/set", given)
    assert status in (409, 422) and says in body.decode()
    studio.client.post(f"/api/runs/{one.id}/stop")
    wait(one, "ended")
    assert [e.kind for e in one.lead.final.events] == ["stop"]


def test_steps_of_a_training_under_way_are_those_of_its_run(studio: Any) -> None:
    """Looking at one is a replay of the training so far; a step that is not there yet is refused."""
    one = studio.begin()
    studio.client.post(f"/api/runs/{one.id}/steps", n=9)
    wait(one, step=9)
    got = studio.client.get(f"/api/runs/{one.id}/step?t=8")
    assert got["step"]["step"] == 8 and got["step"]["rows"] == small(epochs=1).replay(8).rows.tolist()
    for t in ("9", "-1", "x", "1.5", ""):
        assert studio.client.ask(f"/api/runs/{one.id}/step?t={t}")[0] == 422
    assert studio.client.get(f"/api/runs/{one.id}/about")["n_steps"] == 9


BREAKS: list[tuple[dict[str, Any], Any]] = [
    ({"kind": "step", "value": 33}, lambda run: 33),
    (
        {"kind": "condition", "value": "abs(dW1[2,3]) > 0.05"},
        lambda run: 1 + next(s.step for s in run.replay(range(300)) if abs(s.backward.dW[1][2, 3]) > 0.05),
    ),
    (
        {"kind": "condition", "value": "W2[0,1] < 0.3"},
        lambda run: 1 + next(s.step for s in run.replay(range(300)) if s.update.new.W[2][0, 1] < 0.3),
    ),
    ({"kind": "condition", "value": "loss < 0.68"}, lambda run: 1 + int(np.argmax(run.losses < 0.68))),
]  # fmt: skip


@pytest.mark.parametrize(("given", "where"), BREAKS, ids=lambda x: x.get("value") if isinstance(x, dict) else "")
def test_a_training_waits_where_a_breakpoint_is_met(studio: Any, given: dict[str, Any], where: Any) -> None:
    """Right behind the first step whose number fits, found by looking at every step of the run afterwards."""
    run = small()
    one = studio.begin()
    studio.client.post(f"/api/runs/{one.id}/breakpoints", breakpoints=[given])
    studio.client.post(f"/api/runs/{one.id}/continue")
    wait(one)
    assert one.lead.status()["step"] == where(run)
    assert str(given["value"]) in one.lead.status()["hit"]


def test_a_loss_that_doubles_and_a_unit_that_dies(studio: Any) -> None:
    """After η was set far too high."""
    one = studio.begin(optimizer=cr.SGD(0.05), epochs=40)
    breaks = [{"kind": "loss_doubles"}, {"kind": "unit_dies"}]
    studio.client.post(f"/api/runs/{one.id}/breakpoints", breakpoints=breaks)
    studio.client.post(f"/api/runs/{one.id}/steps", n=60)
    until(lambda: state(one) == "paused" and one.lead.status()["step"] > 0)
    seen = set()
    studio.client.post(f"/api/runs/{one.id}/set", learning_rate=20.0)
    for _ in range(10):
        studio.client.post(f"/api/runs/{one.id}/steps", n=60)
        until(lambda: state(one) in ("paused", "ended"))
        seen.add(one.lead.status()["hit"].split("\n")[0])
        if state(one) == "ended" or {"loss_doubles", "unit_dies"} <= seen:
            break
    assert {"loss_doubles", "unit_dies"} & seen


@pytest.mark.parametrize(
    "text",
    [
        "", "dW1[3,7]", "dW1[9,9] > 1", "abs(dW1[0,0] > 1", "exec('x') > 1", "__import__('os') > 1", "dW1[0,0] > x",
        "dW1[0,0] > 1 or 1", "dW9[0,0] > 1", "abs(abs(loss)) > 1", "da1[0,0] > 1", "loss", "loss > ", "> 1",
        "loss >> 1", "loss.real > 1", "loss > 1; 2", "lambda: 0 > 1",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    """It is parsed and never evaluated; the message says what one looks like or which numbers there are."""
    architecture = small(epochs=1).network.architecture
    with pytest.raises(cr.SettingsError, match=r"must be NAME|expected|no number|no step records"):
        condition_of(text, architecture, 8)


@pytest.mark.parametrize(
    "given",
    [
        None,
        3,
        {},
        {"kind": "x"},
        {"kind": "step", "value": 0},
        {"kind": "step", "value": True},
        {"kind": "condition", "value": "x" * 300},
        {"kind": "condition", "value": 4},
    ],
)
def test_what_is_no_breakpoint_is_refused(given: Any) -> None:
    """Whatever the page sends."""
    with pytest.raises(cr.SettingsError, match="breakpoint"):
        breakpoint_of(given, small(epochs=1).network.architecture, 8)


def test_every_number_of_a_step_has_its_value() -> None:
    """As `why` gives it."""
    run = small(epochs=1)
    step = run.replay(7)
    for name in (
        "z1[0,4]",
        "a2[7,1]",
        "a0[3,2]",
        "delta3[2,1]",
        "dW2[3,1]",
        "db1[5]",
        "W3[4,1]",
        "b2[0]",
        "da0[1,1]",
        "loss",
    ):
        entry = condition_of(f"{name} > 0", run.network.architecture, 8).entry
        assert value_of(step.record, entry) == pytest.approx(step.why(name).value, rel=1e-6)


def test_going_on_from_a_step_is_a_new_run(studio: Any) -> None:
    """Trained in its own thread, named after its parent; the parent stays as it is."""
    listed = studio.client.get("/api/runs")["runs"]
    parent = next(one["id"] for one in listed if one["name"] == "plain")
    before = studio.client.get(f"/api/runs/{parent}/about")
    got = studio.client.post(f"/api/runs/{parent}/go_on", step=22, epochs=2, changes={"learning_rate": 0.1})
    one = studio.shelf.get(got["id"])
    wait(one, "ended")
    run = one.lead.final
    assert run.record.parent == {"sha256": before["result"]["sha256"], "step": 22}
    assert run.losses[:22].tolist() == cr.load(run.directory.with_name("plain")).losses[:22].tolist()
    assert studio.client.get(f"/api/runs/{got['id']}/about")["parent"]["step"] == 22
    after = studio.client.get(f"/api/runs/{parent}/about")
    assert after["result"] == before["result"] and after["losses"] == before["losses"]
    for bad in (
        {"step": 0},
        {"step": 10**6},
        {"step": "x"},
        {"epochs": 0},
        {"changes": {"batch_size": 3}},
        {"changes": 4},
    ):
        body = {"step": 22, "epochs": 1, "changes": {}} | bad
        assert studio.client.ask(f"/api/runs/{parent}/go_on", body)[0] in (409, 422), bad


def test_a_page_that_reads_the_stream_sees_every_loss(studio: Any) -> None:
    """The points of its messages, put together, are those of the whole run."""
    one = studio.begin(epochs=60)
    client = studio.client
    connection = http.client.HTTPConnection("127.0.0.1", studio.server.port, timeout=20)
    connection.request("GET", "/events", headers=client.headers)
    answer = connection.getresponse()
    client.post(f"/api/runs/{one.id}/continue")
    points: list[Any] = []
    while True:
        line = answer.readline().decode()
        if not line.startswith("data: "):
            continue
        for told in json.loads(line[6:]).get("runs", []):
            losses = told["losses"]
            points[losses["from"] :] = losses["mean"]
        if told_state(line) == "ended":
            break
    connection.close()
    about = client.get(f"/api/runs/{one.id}/about")
    assert points == about["losses"]["mean"] and about["n_steps"] == 900


def told_state(line: str) -> Any:
    return next((told["state"] for told in json.loads(line[6:]).get("runs", [])), None)
