// Opens the report in a headless Chromium as several screens and keeps a picture
// of each. Prints what it found as JSON: for each screen, what was requested and
// complained of, and what the page says of itself.
//
//   node report.mjs URL TOKEN FOLDER

import { setTimeout as sleep } from "node:timers/promises";

import { drivePage } from "./chromium.mjs";

const [url, token, folder] = process.argv.slice(2);
const SCREENS = [
  { name: "wide", width: 1400, scheme: "light" },
  { name: "narrow", width: 400, scheme: "light" },
  { name: "narrowest", width: 360, scheme: "dark" },
  { name: "dark", width: 1400, scheme: "dark" },
];

// Runs in the page
function look() {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const colour = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
  const luminance = (text) => colour(text)
    .map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = luminance(getComputedStyle(document.body).backgroundColor);
  const contrast = (text) => {
    const [low, high] = [luminance(text), background].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const least = (elements, property) =>
    Math.min(...elements.map((e) => contrast(getComputedStyle(e)[property])));

  return {
    background,
    mode: document.compatMode,
    sections: all("section h2").map((e) => e.textContent),
    scripts: all("script, iframe, img, link, object, embed").length,
    handlers: all("*").filter((e) => [...e.attributes]
      .some((a) => a.name.startsWith("on"))).length,
    names: all("#passes tbody th").map((e) => e.textContent),
    overflow: document.documentElement.scrollWidth - innerWidth,
    tooSmall: all("figure").filter((e) => e.getBoundingClientRect().width < 250).length,
    cutLabels: all("svg text").filter((e) => {
      const label = e.getBoundingClientRect();
      const plot = e.ownerSVGElement.getBoundingClientRect();
      return label.left < plot.left - 1 || label.right > plot.right + 1
        || label.bottom > plot.bottom + 1;
    }).length,
    overlaps: all("svg.plot").filter((e) => {
      const boxes = [...e.querySelectorAll("text")].map((t) => t.getBoundingClientRect());
      return boxes.some((a, i) => boxes.some((b, j) => i < j
        && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
    }).length,
    textContrast: Math.min(
      least(all("body, p, a, th, td, caption, figcaption, summary, span"), "color"),
      least(all("svg text"), "fill")),
    barContrast: least(all("svg rect:not(.track)"), "fill"),
  };
}

await drivePage(async (page) => {
  const found = {};
  let screen;
  let loaded;

  page.hear = (method, params) => {
    if (method === "Page.loadEventFired") {
      loaded = true;
    } else if (method === "Network.requestWillBeSent") {
      screen.requests.push(params.request.url);
    } else if (method === "Log.entryAdded") {
      screen.complaints.push(params.entry.text);
    } else if (/^Runtime\.(exceptionThrown|consoleAPICalled)$/.test(method)) {
      screen.complaints.push(JSON.stringify(params));
    }
  };
  for (const domain of ["Page", "Network", "Log", "Runtime"]) {
    await page.send(`${domain}.enable`);
  }
  await page.send("Network.setExtraHTTPHeaders",
    { headers: { Authorization: `Bearer ${token}` } });
  for (const { name, width, scheme } of SCREENS) {
    screen = found[name] = { requests: [], complaints: [] };
    loaded = false;
    await page.send("Emulation.setDeviceMetricsOverride",
      { width, height: 900, deviceScaleFactor: 1, mobile: false });
    await page.send("Emulation.setEmulatedMedia",
      { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page.send("Page.navigate", { url });
    for (let tries = 0; !loaded; tries++) {
      if (tries > 600) {
        throw new Error("the page does not load");
      }
      await sleep(100);
    }
    Object.assign(screen, await page.value(`(${look})()`));
    await page.shoot(`${folder}/report_${name}.png`, { captureBeyondViewport: true, clip: {
      x: 0, y: 0, scale: 1, width,
      height: await page.value("document.documentElement.scrollHeight"),
    } });
  }
  console.log(JSON.stringify(found));
});
