// Opens the bundled page of `packaging/npm` in Chromium and fails unless its model has trained and generated text.
const { chromium } = require("playwright-core");

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.GLASSHOUSE_CHROMIUM, args: ["--no-sandbox"] });
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.log(error.message));
  await page.goto(process.argv[2]);
  await page.waitForFunction(() => document.title !== "training", undefined, { timeout: 300_000 });
  const [title, text] = [await page.title(), await page.textContent("body")];
  await browser.close();
  console.log(`${title}: ${text}`);
  const [, steps, first, last] = /^(\d+) steps, ([\d.]+) to ([\d.]+)$/.exec(title) ?? [];
  process.exitCode = Number(steps) === 20 && Number(last) < Number(first) && text.length > 20 ? 0 : 1;
})();
