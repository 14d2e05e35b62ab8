# SPDX-License-Identifier: MIT
"""AWS's model of the KMS API, from botocore: is an answer as the model says, and which requests break it?"""

import base64
import binascii
import copy
import gzip
import json
import os
import re

import botocore

import kms_api_newer as newer

INSTALLED = os.path.join(os.path.dirname(botocore.__file__), "data/kms/2014-11-01/service-2.json")
BODY_MAX = 65536  # bytes of a request that envelope-kms reads


def read(path=INSTALLED):
    if not os.path.exists(path):
        path += ".gz"
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as f:
        return json.load(f)


def with_newer(model):
    """The model with what kms_api_newer.py has beside it. What the model has stays."""
    model = copy.deepcopy(model)
    operations, shapes = model["operations"], model["shapes"]
    for name, operation in newer.OPERATIONS.items():
        operations.setdefault(name, operation)
    for name, shape in newer.SHAPES.items():
        shapes[name] = {**shape, **shapes.get(name, {})}
    for name, values in newer.VALUES.items():
        shapes[name]["enum"] += [v for v in values if v not in shapes[name]["enum"]]
    for name, members in newer.MEMBERS.items():
        shapes[name]["members"].update(members)
    for name, members in newer.OPTIONAL.items():
        shapes[name]["required"] = [m for m in shapes[name].get("required", []) if m not in members]
    for name, errors in newer.ERRORS.items():
        known = errors_of(operations[name])
        operations[name]["errors"] += [{"shape": e} for e in errors if e not in known]
    return model


def errors_of(operation):
    return {error["shape"] for error in operation.get("errors", [])}


def essence(model, operations):
    """What a request, an answer and a fault of OPERATIONS may have, in one dictionary."""
    out, wanted = {}, []
    for name in operations:
        operation = model["operations"][name]
        out[name] = (sorted(errors_of(operation)), [operation.get(k, {}).get("shape") for k in ("input", "output")])
        wanted += [s for s in out[name][1] if s]
    while wanted:
        name = wanted.pop()
        if name in out:
            continue
        shape = model["shapes"][name]
        out[name] = {k: shape.get(k) for k in ("type", "min", "max", "pattern")}
        out[name].update(enum=sorted(shape.get("enum", [])), required=sorted(shape.get("required", [])))
        parts = {**shape.get("members", {}), **{k: shape[k] for k in ("member", "key", "value") if k in shape}}
        out[name]["parts"] = {k: v["shape"] for k, v in parts.items()}
        wanted += out[name]["parts"].values()
    return out


# ---------------------------------------------------------------- is it as the model says?

PYTHON = {"string": str, "blob": str, "integer": int, "boolean": bool, "timestamp": (int, float), "list": list, "map": dict,
          "structure": dict}


def matches(shape, text):
    """Does TEXT match the whole pattern, as in AWS's Java? Python's \\w has fewer limits."""
    return "pattern" not in shape or re.fullmatch(shape["pattern"], text, re.ASCII) is not None


def faults(model, name, value, where=""):
    """What is wrong with VALUE of the shape NAME: a list of texts."""
    shape = model["shapes"][name]
    kind = shape["type"]
    if not isinstance(value, PYTHON[kind]) or (kind in ("integer", "timestamp") and isinstance(value, bool)):
        return [f"{where}: {value!r} is no {kind}"]
    size = value if kind == "integer" else 0
    if kind == "blob":
        try:
            size = len(base64.b64decode(value, validate=True))
        except binascii.Error:
            return [f"{where}: no base64"]
    elif kind in ("string", "list", "map"):
        size = len(value)
    found = []
    if kind in ("string", "list", "map", "blob", "integer") and not shape.get("min", size) <= size <= shape.get("max", size):
        found.append(f"{where}: {size} is not from {shape.get('min')} to {shape.get('max')}")
    if kind == "string" and value not in shape.get("enum", [value]):
        found.append(f"{where}: {value} is not one of the enum")
    if kind == "string" and not matches(shape, value):
        found.append(f"{where}: {value} does not match {shape['pattern']}")
    if kind == "timestamp" and not 1e9 < value < 1e11:
        found.append(f"{where}: {value} is no number of seconds since 1970")
    return found + faults_within(model, shape, value, where)


def faults_within(model, shape, value, where):
    found = []
    if shape["type"] == "structure":
        found += [f"{where}.{m} is required" for m in shape.get("required", []) if m not in value]
        for member, part in value.items():
            if member in shape["members"]:
                found += faults(model, shape["members"][member]["shape"], part, f"{where}.{member}")
            else:
                found.append(f"{where}.{member} is unknown")
    elif shape["type"] == "list":
        for part in value:
            found += faults(model, shape["member"]["shape"], part, f"{where}[]")
    elif shape["type"] == "map":
        for key, part in value.items():
            found += faults(model, shape["key"]["shape"], key, f"{where} key")
            found += faults(model, shape["value"]["shape"], part, f"{where}[{key}]")
    return found


# ---------------------------------------------------------------- requests that break the model

TYPE, CONSTRAINT = "SerializationException", "ValidationException"
WRONG_TYPES = {
    "string": (5, True, [], {}),
    "blob": (5, {}, "no base64!"),
    "integer": ("7", True, 1.5, []),
    "boolean": ("true", 1, {}),
    "list": ("x", {}, 5),
    "map": ("x", [], 5),
    "structure": ("x", [], 5),
}
# Beyond the shape's type: either fault is AWS's.
NUMBERS_OF_OTHER_SIZE = (2 ** 31, -2 ** 31 - 1, 2 ** 63, 10 ** 30)


def bad_texts(shape, good):
    if "enum" in shape:
        yield "NO_SUCH_VALUE", "unknown value"
        yield shape["enum"][0].lower(), "value in lower case"
        return
    filler = next(c for c in "aA2" if matches(shape, c * max(shape.get("min", 1), 1)) or c == "2")
    if "max" in shape:
        yield good + filler * (shape["max"] + 1 - len(good)), "too long"
    if shape.get("min", 0) > 0:
        yield good[:shape["min"] - 1], "too short"
    if "pattern" in shape:
        for odd in ("\u0142", " ", "\n", "\x01"):
            if not matches(shape, good[:-1] + odd):
                yield good[:-1] + odd, f"pattern broken by {odd!r}"


def bad_values(model, name, good):
    """Pairs for a value of shape NAME, of which GOOD is a valid one: (bad value, the faults that AWS may give, what is bad)."""
    shape = model["shapes"][name]
    kind = shape["type"]
    for wrong in WRONG_TYPES[kind]:
        yield wrong, {TYPE}, f"{wrong!r} as {kind}"
    if kind == "string":
        for bad, why in bad_texts(shape, good):
            yield bad, {CONSTRAINT}, why
    elif kind == "integer":
        for bad in [shape[k] + d for k, d in (("min", -1), ("max", 1)) if k in shape]:
            yield bad, {CONSTRAINT}, f"out of range: {bad}"
        for bad in NUMBERS_OF_OTHER_SIZE:
            yield bad, {CONSTRAINT, TYPE}, f"out of range: {bad}"
    elif kind == "blob":
        yield "", {CONSTRAINT}, "too short"
        yield base64.b64encode(bytes(shape["max"] + 1)).decode(), {CONSTRAINT}, "too long"
    elif kind == "list":
        if "max" in shape:
            yield good[:1] * (shape["max"] + 1), {CONSTRAINT}, "too many"
        for bad, codes, why in bad_values(model, shape["member"]["shape"], good[0]):
            yield [bad], codes, f"[] {why}"
    elif kind == "map":
        for bad, codes, why in bad_values(model, shape["value"]["shape"], "x"):
            yield {"name": bad}, codes, f"{{}} {why}"
    elif kind == "structure":
        yield from bad_structures(model, shape, good)


def bad_structures(model, shape, good):
    for member in shape.get("required", []):
        yield {k: v for k, v in good.items() if k != member}, {CONSTRAINT}, f"without {member}"
        yield {**good, member: None}, {CONSTRAINT}, f"{member} null"
    for member, value in good.items():
        for bad, codes, why in bad_values(model, shape["members"][member]["shape"], value):
            yield {**good, member: bad}, codes, f"{member} {why}"
