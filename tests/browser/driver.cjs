// Opens pages in a headless Chromium for the tests, one request a line, one answer a line.
//
// A request is {file | html, width, height, scheme, motion, mobile, offline, actions: [[name, ...]]};
// its answer {results, console, errors, requests}: what the `eval` actions gave, what the page wrote
// to the console, what it threw, and every address that it asked for besides itself.

const { chromium } = require("playwright-core");
const { createInterface } = require("node:readline");

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const act = {
  press: (page, key) => page.keyboard.press(key),
  click: (page, selector) => page.click(selector),
  tap: (page, selector) => page.tap(selector),
  hover: (page, selector) => page.hover(selector),
  select: (page, selector, value) => page.selectOption(selector, value),
  fill: (page, selector, value) => page.fill(selector, value),
  media: (page, media) => page.emulateMedia(media),
  // How many times slower the page's own thread is made.
  throttle: async (page, rate) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate });
  },
  // The tasks of the page's own thread for a time, as [milliseconds, those of the processor].
  tasks: async (page, time) => {
    const session = await page.context().newCDPSession(page), events = [];
    session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
    const ended = new Promise((resume) => session.once("Tracing.tracingComplete", resume));
    await session.send("Tracing.start", { traceConfig: { includedCategories: ["toplevel"] } });
    await page.waitForTimeout(time);
    await session.send("Tracing.end");
    await ended;
    const place = (e) => `${e.pid}:${e.tid}`;
    const mains = events.filter((e) => e.name === "thread_name" && e.args.name === "CrRendererMain");
    const threads = new Set(mains.map(place));
    return events.filter((e) => e.name.endsWith("RunTask") && threads.has(place(e)))
      .map((e) => [(e.dur ?? 0) / 1000, (e.tdur ?? 0) / 1000]);
  },
  // With the mouse along points, as shares of an element's width and height.
  draw: async (page, selector, ...points) => {
    await page.locator(selector).scrollIntoViewIfNeeded();
    const { x, y, width, height } = await page.locator(selector).boundingBox();
    for (const [i, [across, down]] of points.entries()) {
      await page.mouse.move(x + across * width, y + down * height, { steps: 5 });
      if (i === 0) await page.mouse.down();
    }
    await page.mouse.up();
  },
  wait: (page, time) => page.waitForTimeout(time),
  waitFor: async (page, expression) => {
    for (let i = 0; i < 100 && !(await page.evaluate(expression)); i++) {
      await page.waitForTimeout(100);
    }
  },
  // From the middle of something to the right, with the mouse or with a finger.
  drag: async (page, selector, dx) => {
    const { x, y, width, height } = await page.locator(selector).boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + dx, y + height / 2, { steps: 4 });
    await page.mouse.up();
  },
  swipe: async (page, selector, dx) => {
    const { x, y, width, height } = await page.locator(selector).boundingBox();
    const hand = await page.context().newCDPSession(page);
    const touch = (type, ...at) => hand.send("Input.dispatchTouchEvent", {
      type, touchPoints: at.map((by) => ({ x: x + width / 2 + by, y: y + height / 2 })),
    });
    await touch("touchStart", 0);
    for (let i = 1; i <= 4; i++) await touch("touchMove", (dx * i) / 4);
    await touch("touchEnd");
  },
  pdf: async (page) => (await page.pdf({ printBackground: true })).length,
  eval: (page, expression) => page.evaluate(expression),
  // In the first frame of the page.
  inside: (page, expression) => page.frames()[1].evaluate(expression),
  shot: (page, path) => page.screenshot({ path, fullPage: true }).then(() => null),
};

async function visit(browser, request) {
  const context = await browser.newContext({
    viewport: { width: request.width ?? 1280, height: request.height ?? 800 },
    colorScheme: request.scheme ?? "light",
    reducedMotion: request.motion ?? "reduce",
    isMobile: Boolean(request.mobile),
    hasTouch: Boolean(request.mobile),
    javaScriptEnabled: request.script ?? true,
  });
  const answer = { results: [], console: [], errors: [], requests: [] };
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(15000);
    page.on("console", (message) => answer.console.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => answer.errors.push(error.message));
    page.on("dialog", (dialog) => {
      answer.errors.push(`dialog: ${dialog.message()}`);
      return dialog.dismiss();
    });
    const own = new URL(`file://${request.file}`).href;
    context.on("request", (asked) => {
      if (asked.url() !== own && !/^(data|blob):/.test(asked.url())) answer.requests.push(asked.url());
    });
    await page.goto(own);
    for (const [name, ...rest] of request.actions) {
      const result = await act[name](page, ...rest);
      if (["eval", "inside", "pdf", "tasks"].includes(name)) answer.results.push(result ?? null);
    }
  } finally {
    await context.close();
  }
  return answer;
}

(async () => {
  const browser = await chromium.launch({ executablePath: process.argv[2], args: FLAGS });
  process.stdout.write('{"ready":true}\n');
  for await (const line of createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = await visit(browser, JSON.parse(line));
    } catch (error) {
      answer = { failed: String(error.stack ?? error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  await browser.close();
})();
