// What the first bytes of a picture say of it: the media type, and its size in pixels for the metadata of XEP-0084 1.1.4
// section 4.2.1. Nothing is decoded.

export type ImageType = "image/png" | "image/jpeg" | "image/gif" | "image/webp";
export type ImageSize = { readonly width: number; readonly height: number };

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Undefined: none of these. */
export function imageType(bytes: Buffer): ImageType | undefined {
  if (bytes.subarray(0, 8).equals(PNG)) return "image/png";
  if (bytes.length > 3 && bytes.readUIntBE(0, 3) === 0xffd8ff) return "image/jpeg";
  const [first, third] = [bytes.toString("latin1", 0, 4), bytes.toString("latin1", 8, 12)];
  if (first === "GIF8") return "image/gif";
  return first === "RIFF" && third === "WEBP" ? "image/webp" : undefined;
}

/** Undefined: it does not say, or not where it should. */
export function imageSize(bytes: Buffer): ImageSize | undefined {
  switch (imageType(bytes)) {
    case "image/png":
      return bytes.length < 24 ? undefined : { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
    case "image/gif":
      return bytes.length < 10 ? undefined : { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
    case "image/jpeg":
      return jpegSize(bytes);
    default:
      return undefined;
  }
}

// ITU-T T.81 annex B: a frame header among the segments before the scan.
function jpegSize(bytes: Buffer): ImageSize | undefined {
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] as number;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
