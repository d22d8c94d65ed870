// The pace of one stream (RFC 6120 section 13.12, point 6).

import { describe, expect, it } from "vitest";
import { ByteRate } from "../../server/stream/byte-rate.ts";
import { FakeClock } from "../support/fake-clock.ts";

function rate(bytesPerSecond: number, burstBytes: number): { rate: ByteRate; clock: FakeClock } {
  const clock = new FakeClock();
  return { rate: new ByteRate({ bytesPerSecond, burstBytes }, clock), clock };
}

describe("ByteRate", () => {
  it("lets a burst through, then asks for the time that the rest takes", () => {
    const { rate: bytes, clock } = rate(1_000, 5_000);
    expect(bytes.take(5_000)).toBe(0);
    expect(bytes.take(500)).toBe(500);
    clock.advance(500);
    expect(bytes.take(1)).toBe(1);
    expect(bytes.take(1_999)).toBe(2_000);
  });

  it("earns a burst again while the stream is silent, and no more than that", () => {
    const { rate: bytes, clock } = rate(1_000, 5_000);
    bytes.take(5_000);
    clock.advance(2_000);
    expect(bytes.take(2_000)).toBe(0);
    clock.advance(3_600_000);
    expect(bytes.take(5_000)).toBe(0);
    expect(bytes.take(1)).toBe(1);
  });

  it("is the same on average, however the bytes come", () => {
    for (const chunk of [1, 7, 100, 4_096, 65_536]) {
      const { rate: bytes, clock } = rate(10_000, 10_000);
      const start = clock.now();
      let total = 0;
      while (total < 500_000) {
        clock.advance(bytes.take(chunk));
        total += chunk;
      }
      const seconds = (clock.now() - start) / 1000;
      expect(seconds).toBeGreaterThanOrEqual((total - 10_000) / 10_000);
      expect(seconds).toBeLessThan((total - 10_000) / 10_000 + total / chunk / 1000 + 0.1); // rounded up to milliseconds
    }
  });

  it("bytesPerSecond 0 is no limit", () => {
    expect(rate(0, 1).rate.take(1e12)).toBe(0);
  });

  it("takes a clock that was set back for one that stood still", () => {
    const { rate: bytes, clock } = rate(1_000, 5_000);
    bytes.take(5_000);
    clock.advance(-3_600_000);
    expect(bytes.take(1_000)).toBe(1_000);
    clock.advance(1_000);
    expect(bytes.take(500)).toBe(500);
  });
});
