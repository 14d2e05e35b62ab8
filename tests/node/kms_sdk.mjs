// SPDX-License-Identifier: MIT
//
// AWS's SDK and encryption SDK for JavaScript against envelope-kms. Prints {"name", "why"} for each test, and no
// reason is a pass.

import assert from "node:assert/strict";

import * as sdk from "@aws-sdk/client-kms";
import * as encryption from "@aws-crypto/client-node";

const { KMS_ACCOUNT: account, KMS_ENDPOINT: endpoint, AWS_REGION: region } = process.env;
const agent = `arn:aws:iam::${account}:user/enveloped`;
const kms = new sdk.KMS({ endpoint, region });
const context = { App: "db", "é": "\u{1f511}" };
const secret = Buffer.from("a secret");

async function test(name, body) {
	let why = "";
	try {
		await body();
	} catch (error) {
		why = `${error.stack}`;
	}
	console.log(JSON.stringify({ name, why }));
}

const newKey = async (more) => (await kms.createKey(more ?? {})).KeyMetadata;
const raises = (error, promise) => assert.rejects(promise, error);

async function all(pages, member) {
	const seen = [];
	let count = 0;

	for await (const page of pages) {
		seen.push(...page[member]);
		count++;
	}
	return { seen, count };
}

await test("a key has the SDK's types, and bytes come back as bytes", async () => {
	const key = await newKey({ Description: "made by the SDK", Tags: [{ TagKey: "a", TagValue: "1" }] });

	assert.ok(key.CreationDate instanceof Date && Math.abs(Date.now() - key.CreationDate) < 3600e3);
	assert.equal(key.Arn, `arn:aws:kms:${region}:${account}:key/${key.KeyId}`);
	const sealed = await kms.encrypt({ KeyId: key.KeyId, Plaintext: secret, EncryptionContext: context });
	const opened = await kms.decrypt({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context });
	assert.deepEqual(Buffer.from(opened.Plaintext), secret);
	assert.equal(opened.KeyMaterialId, key.CurrentKeyMaterialId);
	const data = await kms.generateDataKey({ KeyId: key.KeyId, KeySpec: "AES_256" });
	assert.equal(data.Plaintext.length, 32);
	const other = await newKey();
	const moved = await kms.reEncrypt({
		CiphertextBlob: data.CiphertextBlob,
		DestinationKeyId: other.Arn,
		DestinationEncryptionContext: context,
	});
	const again = await kms.decrypt({ CiphertextBlob: moved.CiphertextBlob, EncryptionContext: context });
	assert.deepEqual(again.Plaintext, data.Plaintext);
	await kms.enableKeyRotation({ KeyId: key.KeyId, RotationPeriodInDays: 90 });
	const rotation = await kms.getKeyRotationStatus({ KeyId: key.KeyId });
	assert.equal(rotation.RotationPeriodInDays, 90);
	assert.ok(rotation.NextRotationDate > Date.now());
	const use = await kms.getKeyLastUsage({ KeyId: key.KeyId });
	assert.ok(use.KeyLastUsage.Timestamp instanceof Date, JSON.stringify(use));
});

await test("each fault is the SDK's exception of that name", async () => {
	const key = await newKey();
	const { CiphertextBlob } = await kms.encrypt({ KeyId: key.KeyId, Plaintext: secret });

	await raises(sdk.NotFoundException, kms.describeKey({ KeyId: "alias/never-made" }));
	await raises(sdk.InvalidCiphertextException, kms.decrypt({ CiphertextBlob, EncryptionContext: context }));
	await raises(sdk.IncorrectKeyException, kms.decrypt({ CiphertextBlob, KeyId: (await newKey()).KeyId }));
	await raises(sdk.DryRunOperationException, kms.decrypt({ CiphertextBlob, DryRun: true }));
	await raises(sdk.MalformedPolicyDocumentException, kms.putKeyPolicy({ KeyId: key.KeyId, Policy: "{}" }));
	await raises({ name: "ValidationException" }, kms.generateRandom({ NumberOfBytes: 0 }));
	await kms.disableKey({ KeyId: key.KeyId });
	await raises(sdk.DisabledException, kms.decrypt({ CiphertextBlob }));
	await kms.scheduleKeyDeletion({ KeyId: key.KeyId, PendingWindowInDays: 7 });
	await raises(sdk.KMSInvalidStateException, kms.decrypt({ CiphertextBlob }));
});

await test("each paginator of the SDK goes through more than two pages and leaves none out", async () => {
	const key = await newKey({ Tags: [1, 2, 3, 4, 5, 6, 7].map((i) => ({ TagKey: `k${i}`, TagValue: "" })) });
	const config = { client: kms, pageSize: 3 };

	for (let i = 0; i < 7; i++) {
		await kms.createAlias({ AliasName: `alias/sdk/${i}`, TargetKeyId: key.KeyId });
		await kms.createGrant({ KeyId: key.KeyId, GranteePrincipal: agent, Operations: ["Decrypt"], Name: `g${i}` });
		await newKey();
	}
	for (const [pages, member, least] of [
		[sdk.paginateListKeys(config, {}), "Keys", 8],
		[sdk.paginateListAliases(config, { KeyId: key.KeyId }), "Aliases", 7],
		[sdk.paginateListGrants(config, { KeyId: key.KeyId }), "Grants", 7],
		[sdk.paginateListResourceTags(config, { KeyId: key.KeyId }), "Tags", 7],
	]) {
		const { seen, count } = await all(pages, member);

		assert.ok(count > 2 && seen.length >= least, `${member}: ${count} pages, ${seen.length}`);
		assert.equal(new Set(seen.map((entry) => JSON.stringify(entry))).size, seen.length, member);
	}
});

// The encryption SDK: the data key of a message, wrapped by each of several keys.
const { encrypt, decrypt } = encryption.buildClient(encryption.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const clientProvider = encryption.getClient(encryption.KMS, { endpoint });
const keyring = (generatorKeyId, ...keyIds) => new encryption.KmsKeyringNode({ clientProvider, generatorKeyId, keyIds });

await test("a message of the encryption SDK opens with each key that wrapped it, and with no other", async () => {
	const [one, two, other] = [await newKey(), await newKey(), await newKey()];
	const { result } = await encrypt(keyring(one.Arn, two.Arn), secret, { encryptionContext: context });
	const open = async (ring) => (await decrypt(ring, result)).plaintext;

	assert.deepEqual(await open(keyring(one.Arn)), secret);
	await kms.disableKey({ KeyId: one.KeyId });
	assert.deepEqual(await open(new encryption.KmsKeyringNode({ clientProvider, keyIds: [two.Arn] })), secret);
	await assert.rejects(open(new encryption.KmsKeyringNode({ clientProvider, keyIds: [one.Arn] })), /disabled/);
	await assert.rejects(open(new encryption.KmsKeyringNode({ clientProvider, keyIds: [other.Arn] })));
	const discovery = new encryption.KmsKeyringNode({
		clientProvider,
		discovery: true,
		discoveryFilter: { accountIDs: [account], partition: "aws" },
	});
	const { plaintext, messageHeader } = await decrypt(discovery, result);
	assert.deepEqual(plaintext, secret);
	assert.equal(messageHeader.encryptionContext.App, "db");
	assert.deepEqual(messageHeader.encryptedDataKeys.map((k) => k.providerInfo), [one.Arn, two.Arn]);
});

await test("a message of the encryption SDK by an alias, and one changed byte of its wrapped key", async () => {
	const key = await newKey();

	await kms.createAlias({ AliasName: "alias/messages", TargetKeyId: key.KeyId });
	const alias = `arn:aws:kms:${region}:${account}:alias/messages`;
	const { result } = await encrypt(keyring(alias), secret);
	const ring = new encryption.KmsKeyringNode({ clientProvider, keyIds: [key.Arn] });
	assert.deepEqual((await decrypt(ring, result)).plaintext, secret);
	const changed = Buffer.from(result);
	changed[changed.indexOf(key.Arn) + key.Arn.length + 60] ^= 1;
	await assert.rejects(decrypt(ring, changed), /InvalidCiphertext|damaged/);
});
