// Opens the explorer page in a headless Chromium, types a query, runs it, and
// keeps a screenshot of the answer.  Prints the answer as the page shows it.
//
//   node explorer.mjs URL QUERY_FILE SCREENSHOT WORD
//
// It is done when the answer has the word in it. Chromium is driven by its own
// protocol, so that nothing has to be installed beside it.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const [url, queryFile, screenshot, word] = process.argv.slice(2);
const PATIENCE = 60000;

const profile = mkdtempSync(join(tmpdir(), "chromium-"));
const browser = spawn("chromium", [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
  "--no-first-run", "--window-size=1280,900", "--remote-debugging-port=0",
  `--user-data-dir=${profile}`, "about:blank",
], { stdio: ["ignore", "ignore", "pipe"] });

// The address that Chromium listens at, which it prints
async function address() {
  for await (const line of createInterface({ input: browser.stderr })) {
    const [, found] = /DevTools listening on (ws:.*)/.exec(line) ?? [];
    if (found) {
      browser.stderr.resume();
      return found;
    }
  }
  throw new Error("chromium does not start");
}

// A function that sends a command and awaits its result
async function connect(to) {
  const socket = new WebSocket(to);
  const waiting = new Map();
  let last = 0;

  socket.onmessage = ({ data }) => {
    const { id, result, error } = JSON.parse(data);
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) {
      reject?.(new Error(error.message));
    } else {
      resolve?.(result);
    }
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      socket.send(JSON.stringify({ id: last, method, params, sessionId }));
    });
}

async function drive() {
  const send = await connect(await address());
  const { targetId } = await send("Target.createTarget", { url });
  const { sessionId } =
    await send("Target.attachToTarget", { targetId, flatten: true });
  const page = (method, params) => send(method, params, sessionId);

  // What an expression is in the page
  const value = async (expression) =>
    (await page("Runtime.evaluate", { expression, returnByValue: true }))
      .result.value;

  async function until(expression, what) {
    const end = Date.now() + PATIENCE;
    while (!(await value(expression))) {
      if (Date.now() > end) {
        await shoot();
        throw new Error(`waited in vain for ${what}: ${await value("document.body.innerText")}`);
      }
      await sleep(100);
    }
  }

  async function shoot() {
    const { data } = await page("Page.captureScreenshot");
    writeFileSync(screenshot, Buffer.from(data, "base64"));
  }

  async function press(key, code, modifiers = 0) {
    for (const type of ["keyDown", "keyUp"]) {
      await page("Input.dispatchKeyEvent", {
        type, key, code: `Key${key.toUpperCase()}`, modifiers,
        windowsVirtualKeyCode: code,
      });
    }
  }

  async function click(selector) {
    const { x, y } = await value(`(() => {
      const box = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    })()`);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await page("Input.dispatchMouseEvent",
        { type, x, y, button: "left", clickCount: 1 });
    }
  }

  const shown = (where) =>
    `(document.querySelector("${where} .view-lines")?.innerText ?? "").replaceAll("\\u00a0", " ")`;

  await until(`!!document.querySelector(".graphiql-query-editor .view-lines")`, "the editor");
  await until(`!!document.querySelector(".graphiql-execute-button:not([disabled])")`, "the button");
  await click(".graphiql-query-editor .view-lines");
  await press("a", 65, 2);
  // on one line: the editor indents and closes what is typed line by line
  await page("Input.insertText",
    { text: readFileSync(queryFile, "utf8").replace(/\s+/g, " ").trim() });
  await click(".graphiql-execute-button");
  await until(`${shown(".graphiql-response")}.includes(${JSON.stringify(word)})`, word);
  await shoot();
  console.log(await value(shown(".graphiql-response")));
}

let status = 0;
try {
  await drive();
} catch (error) {
  console.error(error.message);
  status = 1;
}
browser.kill();
await new Promise((resolve) => browser.once("exit", resolve));
try {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
} catch {
  // its helpers end after it and may still write; the folder for temporary
  // files goes with the test
}
process.exit(status);
