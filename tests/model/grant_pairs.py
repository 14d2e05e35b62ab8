# SPDX-License-Identifier: MIT
#
# Generates grants and requests that meet: the parts of both are chosen of few.

KEYS = ("1234abcd-12ab-34cd-56ef-1234567890ab", "0987dcba-09fe-87dc-65ba-ab0987654321")
ACCOUNTS = ("123456789012", "210987654321")
USERS = tuple(f"arn:aws:iam::{a}:user/{n}" for a in ACCOUNTS for n in ("admin", "enveloped", "Enveloped"))
PRINCIPALS = USERS[:3] * 2 + USERS + tuple(f"arn:aws:iam::{a}:root" for a in ACCOUNTS)
OPERATIONS = ("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
              "CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
ASKED = OPERATIONS[:6] + ("CreateGrant", "CreateGrant", "RetireGrant", "RetireGrant", "DescribeKey")
NAMES = ("app", "App", "db", "a", "volume")
VALUES = ("1", "2", "", "payroll", "Payroll", "\u00e4")


class GrantPairs:
    def __init__(self, random):
        self.random = random

    def context(self, least, most):
        r = self.random
        return {name: r.choice(VALUES[:r.choice((2, 6))]) for name in r.sample(NAMES, r.randint(least, most))}

    def terms(self, operations):
        r = self.random
        out = {"GranteePrincipal": r.choice(PRINCIPALS), "Operations": r.sample(OPERATIONS, operations)}
        kind = r.choice((None, None, "EncryptionContextEquals", "EncryptionContextSubset", "EncryptionContextSubset"))
        if kind:
            out["Constraints"] = {kind: self.context(1, 3)}
        if r.random() < 0.4:
            out["RetiringPrincipal"] = r.choice(PRINCIPALS)
        return out

    def grants(self):
        r = self.random
        return [{"KeyId": r.choice(KEYS[:r.choice((1, 1, 2))]), **self.terms(r.choice((1, 4, 7, 11)))}
                for _ in range(r.choice((1, 1, 2, 4)))]

    def near(self, grant):
        """The context of a constraint, with a pair less, more or changed."""
        r = self.random
        out = dict(next(iter(grant.get("Constraints", {"": {}}).values())))
        change = r.choice(("none", "none", "none", "more", "less", "other"))
        if change == "more":
            out[r.choice(NAMES)] = r.choice(VALUES)
        elif out and change == "less":
            del out[r.choice(sorted(out))]
        elif out and change == "other":
            out[r.choice(sorted(out))] = r.choice(VALUES)
        return out

    def request(self, grants):
        r = self.random
        grant = r.choice(grants)
        out = {"operation": r.choice(ASKED), "key": r.choice(KEYS[:r.choice((1, 1, 1, 2))]), "principal": r.choice(USERS[:3] + USERS),
               "context": self.near(grant) if r.random() < 0.8 else self.context(0, 4)}
        if r.random() < 0.5 and ":user/" in grant["GranteePrincipal"]:
            out["principal"] = grant["GranteePrincipal"]
        if r.random() < 0.03:  # very many pairs
            out["context"].update({f"filler{i}": "" for i in range(r.choice((25, 33, 60)))})
        if out["operation"] in ("DescribeKey", "RetireGrant"):
            out["context"] = {}
        if out["operation"] == "CreateGrant":
            made = self.terms(r.choice((1, 1, 2)))
            if r.random() < 0.8:
                made["Operations"] = r.sample(sorted(grant["Operations"]), 1)
            if r.random() < 0.8 and out["context"]:
                made["Constraints"] = {r.choice(("EncryptionContextEquals", "EncryptionContextSubset")): out["context"]}
            out["made"], out["context"] = made, {}
        return out
