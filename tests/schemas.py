"""The schemas that ship, and the one that a document of the command line is held to."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SCHEMAS: dict[str, dict[str, Any]] = {
    path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
    for path in resources.files("gru_lower.schema").iterdir()
    if path.name.endswith(".json")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)


def schema_of(document: dict[str, Any]) -> str:
    """Return the name of the schema that a document is held to: docs/ci.md says the same."""
    if "reports" in document:
        return "reports-1"
    if "findings" in document:
        return "baseline-1"
    own = {"batch": "batch-1", "bench": "bench-1", "convert": "convert-1", "targets": "targets-1", "probe": "targets-1"}
    return own.get(document["command"], "report-1")


def held_to_schema(text: str) -> dict[str, Any]:
    """Return the document in a text, once it is sure that it is what its schema says."""
    document: dict[str, Any] = json.loads(text)
    Draft202012Validator(SCHEMAS[schema_of(document)], registry=REGISTRY).validate(document)
    return document
