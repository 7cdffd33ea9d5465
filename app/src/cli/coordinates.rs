//! `glasshouse scale --coordinate-check`: how the size of activations depends on the width after a few steps, in the standard and in the
//! maximal update parametrisation (Yang and Hu 2021, "Feature learning in infinite-width neural networks").

use super::prelude::*;
use super::train::started;
use glasshouse_engine::metrics::law::line;

const HEADS: [usize; 4] = [1, 2, 4, 8];
const STEPS: u64 = 4;

/// Root mean square of a part's entries, by parametrisation, part and step, for each width.
type Place = (&'static str, &'static str, u64);
type Sizes = BTreeMap<Place, Vec<(f64, f64)>>;

pub(super) async fn check(arguments: &TrainArguments, engine: &mut Engine) -> Result<()> {
    // A sweep's settings do not depend on the device's speed.
    let launch = RunLaunch { sweep: Some(String::new()), ..RunLaunch::default() };
    let (Command::Train { config, .. }, _) = started(arguments, launch, engine).await? else { return Ok(()) };
    let mut sizes = Sizes::new();
    for (name, is_mup) in [("standard", false), ("mup", true)] {
        for heads in HEADS {
            let config = configured(&config, heads, is_mup);
            let width = config.model.width as f64;
            let Some((run, prompt)) = trained_run(config, engine).await? else { return Ok(()) };
            let is_whole = run.step == STEPS;
            for checkpoint in run.checkpoints.iter().filter(|checkpoint| is_whole && !checkpoint.resumable) {
                let source =
                    WeightSource::Checkpoint { run: run.name.clone(), checkpoint: checkpoint.choice() };
                for (part, size) in parts(source, &prompt, width, engine).await? {
                    sizes.entry((name, part, checkpoint.step)).or_default().push((width, size));
                }
            }
            engine.ask(RunChange::Delete.to(run.name), |_| Ok(())).await?;
            if !is_whole {
                return Ok(());
            }
        }
    }
    tell(&sizes, arguments.json)
}

/// The base at another width, trained for a few steps at its full learning rate, with a milestone of each.
fn configured(base: &RunConfig, heads: usize, is_mup: bool) -> RunConfig {
    let mut base = base.clone();
    let narrowest = Ladder::resized(&base, HEADS[0]).model.width;
    // With a base width, only the width is changed.
    base.model.base_width = base.model.base_width.or(Some(narrowest));
    let mut config = Ladder::resized(&base, heads);
    if !is_mup {
        (config.model.base_width, config.model.logit_divisor) = (None, 1.0);
    }
    let train = &mut config.train;
    (train.steps, train.epochs, train.warmup_steps, train.decay_steps) = (STEPS, None, 0, 0);
    train.decay = Decay::Constant;
    (train.eval_interval, train.sample_interval, train.checkpoint_interval) = (0, 0, 0);
    (train.milestone_interval, train.milestones) = (1, Milestones::Off);
    (train.early_stopping, train.ema) = (EarlyStopping::default(), 0.0);
    train.guard.mode = GuardMode::Off;
    config
}

/// The run, with fewer steps if a signal cancelled it, and a prompt of its text; `None` if it had not started.
async fn trained_run(config: RunConfig, engine: &mut Engine) -> Result<Option<(RunSummary, String)>> {
    let (mut run, mut prompt) = (None, String::new());
    let hear = |event| {
        match event {
            Event::RunOpened { opened } => prompt = opened.prompt,
            Event::TrainingEnded { run: ended } => run = Some(ended),
            _ => {}
        }
        Ok(())
    };
    let command = Command::Train { config: Box::new(config), launch: RunLaunch::default() };
    engine.ask_until_signal(command, "cancelling the check", shown(hear)).await?;
    Ok(run.map(|run| (run, prompt)))
}

async fn parts(
    source: WeightSource,
    prompt: &str,
    width: f64,
    engine: &mut Engine,
) -> Result<Vec<(&'static str, f64)>> {
    let command = Command::Inspect {
        source,
        prompt: prompt.to_owned(),
        further: Vec::new(),
        views: vec![View::Residual, View::NextToken],
        settings: Box::new(InspectSettings::default()),
    };
    let mut answer = None;
    let hear = |event, bytes| {
        if let Event::Inspected { inspection } = event {
            answer = Some((inspection, bytes));
        }
        Ok(())
    };
    engine.ask_with(command, Vec::new(), hear).await?;
    let (inspection, bytes): (_, Vec<Vec<u8>>) = answer.context("the engine did not answer")?;
    let tensors = inspection.views.iter().flat_map(|view| &view.tensors).zip(&bytes);
    let found = tensors.filter_map(|(tensor, bytes)| {
        let (words, _) = bytes.as_chunks();
        let numbers: Vec<f64> = words.iter().map(|word| f64::from(f32::from_le_bytes(*word))).collect();
        let tokens = tensor.axes.last()?.size;
        // Norms are of vectors of the width.
        let mean = |norms: &[f64]| norms.iter().sum::<f64>() / norms.len().max(1) as f64 / width.sqrt();
        match tensor.name.as_str() {
            "attention_norms" => Some(("attention", mean(&numbers))),
            "mlp_norms" => Some(("MLP", mean(&numbers))),
            "norms" => Some(("residual stream", mean(numbers.get(numbers.len().checked_sub(tokens)?..)?))),
            "logits" => {
                let squares = numbers.iter().map(|logit| logit * logit).sum::<f64>();
                Some(("logits", (squares / numbers.len().max(1) as f64).sqrt()))
            }
            _ => None,
        }
    });
    Ok(found.collect())
}

/// Slope of the least squares of log size on log width.
fn slope(points: &[(f64, f64)]) -> f64 {
    line(points.iter().map(|(width, size)| (width.ln(), size.ln(), 1.0))).1
}

fn tell(sizes: &Sizes, json: bool) -> Result<()> {
    if json {
        let row = |((parametrisation, part, step), points): (&Place, &Vec<(f64, f64)>)| json!({ "parametrisation": parametrisation, "part": part, "step": step, "sizes": points, "slope": slope(points) });
        let rows: Vec<_> = sizes.iter().map(row).collect();
        return say_event("coordinate_check", &json!({ "rows": rows }));
    }
    let row = |((parametrisation, part, step), points): (&Place, &Vec<(f64, f64)>)| {
        let name = if *parametrisation == "mup" { "muP" } else { parametrisation };
        let cells = points.iter().map(|(_, size)| Cell::Number(*size));
        let head: [Cell; 3] = [name.into(), (*part).into(), (*step).into()];
        head.into_iter().chain(cells).chain([Cell::Text(format!("{:+.2}", slope(points)))]).collect()
    };
    let widths = sizes.values().take(1).flatten().map(|(width, _)| format!("width {width}"));
    let columns = ["parametrisation", "part", "step"].map(str::to_owned).into_iter().chain(widths);
    let table = Table {
        columns: columns.chain(["slope".to_owned()]).collect(),
        rows: sizes.iter().filter(|((.., step), _)| [0, 1, STEPS].contains(step)).map(row).collect(),
        ..Table::default()
    };
    let note = "Root mean square of activations, and the slope of its logarithm over that of the width: 0 if the width does not matter.";
    Ok(report::print(&[Block::Note(note.to_owned()), Block::Table(table)])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_the_width_has_its_exponent_as_slope() {
        let points: Vec<(f64, f64)> =
            [32.0, 64.0, 128.0].map(|width: f64| (width, 3.0 * width.powf(0.5))).to_vec();
        assert!((slope(&points) - 0.5).abs() < 1e-12);
    }
}
