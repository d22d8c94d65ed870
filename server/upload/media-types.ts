// What a browser may do with a file that somebody uploaded: nothing that runs anything (XEP-0363 1.2.0 section 10.1).

/** Shown in place: pictures, sound and film, which hold no program. SVG does. */
const SHOWN = new Set([
  "audio/aac",
  "audio/flac",
  "audio/mp4",
  "audio/mpeg",
  "audio/ogg",
  "audio/opus",
  "audio/wav",
  "audio/webm",
  "image/avif",
  "image/bmp",
  "image/gif",
  "image/jpeg",
  "image/png",
  "image/webp",
  "video/mp4",
  "video/ogg",
  "video/webm",
]);

/** Named as what they are, but saved and not shown. */
const NAMED = new Set(["application/pdf", "application/zip", "text/plain"]);

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,127}"; // RFC 9110 section 5.6.2
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})[ \\t]*(?:;.*)?$`);
const UNKNOWN = "application/octet-stream";

/** The type without its parameters, in lower case. Empty: it is none. Source: RFC 9110 section 8.3.1. */
export function mediaType(text: string | undefined): string {
  return MEDIA_TYPE.exec(text?.trim() ?? "")?.[1]?.toLowerCase() ?? "";
}

/** The headers of a file that tell a browser what it is. */
export function fileHeaders(type: string, name: string): Readonly<Record<string, string>> {
  const shown = SHOWN.has(type);
  return {
    "content-type": shown ? type : NAMED.has(type) ? withCharset(type) : UNKNOWN,
    "content-disposition": `${shown ? "inline" : "attachment"}; ${filename(name)}`,
    "content-security-policy": `default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'${shown ? "" : "; sandbox"}`,
  };
}

function withCharset(type: string): string {
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

// RFC 6266 section 4.3, with the plain form for who does not know the other.
function filename(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `filename="${plain}"; filename*=UTF-8''${encoded}`;
}
