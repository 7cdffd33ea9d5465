// How long views of the lens, or decoding, take in a tab of Chromium: what `glasshouse bench inspect` and `decode` measure natively.
//
//   node bench.mjs DIST DEVICE:PRESET[:VIEW,VIEW|:decode[=FORMAT]]...     prints a line of JSON each, for example for cpu:first-stories
//   gpu:first-stories:walk,graph cpu:gpt2-124m:decode=q8_0

import { Site, plain } from "./site.mjs";

const [dist, ...jobs] = process.argv.slice(2);
const site = await Site.open(dist);
try {
  for (const job of jobs) {
    const [device, preset, what] = job.split(":");
    const [timed, weights] = what?.startsWith("decode") ? what.split("=") : ["inspect"];
    const views = timed === "inspect" ? what?.split(",") : undefined;
    const page = await plain(site);
    const report = await page.evaluate(
      async (wish) => {
        const lab = await Glasshouse.create({ device: wish.device, keep: false });
        const report = await lab.bench({ ...wish, repeats: 3 });
        await lab.close();
        return report;
      },
      { device, preset, timed, weights, views },
    );
    console.log(JSON.stringify(report));
    await site.closeProfiles();
  }
} finally {
  await site.close();
}
