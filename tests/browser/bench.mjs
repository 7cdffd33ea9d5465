// How long views of the lens take in a tab of Chromium: what `glasshouse bench inspect` measures natively.
//
//   node bench.mjs DIST DEVICE:PRESET[:VIEW,VIEW]...     prints a line of JSON each, for example for cpu:first-stories gpu:first-stories:neurons,graph

import { Site, plain } from "./site.mjs";

const [dist, ...jobs] = process.argv.slice(2);
const site = await Site.open(dist);
try {
  for (const job of jobs) {
    const [device, preset, views] = job.split(":");
    const page = await plain(site);
    const report = await page.evaluate(
      async (wish) => {
        const lab = await Glasshouse.create({ device: wish.device, keep: false });
        const report = await lab.bench({ timed: "inspect", preset: wish.preset, repeats: 3, views: wish.views });
        await lab.close();
        return report;
      },
      { device, preset, views: views?.split(",") },
    );
    console.log(JSON.stringify(report));
    await site.closeProfiles();
  }
} finally {
  await site.close();
}
