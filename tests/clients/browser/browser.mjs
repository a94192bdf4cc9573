// A real Chromium with one person before it. It takes one JSON command a line on standard input and answers each with one
// JSON line. Commands: open {url}; press {name}, a button or a link; type {label, text}; see {heading}: the page once it has
// that heading; leave {address}: where the browser went that begins so, which need not answer; look {path, dark, width}: a
// picture of the page; close.
// Each waits for what it needs, and fails when that does not come.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');

// Without a sandbox: tests also run as root, where Chromium has none. Every page is ours or a provider's of the test.
const browser = await chromium.launch({ executablePath: process.argv[2], args: ['--no-sandbox'] });
const context = await browser.newContext();
const page = await context.newPage();
page.setDefaultTimeout(20_000);

/** What the page was sent to ask for, in order. */
const visited = [];
/** What Chromium did not let a page do. */
const complaints = [];
let status = 0;
const isVisit = (request) => request.isNavigationRequest() && request.frame() === page.mainFrame();
page.on('request', (request) => { if (isVisit(request)) visited.push(request); });
page.on('response', (response) => { if (isVisit(response.request())) status = response.status(); });
page.on('console', (message) => { if (message.text().includes('Content Security Policy')) complaints.push(message.text()); });

/** Waits until the page is where `request` led, or until nobody answered there: whatever comes next does not get in between. */
async function arrival(request) {
  let last = request;
  for (;;) {
    await last.response();
    const next = last.redirectedTo();
    if (!next) break;
    last = next;
  }
  while (page.url() !== last.url() && !page.url().startsWith('chrome-error:')) await page.waitForEvent('framenavigated');
}

const commands = {
  open: async ({ url }) => { await page.goto(url, { waitUntil: 'commit' }); },
  press: async ({ name }) => {
    await page.getByRole('button', { name }).or(page.getByRole('link', { name })).first().click({ noWaitAfter: true });
  },
  type: async ({ label, text }) => {
    await page.getByLabel(label, { exact: true }).or(page.getByPlaceholder(label, { exact: true })).fill(text);
  },
  see: async ({ heading }) => {
    await page.getByRole('heading', { name: heading, exact: true, level: 1 }).waitFor();
    return { url: page.url(), status, text: await page.locator('body').innerText(), html: await page.content() };
  },
  leave: async ({ address }) => {
    const isIt = (request) => isVisit(request) && request.url().startsWith(address);
    const seen = visited.findLast(isIt) ?? (await page.waitForRequest(isIt));
    visited.length = 0;
    await arrival(seen);
    return seen.url();
  },
  look: async ({ path, dark, width }) => {
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
    await page.setViewportSize({ width, height: 844 });
    await page.screenshot({ path });
  },
  close: async () => { await browser.close(); return complaints; },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...parameters } = JSON.parse(line);
  try {
    say({ ok: (await commands[name](parameters)) ?? null });
  } catch (error) {
    say({ error: String(error?.message ?? error), url: page.url(), text: await page.locator('body').innerText().catch(() => '') });
  }
}
await browser.close();
