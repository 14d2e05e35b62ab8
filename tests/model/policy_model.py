# SPDX-License-Identifier: MIT
#
# What AWS documents of the evaluation of a key policy and of the policies of its caller, as a model in Python.
# It decides (policy, request) pairs, and tests/host/kms_policy_model.py compares it with userspace/kms/policy.
#
# Sources: the IAM User Guide's pages on policy evaluation logic, on the elements Principal, NotPrincipal,
# Action, Resource and Condition, on condition operators, and on multivalued keys; the KMS Developer Guide's
# pages on key policies and on condition keys. The model must never be changed to agree with the C code:
# a difference is settled by these pages.

import base64
import datetime
import decimal
import ipaddress
import json
import re

ALLOW, ACCOUNT, DENY, NONE = "allow", "allow to the account", "deny", "none"
ALLOWED, DENIED_BY_KEY, DENIED_BY_USER, BY_GRANT = "allowed", "denied by the key", "denied by the user", "by a grant at most"
ACCOUNT_ROOT = re.compile(r"arn:aws:iam::([0-9]{12}):root")


def as_list(value):
    return value if isinstance(value, list) else [value]


def glob(pattern, text, fold=False, star="(.*)", mark="."):
    """Wildcards: * is any number of characters, ? is one."""
    out = "".join(star if c == "*" else mark if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(out, text, re.DOTALL | (re.IGNORECASE | re.ASCII if fold else 0)) is not None


# ---------------------------------------------------------------- the elements of a statement


def principal_values(element):
    """The AWS principals of an element Principal or NotPrincipal."""
    return ["*"] if element == "*" else as_list(element.get("AWS", []))


def account_of(value):
    """The account that a principal value names as a whole, or None."""
    if re.fullmatch("[0-9]{12}", value):
        return value
    root = ACCOUNT_ROOT.fullmatch(value)
    return root.group(1) if root else None


def identities(request):
    """A user is itself; a session of a role is the session and the role."""
    return [request[name] for name in ("principal", "role") if request.get(name)]


def principal_applies(statement, request):
    """An account in Principal stands for each of its users, "*" for everybody. A policy of a user has no principal."""
    if "NotPrincipal" in statement:
        return not is_spared(principal_values(statement["NotPrincipal"]), request)
    return "Principal" not in statement or names_caller(statement, request) or any(
        account_of(value) == request["account"] for value in principal_values(statement["Principal"]))


def names_caller(statement, request):
    """Does the statement name the caller itself, and not only its account?"""
    return "Principal" not in statement or any(
        value == "*" or value in identities(request) for value in principal_values(statement["Principal"]))


def is_spared(values, request):
    """NotPrincipal spares a caller that it lists by name, with the role's session and the account beside it.

    An account there spares none of its other users."""
    listed = all(identity in values for identity in identities(request))
    return "*" in values or (listed and any(account_of(v) == request["account"] for v in values))


def action_applies(statement, request):
    """Names of actions have no case."""
    negated = "NotAction" in statement
    patterns = as_list(statement["NotAction" if negated else "Action"])
    return any(glob(p, request["action"], fold=True) for p in patterns) != negated


def resource_matches(pattern, arn):
    """In an ARN, a * that ends a segment may match beyond the colon; no other wildcard does.

    An ARN with fewer than six segments gets a * for each one that is missing."""
    if pattern == "*" or arn == "*":  # an action without a resource is allowed by "*" alone
        return pattern == "*"
    segments = pattern.split(":")
    segments += ["*"] * (6 - len(segments))
    out = []
    for segment in segments:
        last = segment.endswith("*")
        body = segment[:-1] if last else segment
        out.append("".join("[^:]*" if c == "*" else "[^:]" if c == "?" else re.escape(c) for c in body)
                   + (".*" if last else ""))
    return re.fullmatch(":".join(out), arn, re.DOTALL) is not None


def resource_applies(statement, request):
    negated = "NotResource" in statement
    patterns = as_list(statement["NotResource" if negated else "Resource"])
    return any(resource_matches(p, request["resource"]) for p in patterns) != negated


# ---------------------------------------------------------------- values


def number(text):
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text, re.ASCII):
        return None
    return decimal.Decimal(text)


DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
                  r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]{1,3})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII)


def date(text):
    """Milliseconds since 1970: seconds since the epoch, or one of the ISO 8601 formats with a day."""
    if re.fullmatch("[0-9]{5,11}", text, re.ASCII):
        return int(text) * 1000
    found = DATE.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(g) if g else 0 for g in found.groups()[:6])
    zone = found.group(8) or "Z"
    shift = datetime.timedelta()
    if zone != "Z":
        if int(zone[1:3]) > 23 or int(zone[4:]) > 59:
            return None
        shift = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:])) * (1 if zone[0] == "+" else -1)
    try:
        when = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    fraction = int((found.group(7) or ".0")[1:].ljust(3, "0"))
    return (when - datetime.datetime(1970, 1, 1) - shift) // datetime.timedelta(milliseconds=1) + fraction


def address(text):
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def in_network(text, network):
    base, _, length = network.partition("/")
    ip, base = address(text), address(base)
    if ip is None or base is None or ip.version != base.version:
        return False
    keep = int(length) if length else base.max_prefixlen
    return int(ip) >> (base.max_prefixlen - keep) == int(base) >> (base.max_prefixlen - keep)


def arn_like(text, pattern):
    """Each of the six parts of the ARN is compared by itself."""
    parts, patterns = text.split(":", 5), pattern.split(":", 5)
    return len(parts) == 6 and len(patterns) == 6 and all(glob(p, t) for p, t in zip(patterns, parts))


def same_bytes(text, encoded):
    return base64.b64decode(encoded, validate=True) == text.encode()


def ordered(read, holds):
    def matches(text, value):
        left, right = read(text), read(value)
        return left is not None and right is not None and holds(left, right)

    return matches


def lower(text):
    """The letters of ASCII alone have a case."""
    return "".join(c.lower() if c.isascii() else c for c in text)


# Operator: (does a value of the request match a value of the policy, is the operator a negated one)
OPERATORS = {
    "StringEquals": (lambda t, v: t == v, False),
    "StringNotEquals": (lambda t, v: t == v, True),
    "StringEqualsIgnoreCase": (lambda t, v: lower(t) == lower(v), False),
    "StringNotEqualsIgnoreCase": (lambda t, v: lower(t) == lower(v), True),
    "StringLike": (lambda t, v: glob(v, t), False),
    "StringNotLike": (lambda t, v: glob(v, t), True),
    "Bool": (lambda t, v: lower(t) == lower(v), False),
    "BinaryEquals": (same_bytes, False),
    "IpAddress": (in_network, False),
    "NotIpAddress": (in_network, True),
    "ArnEquals": (arn_like, False),
    "ArnLike": (arn_like, False),
    "ArnNotEquals": (arn_like, True),
    "ArnNotLike": (arn_like, True),
}
for kind, reader in (("Numeric", number), ("Date", date)):
    for word, relation, is_negated in (
        ("Equals", lambda a, b: a == b, False),
        ("NotEquals", lambda a, b: a == b, True),
        ("LessThan", lambda a, b: a < b, False),
        ("LessThanEquals", lambda a, b: a <= b, False),
        ("GreaterThan", lambda a, b: a > b, False),
        ("GreaterThanEquals", lambda a, b: a >= b, False),
    ):
        OPERATORS[kind + word] = (ordered(reader, relation), is_negated)


# ---------------------------------------------------------------- conditions


def values_of(request, key):
    """Names of condition keys have no case. An encryption context has its names as kms:EncryptionContext:NAME."""
    return [value for name, value in request["facts"] if lower(name) == lower(key)]


def text_of(value):
    """A condition's value as a string: numbers and booleans may stand without quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def operator_holds(name, values, wanted):
    """NAME: an operator with its prefix and suffix. VALUES: of the request. WANTED: of the policy."""
    if name == "Null":
        return any((lower(w) == "true") == (not values) for w in wanted)
    quantifier, _, bare = name.rpartition(":")
    if_exists = bare.endswith("IfExists")
    match, negated = OPERATORS[bare[:-len("IfExists")] if if_exists else bare]
    if if_exists and not values:
        return True
    if quantifier == "ForAllValues":  # true of no value
        return all(any(match(v, w) for w in wanted) != negated for v in values)
    if quantifier == "ForAnyValue":  # false of no value
        return any(any(match(v, w) for w in wanted) != negated for v in values)
    return any(match(v, w) for v in values for w in wanted) != negated


def conditions_hold(statement, request):
    """All operators and all of their keys must hold; one of a key's values is enough."""
    return all(operator_holds(name, values_of(request, key), [text_of(w) for w in as_list(wanted)])
               for name, keys in statement.get("Condition", {}).items() for key, wanted in keys.items())


# ---------------------------------------------------------------- the decision


def evaluate(policy, request):
    """An explicit deny wins, then an allow counts; no statement means no access."""
    about = [s for s in as_list(policy["Statement"])
             if principal_applies(s, request) and action_applies(s, request)
             and resource_applies(s, request) and conditions_hold(s, request)]
    if any(s["Effect"] == "Deny" for s in about):
        return DENY
    if any(names_caller(s, request) for s in about):
        return ALLOW
    return ACCOUNT if about else NONE


def decide(policy, user_policies, request):
    """With the policies of the caller. A deny of either side wins. An allow of the key for the caller is enough in its own
    account. One for the account, and each one in another account, needs an allow of the caller's policies beside it."""
    key = evaluate(policy, request)
    user = {evaluate(p, request) for p in user_policies}
    if key == DENY:
        return DENIED_BY_KEY
    if DENY in user:
        return DENIED_BY_USER
    own = request["resource"].split(":")[4] == request["account"]
    if key == ALLOW and own or key in (ALLOW, ACCOUNT) and ALLOW in user:
        return ALLOWED
    return BY_GRANT


def read(text):
    """A number without quotes keeps the spelling of the document."""
    return json.loads(text, parse_float=str, parse_int=str)
