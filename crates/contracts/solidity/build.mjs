// SPDX-License-Identifier: MIT OR Apache-2.0
// Compiles src/*.sol into artifacts/*.json. With --check it compiles in memory and fails if the committed artifacts
// are not what the sources give.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const root = dirname(fileURLToPath(import.meta.url));
const sourceDir = join(root, "src");
const artifactDir = join(root, "artifacts");
const CODE_LIMIT = 24576;

const settings = {
  evmVersion: "shanghai",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  optimizer: { enabled: true, runs: 200 },
  viaIR: true,
};

const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const json = (value) => JSON.stringify(value, null, 1) + "\n";

/** The artifact files that the sources give: name -> content. */
function build() {
  const names = readdirSync(sourceDir).filter((name) => name.endsWith(".sol")).sort();
  const contents = new Map(names.map((name) => [name, readFileSync(join(sourceDir, name), "utf8")]));
  const sources = Object.fromEntries(names.map((name) => [name, sha256(contents.get(name))]));
  const sourceHash = sha256(names.map((name) => `${name}\0${sources[name]}\n`).join(""));
  const compiler = solc.version();

  const input = {
    language: "Solidity",
    sources: Object.fromEntries(names.map((name) => [name, { content: contents.get(name) }])),
    settings: {
      ...settings,
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  for (const { severity, type, formattedMessage } of output.errors ?? []) {
    // selfdestruct is deprecated; ForceSend uses it on purpose.
    if (severity !== "error" && formattedMessage.includes('"selfdestruct" has been deprecated')) continue;
    console.error(`${severity} (${type}): ${formattedMessage}`);
    if (severity === "error") process.exitCode = 1;
  }
  if (process.exitCode) process.exit();

  const files = new Map();
  for (const name of names) {
    for (const [contractName, contract] of Object.entries(output.contracts[name] ?? {})) {
      // Only the contract that a file is named after is deployable; the rest are libraries, interfaces and bases.
      const bytecode = contract.evm.bytecode.object;
      if (`${contractName}.sol` !== name || bytecode === "") continue;
      const deployedBytecode = contract.evm.deployedBytecode.object;
      if (deployedBytecode.length / 2 > CODE_LIMIT) throw new Error(`${contractName} is too big to deploy`);
      files.set(`${contractName}.json`, json({
        contractName,
        sourceHash,
        compiler,
        settings,
        abi: contract.abi,
        bytecode: `0x${bytecode}`,
        deployedBytecode: `0x${deployedBytecode}`,
      }));
    }
  }
  files.set("manifest.json", json({ compiler, settings, sources, sourceHash }));
  return files;
}

const files = build();
const present = existsSync(artifactDir) ? readdirSync(artifactDir).sort() : [];
const surplus = present.filter((name) => !files.has(name));

if (process.argv.includes("--check")) {
  const problems = surplus.map((name) => `${name}: no source gives this file`);
  for (const [name, content] of files) {
    if (!present.includes(name)) problems.push(`${name}: missing`);
    else if (readFileSync(join(artifactDir, name), "utf8") !== content) problems.push(`${name}: differs`);
  }
  for (const problem of problems) console.error(`artifacts/${problem}`);
  if (problems.length > 0) {
    console.error("run `npm ci && npm run build` and commit the result");
    process.exit(1);
  }
  console.log(`${files.size} artifacts are what the sources give`);
} else {
  mkdirSync(artifactDir, { recursive: true });
  for (const name of surplus) rmSync(join(artifactDir, name));
  for (const [name, content] of files) writeFileSync(join(artifactDir, name), content);
  console.log(`wrote ${files.size} artifacts`);
}
