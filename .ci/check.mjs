// Judges the JSON that `bmn dev --json` ends with.
//
//   node check.mjs happy|mixed|crash SWAPS FILE    every swap ended as the scenario allows
//   node check.mjs same FILE FILE                  equal but for the measured times (`*_ms`)
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { pathToFileURL } from "node:url";

const COUNTS = ["swaps", "completed", "cancelled", "refused", "void", "failed"];

/** What is wrong with the answer of a run over `swaps` swaps; empty when nothing is. */
export function judge(scenario, swaps, answer) {
  const problems = [];
  const expect = (ok, text) => { if (!ok) problems.push(text); };
  for (const key of COUNTS) {
    expect(Number.isInteger(answer[key]) && answer[key] >= 0, `${key} is ${answer[key]}: not a count`);
  }
  for (const key of ["p50_ms", "p99_ms"]) {
    expect(typeof answer[key] === "number" && answer[key] >= 0, `${key} is ${answer[key]}: not a time`);
  }
  if (problems.length > 0) return problems;

  const ended = answer.completed + answer.cancelled + answer.refused + answer.void;
  expect(answer.swaps === swaps, `swaps is ${answer.swaps}, asked for were ${swaps}`);
  expect(answer.failed === 0, `${answer.failed} swaps failed`);
  expect(ended === answer.swaps, `${ended} of ${answer.swaps} swaps are in a terminal state`);
  expect(answer.value_conserved === true, `value_conserved is ${answer.value_conserved}`);
  expect(answer.nonces_dense === true, `nonces_dense is ${answer.nonces_dense}`);
  expect(answer.missed_deadlines === 0, `missed_deadlines is ${answer.missed_deadlines}`);
  if (scenario === "happy") expect(answer.completed === swaps, `${answer.completed} completed`);
  else expect(answer.completed > 0, "no swap completed");
  if (scenario === "mixed") {
    for (const key of ["cancelled", "refused"]) expect(answer[key] > 0, `no swap is ${key}`);
    problems.push(...judgeTraps(answer.traps));
  }
  return problems;
}

function judgeTraps(traps) {
  if (!Array.isArray(traps) || traps.length === 0) return ["no traps are listed"];
  const names = new Set(traps.map(({ name }) => name));
  const problems = names.size === traps.length ? [] : ["two traps have one name"];
  for (const { name, expected, actual } of traps) {
    if (!endsAs(expected, actual)) problems.push(`trap ${name}: expected ${expected}, ended ${actual}`);
  }
  return problems;
}

/** The value without the keys that hold measured times. */
export function timeless(value) {
  if (Array.isArray(value)) return value.map(timeless);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([key]) => !key.endsWith("_ms"));
  return Object.fromEntries(kept.map(([key, inner]) => [key, timeless(inner)]));
}

/** The paths at which two values differ. */
export function differences(a, b, path = "$") {
  if (isDeepStrictEqual(a, b)) return [];
  const nested = (value) => value !== null && typeof value === "object";
  if (!nested(a) || !nested(b)) return [`${path}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences(a[key], b[key], `${path}.${key}`));
}

function parse(file) {
  const text = readFileSync(file, "utf8").trim();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file}: the last line of stdout is not JSON: ${text.slice(0, 200)}`);
  }
}

function main([mode, ...rest]) {
  if (mode === "same" && rest.length === 2) {
    const [a, b] = rest.map((file) => timeless(parse(file)));
    return differences(a, b);
  }
  if (["happy", "mixed", "crash"].includes(mode) && rest.length === 2) {
    return judge(mode, Number(rest[0]), parse(rest[1]));
  }
  throw new Error("usage: check.mjs happy|mixed|crash SWAPS FILE, or check.mjs same FILE FILE");
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const problems = main(process.argv.slice(2));
  for (const problem of problems.slice(0, 50)) console.error(problem);
  if (problems.length > 0) process.exit(1);
  console.log(`${process.argv.slice(2).join(" ")}: as expected`);
}

/** "refused: a, b" ends as "refused", as "refused: a" and as "void or refused: b" say. */
function endsAs(expected, actual) {
  const [ends, reason] = String(expected).split(": ");
  const [end, reasons = ""] = String(actual).split(": ");
  return ends.split(" or ").includes(end) && (!reason || reasons.split(", ").includes(reason));
}
