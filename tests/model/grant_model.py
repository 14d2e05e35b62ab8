# SPDX-License-Identifier: MIT
#
# What AWS documents of grants, as a model in Python: which of some grants allow a request, and who may retire a
# grant. tests/host/kms_grant_model.py compares it with userspace/kms/grants.
#
# Sources: the KMS Developer Guide's pages on grants (grant concepts, creating grants, using grant constraints,
# retiring and revoking grants) and the API Reference of CreateGrant and RetireGrant. The model must never be
# changed to agree with the C code: a difference is settled by these pages.

EQUALS, SUBSET = "EncryptionContextEquals", "EncryptionContextSubset"


def is_caller(principal, request):
    """A grant to an account is one to its users, whose account permits them everything here."""
    return principal in (request["principal"], f"arn:aws:iam::{request['principal'].split(':')[4]}:root")


def context_holds(grant, context):
    """EncryptionContextEquals: the same context. EncryptionContextSubset: all pairs of the constraint, maybe more."""
    constraints = grant.get("Constraints", {})
    if EQUALS in constraints:
        return context == constraints[EQUALS]
    return constraints.get(SUBSET, {}).items() <= context.items()


def is_as_strict(made, parent):
    """A grant that a grant gives has an equally strict or a stricter constraint: each encryption context that MADE
    admits must be one that PARENT admits."""
    old, new = parent.get("Constraints", {}), made.get("Constraints", {})
    if not old:
        return True
    if EQUALS in new:
        return context_holds(parent, new[EQUALS])
    # A constraint with EncryptionContextSubset admits its own pairs with any others.
    return SUBSET in new and SUBSET in old and old[SUBSET].items() <= new[SUBSET].items()


def grant_allows(grant, request):
    """REQUEST: operation, key, principal, context; for CreateGrant also the grant "made"."""
    operation = request["operation"]
    if grant["KeyId"] != request["key"] or not is_caller(grant["GranteePrincipal"], request):
        return False
    if operation not in grant["Operations"] or operation == "RetireGrant":
        return False
    if operation == "DescribeKey":  # has no encryption context: constraints do not apply
        return True
    if operation == "CreateGrant":
        made = request["made"]
        return set(made["Operations"]) <= set(grant["Operations"]) and is_as_strict(made, grant)
    return context_holds(grant, request["context"])


def may_retire(grant, request):
    """The retiring principal, and the grantee if the grant has RetireGrant."""
    retiring = grant.get("RetiringPrincipal")
    return ((retiring is not None and is_caller(retiring, request))
            or ("RetireGrant" in grant["Operations"] and is_caller(grant["GranteePrincipal"], request)))


def allows(grants, request):
    if request["operation"] == "RetireGrant":
        return may_retire(grants[0], request)
    return any(grant_allows(grant, request) for grant in grants)
