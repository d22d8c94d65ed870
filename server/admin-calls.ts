// The Admin calls of admin.ts, over accounts, gateway and store.

import { randomBytes } from "node:crypto";
import { parseXmppAddress } from "../gateway/bindings/http/addresses.ts";
import { formatScope, hashToken, mintToken, parseScope } from "../gateway/bindings/http/authorization.ts";
import { formalName } from "../gateway/bindings/http/schemas.ts";
import type { Gateway } from "../gateway/index.ts";
import type { Presentity } from "../storage/store.ts";
import type { AccountChanges } from "./account-changes.ts";
import { AccountError } from "./accounts/account-error.ts";
import type { Accounts } from "./accounts/accounts.ts";
import { type Admin, AdminError, type PresentityInfo, type PresentitySettings } from "./admin.ts";
import type { AuditEvent, AuditTrail } from "./audit.ts";
import type { Config } from "./config.ts";
import type { StanzaError } from "./errors.ts";
import { Jid } from "./jid.ts";
import { exportUser } from "./portable/export-user.ts";
import { importUsers } from "./portable/import-users.ts";
import type { Core } from "./router/routing.ts";

const PAGE = 100;
const MAX_AUDIT_RECORDS = 10_000;

export type AdminParts = {
  readonly core: Core;
  readonly accounts: Accounts;
  readonly changes: AccountChanges;
  readonly gateway: Gateway;
  readonly audit: AuditTrail;
  readonly config: Config;
};

export function createAdmin({ core, accounts, changes, gateway, audit: trail, config }: AdminParts): Admin {
  const { store, clock } = core;
  const domain = core.domain.toString();

  const audit = (event: AuditEvent, account: string, detail = ""): Promise<void> =>
    trail.record({ event, account, address: "", detail });

  // A localpart or the bare JID of an account here.
  function accountOf(user: string): Jid {
    const parsed = Jid.parse(user.includes("@") ? user : `${user}@${domain}`);
    if (!parsed.ok) throw new AdminError("invalid", `"${user}" is no user name: ${parsed.reason}`);
    const { localpart, domainpart, isBare } = parsed.value;
    if (localpart === undefined || !isBare) throw new AdminError("invalid", `"${user}" is no user name`);
    if (domainpart !== domain)
      throw new AdminError("invalid", `${domainpart} is not this server's domain; it is ${domain}`);
    return parsed.value;
  }

  function presentityOf(address: string): Jid {
    const parsed = Jid.parse(address);
    if (!parsed.ok) throw new AdminError("invalid", `"${address}" is no address: ${parsed.reason}`);
    requireDomain(parsed.value.domainpart);
    return parsed.value.bare();
  }

  function requireDomain(name: string): void {
    if (Object.hasOwn(config.gateway.domains, name)) return;
    throw new AdminError("invalid", `${name} is not one of gateway.domains; add it to the configuration`);
  }

  // As the HTTP binding reads them; what is not prepared would never match anybody.
  function prepared({ allowFrom, ...settings }: PresentitySettings): PresentitySettings {
    const name = formalName.safeParse(settings.formalName ?? "");
    if (!name.success) throw new AdminError("invalid", `the name: ${name.error.issues[0]?.message}`);
    if (allowFrom === undefined) return settings;
    const allowed = allowFrom.map((text) => {
      const parsed = parseXmppAddress(text, { domain: "allowed" });
      if (!parsed.ok) throw new AdminError("invalid", `"${text}" is no domain or address: ${parsed.reason}`);
      return parsed.value.bareString;
    });
    return { ...settings, allowFrom: allowed };
  }

  return {
    async addUser(user, password) {
      const account = accountOf(user);
      await asAdmin(() => accounts.create(account.localpart as string, password));
      await audit("user-added", account.bareString);
    },
    async setPassword(user, password) {
      const account = accountOf(user);
      await asAdmin(() => changes.setPassword(account, password));
    },
    async deleteUser(user) {
      const account = accountOf(user);
      if (!(await accounts.exists(account.localpart as string)))
        throw new AdminError("not-found", `there is no user ${user}`);
      await asAdmin(() => changes.remove(account));
    },
    async listUsers(page) {
      const after = page.after === undefined ? undefined : accountOf(page.after).localpart;
      const found = await accounts.list(after === undefined ? { limit: page.limit } : { after, limit: page.limit });
      return found.map(({ localpart }) => `${localpart}@${domain}`);
    },
    async importUser(user, bcryptHash) {
      const account = accountOf(user);
      await asAdmin(() => accounts.importBcrypt(account.localpart as string, bcryptHash));
      await audit("user-imported", account.bareString);
    },
    importUsers: (users, options) => importUsers({ accounts, changes, audit, config }, users, options),
    async exportUser(user) {
      const account = accountOf(user);
      return asAdmin(() => exportUser({ accounts, store }, account));
    },
    countBcryptOnly: () => accounts.countBcryptOnly(),

    async addToken(text) {
      const scope = parseScope(text);
      if (!scope.ok) throw new AdminError("invalid", scope.reason);
      requireDomain(scope.value.kind === "domain" ? scope.value.domain : scope.value.address.domainpart);
      const token = mintToken();
      const id = randomBytes(6).toString("hex");
      const written = formatScope(scope.value);
      await store.gateway.addToken({ id, scope: written, sha256: hashToken(token), createdAt: clock.now() });
      await audit("token-added", "", `${id} ${written}`);
      return { id, token };
    },
    async listTokens() {
      const tokens = await store.gateway.listTokens();
      return tokens.map(({ id, scope, createdAt }) => ({ id, scope, createdAt }));
    },
    async revokeToken(id) {
      if (!(await store.gateway.revokeToken(id))) throw new AdminError("not-found", `there is no token ${id}`);
      await audit("token-revoked", "", id);
    },

    async addPresentity(address, settings) {
      const outcome = await gateway.foreignSide.putPresentity(presentityOf(address), prepared(settings));
      if (typeof outcome === "object") throw asAdminError(outcome);
      return outcome;
    },
    async listPresentities(only) {
      const found: Presentity[] = [];
      for (const name of only === undefined ? Object.keys(config.gateway.domains) : [only]) {
        for (;;) {
          const after = found.at(-1)?.domain === name ? found.at(-1)?.address : undefined;
          const page = await gateway.foreignSide.listPresentities(
            name,
            after === undefined ? { limit: PAGE } : { after, limit: PAGE },
          );
          found.push(...page);
          if (page.length < PAGE) break;
        }
      }
      return found.map(presentityInfo);
    },
    async deletePresentity(address) {
      const presentity = presentityOf(address);
      if (!(await gateway.foreignSide.deletePresentity(presentity))) {
        throw new AdminError("not-found", `there is no presentity ${address}`);
      }
      await audit("presentity-deleted", presentity.bareString);
    },

    async listAudit(limit) {
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_AUDIT_RECORDS) {
        throw new AdminError("invalid", `the limit is a whole number from 1 to ${MAX_AUDIT_RECORDS}`);
      }
      return trail.list(limit);
    },
  };
}

function presentityInfo({ address, formalName, policy, allowFrom, createdAt }: Presentity): PresentityInfo {
  return { address, formalName, policy, allowFrom, createdAt };
}

async function asAdmin<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    const code =
      error.code === "exists" || error.code === "not-found" ? error.code : error.code === "busy" ? "limit" : "invalid";
    throw new AdminError(code, error.message);
  }
}

function asAdminError(error: StanzaError): AdminError {
  const code =
    error.condition === "item-not-found"
      ? "not-found"
      : error.condition === "resource-constraint"
        ? "limit"
        : "invalid";
  return new AdminError(code, error.text ?? error.condition);
}
