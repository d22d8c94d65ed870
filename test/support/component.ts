// Scripted components (component-script.ts) of a test's server, gone after the test.

import { ComponentScript } from "./component-script.ts";
import { cleanUp, type TestServer } from "./server.ts";

export type ScriptedComponent = ComponentScript;

export const ScriptedComponent = {
  /** A connection on which nothing was said yet. */
  async connect(server: TestServer, domain: string): Promise<ScriptedComponent> {
    const component = await ComponentScript.dial(server.addresses.components as number, domain, "example.com");
    cleanUp(async () => component.destroy());
    return component;
  },

  /** A component whose handshake was accepted. */
  async login(server: TestServer, domain: string, secret = "secret"): Promise<ScriptedComponent> {
    return (await ScriptedComponent.connect(server, domain)).login(secret);
  },
};
