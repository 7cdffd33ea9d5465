//! `glasshouse compress`: creates a run of smaller weights, or measures several methods, and what each costs.

use super::prelude::*;
use super::report::joined;
use glasshouse_engine::protocol::setting::{Choice as _, Described};

pub(super) fn compress(arguments: &CompressArguments) -> Result<()> {
    let method = if arguments.frontier { None } else { Some(arguments.method()?) };
    drive(arguments.device.options(), async |engine| {
        let ModelArguments { of, checkpoint } = &arguments.model;
        let (run, _) = trained::settings_of(engine, of).await?;
        let (checkpoint, documents, keep) = (Some(checkpoint.clone()), arguments.documents, arguments.keep);
        let command = RunChange::Compress { checkpoint, method, documents, keep }.to(&run);
        let mut points = Vec::new();
        let on_event = |event| {
            if let Event::Compressed { compressed } = event {
                points.push(*compressed);
            }
            Ok(())
        };
        let stopping = "stopping; the results so far are printed";
        let asked = engine.ask_until_signal(command, stopping, shown(on_event)).await;
        match (arguments.frontier, arguments.json) {
            _ if points.is_empty() => {}
            (true, true) => say!("{}", json!({ "from": run, "points": points }))?,
            (true, false) => report::print(&[Block::Table(frontier(&points))])?,
            (false, true) => {
                points
                    .iter()
                    .try_for_each(|point| say!("{}", joined(json!({ "from": run }), &json!(point))))?;
            }
            (false, false) => points.iter().try_for_each(|point| report::print(&point.blocks()))?,
        }
        asked
    })
}

#[derive(Args, Debug)]
pub struct CompressArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Compression method
    #[arg(long, value_name = "METHOD", default_value = WeightFormat::PRESELECTED.name(), value_parser = methods())]
    pub method: Compression,
    /// Measure size, speed and loss of many methods instead, without creating runs
    ///
    /// Every format, pruning at 50 %, and about a quarter and a half of the blocks, MLP channels and key-value heads removed.
    #[arg(long, conflicts_with_all = ["method", "pattern", "sparsity", "remove", "windows"])]
    pub frontier: bool,
    /// With --frontier: keep each point as a run
    #[arg(long, requires = "frontier")]
    pub keep: bool,
    /// With magnitude and wanda: where zeros may be [default: unstructured]
    #[arg(long, value_name = "PATTERN", value_parser = choice::<SparsityPattern>())]
    pub pattern: Option<SparsityPattern>,
    /// With magnitude and wanda: fraction of each block matrix's weights to set to zero [default: 0.5]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub sparsity: Option<f64>,
    /// With blocks, channels and heads: number to remove, of channels and heads in every block [default: 1]
    #[arg(long, value_name = "N")]
    pub remove: Option<usize>,
    /// Windows of training text that gptq4 and all pruning but magnitude read [default: 64]
    #[arg(long, value_name = "N")]
    pub windows: Option<usize>,
    /// Validation documents for the losses [default: all]
    #[arg(long, value_name = "N")]
    pub documents: Option<usize>,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl CompressArguments {
    /// The method with its options; other options are refused.
    fn method(&self) -> Result<Compression> {
        let Self { pattern, sparsity, windows, remove, .. } = *self;
        let mut method = self.method.clone();
        let zeros = matches!(method, Compression::Prune(_));
        let parts = matches!(method, Compression::Remove(_));
        let reads = !matches!(method, Compression::Store { .. });
        let sets_zeros = pattern.is_some() || sparsity.is_some();
        for (is_misplaced, options, methods) in [
            (!zeros && sets_zeros, "--pattern and --sparsity are", "magnitude or wanda"),
            (!parts && remove.is_some(), "--remove is", "blocks, channels or heads"),
            (!reads && windows.is_some(), "--windows is", "gptq4, wanda, blocks, channels or heads"),
        ] {
            if is_misplaced {
                misuse!("{options} for --method {methods}");
            }
        }
        match &mut method {
            Compression::Store { .. } => {}
            Compression::Calibrate { windows: own } => *own = windows.unwrap_or(*own),
            Compression::Prune(own) => {
                own.pattern = pattern.unwrap_or(own.pattern);
                own.sparsity = sparsity.unwrap_or(own.sparsity);
                own.windows = windows.unwrap_or(own.windows);
            }
            Compression::Remove(own) => {
                own.count = remove.unwrap_or(own.count);
                own.windows = windows.unwrap_or(own.windows);
            }
        }
        method.validate().map_err(|error| usage(error.to_string()))?;
        Ok(method)
    }
}

/// Parses a method by its name, with default settings; help lists all.
fn methods() -> impl TypedValueParser<Value = Compression> {
    let store =
        |weights: WeightFormat| (weights.name(), weights.about().to_owned(), Compression::Store { weights });
    let windows = PruneSettings::default().windows;
    let about =
        "4.5 bits per weight, rounded so that outputs on windows of training text change least (GPTQ)";
    let calibrate = ("gptq4", about.to_owned(), Compression::Calibrate { windows });
    let prune = |(score, text): (&PruneScore, &Described)| {
        let settings = PruneSettings { score: *score, ..PruneSettings::default() };
        (text.name, text.help(), Compression::Prune(settings))
    };
    let remove = |(part, text): (&ModelPart, &Described)| {
        let settings = RemoveSettings { part: *part, ..RemoveSettings::default() };
        (text.name, text.help(), Compression::Remove(settings))
    };
    let stored = WeightFormat::COMPRESSED.map(store).into_iter().chain([calibrate]);
    let pruned = PruneScore::ALL.iter().zip(PruneScore::TEXTS).map(prune);
    let removed = ModelPart::ALL.iter().zip(ModelPart::TEXTS).map(remove);
    one_of(stored.chain(pruned).chain(removed))
}
