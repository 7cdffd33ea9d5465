//! `glasshouse diff`: what changed between two models, as text or JSON.

use super::summary::{print_table, quoted};
use super::{InspectionRequest, ViewTensor, ViewsAnswer, at_step};
use crate::cli::arguments::DEFAULT_PROJECT;
use crate::cli::settings::{checked_device, usage};
use crate::cli::trained;
use anyhow::{Context as _, Result};
use clap::Args;
use glasshouse_engine::protocol::config::Start;
use glasshouse_engine::protocol::inspect::{Detail, InspectSettings};
use glasshouse_engine::protocol::quantity::{counted, figures};
use glasshouse_engine::protocol::{CheckpointChoice, GenerateConfig, View};
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Backgrounds of tokens in the 256 colours of terminals, from the smallest change to the largest.
const SHADES: [u8; 5] = [17, 18, 19, 20, 27];

pub(in super::super) fn diff(arguments: &DiffArguments) -> Result<()> {
    let (project, count) = (&arguments.project, arguments.count);
    let (before, before_checkpoint) = model(project, &arguments.before)?;
    let (after, checkpoint) = model(project, &arguments.after)?;
    let given = match (&arguments.text, &arguments.prompt) {
        (Some(file), _) => Some(std::fs::read_to_string(file).with_context(|| file.display().to_string())?),
        (None, prompt) => prompt.clone(),
    };
    if given.as_ref().is_some_and(String::is_empty) {
        return Err(usage("the text is empty; give another, or none for held-out text of the project"));
    }
    let sampling =
        GenerateConfig { max_tokens: arguments.max_tokens, seed: arguments.seed, ..Default::default() };
    let held_out = given.is_none();
    let settings = InspectSettings { count, sampling, held_out, ..InspectSettings::default() };
    let asked = InspectionRequest {
        project,
        run: Some(after),
        checkpoint,
        prompts: &[given.unwrap_or_default()],
        views: vec![View::Diff],
        settings,
        reference: Some((Some(before), before_checkpoint)),
        device: checked_device(&arguments.device)?,
    };
    asked.answers()?.iter().try_for_each(|answer| {
        if arguments.json { Ok(say!("{}", answer.json(ViewsAnswer::entries))?) } else { print(answer, count) }
    })
}

/// The run and checkpoint of `RUN[:CHECKPOINT]`.
///
/// # Errors
/// There is no such run or checkpoint; the error names those that exist.
fn model(project: &Path, typed: &str) -> Result<(String, CheckpointChoice)> {
    let Start { run: word, checkpoint, .. } = Start::parse(typed, None);
    if word.is_empty() || checkpoint.as_str().is_empty() {
        return Err(usage(format!("{typed:?} is no model; expected RUN or RUN:CHECKPOINT")));
    }
    let run = trained::find_run(project, Start::named_run(&word))?;
    let name = run.name();
    let Some(file) = checkpoint.file() else { return Ok((name, checkpoint)) };
    if let Ok(step) = file.parse() {
        let checkpoint = at_step(project, Some(&name), step)?;
        return Ok((name, checkpoint));
    }
    let checkpoints = run.summary()?.checkpoints;
    if Path::new(file).is_file() || checkpoints.iter().any(|own| own.file == file) {
        return Ok((name, checkpoint));
    }
    let mut steps: Vec<String> = checkpoints.iter().map(|own| own.step.to_string()).collect();
    steps.dedup();
    Err(usage(format!(
        "{name} has no checkpoint {file:?}; choose best, latest, or one of the steps {}",
        steps.join(", ")
    )))
}

/// The tensors of the view by name, and the texts of tokens.
struct Found<'a> {
    tensors: HashMap<&'a str, &'a ViewTensor<'a>>,
    texts: HashMap<u32, &'a str>,
}

impl Found<'_> {
    fn floats(&self, name: &str) -> Vec<f32> {
        self.tensors.get(name).map(|tensor| tensor.floats()).unwrap_or_default()
    }

    fn integers(&self, name: &str) -> Vec<u32> {
        self.tensors.get(name).map(|tensor| tensor.integers()).unwrap_or_default()
    }

    fn text(&self, token: u32) -> &str {
        self.texts.get(&token).copied().unwrap_or_default()
    }
}

fn print(answer: &ViewsAnswer, count: usize) -> Result<()> {
    for (inspected, tensors) in answer.views() {
        let mut found = Found {
            tensors: tensors.iter().map(|tensor| (tensor.summary.name.as_str(), tensor)).collect(),
            texts: HashMap::new(),
        };
        let (mut names, mut sampled): (&[String], _) = (&[], None);
        for detail in &inspected.details {
            match detail {
                Detail::Tokens { tokens } => {
                    found.texts.extend(tokens.iter().map(|token| (token.id, token.text.as_str())));
                }
                Detail::Parameters { names: own, .. } => names = own,
                Detail::Samples { prompt, texts } => sampled = Some((prompt, texts)),
                _ => {}
            }
        }
        if let Some((_, [(before, _), (after, _)])) =
            sampled.map(|(prompt, texts)| (prompt, texts.as_slice()))
        {
            let tokens = counted(found.integers("ids").len() as u64, "token");
            say!("what changed from {before} to {after}, on {tokens} ({})", answer.head.device)?;
        }
        for notice in &inspected.notices {
            say!("note: {notice}")?;
        }
        print_figures(&found)?;
        print_text(&found)?;
        print_tokens(&found)?;
        print_parts(&found, names, count)?;
        if let Some((prompt, texts)) = sampled {
            say!("\nSamples with the same seed, after {}", format_args!("{prompt:?}"))?;
            for (name, text) in texts {
                say!("  {name}: {}", text.replace('\n', " "))?;
            }
        }
    }
    Ok(())
}

fn print_figures(found: &Found<'_>) -> Result<()> {
    let unit = if found.tensors.contains_key("bits_after") { "bits per byte" } else { "bits per token" };
    let mut table = vec![["", unit, "95 % interval"].map(str::to_owned).to_vec()];
    for (name, title) in [
        ("mean_divergence", "KL(before ‖ after)"),
        ("mean_divergence_back", "KL(after ‖ before)"),
        ("loss_before", "loss before"),
        ("loss_after", "loss after"),
    ] {
        if let [value, low, high] = found.floats(name)[..] {
            let interval = match low.is_finite() {
                true => format!("{} to {}", figures(low), figures(high)),
                false => "–".to_owned(),
            };
            table.push(vec![title.to_owned(), figures(value), interval]);
        }
    }
    say!("")?;
    print_table(&table)
}

/// The text with the change of each token as its background, if the terminal has colours.
fn print_text(found: &Found<'_>) -> Result<()> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let colours = std::io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|terminal| terminal != "dumb");
    if !colours {
        return Ok(());
    }
    let divergence = found.floats("divergence");
    let (name, values) = match divergence.is_empty() {
        true => ("change", found.floats("change")),
        false => ("KL(before ‖ after)", divergence),
    };
    let most = values.iter().copied().map(f32::abs).fold(f32::MIN_POSITIVE, f32::max);
    let mut text = String::new();
    for (id, value) in found.integers("ids").into_iter().zip(values) {
        // A text could contain sequences that control the terminal.
        let plain = |character: char| match character.is_control() && character != '\n' {
            true => '·',
            false => character,
        };
        let token: String = found.text(id).chars().map(plain).collect();
        let shade = (value.abs() / most * SHADES.len() as f32) as usize;
        match shade.checked_sub(1).and_then(|shade| SHADES.get(shade.min(SHADES.len() - 1))) {
            Some(shade) => {
                let lines: Vec<String> = token
                    .split('\n')
                    .map(|line| match line {
                        "" => String::new(),
                        line => format!("\x1b[97;48;5;{shade}m{line}\x1b[0m"),
                    })
                    .collect();
                text += &lines.join("\n");
            }
            None => text += &token,
        }
    }
    Ok(say!("\nThe text, darker to brighter by {name}, up to {} bits:\n{text}", figures(most))?)
}

fn print_tokens(found: &Found<'_>) -> Result<()> {
    let (ids, divergence, change) =
        (found.integers("ids"), found.floats("divergence"), found.floats("change"));
    let places = found.integers("places");
    let likeliest = |name: &str, row: usize| -> String {
        let (ids, shares) = (found.integers(name), found.floats(&format!("{name}_probability")));
        let columns = (ids.len() / places.len().max(1)).max(1);
        let cells = ids.chunks(columns).zip(shares.chunks(columns)).nth(row);
        let cell = |(id, share): (&u32, &f32)| format!("{} {share:.2}", quoted(found.text(*id)));
        cells
            .map(|(ids, shares)| ids.iter().zip(shares).map(cell).collect::<Vec<_>>().join(" "))
            .unwrap_or_default()
    };
    if !places.is_empty() {
        let titles = ["at", "token", "KL", "change", "before", "after"];
        let mut table = vec![titles.map(str::to_owned).to_vec()];
        for (row, place) in places.iter().enumerate() {
            let at = |values: &[f32]| values.get(*place as usize).copied().map(figures).unwrap_or_default();
            let token = ids.get(*place as usize).map(|id| quoted(found.text(*id))).unwrap_or_default();
            let tops = ["top_before", "top_after"].map(|name| likeliest(name, row));
            let own = vec![place.to_string(), token, at(&divergence), at(&change)];
            table.push([own, tops.to_vec()].concat());
        }
        say!("\nLargest divergence, in bits; change is log₂ of the factor of the token's probability")?;
        print_table(&table)?;
    }
    for (name, title) in [("gained", "Tokens gained"), ("forgotten", "Tokens forgotten")] {
        let (ids, counts) = (found.integers(name), found.integers(&format!("{name}_count")));
        let mut table = vec![["token", "bits", "occurrences"].map(str::to_owned).to_vec()];
        for ((id, bits), count) in ids.iter().zip(found.floats(&format!("{name}_bits"))).zip(counts) {
            table.push(vec![quoted(found.text(*id)), figures(bits), count.to_string()]);
        }
        if table.len() > 1 {
            say!("\n{title}: sum of changes over the text")?;
            print_table(&table)?;
        }
    }
    Ok(())
}

fn print_parts(found: &Found<'_>, names: &[String], count: usize) -> Result<()> {
    let Some(columns) = found.tensors.get("effect").and_then(|tensor| tensor.summary.axes.get(1)) else {
        return Ok(());
    };
    let [effect, weights, activations] = ["effect", "weights", "activations"].map(|name| found.floats(name));
    let mut order: Vec<usize> = (0..effect.len()).collect();
    order.sort_by(|one, other| effect[*other].abs().total_cmp(&effect[*one].abs()));
    let mut table =
        vec![["part", "effect (bits per token)", "weights", "outputs"].map(str::to_owned).to_vec()];
    for at in order.into_iter().take(count) {
        let (layer, part) = (at / columns.size, at % columns.size);
        let part = View::Diff.place_name("part", part).unwrap_or_default();
        let cell = |values: &[f32]| values.get(at).copied().map(figures).unwrap_or_default();
        table.push(vec![format!("layer {layer} {part}"), cell(&effect), cell(&weights), cell(&activations)]);
    }
    say!(
        "\nParts by the effect of putting them into the earlier model; relative change of weights and outputs"
    )?;
    print_table(&table)?;
    let (changes, directions) = (found.floats("parameter_change"), found.floats("first_direction"));
    let mut rows: Vec<_> = names.iter().zip(changes.into_iter().zip(directions)).collect();
    rows.sort_by(|(_, (one, _)), (_, (other, _))| other.total_cmp(one));
    let mut table = vec![["parameter", "change", "first direction"].map(str::to_owned).to_vec()];
    for (name, (change, direction)) in rows.into_iter().take(count) {
        table.push(vec![name.clone(), figures(change), figures(direction)]);
    }
    say!("\nParameters by relative change; share of its largest singular direction")?;
    print_table(&table)
}

#[derive(Args, Debug)]
pub struct DiffArguments {
    /// Earlier model: a run by number, name or title, or `latest`, with :best (the default), :latest, :STEP or :FILE
    #[arg(value_name = "RUN[:CHECKPOINT]")]
    pub before: String,
    /// Later model, of the same project
    #[arg(value_name = "RUN[:CHECKPOINT]")]
    pub after: String,
    /// Project folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Text file to compare on [default: the beginning of the project's held-out text]
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub text: Option<PathBuf>,
    /// Text to compare on
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Number of tokens, parts and parameters to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub count: usize,
    /// Seed of the samples
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Maximum tokens of a sample
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub max_tokens: usize,
    /// Device: auto, cpu, gpu, or part of an adapter's name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,
    /// Print one JSON object with all entries
    #[arg(long)]
    pub json: bool,
}
