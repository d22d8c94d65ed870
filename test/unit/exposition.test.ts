// The Prometheus text format, by the examples and rules of its specification.

import { expect, test } from "vitest";
import { byLabel, exposition } from "../../server/metrics/exposition.ts";

test("families with their help, type and samples; those without samples are left out", () => {
  const text = exposition([
    { name: "a_total", type: "counter", help: "How many.", samples: [{ value: 3 }] },
    { name: "none", type: "gauge", help: "Nothing.", samples: [] },
    {
      name: "b",
      type: "gauge",
      help: "By kind.",
      samples: byLabel("kind", [
        ["x", 1.5],
        ["y", 0],
      ]),
    },
  ]);
  expect(text).toBe(
    "# HELP a_total How many.\n# TYPE a_total counter\na_total 3\n" +
      '# HELP b By kind.\n# TYPE b gauge\nb{kind="x"} 1.5\nb{kind="y"} 0\n',
  );
});

test("what is escaped in help and in labels", () => {
  const samples = [{ labels: { path: "C:\\DIR", error: 'Cannot find file:\n"FILE.TXT"' }, value: 1 }];
  expect(exposition([{ name: "a", type: "gauge", help: 'back\\slash,\nline, "quote"', samples }])).toBe(
    '# HELP a back\\\\slash,\\nline, "quote"\n# TYPE a gauge\n' +
      'a{path="C:\\\\DIR",error="Cannot find file:\\n\\"FILE.TXT\\""} 1\n',
  );
});

test.each([
  [0, "0"],
  [1.458255915e9, "1458255915"],
  [1e21, "1e+21"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "+Inf"],
  [Number.NEGATIVE_INFINITY, "-Inf"],
])("the value %s", (value, written) => {
  expect(exposition([{ name: "a", type: "gauge", help: "A.", samples: [{ value }] }])).toMatch(`\na ${written}\n`);
});
