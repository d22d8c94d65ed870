// The stateless converter and its subcommand (gateway/convert.ts, server/cli/convert.ts).

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { convert, type Kind } from "../../gateway/convert.ts";
import { VECTOR_FILES } from "../support/mapping-octets.ts";
import { anyOctets } from "../support/mapping-properties.ts";
import { loadVectors, octetsOf, outputOf, stanzasIn, type Vector } from "../support/vectors.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const VECTORS = VECTOR_FILES.flatMap(loadVectors);
const crlf = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "utf8");
const message = (inner: string): string =>
  `<message from="juliet@example.com/x" to="romeo@example.net">${inner}</message>`;
const object = (content: string, headers = ""): Buffer =>
  crlf(
    `Content-type: Message/CPIM\n\nFrom: <im:romeo@example.net>\nTo: <im:juliet@example.com>\n${headers}\n${content}`,
  );
const text = (body: string, headers = ""): Buffer =>
  object(`Content-type: text/plain; charset=utf-8\n\n${body}`, headers);
const pidf = (inner: string): Buffer =>
  object(
    `Content-type: application/pidf+xml; charset=utf-8\n\n<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:romeo@example.net'>${inner}</presence>`,
  );

describe("there and back", () => {
  const roundTrips = (direction: string, condition: (vector: Vector) => boolean = () => true): Vector[] =>
    VECTORS.filter((vector) => vector.direction === direction && vector.refused === undefined && condition(vector));

  it.each(roundTrips("xmpp->cpim").map((vector) => [vector.name, vector] as const))(
    "%s: what is written is read, and written again alike [K-5]",
    (_, vector) => {
      const object = convert("xmpp", "cpim", octetsOf(vector.input));
      if (object.exit !== 0 || object.output.length === 0 || vector.name.includes("without header block")) return;
      const stanzas = stanzasIn(outputOf(convert("cpim", "xmpp", object.output)));
      expect(stanzas).toHaveLength(1);
      const again = convert("xmpp", "cpim", Buffer.from(outputOf(convert("cpim", "xmpp", object.output)).trimEnd()));
      expect(outputOf(again)).toBe(object.output.toString("utf8"));
    },
  );
});

describe("any input", () => {
  it("gives a value or a refusal, never a throw [G-1 G-4 K-2]", () => {
    fc.assert(anyOctets.property, { numRuns: 10_000 });
  });

  it("64 KiB works [G-3]", () => {
    const body = "Wherefore art thou? ".repeat(3_000);
    expect(convert("xmpp", "cpim", Buffer.from(message(`<body>${body}</body>`))).exit).toBe(0);
    expect(convert("cpim", "xmpp", text(body)).exit).toBe(0);
    expect(convert("cpim", "xmpp", text("x", `Subject: ${"long ".repeat(12_000)}end\n`)).exit).toBe(0);
    const status = `<presence from="juliet@example.com/x" to="romeo@example.net"><status>${body}</status></presence>`;
    expect(convert("xmpp", "cpim", Buffer.from(status)).exit).toBe(0);
  });

  it("four hundred tuples and recipients give their stanzas [G-3 S-6.3.1a]", () => {
    const tuples = Array.from(
      { length: 400 },
      (_, i) => `<tuple id='r${i}'><status><basic>open</basic></status></tuple>`,
    ).join("");
    expect(stanzasIn(outputOf(convert("cpim", "xmpp", pidf(tuples))))).toHaveLength(400);
    const to = Array.from({ length: 400 }, (_, i) => `To: <im:u${i}@example.com>\n`).join("");
    expect(stanzasIn(outputOf(convert("cpim", "xmpp", text("hi", to))))).toHaveLength(401);
  });

  it("a megabyte is read, more is refused [G-3]", () => {
    const frame = message("<body></body>").length;
    const fit = Buffer.from(message(`<body>${"x".repeat(1_048_576 - frame)}</body>`));
    expect(fit).toHaveLength(1_048_576);
    expect(convert("xmpp", "cpim", fit).exit).toBe(0);
    expect(convert("xmpp", "cpim", Buffer.concat([fit, Buffer.from(" ")])).exit).toBe(65);
  });

  const MEGABYTE = 1_000_000;
  const fill = (piece: string): string => piece.repeat(Math.floor(MEGABYTE / Buffer.byteLength(piece)) - 600);
  it.each<[string, Kind, Kind, Buffer]>([
    ["one body", "xmpp", "cpim", Buffer.from(message(`<body>${fill("x")}</body>`))],
    ["line breaks", "xmpp", "cpim", Buffer.from(message(`<body>${fill("\n")}</body>`))],
    ["character references", "xmpp", "cpim", Buffer.from(message(`<body>${fill("&#10;")}</body>`))],
    ["empty elements", "xmpp", "cpim", Buffer.from(message(fill("<a/>")))],
    ["subjects", "xmpp", "cpim", Buffer.from(message(fill("<subject>x</subject>")))],
    [
      "attributes",
      "xmpp",
      "cpim",
      Buffer.from(message(`<a ${Array.from({ length: 90_000 }, (_, i) => `a${i}=''`).join(" ")}/>`)),
    ],
    ["namespaces", "xmpp", "cpim", Buffer.from(message(fill("<a xmlns:x='urn:x' x:y=''/>")))],
    ["an open reference", "xmpp", "cpim", Buffer.from(message(`<body>&${fill("a")}</body>`))],
    ["an open comment", "xmpp", "cpim", Buffer.from(`<!--${fill("- ")}`)],
    ["an open DOCTYPE", "xmpp", "cpim", Buffer.from(`<!DOCTYPE a [${fill("<!x ")}`)],
    ["open elements", "xmpp", "cpim", Buffer.from(fill("<a>"))],
    ["one long name", "xmpp", "cpim", Buffer.from(`<${fill("a")}`)],
    ["a long address", "xmpp", "cpim", Buffer.from(`<message from="${fill("٠")}@x.y" to="a@b.c"><body/></message>`)],
    ["spaces in a subject", "xmpp", "cpim", Buffer.from(message(`<subject>a${fill(" ")}b</subject>`))],
    ["one text", "cpim", "xmpp", text(fill("x"))],
    ["lines", "cpim", "xmpp", text(fill("\n").slice(0, 490_000))],
    ["characters that XML forbids", "cpim", "xmpp", text(fill("\0"))],
    ["escapes", "cpim", "xmpp", text("x", `Subject: ${fill("\\a")}\n`)],
    ["escaped surrogates", "cpim", "xmpp", text("x", `Subject: ${fill("\\ud83d")}\n`)],
    ["many subjects", "cpim", "xmpp", text("x", fill("Subject: x\n").slice(0, 900_000 - (900_000 % 11)))],
    [
      "many namespaces",
      "cpim",
      "xmpp",
      text("x", Array.from({ length: 40_000 }, (_, i) => `NS: n${i} <urn:x>\n`).join("")),
    ],
    [
      "recipients",
      "cpim",
      "xmpp",
      text("x", Array.from({ length: 30_000 }, (_, i) => `To: <im:u${i}@e.f>\n`).join("")),
    ],
    [
      "recipients of a long text",
      "cpim",
      "xmpp",
      text("x".repeat(500_000), Array.from({ length: 15_000 }, (_, i) => `To: <im:u${i}@e.f>\n`).join("")),
    ],
    ["a long formal name", "cpim", "xmpp", text("x", `cc: ${fill("a ")}!<im:a@b.c>\n`)],
    ["a quoted formal name", "cpim", "xmpp", text("x", `cc: "${fill("\\a")}<im:a@b.c>\n`)],
    ["parameters", "cpim", "xmpp", text("x", `Subject:${fill(";a=b")}\n`)],
    ["spaces in a header", "cpim", "xmpp", text("x", `Subject: a${fill(" ")}b\n`)],
    ["folded lines", "cpim", "xmpp", object(`Content-type: text/plain\nX: a\n${fill(" b\n").slice(0, 700_000)}\n\nx`)],
    ["comments in a media type", "cpim", "xmpp", object(`Content-type: text/plain ${fill("(")}\n\nx`)],
    [
      "parameters of a media type",
      "cpim",
      "xmpp",
      object(`Content-type: text/plain${Array.from({ length: 80_000 }, (_, i) => `;a${i}=b`).join("")}\n\nx`),
    ],
    ["blanks in a media type", "cpim", "xmpp", object(`Content-type: text/plain;${fill(" \t")}x\n\nx`)],
    [
      "quoted-printable blanks",
      "cpim",
      "xmpp",
      object(`Content-type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\na${fill(" ")}b`),
    ],
    [
      "quoted-printable triplets",
      "cpim",
      "xmpp",
      object(`Content-type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n${fill("=41")}`),
    ],
    [
      "base64",
      "cpim",
      "xmpp",
      object(`Content-type: text/plain\nContent-Transfer-Encoding: base64\n\n${fill("YWFh")}`),
    ],
    [
      "boundaries",
      "cpim",
      "xmpp",
      object(`Content-type: multipart/signed; boundary=a\n\n${fill("x--a\n").slice(0, 700_000)}`),
    ],
    [
      "tuples",
      "cpim",
      "xmpp",
      pidf(
        Array.from({ length: 15_000 }, (_, i) => `<tuple id='${i}'><status><basic>open</basic></status></tuple>`).join(
          "",
        ),
      ),
    ],
    [
      "notes",
      "cpim",
      "xmpp",
      pidf(
        `<tuple id='a'><status><basic>open</basic></status>${Array.from({ length: 30_000 }, (_, i) => `<note xml:lang='a-${i}'>x</note>`).join("")}</tuple>`,
      ),
    ],
    ["basics", "cpim", "xmpp", pidf(`<tuple id='a'><status>${fill("<basic>open</basic>")}</status></tuple>`)],
    ["PIDF comments", "cpim", "xmpp", pidf(fill("<!---->"))],
    ["a long id", "cpim", "xmpp", pidf(`<tuple id='${fill("_x0041")}'><status><basic>open</basic></status></tuple>`)],
    ["a long localpart", "jid", "im", Buffer.from(`${fill("٠")}@example.com`)],
    ["a long domain", "jid", "im", Buffer.from(`a@${fill("ü")}`)],
    ["a long dotted domain", "jid", "im", Buffer.from(`a@${fill("a.1.")}`)],
    ["a long resource", "jid", "im", Buffer.from(`a@b.c/${fill("・")}`)],
    ["a long URI", "im", "jid", Buffer.from(`im:${fill("%D9%A0")}@example.com`)],
    ["many escapes", "im", "jid", Buffer.from(`im:${fill("&")}@example.com`)],
  ])("a megabyte of %s ends [G-1 G-3]", (_, from, to, input) => {
    expect(input.length).toBeLessThanOrEqual(1_048_576);
    convert(from, to, input); // what were super-linear would run into the test's time-out
  });
});

describe("balcony convert", () => {
  const run = (args: string[], input: string | Buffer = "", script = CLI) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...script, ...args], {
      cwd: ROOT,
      input,
      maxBuffer: 2 ** 24,
    });
    return { status, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
  };
  const driver = (path: string): string =>
    `import { runConvert } from ${JSON.stringify(path)}; process.exitCode = await runConvert(process.argv.slice(1));`;
  const CLI = ["--import", "tsx", "--input-type=module", "-e", driver(`${ROOT}server/cli/convert.ts`), "--"];

  it("done: the counterpart on standard output, exit 0 [K-1 K-2]", () => {
    expect(run(["--from", "jid", "--to", "im"], "juliet@example.com/balcony\n")).toEqual({
      status: 0,
      stdout: "im:juliet@example.com\n",
      stderr: "",
    });
    expect(run(["--to=pres", "--from=jid"], "juliet@example.com").stdout).toBe("pres:juliet@example.com\n");
  });

  it("fine, but without counterpart: nothing, exit 0 [K-2 P-5.1.4c]", () => {
    const probe = '<presence type="probe" from="juliet@example.com" to="romeo@example.net"/>';
    expect(run(["--from", "xmpp", "--to", "cpim"], probe)).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("refused: nothing on standard output, one short line on standard error, exit 65 [K-2 G-4]", () => {
    for (const input of ["", "<a>\n".repeat(70), Buffer.from([0xff]), message(`<body>&${"x".repeat(5_000)};</body>`)]) {
      const { status, stdout, stderr } = run(["--from", "xmpp", "--to", "cpim"], input);
      expect({ status, stdout }).toEqual({ status: 65, stdout: "" });
      expect(stderr).toMatch(/^[^\n]{10,500}\n$/);
    }
  });

  it("more than a megabyte is refused, even without an end [K-2 G-3]", () => {
    expect(run(["--from", "cpim", "--to", "xmpp"], Buffer.alloc(3_000_000, 0x20))).toMatchObject({
      status: 65,
      stdout: "",
    });
  });

  it.each([
    [[]],
    [["--from", "xmpp"]],
    [["--from", "xmpp", "--to", "jid"]],
    [["--from", "jid", "--to", "jid"]],
    [["--from", "constructor", "--to", "x"]],
    [["--from", "jid", "--to", "im", "more"]],
    [["--from", "jid", "--to", "im", "--from", "jid"]],
    [["--from", "jid", "--to"]],
    [["jid", "im"]],
  ])("bad usage %j: exit 64 [K-2]", (args) => {
    const { status, stdout, stderr } = run(args, "juliet@example.com");
    expect({ status, stdout }).toEqual({ status: 64, stdout: "" });
    expect(stderr).toContain("--from KIND --to KIND");
  });

  it("--help: exit 0 [K-1]", () => {
    expect(run(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("xmpp -> cpim") });
  });

  it("loads nothing of the server beyond addresses and XML [K-1]", () => {
    const packages = new Set<string>();
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, target = ""] of readFileSync(file, "utf8").matchAll(
        /^(?:import|export)\s(?!type)[^;]*?from "([^"]+)";/gms,
      )) {
        if (target.startsWith(".")) visit(fileURLToPath(new URL(target, `file://${file}`)));
        else if (!target.startsWith("node:")) packages.add(target);
      }
    };
    visit(`${ROOT}server/cli/convert.ts`);
    expect([...packages].sort()).toEqual(["bidi-js", "ltx", "saxes"]);
  });

  it("loads neither the server nor any of its heavy packages, so that it starts at once [K-1]", () => {
    const seen = new Set<string>();
    const packages = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, type, from = ""] of readFileSync(file, "utf8").matchAll(
        /^(?:import|export) (type )?[^;]*? ?from "([^"]+)";/gms,
      )) {
        if (type !== undefined) continue;
        if (from.startsWith(".")) visit(fileURLToPath(new URL(from, pathToFileURL(file))));
        else if (!from.startsWith("node:")) packages.add(from);
      }
    };
    visit(`${ROOT}server/cli/convert.ts`);
    expect([...packages].sort()).toEqual(["bidi-js", "ltx", "saxes"]);
  });
});
