// Uses the npm package, to test its types and bundling.
import { Glasshouse, GlasshouseError, type Generated } from "@glasshouse-ml/engine";

const losses: number[] = [];
const lab = await Glasshouse.create({ device: "cpu", base: "engine/", keep: false });
try {
  await lab.train({ preset: "first-stories-small", steps: 20, onStep: ({ loss }) => losses.push(loss) });
  const written: Generated = await lab.generate({ prompt: "One day", maxTokens: 20 });
  document.title = `${losses.length} steps, ${losses[0].toFixed(3)} to ${losses[losses.length - 1].toFixed(3)}`;
  document.body.textContent = written.text;
} catch (error) {
  document.title = error instanceof GlasshouseError ? `${error.kind}: ${error.message}` : String(error);
}

// @ts-expect-error steps are a number
const refused: Parameters<typeof lab.train>[0] = { steps: "twenty" };
void refused;
