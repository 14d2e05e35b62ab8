# SPDX-License-Identifier: MIT
"""The model of the KMS API in the npm package @aws-sdk/client-kms: calls, members and enums, and no constraints."""

import re


class Sdk:
    def __init__(self, folder):
        with open(f"{folder}/dist-es/schemas/schemas_0.js", encoding="utf-8") as f:
            text = f.read()
        words = dict(re.findall(r'^const (_\w+) = "([^"]+)";', text, re.MULTILINE))
        structures = re.findall(r"^export var \w+\$ = \[3, n0, (_\w+),\n\s+\w+,\n\s+\[([^\]]*)\],\n\s+\[(.*?)\n\];$", text,
                                re.MULTILINE | re.DOTALL)
        self.operations = {words[n] for n in re.findall(r"^export var \w+\$ = \[9, n0, (_\w+),", text, re.MULTILINE)}
        self.structures = {}
        for name, members, rest in structures:
            members = [words[m] for m in re.findall(r"_\w+", members)]
            required = re.search(r"\], (\d+)$", rest)  # the first ones are required
            self.structures[words[name]] = (set(members), set(members[:int(required[1])] if required else []))
        with open(f"{folder}/dist-es/models/enums.js", encoding="utf-8") as f:
            self.enums = {name: set(re.findall(r': "([^"]+)"', values))
                          for name, values in re.findall(r"^export const (\w+) = \{(.*?)^\};", f.read(), re.MULTILINE | re.DOTALL)}

    def differences(self, parts):
        """What the SDK has differently from PARTS, those of kms_api.essence()."""
        found, compared = [], 0
        for name, part in sorted(parts.items()):
            if not isinstance(part, dict):
                continue
            if part["type"] == "structure":
                seen = self.structures.get(name)
                wanted = (set(part["parts"]), set(part["required"]))
                compared += len(wanted[0])
            elif part["enum"]:
                seen, wanted = self.enums.get(name), set(part["enum"])
            else:
                continue
            if seen != wanted:
                found.append(f"{name}: {wanted} is {seen} in the SDK")
        return found, compared
