// A headless Chromium with one page, driven by its own protocol, so that
// nothing has to be installed beside it.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// The address that Chromium listens at, which it prints
async function address(browser) {
  for await (const line of createInterface({ input: browser.stderr })) {
    const [, found] = /DevTools listening on (ws:.*)/.exec(line) ?? [];
    if (found) {
      browser.stderr.resume();
      return found;
    }
  }
  throw new Error("chromium does not start");
}

// A function that sends a command and awaits its result; what is not an answer
// is passed to hear.
async function connect(to, hear) {
  const socket = new WebSocket(to);
  const waiting = new Map();
  let last = 0;

  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(data);
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (method) {
      hear(method, params);
    } else if (error) {
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

// Runs drive with a page, and ends the program: with 1 if drive throws. The page
// has send(method, params), value(expression), shoot(file), and hear(method,
// params), to be set, which is called for each event.
export async function drivePage(drive) {
  const profile = mkdtempSync(join(tmpdir(), "chromium-"));
  const browser = spawn("chromium", [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--window-size=1280,900", "--remote-debugging-port=0",
    `--user-data-dir=${profile}`, "about:blank",
  ], { stdio: ["ignore", "ignore", "pipe"] });
  const page = { hear() {} };
  let status = 0;

  try {
    const send = await connect(await address(browser),
      (method, params) => page.hear(method, params));
    const { targetId } = await send("Target.createTarget", { url: "about:blank" });
    const { sessionId } =
      await send("Target.attachToTarget", { targetId, flatten: true });

    page.send = (method, params) => send(method, params, sessionId);
    // what an expression is in the page
    page.value = async (expression) =>
      (await page.send("Runtime.evaluate", { expression, returnByValue: true }))
        .result.value;
    page.shoot = async (file, params) => {
      const { data } = await page.send("Page.captureScreenshot", params);
      writeFileSync(file, Buffer.from(data, "base64"));
    };
    await drive(page);
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
}
