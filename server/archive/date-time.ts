// XEP-0082 1.1.1 section 3.2: the DateTime profile, read.

import type { EpochMs } from "../clock.ts";
import { ok, type Result, refuse } from "../result.ts";

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:Z|([+-])((?:0\d|1[0-3]):[0-5]\d|14:00))$/;

/** A moment, with whatever fraction of a millisecond it has: a time that is compared with is not rounded to either side. */
export function parseDateTime(text: string): Result<EpochMs> {
  const parts = DATE_TIME.exec(text);
  if (parts === null) return refuse("a time looks like 2010-06-07T00:00:00Z (XEP-0082)");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const [fraction = "", sign, offset = "00:00"] = parts.slice(7);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  // XML Schema part 2 section 3.3.7, which rules: a day may end at 24:00:00.
  const isTime =
    hour <= 23 ? minute <= 59 && second <= 59 : hour === 24 && !/[1-9]/.test(`${minute}${second}${fraction}`);
  if (!isDay || !isTime) return refuse("there is no such time");
  const [offsetHours = 0, offsetMinutes = 0] = offset.split(":").map(Number);
  const offsetMs = (offsetHours * 60 + offsetMinutes) * 60_000 * (sign === "-" ? -1 : 1);
  const timeMs = ((hour * 60 + minute) * 60 + second) * 1_000 + Number(`0.${fraction}0`) * 1_000;
  return ok(date.getTime() + timeMs - offsetMs);
}
