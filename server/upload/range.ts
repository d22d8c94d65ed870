// Which octets of a file a request asks for (RFC 9110 section 14).

/** From the first octet to the last, both included. */
export type ByteRange = { readonly start: number; readonly end: number };

/**
 * "whole": there is no range, or one that may be ignored: of another unit, or several (section 14.2). "none": nothing of the
 * file is in it.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | "whole" | "none" {
  const parts = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? "");
  if (parts === null) return "whole";
  const [, first = "", last = ""] = parts;
  if (first === "" && last === "") return "whole";
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "none" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return "whole"; // section 14.1.1: it is no range
  if (start >= size) return "none";
  return { start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
}
