// docs/credentials.md point 8: failures are slowed down, nobody is locked out.

import { describe, expect, test } from "vitest";
import { addressKey, createThrottle } from "../../server/accounts/throttle.ts";
import { type AuthConfig, ConfigError, parseConfig } from "../../server/config.ts";
import { FakeClock } from "../support/fake-clock.ts";

function setUp(auth: Partial<AuthConfig> = {}) {
  const clock = new FakeClock();
  const throttle = createThrottle({ ...parseConfig({}).auth, failuresPerMinute: 3, ...auth }, clock);
  const fail = (times: number, address: string, account?: string): number[] =>
    Array.from({ length: times }, () => throttle.failure(address, account));
  return { clock, throttle, fail };
}

describe("per address", () => {
  test("free up to the limit, then twice as long each time, up to the longest", () => {
    const { fail } = setUp();
    expect(fail(10, "192.0.2.1")).toEqual([0, 0, 0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(fail(1, "192.0.2.2")).toEqual([0]);
  });

  test("also reaches the longest where only one failure a minute is free", () => {
    const { fail } = setUp({ failuresPerMinute: 1, maxDelaySeconds: 60 });
    expect(fail(10, "192.0.2.1").at(-1)).toBe(60_000);
  });

  test("forgives with time", () => {
    const { clock, fail } = setUp();
    fail(5, "192.0.2.1");
    clock.advance(20_000); // one of three a minute
    expect(fail(1, "192.0.2.1")).toEqual([1000]);
    clock.advance(10 * 60_000);
    expect(fail(4, "192.0.2.1")).toEqual([0, 0, 0, 500]);
  });

  test("however many there were, the delay is over soon after the last", () => {
    const { clock, fail } = setUp({ failuresPerMinute: 10 });
    fail(10_000, "192.0.2.1");
    clock.advance(60_000);
    expect(fail(1, "192.0.2.1")).toEqual([0]);
  });

  test("a success waits as long as the next failure would, and counts for nothing", () => {
    const { throttle, fail } = setUp();
    expect(throttle.success("192.0.2.1")).toBe(0);
    fail(4, "192.0.2.1");
    expect([1, 2, 3].map(() => throttle.success("192.0.2.1"))).toEqual([1000, 1000, 1000]);
    expect(fail(1, "192.0.2.1")).toEqual([1000]);
    expect(throttle.success("192.0.2.2")).toBe(0);
  });

  test("an IPv6 address stands for its /64, an IPv4-mapped one for the IPv4 address", () => {
    const { fail } = setUp();
    fail(3, "2001:db8:0:1::5");
    expect(fail(1, "2001:DB8:0:1:aaaa::")).toEqual([500]);
    expect(fail(1, "2001:db8:0:2::5")).toEqual([0]);
    fail(3, "192.0.2.1");
    expect(fail(1, "::ffff:192.0.2.1")).toEqual([500]);
  });

  test.each([
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1", "fe80:0:0:0::/64"],
    ["2001:db8::", "2001:db8:0:0::/64"],
    ["2001:0db8:0000:0001:2:3:4:5", "2001:db8:0:1::/64"],
    ["2001:db8:1::2:3:4", "2001:db8:1:0::/64"],
    ["192.0.2.1", "192.0.2.1"],
    ["", ""],
  ])("the key of %j is %j", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  test("trusted ones are exempt, but the account they try is not", () => {
    const { throttle, fail } = setUp({ trustedAddresses: ["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"] });
    for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.9.8.7", "fd12::1"]) {
      expect(fail(5, address)).toEqual([0, 0, 0, 0, 0]);
      expect(throttle.success(address)).toBe(0);
    }
    expect(fail(4, "127.0.0.1", "juliet")).toEqual([0, 0, 0, 500]);
    expect(fail(4, "11.0.0.1").at(-1)).toBe(500);
  });

  test.each(["localhost", "10.0.0.0/33", "10.0.0.0/x", ""])("%j is no trusted address", (entry) => {
    expect(() => setUp({ trustedAddresses: [entry] })).toThrow(ConfigError);
  });
});

describe("per account", () => {
  test("counts over all addresses; the longer delay holds", () => {
    const { fail } = setUp();
    for (let i = 1; i <= 4; i += 1) fail(1, `192.0.2.${i}`, "juliet");
    expect(fail(1, "192.0.2.9", "juliet")).toEqual([1000]);
    expect(fail(1, "192.0.2.10", "romeo")).toEqual([0]);
  });

  test("does not delay its owner's login from elsewhere", () => {
    const { throttle, fail } = setUp();
    fail(50, "192.0.2.1", "juliet");
    expect(throttle.success("198.51.100.1")).toBe(0);
  });
});

test("the least recent of very many is forgotten", () => {
  const { fail } = setUp();
  fail(3, "192.0.2.1");
  fail(3, "192.0.2.2");
  for (let i = 0; i < 9_999; i += 1) fail(1, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  expect(fail(1, "192.0.2.2")).toEqual([500]);
  expect(fail(1, "192.0.2.1")).toEqual([0]);
});

test("off", () => {
  const { throttle, fail } = setUp({ throttle: false });
  expect(fail(10, "192.0.2.1", "juliet")).toEqual(Array(10).fill(0));
  expect(throttle.success("192.0.2.1")).toBe(0);
});
