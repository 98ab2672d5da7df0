"""The description of the server in OpenAPI 3.1: what a row must have and what a prediction holds."""

from __future__ import annotations

from typing import Any

from chainrule._version import __version__
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.serve.bodies import ARROW, CSV, JSON, TSV
from chainrule.serve.model import Served

TYPES = {
    "number": ["number", "string", "null"],
    "boolean": ["boolean", "string", "number", "null"],
    "category": ["string", "number", "boolean", "null"],
    "time": ["string", "null"],
}
MEANING = {
    "number": "A number; as text it is read as in training.",
    "boolean": "True or false, as written in training.",
    "category": "One of the levels of training; another one counts as unknown.",
    "time": "A date or moment, as written in training.",
}


def column_kinds(pipeline: TablePipeline) -> dict[str, str]:
    """number, boolean, category or time of each column of a row."""
    return {name: pipeline.readings[name].partition(":")[0] for name in pipeline.columns}


def description(model: Served, *, has_token: bool) -> dict[str, Any]:
    """The document at /openapi.json."""
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"chainrule: {model.name}", "version": __version__},
        "paths": {
            "/predict": {"post": _predict()},
            "/": _get("The model: its columns, target and checksum", JSON),
            "/health": _get("Whether the server answers", JSON),
            "/metrics": _get("Counters in the text format of Prometheus", "text/plain"),
        },
        "components": {"schemas": _schemas(model)},
    }
    if has_token:
        found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
    return found


def _schemas(model: Served) -> dict[str, Any]:
    """A row, a prediction, an error."""
    is_value = model.pipeline.target.kind == "values"
    kinds = column_kinds(model.pipeline).items()
    return {
        "Row": {
            "type": "object",
            "required": list(model.columns),
            "properties": {
                name: {"type": TYPES.get(kind, TYPES["category"]), "description": MEANING.get(kind, "")}
                for name, kind in kinds
            },
        },
        "Prediction": {
            "type": "object",
            "required": model.answers,
            "properties": {
                name: {"type": "string" if name.startswith("prediction") and not is_value else ["number", "null"]}
                for name in model.answers
            },
        },
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    }


def _predict() -> dict[str, Any]:
    """POST /predict."""
    row = {"$ref": "#/components/schemas/Row"}
    rows = {"oneOf": [{"type": "array", "items": row, "minItems": 1}, row]}
    text = {"schema": {"type": "string"}}
    others = {CSV: text, TSV: text, ARROW: {"schema": {"type": "string", "format": "binary"}}}
    of_rows = {
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
        "explanations": {"type": "array", "items": {"type": "array", "items": {"type": "object"}}},
    }
    answer = {"schema": {"type": "object", "required": ["predictions"], "properties": of_rows}}
    error = {
        "description": "One line that says what is wrong, where, and what to do.",
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    explain = {
        "name": "explain", "in": "query", "schema": {"type": "string", "enum": ["0", "1"]},
        "description": "1: also what each column adds to the prediction of each row (JSON only).",
    }  # fmt: skip
    return {
        "summary": "Predict rows",
        "parameters": [explain],
        "requestBody": {"required": True, "content": {JSON: {"schema": rows}, **others}},
        "responses": {
            "200": {"description": "The predictions, in the order of the rows.", "content": {JSON: answer, **others}},
            **dict.fromkeys(("400", "401", "403", "413", "415", "422", "429"), error),
        },
    }


def _get(summary: str, kind: str) -> dict[str, Any]:
    """A route that is read."""
    ok = {"description": summary, "content": {kind: {"schema": {"type": "string" if kind != JSON else "object"}}}}
    return {"get": {"summary": summary, "responses": {"200": ok}}}
