import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, judge, timeless } from "./check.mjs";

const happy = {
  swaps: 20, completed: 20, cancelled: 0, refused: 0, void: 0, failed: 0,
  value_conserved: true, nonces_dense: true, missed_deadlines: 0, p50_ms: 3, p99_ms: 9.5,
};
const mixed = {
  ...happy, swaps: 60, completed: 30, cancelled: 20, refused: 9, void: 1,
  traps: [{ name: "copied hashlock", expected: "refused", actual: "refused" }],
};

test("a good answer passes", () => {
  assert.deepEqual(judge("happy", 20, happy), []);
  assert.deepEqual(judge("mixed", 60, mixed), []);
  assert.deepEqual(judge("crash", 20, happy), []);
});

test("anything else is named", () => {
  const no = (scenario, swaps, answer, text) =>
    assert.match(judge(scenario, swaps, answer).join("\n"), text);
  no("happy", 21, happy, /asked for were 21/);
  no("happy", 20, { ...happy, completed: 19, cancelled: 1 }, /19 completed/);
  no("happy", 20, { ...happy, failed: 1 }, /1 swaps failed/);
  no("happy", 20, { ...happy, completed: 19 }, /19 of 20 swaps are in a terminal state/);
  no("happy", 20, { ...happy, value_conserved: "true" }, /value_conserved/);
  no("happy", 20, { ...happy, nonces_dense: false }, /nonces_dense is false/);
  no("mixed", 60, { ...mixed, missed_deadlines: 1 }, /missed_deadlines is 1/);
  no("happy", 20, { ...happy, p99_ms: undefined }, /p99_ms/);
  no("happy", 20, {}, /completed is undefined/);
  no("crash", 20, { ...happy, completed: 0, cancelled: 20 }, /no swap completed/);
  no("mixed", 60, { ...mixed, cancelled: 0, void: 21 }, /no swap is cancelled/);
  no("mixed", 60, { ...mixed, traps: [] }, /no traps/);
  const lost = { name: "copied hashlock", expected: "refused", actual: "completed" };
  no("mixed", 60, { ...mixed, traps: [lost] }, /copied hashlock: expected refused, ended completed/);
  no("mixed", 60, { ...mixed, traps: [mixed.traps[0], mixed.traps[0]] }, /one name/);
  const trap = (expected, actual) => ({ ...mixed, traps: [{ name: "t", expected, actual }] });
  const yes = (scenario, swaps, answer) => assert.deepEqual(judge(scenario, swaps, answer), []);
  yes("mixed", 60, trap("refused: late", "refused: poor, late"));
  yes("mixed", 60, trap("void or completed", "void"));
  no("mixed", 60, trap("refused: late", "refused: poor"), /expected refused: late/);
  no("mixed", 60, trap("void or completed", "refused"), /expected void or completed/);
});

test("only measured times may differ between two runs", () => {
  const table = (gas, ms) => ({ p50_ms: ms, table: [{ id: "1", gas, took_ms: ms }] });
  const compare = (a, b) => differences(timeless(a), timeless(b));
  assert.deepEqual(compare(table(7, 1), table(7, 2)), []);
  assert.deepEqual(compare(table(7, 1), table(8, 1)), ["$.table.0.gas: 7 and 8"]);
  assert.equal(compare({ table: [] }, { table: [1] }).length, 1);
});
