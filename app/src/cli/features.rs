//! `glasshouse features`: sparse dictionaries of a model's hook points.

use super::export::check_not_here;
use super::generate::{SamplingArguments, generate_config};
use super::prelude::*;
use glasshouse_engine::protocol::features::{
    DictionaryKind, DictionarySettings, FeatureQuery, GraphQuery, Steering,
};

#[derive(Debug, Subcommand)]
pub enum FeaturesCommand {
    /// Train a dictionary on a hook point of a run's model, with the run's training text
    Train(TrainDictionaryArguments),
    /// List a dictionary's features, search them by text, or describe one
    Show(ShowArguments),
    /// Continue a prompt with and without a feature
    Steer(SteerArguments),
    /// Find the tokens and features that caused a next token, with transcoders of all blocks
    Graph(GraphArguments),
    /// Name a feature
    Name(NameArguments),
    /// Export a dictionary for SAELens
    Export(ExportDictionaryArguments),
    /// Import a dictionary in SAELens' format
    Import(ImportDictionaryArguments),
}

pub(super) fn features(command: &FeaturesCommand) -> Result<()> {
    match command {
        FeaturesCommand::Train(arguments) => train(arguments),
        FeaturesCommand::Show(arguments) => show(arguments),
        FeaturesCommand::Steer(arguments) => steer(arguments),
        FeaturesCommand::Graph(arguments) => graph(arguments),
        FeaturesCommand::Name(arguments) => name(arguments),
        FeaturesCommand::Export(arguments) => export(arguments),
        FeaturesCommand::Import(arguments) => import(arguments),
    }
}

fn train(arguments: &TrainDictionaryArguments) -> Result<()> {
    let TrainDictionaryArguments { kind, penalty, bandwidth, .. } = arguments;
    let TrainDictionaryArguments { at, width, k, tokens, learning_rate, seed, json, .. } = arguments;
    let settings = DictionarySettings {
        at: at.clone(),
        width: *width,
        kind: *kind,
        k: *k,
        penalty: *penalty,
        bandwidth: *bandwidth,
        tokens: *tokens,
        learning_rate: *learning_rate,
        seed: *seed,
    };
    settings.check().map_err(usage)?;
    let last = drive(arguments.device.options(), async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        if !json {
            let (source, settings) = (source.clone(), Box::new(settings.clone()));
            let found: answer::Dictionaries =
                engine.ask_for(Command::ReadDictionaries { source, settings }).await?;
            if let Some(plan) = found.plan {
                report!("about {} on this device", duration(plan.seconds));
            }
        }
        let command = Command::TrainDictionary { source, settings: Box::new(settings) };
        let mut last: Option<answer::Dictionary> = None;
        let on_event = |event| {
            if let Event::Dictionary(dictionary) = event {
                let is_news = last.as_ref() != Some(&dictionary);
                match (is_news, dictionary.curve.last()) {
                    _ if *json => {
                        say_event("dictionary", &point_of(&dictionary))?;
                        if dictionary.recovery.is_some() {
                            say_event("trained", &dictionary)?;
                        }
                    }
                    (true, _) if dictionary.recovery.is_some() => report::print(&dictionary.blocks())?,
                    (true, None) => report::print(&dictionary.blocks())?,
                    (true, Some(point)) => report!(
                        "{} tokens: loss {}, explained variance {}, {} active, {} dead{}",
                        whole(point.tokens),
                        figures(point.loss),
                        percent(point.explained_variance),
                        figures(point.l0),
                        percent(point.dead),
                        if point.revived > 0 {
                            format!(", {} revived", point.revived)
                        } else {
                            String::new()
                        }
                    ),
                    (false, _) => {}
                }
                last = Some(dictionary);
            }
            Ok(())
        };
        engine.ask_until_signal(command, "keeping the dictionary so far", shown(on_event)).await?;
        Ok(last)
    })?;
    let Some(dictionary) = last.filter(|own| own.recovery.is_none()) else { return Ok(()) };
    if *json {
        return say_event("trained", &dictionary);
    }
    match dictionary.curve.last() {
        Some(point) => {
            let (number, run, tokens) = (dictionary.number, &dictionary.run, whole(point.tokens));
            Ok(say!("stopped; dictionary {number} of {run} is kept as of {tokens} tokens")?)
        }
        None => Ok(say!("stopped before the first measurement; nothing of this dictionary is kept")?),
    }
}

/// A dictionary's last point; before the first one, what it takes.
fn point_of(dictionary: &answer::Dictionary) -> Value {
    match dictionary.curve.last() {
        Some(point) => json!(point),
        None => json!({
            "run": dictionary.run, "number": dictionary.number, "step": dictionary.step, "settings": dictionary.settings,
            "columns": dictionary.columns, "device": dictionary.device, "bytes": dictionary.bytes,
        }),
    }
}

fn show(arguments: &ShowArguments) -> Result<()> {
    let ShowArguments { of, feature, text, count, history, .. } = arguments;
    drive(arguments.device.options(), async |engine| {
        let (run, _) = trained::settings_of(engine, &of.of).await?;
        let query = FeatureQuery { feature: *feature, text: text.clone(), count: *count, history: *history };
        let features: answer::Features =
            engine.ask_for(Command::ReadFeatures { run, dictionary: of.dictionary, query }).await?;
        if of.json { say_json(&features) } else { Ok(report::print(&features.blocks())?) }
    })
}

fn steer(arguments: &SteerArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    drive(arguments.sampling.decoding.options(), async |engine| {
        let SteerArguments { of, feature, by, clamp, prompt, .. } = arguments;
        let (run, _) = trained::settings_of(engine, &of.of).await?;
        let steering = Steering { feature: *feature, by: *by, clamp: *clamp, prompt: prompt.clone(), config };
        let command = Command::SteerFeature { run, dictionary: of.dictionary, steering: Box::new(steering) };
        let steered: answer::Steered = engine.ask_for(command).await?;
        if of.json {
            return say_json(&steered);
        }
        say!("plain:\n{prompt}{}\n", steered.plain)?;
        let how = if *clamp { "at" } else { "by" };
        Ok(say!("feature {feature} {how} {by}:\n{prompt}{}", steered.steered)?)
    })
}

fn graph(arguments: &GraphArguments) -> Result<()> {
    let GraphArguments { of, prompt, token, count, json, .. } = arguments;
    drive(arguments.device.options(), async |engine| {
        let (run, _) = trained::settings_of(engine, of).await?;
        let query = Box::new(GraphQuery { prompt: prompt.clone(), token: token.clone(), count: *count });
        let found: answer::FeatureGraph = engine.ask_for(Command::GraphFeatures { run, query }).await?;
        if *json { say_json(&found) } else { Ok(report::print(&found.blocks())?) }
    })
}

fn name(arguments: &NameArguments) -> Result<()> {
    drive(session::Options::default(), async |engine| {
        let NameArguments { of, feature, name } = arguments;
        let (run, _) = trained::settings_of(engine, &of.of).await?;
        let (dictionary, name) = (of.dictionary, name.clone());
        let command = Command::NameFeature { run, dictionary, feature: *feature, name };
        let named: answer::Dictionary = engine.ask_for(command).await?;
        if of.json {
            return say_json(&named);
        }
        match named.name(*feature) {
            Some(name) => say!("feature {feature} of dictionary {} is {name:?}", named.number)?,
            None => say!("feature {feature} of dictionary {} has no name", named.number)?,
        }
        Ok(())
    })
}

fn import(arguments: &ImportDictionaryArguments) -> Result<()> {
    let ImportDictionaryArguments { model, from, at, device, json } = arguments;
    drive(device.options(), async |engine| {
        let source = trained::source(engine, model).await?;
        let command = Command::ImportDictionary { source, from: Some(from.clone()), at: at.clone() };
        let imported: answer::Dictionary = engine.ask_for(command).await?;
        if *json { say_json(&imported) } else { Ok(report::print(&imported.blocks())?) }
    })
}

fn export(arguments: &ExportDictionaryArguments) -> Result<()> {
    let ExportDictionaryArguments { of, to, force } = arguments;
    check_not_here(to, "an export")?;
    drive(session::Options::default(), async |engine| {
        let (run, _) = trained::settings_of(engine, &of.of).await?;
        let command = Export::Dictionary { run, dictionary: of.dictionary }.to(Some(to.clone()), !force);
        let exported: answer::Exported = engine.ask_for(command).await?;
        if of.json {
            return say_json(&exported);
        }
        exported.files.iter().try_for_each(|file| say!("{file}"))?;
        Ok(say!("open it with SAELens: SAE.load_from_disk({:?})", to.display().to_string())?)
    })
}

#[derive(Args, Debug)]
pub struct TrainDictionaryArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Hook point, such as blocks.1.mlp.output, or an MLP, such as blocks.1.mlp, for a transcoder; a wrong name lists all
    ///
    /// With * for the block, one dictionary for each block is trained.
    #[arg(long, value_name = "POINT")]
    pub at: String,
    /// Number of features
    #[arg(long, value_name = "N", default_value_t = DictionarySettings::default().width)]
    pub width: usize,
    /// What makes features sparse
    #[arg(long, value_name = "KIND", value_parser = choice::<DictionaryKind>(), default_value_t = DictionarySettings::default().kind)]
    pub kind: DictionaryKind,
    /// Maximum number of active features per token; with jumprelu, their mean number before the first step
    #[arg(long, visible_alias = "l0", value_name = "N", default_value_t = DictionarySettings::default().k)]
    pub k: usize,
    /// With jumprelu: cost of an active feature, as a fraction of the variance of the reconstructed value
    #[arg(long, value_name = "X", default_value_t = DictionarySettings::default().penalty)]
    pub penalty: f64,
    /// With jumprelu: distance from a threshold, in standard deviations of the value, within which activations move it
    #[arg(long, value_name = "X", default_value_t = DictionarySettings::default().bandwidth)]
    pub bandwidth: f64,
    /// Training tokens
    #[arg(long, value_name = "N", default_value_t = DictionarySettings::default().tokens)]
    pub tokens: u64,
    /// Peak learning rate of Adam
    #[arg(long, value_name = "X", default_value_t = DictionarySettings::default().learning_rate)]
    pub learning_rate: f64,
    /// Seed of the initial features
    #[arg(long, value_name = "N", default_value_t = DictionarySettings::default().seed)]
    pub seed: u64,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object per measurement, then the whole record
    #[arg(long)]
    pub json: bool,
}

/// A trained dictionary.
#[derive(Args, Debug)]
pub struct DictionaryArguments {
    #[command(flatten)]
    pub of: RunArguments,
    /// Number of the dictionary in the run [default: the latest]
    #[arg(long, value_name = "N")]
    pub dictionary: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ShowArguments {
    #[command(flatten)]
    pub of: DictionaryArguments,
    /// Feature to describe: passages, logit effects, neighbours
    #[arg(long, value_name = "N")]
    pub feature: Option<usize>,
    /// List the features that are active in this text, the strongest first
    #[arg(long, value_name = "TEXT", conflicts_with = "feature")]
    pub text: Option<String>,
    /// Number of features, passages, tokens or neighbours to list
    #[arg(long, value_name = "N", default_value_t = FeatureQuery::default().count)]
    pub count: usize,
    /// Also measure at which steps of the run's training the features were active
    #[arg(long)]
    pub history: bool,
    #[command(flatten)]
    pub device: DeviceArguments,
}

#[derive(Args, Debug)]
pub struct SteerArguments {
    #[command(flatten)]
    pub of: DictionaryArguments,
    /// Feature to add
    #[arg(long, value_name = "N")]
    pub feature: usize,
    /// Multiple of the feature's unit direction, added at every position
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub by: f32,
    /// Set the feature's activation to the value of --by at every position instead
    #[arg(long)]
    pub clamp: bool,
    /// Prompt to continue
    #[arg(long, value_name = "TEXT")]
    pub prompt: String,
    #[command(flatten)]
    pub sampling: SamplingArguments,
}

#[derive(Args, Debug)]
pub struct GraphArguments {
    #[command(flatten)]
    pub of: RunArguments,
    /// Text before the explained token
    #[arg(long, value_name = "TEXT")]
    pub prompt: String,
    /// Explain this next token [default: the likeliest]
    #[arg(long, value_name = "TEXT")]
    pub token: Option<String>,
    /// Number of tokens, features and errors to show, the most influential ones
    #[arg(long, value_name = "N", default_value_t = GraphQuery::default().count)]
    pub count: usize,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ExportDictionaryArguments {
    #[command(flatten)]
    pub of: DictionaryArguments,
    /// Folder to write
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Replace an exported dictionary
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct NameArguments {
    #[command(flatten)]
    pub of: DictionaryArguments,
    /// Feature to name
    #[arg(long, value_name = "N")]
    pub feature: usize,
    /// Its name; an empty one removes it
    #[arg(long, value_name = "TEXT")]
    pub name: String,
}

#[derive(Args, Debug)]
pub struct ImportDictionaryArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder with cfg.json and sae_weights.safetensors
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// Hook point, such as blocks.1.mlp.output [default: the one in cfg.json]
    #[arg(long, value_name = "POINT")]
    pub at: Option<String>,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
