# SPDX-License-Identifier: MIT
#
# Generates policies and requests that meet: a statement is made of parts of a request or of parts near them.

import base64
import json

ACCOUNTS = ("123456789012", "210987654321")
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
USERS = tuple(f"arn:aws:iam::{a}:user/{n}" for a in ACCOUNTS for n in ("admin", "enveloped", "ops/anna"))
ROLES = tuple((f"arn:aws:sts::{a}:assumed-role/backup/s1", f"arn:aws:iam::{a}:role/backup") for a in ACCOUNTS)
ACTIONS = ("Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "DescribeKey",
           "PutKeyPolicy", "ReEncryptFrom", "ReEncryptTo", "DisableKey", "CreateGrant")
OTHER_RESOURCES = ("*", "arn:aws:kms:us-east-1:123456789012:alias/1234", "arn:aws:iam::123456789012:user/admin")
ACTION_PATTERNS = ("*", "kms:*", "kms:Re*", "kms:GenerateDataKey*", "KMS:decrypt", "kms:De*t", "kms:?ncrypt",
                   "kms:*Key*", "kms:Describe*", "s3:*", "kms:*crypt*", "kms:D?crypt", "k*:D*")
RESOURCES = ("*", KEY, "arn:aws:kms:*:*:key/*", "arn:aws:kms:us-east-1:*", "arn:aws:kms", "arn:aws:k*s:us-east-1:*",
             "arn:aws:kms:us-*-1:123456789012:key/*", "arn:aws:kms:us-east-1:210987654321:key/*", "arn:*",
             "arn:aws:kms:*:key/1234*", "arn:aws:kms:u*1:123456789012:key/*", "arn:aws:kms:??-east-?:*:key/????abcd-*",
             "arn:a*:123456789012:key/*", "arn:aws:kms:*", "arn:aws:k*y/*", "arn:*:kms", "arn:aws:kms:us-east-1")
WORDS = ("a", "b", "A", "ab", "aB", "abc", "", "payroll", "Payroll", "pay*", "p?y", "*", "**a*", "?", "??", "a*b", "*b*",
         "\u00e4", "\u00c4", "?b", "\u00e9b", "1", "true", "[a]", "a.b", "a:b")
NAMES = ("AppName", "appname", "db", "Dept")
NUMBERS = ("0", "1", "-1", "1.50", "+1.5", "01.5", "10", "9", "-0.0", "99999999999999999999", "99999999999999999998.9",
           "1733000000", "1764500000", "0.1", "0.10", "0.09")
DATES = ("2026-11-29T22:00:00Z", "2026-11-29", "2026-11-29T23:30:00+01:30", "2026-11-30T00:00:00.5Z",
         "2024-02-29T12:00Z", "1795989600", "1795996800", "2026-11-29T21:59:59.999Z", "0001-01-01", "9999-12-31")
ADDRESSES = ("10.0.0.1", "10.0.0.200", "192.168.7.9", "127.0.0.1", "2001:db8::1", "::1", "2001:DB8:0::8000")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/25", "10.0.0.1", "192.168.7.9/0", "10.0.0.77/31", "2001:db8::/32", "2001:db8::8000/113",
            "::/0", "::1", "127.0.0.1/32", "192.168.0.0/21")
ARNS = ("arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:user/admin", "arn:aws:iam::123456789012:*", "arn:*:*:*:*:*",
        "arn:aws:iam:*:user/admin:x", "arn:aws:iam::21*:role/*", "arn:aws:i?m::123456789012:user/*a", "arn:aws::*:*:user/*",
        "arn:aws:*:*:user/*:*", "arn:*:user/?:*:*:*")
LONG_ARNS = ("arn:aws:logs:us-east-1:1:user/a:x", "arn:aws:a:user/b:c:d:e", "arn:aws:iam::123456789012:user/admin:y")
STRING = ("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
          "StringNotLike")
ORDER = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
TEXT_KEYS = tuple(f"kms:EncryptionContext:{n}" for n in NAMES) + ("KMS:encryptioncontext:APPNAME", "kms:EncryptionContextKeys",
                                                                 "kms:ViaService", "kms:CallerAccount")


def some(random, choices, most=3):
    """A choice, or a list of up to MOST."""
    count = random.choice((0, 0, 0, 1, 2, most))
    return random.choice(choices) if count == 0 else [random.choice(choices) for _ in range(count)]


def encoded(word):
    return base64.b64encode(word.encode()).decode()


class Pairs:
    def __init__(self, random):
        self.random = random

    # ------------------------------------------------------------ requests

    def facts(self, principal, account):
        r = self.random
        out = [("aws:PrincipalArn", principal), ("kms:CallerAccount", account), ("aws:PrincipalAccount", account),
               ("aws:SourceIp", r.choice(ADDRESSES)), ("aws:CurrentTime", r.choice(DATES[:7])),
               ("aws:EpochTime", r.choice(NUMBERS[-5:-3] + ("1795989600",)))]
        for name in r.sample(NAMES, r.choice((0, 1, 1, 2, 3))):
            value = r.choice(WORDS + NUMBERS + DATES + 4 * LONG_ARNS)
            out += [(f"kms:EncryptionContext:{name}", value), ("kms:EncryptionContextKeys", name)]
        if r.random() < 0.2:
            out.append(("kms:ViaService", "rds.us-east-1.amazonaws.com"))
        if r.random() < 0.3:
            out += [("kms:GrantIsForAWSResource", r.choice(("true", "false"))), ("kms:GranteePrincipal", r.choice(USERS))]
        return out

    def request(self, resources=(KEY,)):
        r = self.random
        role = None
        if r.random() < 0.25:
            principal, role = r.choice(ROLES)
        else:
            principal = r.choice(USERS + USERS[:3])
        account = principal.split(":")[4]
        return {"action": "kms:" + r.choice(ACTIONS), "resource": r.choice(resources), "principal": principal, "role": role,
                "account": account, "facts": self.facts(role or principal, account)}

    # ------------------------------------------------------------ policies

    def principals(self, many):
        r = self.random
        account = r.choice(ACCOUNTS)
        choices = USERS + tuple(x for pair in ROLES for x in pair) + ACCOUNTS + tuple(f"arn:aws:iam::{a}:root" for a in ACCOUNTS)
        if many:  # as NotPrincipal needs it
            spared = [r.choice(USERS[:3]), f"arn:aws:iam::{account}:root"] + list(r.choice(ROLES))
            return {"AWS": r.sample(spared, r.choice((2, 4, 4))) + r.choice(([], ["*"], [r.choice(USERS)]))}
        if r.random() < 0.6:
            return r.choice(("*", {"AWS": "*"}, {"AWS": f"arn:aws:iam::{account}:root"}, {"AWS": account}))
        value = {"AWS": some(r, choices)}
        if r.random() < 0.1:
            value["Service"] = "rds.amazonaws.com"
        return value

    def condition(self):
        r = self.random
        kind = r.choice(("string", "string", "string", "null", "bool", "number", "date", "ip", "arn", "binary"))
        if kind == "null":
            return "Null", r.choice(TEXT_KEYS + ("kms:GranteePrincipal",)), some(r, ("true", "false", True, False, "TRUE"), 2)
        if kind == "string":
            operator, key = r.choice(STRING), r.choice(TEXT_KEYS)
            values = some(r, WORDS + NAMES + NUMBERS[:3] + ("rds.*", 7, True) + ACCOUNTS)
        elif kind == "bool":
            operator, key = "Bool", r.choice(("kms:GrantIsForAWSResource", "kms:EncryptionContext:db"))
            values = some(r, ("true", "false", True, False, "True"), 2)
        elif kind == "number":
            operator, key = "Numeric" + r.choice(ORDER), r.choice(("aws:EpochTime", "kms:EncryptionContext:AppName", TEXT_KEYS[2]))
            values = some(r, NUMBERS + (1, 10, 1.5))
        elif kind == "date":
            operator, key = "Date" + r.choice(ORDER), r.choice(("aws:CurrentTime", "AWS:currenttime", "aws:EpochTime", TEXT_KEYS[0]))
            values = some(r, DATES, 2)
        elif kind == "ip":
            operator, key = r.choice(("IpAddress", "NotIpAddress")), r.choice(("aws:SourceIp", "aws:SourceIP", TEXT_KEYS[3]))
            values = some(r, NETWORKS)
        elif kind == "arn":
            operator = "Arn" + r.choice(("Equals", "Like", "NotEquals", "NotLike"))
            key, values = r.choice(("aws:PrincipalArn", "kms:GranteePrincipal", TEXT_KEYS[0])), some(r, ARNS)
        else:
            operator, key, values = "BinaryEquals", r.choice(TEXT_KEYS[:4]), some(r, tuple(encoded(w) for w in WORDS))
        prefix = r.choice(("", "", "", "ForAnyValue:", "ForAllValues:"))
        return prefix + operator + r.choice(("", "", "IfExists")), key, values

    def statement(self, of_user=False):
        r = self.random
        out = {"Effect": r.choice(("Allow", "Allow", "Allow", "Deny", "Deny"))}
        denies = out["Effect"] == "Deny"
        inverted = denies and r.random() < 0.2
        if not of_user:
            out["NotPrincipal" if inverted else "Principal"] = self.principals(inverted)
        actions = ACTION_PATTERNS + tuple("kms:" + a for a in ACTIONS)
        if r.random() < 0.6:
            actions = ("kms:*", "*", "kms:De*", "kms:*crypt*", "kms:*Key*")
        out["NotAction" if r.random() < 0.15 else "Action"] = some(r, actions)
        resources = RESOURCES if r.random() < 0.35 else ("*",)
        out["NotResource" if r.random() < 0.08 else "Resource"] = some(r, resources, 2)
        for _ in range(r.choice((0, 1, 1, 1, 1, 2) if denies else (0, 0, 1, 1, 1, 2))):
            operator, key, values = self.condition()
            out.setdefault("Condition", {}).setdefault(operator, {})[key] = values
        return out

    def policy(self, of_user=False):
        r = self.random
        statements = [self.statement(of_user) for _ in range(r.choice((1, 2) if of_user else (1, 2, 3, 4, 5)))]
        out = {"Statement": statements[0] if len(statements) == 1 and r.random() < 0.5 else statements}
        if r.random() < 0.5:
            out["Version"] = r.choice(("2012-10-17", "2008-10-17"))
        return json.dumps(out, ensure_ascii=r.random() < 0.5)

    def user_policies(self):
        """Up to three policies of a caller."""
        return [self.policy(of_user=True) for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
