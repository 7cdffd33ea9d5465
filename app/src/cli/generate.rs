//! `glasshouse generate`: one text from a trained model, or several at once.

use super::moderate::{ModerationArguments, moderation};
use super::prelude::*;
use super::report::joined;
use std::time::Instant;

pub(super) fn generate_config(arguments: &SamplingArguments) -> Result<GenerateConfig> {
    let drawn = arguments.drawn.config();
    checked(GenerateConfig {
        max_tokens: arguments.max_tokens,
        temperature: if arguments.greedy { 0.0 } else { drawn.temperature },
        seed: arguments.seed,
        stop: arguments.stop.clone(),
        grammar: match (&arguments.json_schema, &arguments.grammar) {
            (Some(path), _) => Some(Grammar::JsonSchema(text(path)?)),
            (None, Some(path)) => Some(Grammar::Lark(text(path)?)),
            (None, None) => None,
        },
        weights: arguments.decoding.weights.format,
        moderation: Box::new(moderation(&arguments.decoding.moderation)),
        ..drawn
    })
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))
}

/// Refuses invalid settings by the names of their options.
pub(super) fn checked(config: GenerateConfig) -> Result<GenerateConfig> {
    config.validate().map_err(|mut invalid| {
        invalid.field = format!("--{}", invalid.field.replace('_', "-"));
        usage(invalid.to_string())
    })?;
    Ok(config)
}

pub(super) fn generate(arguments: &GenerateArguments) -> Result<()> {
    let config = generate_config(&arguments.sampling)?;
    glasshouse_engine::use_small_pages();
    drive(arguments.sampling.decoding.options(), async |engine| {
        let source = trained::source(engine, &arguments.model).await?;
        let (prompt, json, samples) = (&arguments.prompt, arguments.json, arguments.samples);
        let beginning = prompt.trim_start_matches('\n');
        let (mut model, mut begun) = (Value::Null, Instant::now());
        // The samples that have ended but are not printed, because earlier ones have not.
        let (mut tokens, mut ended, mut printed) = (0, BTreeMap::new(), 0);
        let show = |event| {
            let mut output = terminal::out();
            match event {
                Event::ModelOpened(opened) => {
                    begun = Instant::now();
                    let answer::ModelOpened { run, step, device, weights, .. } = opened;
                    model = json!({ "run": run, "step": step, "device": device, "weights": weights.name() });
                }
                Event::Written { .. } if samples.is_some() => {}
                Event::Written { prompt: true, .. } if json => {}
                Event::Written { prompt: true, .. } => write!(output, "{beginning}")?,
                Event::Written { tokens: written, text, .. } if json => {
                    let ids: Vec<u32> = written.iter().map(|token| token.id).collect();
                    writeln!(output, "{}", json!({ "event": "tokens", "ids": ids, "text": text }))?;
                }
                Event::Written { text, .. } => write!(output, "{text}")?,
                Event::Completed { completion } => {
                    let Completion { number, seed, text, ids, ending, moderated, .. } = &*completion;
                    tokens += ids.len();
                    match (samples, json) {
                        (None, true) => {
                            let line = json!({
                                "event": "done", "text": text, "prompt": prompt, "tokens": tokens, "ending": ending,
                                "moderated": moderated, "seconds": completion.seconds,
                                "tokens_per_s": completion.tokens_per_s,
                            });
                            writeln!(output, "{}", joined(line, &model))?;
                        }
                        (None, false) => {
                            writeln!(output)?;
                            trained::print_moderated(moderated);
                        }
                        (Some(_), true) => {
                            let line = json!({
                                "event": "sample", "number": number, "seed": seed, "text": text, "ids": ids,
                                "ending": ending, "moderated": moderated,
                            });
                            writeln!(output, "{line}")?;
                        }
                        (Some(count), false) => {
                            ended.insert(*number, completion);
                            while let Some(Completion { seed, text, .. }) = ended.remove(&printed).as_deref()
                            {
                                printed += 1;
                                writeln!(
                                    output,
                                    "--- sample {printed} of {count}, seed {seed}\n{beginning}{text}"
                                )?;
                            }
                        }
                    }
                }
                _ => {}
            }
            Ok(output.flush()?)
        };
        let output = samples.map_or(Output::Tokens, |count| Output::Samples { count });
        let command = Command::Generate { source, prompt: prompt.as_str().into(), config, output };
        engine.ask_until_signal(command, "stopping", shown(show)).await?;
        let Some(count) = samples else { return Ok(()) };
        let seconds = begun.elapsed().as_secs_f64();
        let speed = tokens as f64 / seconds.max(1e-9);
        if !json {
            report!("{} together, {}", counted(tokens as u64, "token"), tokens_per_second(speed));
            return Ok(());
        }
        let line = json!({
            "event": "done", "prompt": prompt, "samples": count, "tokens": tokens, "seconds": seconds,
            "tokens_per_s": speed,
        });
        Ok(say!("{}", joined(line, &model))?)
    })
}

/// How the next token is drawn.
#[derive(Args, Clone, Copy, Debug)]
pub struct DrawnArguments {
    #[arg(long, value_name = "X", help = help(GenerateConfig::setting("temperature")), default_value_t = GenerateConfig::default().temperature, allow_negative_numbers = true)]
    pub temperature: f32,
    #[arg(long, value_name = "K", help = help(GenerateConfig::setting("top_k")), default_value_t = GenerateConfig::default().top_k)]
    pub top_k: usize,
    #[arg(long, value_name = "P", help = help(GenerateConfig::setting("top_p")), default_value_t = GenerateConfig::default().top_p, allow_negative_numbers = true)]
    pub top_p: f32,
    #[arg(long, value_name = "P", help = help(GenerateConfig::setting("min_p")), default_value_t = GenerateConfig::default().min_p, allow_negative_numbers = true)]
    pub min_p: f32,
    #[arg(long, value_name = "X", help = help(GenerateConfig::setting("repetition_penalty")), default_value_t = GenerateConfig::default().repetition_penalty, allow_negative_numbers = true)]
    pub repetition_penalty: f32,
}

impl DrawnArguments {
    pub(super) fn config(self) -> GenerateConfig {
        let Self { temperature, top_k, top_p, min_p, repetition_penalty } = self;
        GenerateConfig { temperature, top_k, top_p, min_p, repetition_penalty, ..GenerateConfig::default() }
    }
}

/// How a model is run that generates texts.
#[derive(Args, Clone, Debug)]
pub struct DecodingArguments {
    #[command(flatten)]
    pub moderation: ModerationArguments,
    #[command(flatten)]
    pub weights: FormatArguments,
    /// Round the inputs of 8- and 4-bit matrices to 16 bits instead of 8 on the CPU, for smaller rounding errors; slower
    #[arg(long)]
    pub precise: bool,
    #[command(flatten)]
    pub device: DeviceArguments,
}

impl DecodingArguments {
    pub(super) fn options(&self) -> session::Options {
        session::Options { precise: self.precise, ..self.device.options() }
    }
}

/// How a text is generated, shared by `generate`, `chat` and `features steer`.
#[derive(Args, Clone, Debug)]
pub struct SamplingArguments {
    #[arg(long, value_name = "N", help = help(GenerateConfig::setting("max_tokens")), default_value_t = GenerateConfig::default().max_tokens)]
    pub max_tokens: usize,
    #[command(flatten)]
    pub drawn: DrawnArguments,
    /// Always take the most likely token (same as --temperature 0)
    #[arg(long)]
    pub greedy: bool,
    #[arg(long, value_name = "N", help = help(GenerateConfig::setting("seed")), default_value_t = GenerateConfig::default().seed)]
    pub seed: u64,
    /// Stop before this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// Write JSON that follows the JSON Schema in this file
    #[arg(long, value_name = "FILE", conflicts_with = "grammar")]
    pub json_schema: Option<PathBuf>,
    /// Write text that follows the grammar in this file, in Lark's notation
    #[arg(long, value_name = "FILE")]
    pub grammar: Option<PathBuf>,
    #[command(flatten)]
    pub decoding: DecodingArguments,
}

#[derive(Args, Debug)]
pub struct GenerateArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Prompt
    #[arg(long, value_name = "TEXT", default_value = "\n")]
    pub prompt: String,
    #[command(flatten)]
    pub sampling: SamplingArguments,
    /// Generate N texts in one batch, with consecutive seeds from --seed
    ///
    /// Each text is the same as when generated separately with its seed: bit for bit on the CPU, up to rounding on a GPU.
    #[arg(long, value_name = "N", value_parser = within(1..=10_000))]
    pub samples: Option<usize>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}
