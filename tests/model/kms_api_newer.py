# SPDX-License-Identifier: MIT
"""What AWS's KMS has beside the model in Debian 12's botocore, in the words of such a model.

Of the operations that envelope-kms serves, and in full. kms_model_walk.py holds this file against a newer
model, if there is one: KMS_MODEL=service-2.json of botocore, KMS_SDK=FOLDER of the npm package @aws-sdk/client-kms.
"""


def _members(**shapes):
    return {name: {"shape": shape} for name, shape in shapes.items()}


def _structure(*required, **shapes):
    return {"type": "structure", "required": list(required), "members": _members(**shapes)}


def _enum(*values):
    return {"type": "string", "enum": list(values)}


def _list(member):
    return {"type": "list", "member": {"shape": member}}


def _operation(name, *errors):
    return {"name": name, "input": {"shape": f"{name}Request"}, "output": {"shape": f"{name}Response"},
            "errors": [{"shape": error} for error in errors]}


OPERATIONS = {
    **{name: {"name": name, "input": {"shape": "GetKeyLastUsageRequest"}, "errors": []}
       for name in ("Decapsulate", "DeriveSharedSecret", "Encapsulate")},
    "GetKeyLastUsage": _operation("GetKeyLastUsage", "NotFoundException", "InvalidArnException", "DependencyTimeoutException",
                                  "KMSInternalException"),
    "ListKeyRotations": _operation("ListKeyRotations", "NotFoundException", "InvalidArnException", "InvalidMarkerException",
                                   "KMSInternalException", "KMSInvalidStateException", "UnsupportedOperationException"),
    "RotateKeyOnDemand": _operation("RotateKeyOnDemand", "NotFoundException", "DisabledException", "InvalidArnException",
                                    "DependencyTimeoutException", "KMSInternalException", "KMSInvalidStateException",
                                    "UnsupportedOperationException", "LimitExceededException", "ConflictException"),
}

SHAPES = {
    "AttestationDocumentType": {"type": "blob", "max": 262144, "min": 1},
    "BackingKeyIdType": {"type": "string", "max": 64, "min": 64, "pattern": "^[a-f0-9]+$"},
    "CloudHsmClusterIdType": {"pattern": "cluster-[2-7a-zA-Z]{11,16}"},
    "CloudTrailEventIdType": {"type": "string"},
    "DryRunModifierList": _list("DryRunModifierType"),
    "DryRunModifierType": _enum("IGNORE_CIPHERTEXT"),
    "DryRunOperationException": _structure(message="ErrorMessageType"),
    "ConflictException": _structure(message="ErrorMessageType"),
    "EncapsulationAlgorithmSpec": _enum("ML_KEM"),
    "EncapsulationAlgorithmSpecList": _list("EncapsulationAlgorithmSpec"),
    "GetKeyLastUsageRequest": _structure("KeyId", KeyId="KeyIdType"),
    "GetKeyLastUsageResponse": _structure(KeyId="KeyIdType", KeyLastUsage="KeyLastUsageData", TrackingStartDate="DateType",
                                          KeyCreationDate="DateType"),
    "ImportState": _enum("IMPORTED", "PENDING_IMPORT"),
    "IncludeKeyMaterial": _enum("ALL_KEY_MATERIAL", "ROTATIONS_ONLY"),
    "KeyAgreementAlgorithmSpec": _enum("ECDH"),
    "KeyAgreementAlgorithmSpecList": _list("KeyAgreementAlgorithmSpec"),
    "KeyEncryptionMechanism": _enum("RSAES_OAEP_SHA_256"),
    "KeyLastUsageData": _structure(Operation="KeyLastUsageTrackingOperation", Timestamp="DateType",
                                   CloudTrailEventId="CloudTrailEventIdType", KmsRequestId="KmsRequestIdType"),
    "KeyLastUsageTrackingOperation": _enum(
        "Decapsulate", "Decrypt", "DeriveSharedSecret", "Encapsulate", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "GenerateMac", "ReEncrypt", "Sign", "Verify",
        "VerifyMac"),
    "KeyMaterialDescriptionType": {"type": "string", "max": 256, "min": 0, "pattern": "^[a-zA-Z0-9:/_\\s.-]+$"},
    "KeyMaterialState": _enum("NON_CURRENT", "CURRENT", "PENDING_ROTATION", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"),
    "KmsRequestIdType": {"type": "string"},
    "ListKeyRotationsRequest": _structure("KeyId", KeyId="KeyIdType", IncludeKeyMaterial="IncludeKeyMaterial", Limit="LimitType",
                                          Marker="MarkerType"),
    "ListKeyRotationsResponse": _structure(Rotations="RotationsList", NextMarker="MarkerType", Truncated="BooleanType"),
    "RecipientInfo": _structure(KeyEncryptionAlgorithm="KeyEncryptionMechanism", AttestationDocument="AttestationDocumentType"),
    "ServicePrincipalType": {"type": "string"},
    "RotateKeyOnDemandRequest": _structure("KeyId", KeyId="KeyIdType"),
    "RotateKeyOnDemandResponse": _structure(KeyId="KeyIdType"),
    "RotationPeriodInDaysType": {"type": "integer", "max": 2560, "min": 90},
    "RotationType": _enum("AUTOMATIC", "ON_DEMAND"),
    "RotationsList": _list("RotationsListEntry"),
    "RotationsListEntry": _structure(
        KeyId="KeyIdType", KeyMaterialId="BackingKeyIdType", KeyMaterialDescription="KeyMaterialDescriptionType",
        ImportState="ImportState", KeyMaterialState="KeyMaterialState", ExpirationModel="ExpirationModelType", ValidTo="DateType",
        RotationDate="DateType", RotationType="RotationType"),
}

# More values of enums.
VALUES = {
    "GrantOperation": ["Decapsulate", "DeriveSharedSecret", "Encapsulate"],
    "KeyLastUsageTrackingOperation": ["Decapsulate", "Encapsulate"],
    "KeySpec": ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87", "ECC_NIST_EDWARDS25519", "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"],
    "KeyUsageType": ["KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"],
    "SigningAlgorithmSpec": ["ML_DSA_SHAKE_256", "ED25519_SHA_512", "ED25519_PH_SHA_512"],
}

# More members of structures.
DRY_RUN = _members(DryRun="NullableBooleanType")
RECIPIENT = _members(Recipient="RecipientInfo")
DRY_RUN_MODIFIERS = _members(DryRunModifiers="DryRunModifierList")
FOR_RECIPIENT = _members(CiphertextForRecipient="CiphertextType")
MATERIAL = _members(KeyMaterialId="BackingKeyIdType")
GRANTEE_SERVICE = _members(GranteeServicePrincipal="ServicePrincipalType")
RETIRING_SERVICE = _members(RetiringServicePrincipal="ServicePrincipalType")
MEMBERS = {
    "CreateGrantRequest": {**DRY_RUN, **GRANTEE_SERVICE, **RETIRING_SERVICE},
    "DecryptRequest": {**RECIPIENT, **DRY_RUN, **DRY_RUN_MODIFIERS},
    "DecryptResponse": {**FOR_RECIPIENT, **MATERIAL},
    "EnableKeyRotationRequest": _members(RotationPeriodInDays="RotationPeriodInDaysType"),
    "EncryptRequest": DRY_RUN,
    "GenerateDataKeyRequest": {**RECIPIENT, **DRY_RUN},
    "GenerateDataKeyResponse": {**FOR_RECIPIENT, **MATERIAL},
    "GenerateDataKeyWithoutPlaintextRequest": DRY_RUN,
    "GenerateDataKeyWithoutPlaintextResponse": MATERIAL,
    "GenerateRandomRequest": RECIPIENT,
    "GenerateRandomResponse": FOR_RECIPIENT,
    "GetKeyPolicyResponse": _members(PolicyName="PolicyNameType"),
    "GetKeyRotationStatusResponse": _members(KeyId="KeyIdType", RotationPeriodInDays="RotationPeriodInDaysType",
                                             NextRotationDate="DateType", OnDemandRotationStartDate="DateType"),
    "GrantConstraints": _members(SourceArn="ArnType"),
    "GrantListEntry": {**GRANTEE_SERVICE, **RETIRING_SERVICE},
    "KeyMetadata": _members(EncapsulationAlgorithms="EncapsulationAlgorithmSpecList", CurrentKeyMaterialId="BackingKeyIdType",
                            KeyAgreementAlgorithms="KeyAgreementAlgorithmSpecList"),
    "ListGrantsRequest": GRANTEE_SERVICE,
    "ListRetirableGrantsRequest": RETIRING_SERVICE,
    "ReEncryptRequest": {**DRY_RUN, **DRY_RUN_MODIFIERS},
    "ReEncryptResponse": _members(SourceKeyMaterialId="BackingKeyIdType", DestinationKeyMaterialId="BackingKeyIdType"),
    "RetireGrantRequest": DRY_RUN,
    "RevokeGrantRequest": DRY_RUN,
}

# Members that were required once.
OPTIONAL = {
    "CreateGrantRequest": {"GranteePrincipal"},
    "DecryptRequest": {"CiphertextBlob"},
    "GetKeyPolicyRequest": {"PolicyName"},
    "ListRetirableGrantsRequest": {"RetiringPrincipal"},
    "PutKeyPolicyRequest": {"PolicyName"},
    "ReEncryptRequest": {"CiphertextBlob"},
}

# More faults of operations.
ERRORS = {name: ["DryRunOperationException"] for name in (
    "CreateGrant", "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "RetireGrant",
    "RevokeGrant")}
