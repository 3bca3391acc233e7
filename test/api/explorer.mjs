// Opens the explorer page in a headless Chromium, types a query, runs it, and
// keeps a screenshot of the answer.  Prints the answer as the page shows it.
//
//   node explorer.mjs URL QUERY_FILE SCREENSHOT WORD
//
// It is done when the answer has the word in it.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { drivePage } from "./chromium.mjs";

const [url, queryFile, screenshot, word] = process.argv.slice(2);
const PATIENCE = 60000;

await drivePage(async ({ send, value, shoot }) => {
  async function until(expression, what) {
    const end = Date.now() + PATIENCE;
    while (!(await value(expression))) {
      if (Date.now() > end) {
        await shoot(screenshot);
        throw new Error(`waited in vain for ${what}: ${await value("document.body.innerText")}`);
      }
      await sleep(100);
    }
  }

  async function press(key, code, modifiers = 0) {
    for (const type of ["keyDown", "keyUp"]) {
      await send("Input.dispatchKeyEvent", {
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
      await send("Input.dispatchMouseEvent",
        { type, x, y, button: "left", clickCount: 1 });
    }
  }

  const shown = (where) =>
    `(document.querySelector("${where} .view-lines")?.innerText ?? "").replaceAll("\\u00a0", " ")`;

  await send("Page.navigate", { url });
  await until(`!!document.querySelector(".graphiql-query-editor .view-lines")`, "the editor");
  await until(`!!document.querySelector(".graphiql-execute-button:not([disabled])")`, "the button");
  await click(".graphiql-query-editor .view-lines");
  await press("a", 65, 2);
  // on one line: the editor indents and closes what is typed line by line
  await send("Input.insertText",
    { text: readFileSync(queryFile, "utf8").replace(/\s+/g, " ").trim() });
  await click(".graphiql-execute-button");
  await until(`${shown(".graphiql-response")}.includes(${JSON.stringify(word)})`, word);
  await shoot(screenshot);
  console.log(await value(shown(".graphiql-response")));
});
