//! `glasshouse find-rate`, `sweep`, `scale` and `ablate`: experiments that choose settings.

use super::arguments::{minutes, within};
use super::bar;
use super::data::named;
use super::prelude::*;
use super::train::{launch, left_out, started};
use glasshouse_corpus::recipe::NAMES;
use glasshouse_engine::protocol::blocks::Bar;
use indicatif::ProgressBar;

/// Lines of a printed curve.
const LINES: usize = 24;
const MAX_WORKERS: usize = 64;

pub(super) fn find_rate(arguments: &FindRateArguments) -> Result<()> {
    let test = RangeTest {
        lowest: arguments.from_rate,
        highest: arguments.to_rate,
        steps: arguments.test_steps,
        noise: arguments.noise,
    };
    test.check().map_err(usage)?;
    check_experiment(&arguments.run)?;
    let curve = drive(arguments.run.options(), async |engine| {
        let (command, _) = started(&arguments.run, RunLaunch::default(), engine).await?;
        let Command::Train { config, .. } = command else { return Ok(None) };
        let bar = bar::bar(test.steps, "{bar:30} step {pos}/{len}  {wide_msg}");
        let mut last = None;
        let on_event = |event| {
            if let Event::RangeTested { curve } = event {
                bar.set_position(curve.points.len() as u64);
                if let Some(RangePoint { rate, smoothed, .. }) = curve.points.last() {
                    bar.set_message(format!("rate {}, loss {smoothed:.3}", scientific(*rate)));
                }
                last = Some(curve);
            }
            Ok(())
        };
        let command = Command::Fit(Fit::LearningRate { config, test });
        engine.ask_until_signal(command, "cancelling the test", shown(on_event)).await?;
        Ok(last)
    })?;
    match curve {
        Some(curve) if arguments.run.json => say_event("range_test", &curve),
        Some(curve) => print_curve(&curve),
        None => Ok(()),
    }
}

fn check_experiment(arguments: &TrainArguments) -> Result<()> {
    if arguments.resume || arguments.stop_after.is_some() || arguments.minutes.is_some() {
        misuse!("leave out --resume, --stop-after and --minutes: an experiment trains its own runs");
    }
    Ok(())
}

fn worker_count() -> impl Fn(&str) -> Result<usize, String> + Clone {
    within(1..=MAX_WORKERS)
}

fn print_curve(curve: &RangeCurve) -> Result<()> {
    let every = curve.points.len().div_ceil(LINES).max(1);
    let lowest = curve.points.iter().map(|point| point.smoothed).fold(f64::INFINITY, f64::min);
    let bar = |point: &RangePoint| Bar {
        name: scientific(point.rate),
        length: point.smoothed - lowest,
        text: format!("{:.4}", point.smoothed),
    };
    let bars = curve.points.iter().step_by(every).map(bar).collect();
    report::print(&[Block::Note("Smoothed loss by learning rate:".to_owned()), Block::Bars(bars)])?;
    if let Some(rate) = curve.suggestion {
        say!("suggested learning rate: {0}, as in `glasshouse train --lr {0}`", scientific(rate))?;
    }
    Ok(curve.notes().iter().try_for_each(|note| say!("{note}"))?)
}

pub(super) fn sweep(arguments: &SweepArguments) -> Result<()> {
    let path = &arguments.file;
    let toml = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    run_sweep(&toml?, arguments.workers, &arguments.run)
}

pub(super) fn scale(arguments: &ScaleArguments) -> Result<()> {
    let ScaleArguments { name, sizes, tokens_per_parameter, budget, smallest, largest, run } = arguments;
    let (sizes, tokens_per_parameter, minutes) = (*sizes, *tokens_per_parameter, *budget);
    let (smallest, largest, points) = (*smallest, *largest, Vec::new());
    let ladder = Ladder { sizes, tokens_per_parameter, minutes, smallest, largest, points };
    run_sweep(&ladder.to_toml(name).map_err(usage)?, 1, run)
}

pub(super) fn ablate(arguments: &AblateArguments) -> Result<()> {
    let AblateArguments { recipe: name, only, tokenizers, weights: asked, seeds, run, .. } = arguments;
    let recipe = named(name)?;
    let recipe = if NAMES.contains(&name.as_str()) { name.clone() } else { recipe.to_toml()? };
    let (only, tokenizers) = (only.clone(), tokenizers.clone());
    let mut weights = BTreeMap::<String, Vec<f64>>::new();
    for (source, own) in asked {
        weights.entry(source.clone()).or_default().extend(own);
    }
    let ablate = Ablate { recipe, only, tokenizers, weights, seeds: *seeds, ..Ablate::default() };
    run_sweep(&ablate.to_toml(&arguments.name).map_err(usage)?, 1, run)
}

fn source_weights(text: &str) -> Result<(String, Vec<f64>), String> {
    let expected = || "expected a source and its weights, as in pages=0,2".to_owned();
    let (source, weights) = text.rsplit_once('=').ok_or_else(expected)?;
    let weights = weights.split(',').map(|weight| weight.trim().parse().map_err(|_| expected()));
    Ok((source.to_owned(), weights.collect::<Result<_, String>>()?))
}

fn run_sweep(toml: &str, workers: usize, run: &TrainArguments) -> Result<()> {
    let sweep = Sweep::from_toml(toml).map_err(usage)?;
    if workers > 1 && sweep.is_in_order() {
        misuse!("leave out --workers: the runs of [ladder] and [ablate] are trained one after another");
    }
    check_experiment(run)?;
    let has_others = workers > 1;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let share = has_others.then(|| (run.threads.unwrap_or_else(cores) / workers).max(1));
    let (last, failed) = std::thread::scope(|scope| {
        let work = || train_sweep(toml, has_others, share.or(run.threads), run);
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut all = vec![work()];
        for other in others {
            all.push(
                other.join().unwrap_or_else(|_| bail!("a worker ended unexpectedly; run the command again")),
            );
        }
        // The last worker to end has seen all runs; the others tell nothing new, except of errors.
        let done =
            |sweep: &SweepSummary| (sweep.complete, sweep.rows.iter().map(|row| row.step).sum::<u64>());
        let (mut last, mut failed) = (None::<Box<SweepSummary>>, Ok(()));
        for worker in all {
            match worker {
                Ok(sweep) => last = last.into_iter().chain(sweep).max_by_key(|sweep| done(sweep)),
                Err(error) => failed = Err(error),
            }
        }
        (last, failed)
    });
    let Some(last) = last.filter(|_| !run.json) else { return failed };
    report::print(&last.blocks())?;
    report::print(&last.scaling.as_ref().map(Scaling::blocks).unwrap_or_default())?;
    report::print(&last.ablation.as_ref().map(Ablation::blocks).unwrap_or_default())?;
    if !last.complete {
        say!("stopped; the same command continues")?;
    }
    failed
}

/// One worker of a sweep, with its threads. Returns the sweep's last state.
fn train_sweep(
    toml: &str,
    has_others: bool,
    threads: Option<usize>,
    run: &TrainArguments,
) -> Result<Option<Box<SweepSummary>>> {
    let json = run.json;
    drive(session::Options { threads, ..run.options() }, async |engine| {
        let launch = RunLaunch { sweep: Some(toml.to_owned()), ..launch(run) };
        let (command, _) = started(run, launch, engine).await?;
        let (mut last, mut bar, mut work) = (None, ProgressBar::hidden(), String::new());
        let on_event = |event| {
            match event {
                Event::Sweep { sweep } => {
                    if json {
                        say_event("sweep", &sweep)?;
                    } else if let Some((at, until)) = sweep
                        .current
                        .filter(|(at, _)| !sweep.rows.get(*at).is_some_and(SweepRow::is_elsewhere))
                    {
                        let (count, row) = (sweep.rows.len(), sweep.rows.get(at));
                        let varied = row.map(SweepRow::title).unwrap_or_default();
                        bar::above(|| report!("run {} of {count}: {varied}, to step {until}", at + 1));
                        let prediction = sweep.scaling.as_ref().and_then(|own| own.prediction.as_ref());
                        if let Some(prediction) = prediction {
                            let loss = prediction.metric().with_interval();
                            bar::above(|| report!("predicted final validation loss: {loss}"));
                        }
                        // There is room for one bar.
                        if !has_others {
                            bar = bar::bar(until, "{bar:30} step {pos}/{len}  {wide_msg}");
                        }
                    }
                    last = Some(sweep);
                }
                Event::Training { events, .. } => {
                    for event in events {
                        if let TrainEvent::Step { step, loss, .. } = event {
                            bar.set_position(step);
                            bar.set_message(format!("loss {loss:.3}"));
                        }
                    }
                }
                Event::TrainingEnded { .. } => bar.finish_and_clear(),
                // Of an ablation, before its first run.
                Event::Progress { what, .. } if last.is_none() && what != work => {
                    if !json {
                        report!("{what}");
                    }
                    work = what;
                }
                Event::Notice { problems, .. } if json && !problems.is_empty() => {
                    say!("{}", left_out(&problems))?;
                }
                event => bar::above(|| trained::note(&event)),
            }
            Ok(())
        };
        engine.ask_until_signal(command, "finishing this step and saving", on_event).await?;
        Ok(last)
    })
}

#[derive(Args, Debug)]
pub struct FindRateArguments {
    /// Lowest learning rate of the test
    #[arg(long, value_name = "X", default_value_t = RangeTest::default().lowest)]
    pub from_rate: f64,
    /// Highest learning rate of the test
    #[arg(long, value_name = "X", default_value_t = RangeTest::default().highest)]
    pub to_rate: f64,
    /// Steps of the test, in which the rate rises exponentially
    #[arg(long, value_name = "N", default_value_t = RangeTest::default().steps)]
    pub test_steps: u64,
    /// Also measure the gradient noise scale, which suggests a batch size
    #[arg(long)]
    pub noise: bool,
    #[command(flatten)]
    pub run: TrainArguments,
}

#[derive(Args, Debug)]
pub struct ScaleArguments {
    /// Number of model sizes; the largest is predicted from the others before it is trained
    #[arg(long, value_name = "N", default_value_t = Ladder::default().sizes)]
    pub sizes: usize,
    /// Tokens read per parameter
    #[arg(long, value_name = "X", default_value_t = Ladder::default().tokens_per_parameter)]
    pub tokens_per_parameter: f64,
    /// Total time of all runs, as in 90s, 10m or 2h [default: 10m, or no limit with --largest]
    #[arg(long, value_name = "TIME", value_parser = minutes)]
    pub budget: Option<f64>,
    /// Minimum number of parameters
    #[arg(long, value_name = "N")]
    pub smallest: Option<u64>,
    /// Maximum number of parameters
    #[arg(long, value_name = "N")]
    pub largest: Option<u64>,
    /// Name of the ladder, and tag of its runs
    ///
    /// All other options are those of `train`: they describe the base model, whose width, layers and MLP are scaled with its number of
    /// heads. Started again, a stopped ladder continues.
    #[arg(long, value_name = "NAME", default_value = "scale")]
    pub name: String,
    #[command(flatten)]
    pub run: TrainArguments,
}

#[derive(Args, Debug)]
pub struct AblateArguments {
    /// Recipe whose rules are measured: fineweb, gopher, c4, light, or a TOML file
    #[arg(long, value_name = "RECIPE")]
    pub recipe: String,
    /// Only these rules, separated by commas; `raw` stands for all rules together, `whole` for none [default: all that change the text, and raw]
    #[arg(long, value_name = "RULE,RULE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Other tokenizers to train on the cleaned text, as in byte,bpe:1024
    #[arg(long, value_name = "KIND,KIND:N", value_delimiter = ',')]
    pub tokenizers: Vec<String>,
    /// Other weights of a source of the cleaned text, as in pages=0,2; may be repeated
    ///
    /// The source's documents are left out (0), thinned (0.5) or repeated (2).
    #[arg(long, value_name = "SOURCE=X,X", value_parser = source_weights)]
    pub weights: Vec<(String, Vec<f64>)>,
    /// Seeds, each with a run per version of the text; a verdict needs 3
    #[arg(long, value_name = "N", default_value_t = Ablate::default().seeds)]
    pub seeds: u64,
    /// Name of the ablation, and tag of its runs
    ///
    /// All other options are those of `train`; --data names the raw files. Started again, a stopped ablation continues.
    #[arg(long, value_name = "NAME", default_value = "ablate")]
    pub name: String,
    #[command(flatten)]
    pub run: TrainArguments,
}

#[derive(Args, Debug)]
pub struct SweepArguments {
    /// Sweep file (TOML): the varied settings, and optionally a rule that stops runs early
    ///
    /// [settings] lists values or ranges by the paths of --set: train.learning_rate = { from = 1e-4, to = 1e-2, log = true, count = 5 },
    /// model.layers = [2, 4]. All other options are those of `train` and apply to every run. Started again, a stopped sweep continues.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Runs trained at the same time, each with its share of the CPU's threads; small models train faster side by side
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = worker_count())]
    pub workers: usize,
    #[command(flatten)]
    pub run: TrainArguments,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_the_last_equals_sign() {
        assert_eq!(source_weights("a=b=0, 1.5"), Ok(("a=b".to_owned(), vec![0.0, 1.5])));
        for wrong in ["pages", "pages=", "pages=0;2"] {
            assert!(source_weights(wrong).unwrap_err().contains("pages=0,2"));
        }
    }
}
