import { createHmac, timingSafeEqual } from "node:crypto";

const SIGNED = ["x-user-id", "x-client-id", "x-token-id", "x-scopes"];

/**
 * @param {Buffer[]} keys one or two
 * @param {Pick<import("node:http").IncomingMessage, "method" | "url" | "rawHeaders">} request as it arrived
 */
export function passedTheEdge(keys, { method, url = "", rawHeaders }, now = Date.now() / 1000) {
  const values = (/** @type {string} */ name) =>
    rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
  const [assertions, hosts, ...identity] = ["x-edge-assertion", "host", ...SIGNED].map(values);
  if (assertions?.length !== 1 || hosts?.length !== 1 || identity.some((found) => found.length > 1)) return false;
  const [version, keyId, payload = "", signature = "", ...more] = assertions.join().split(".");
  const macs = keys.map((key) =>
    createHmac("sha256", key).update(`${version}.${keyId}.${payload}`).digest("base64url"));
  const isSigned = macs.some((mac) => mac.length === Buffer.byteLength(signature)
    && timingSafeEqual(Buffer.from(mac), Buffer.from(signature)));
  if (!isSigned || version !== "v1" || more.length > 0) return false;
  const [madeAt, ...said] = Buffer.from(payload, "base64url").toString("latin1").split("\n");
  const age = Math.floor(now) - Number(madeAt);
  const is = [method, ...hosts, url.split("?")[0], ...identity.map((found) => found[0] ?? "")];
  return age >= -5 && age <= 30 && said.length === is.length && said.every((field, index) => field === is[index]);
}
