// Debian's Chromium without a window, talking to nobody but this machine.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-dev-shm-usage"];
const SCREENSHOTS = fileURLToPath(new URL("../../.cache/screenshots", import.meta.url));

export function startBrowser(more = []) {
  const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (!executablePath) throw new Error("there is no Chromium here: tests/run install");
  mkdirSync(SCREENSHOTS, { recursive: true });
  return chromium.launch({ executablePath, args: [...FLAGS, ...more] });
}

/** A person with a browser of their own, which gives up after ten seconds. */
export async function person(browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  return context;
}

/** Kept beside the logs of the tests, for a person to look at; never committed. */
export const picture = (page, name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
