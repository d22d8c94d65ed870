// What a stream needs of the connection beneath it: TCP with or without TLS, later WebSocket.

import type { SecureContext } from "node:tls";
import type { ChannelBindings } from "../sasl/mechanism.ts";

export interface TransportEvents {
  data(chunk: Buffer): void;
  /** The peer sent its end (half-close) or is gone. Called once. */
  closed(): void;
}

export interface Transport {
  /** Inside TLS. */
  readonly secure: boolean;
  /** The peer's IP address, for limits, throttling and the log. */
  readonly address: string;
  /** Octets handed to `send` that the peer's window has not yet taken. */
  readonly unsentBytes: number;
  /** Who listens; set before the first chunk can arrive. */
  events: TransportEvents;
  /** Queues text; what one turn of the event loop sends leaves in one write. */
  send(text: string): void;
  /** Flow control towards the peer: stop or go on reading. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes; the connection is cut if the peer does not follow within some seconds. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
  /** STARTTLS: sends `lastPlaintext` and continues inside TLS. Plaintext already received is discarded. */
  startTls(context: SecureContext, lastPlaintext: string): void;
  /** What a SASL exchange can bind to. Source: RFC 5929, RFC 9266. */
  channelBindings(): ChannelBindings;
}
