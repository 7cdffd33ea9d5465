//! `glasshouse inspect`: views inside a model processing a prompt, as text, JSON or files; `glasshouse diff` and `glasshouse provenance`.

mod diff;
mod files;
mod heads;
mod summary;

pub(super) use diff::{DiffArguments, diff};

use super::bar;
use super::generate::{DrawnArguments, checked};
use super::prelude::*;
use clap::builder::PossibleValuesParser;
use glasshouse_engine::protocol::inspect::{Edit, ElementKind, Inspected, Tensor, TensorSummary};

pub(super) fn inspect(arguments: &InspectArguments) -> Result<()> {
    let views = match arguments.view.as_slice() {
        [] if arguments.to.is_none() => {
            let names = View::ALL.map(View::name).join(", ");
            misuse!("name a view with --view ({names}), or a folder for all views with --to");
        }
        [] => View::ALL.to_vec(),
        named => named.to_vec(),
    };
    let settings = settings(arguments)?;
    check_effects(arguments, &views, &settings)?;
    if let Some(to) = &arguments.to {
        files::check(to, arguments.force)?;
    }
    let ModelArguments { of, checkpoint } = &arguments.model;
    let at_step = |step: u64| at_step(&of.project, of.run.as_deref(), step);
    let checkpoint = match arguments.step {
        Some(step) => at_step(step)?,
        None => checkpoint.clone(),
    };
    let asked = InspectionRequest {
        of,
        checkpoint,
        prompts: &arguments.prompt,
        views,
        settings: settings.clone(),
        reference: arguments.align_with.map(at_step).transpose()?.map(|checkpoint| (None, checkpoint)),
        options: arguments.device.options(),
    };
    let views = asked.views.len();
    let answers = asked.answers()?;
    match &arguments.to {
        Some(to) => {
            files::write(&answers, to, arguments.force)?;
            let files = counted(views as u64, "file");
            Ok(say!("{}: {files}, one for each view, and inspection.json", to.display())?)
        }
        None => print(&answers, arguments.json, &settings),
    }
}

/// Refuses options that none of the requested views reads.
fn check_effects(arguments: &InspectArguments, views: &[View], settings: &InspectSettings) -> Result<()> {
    let changes = !arguments.edit.is_empty() || arguments.every_part || !arguments.other_prompt.is_empty();
    let draws = settings.sampling != GenerateConfig::default();
    for (given, options, view) in [
        (arguments.along_run, "--along-run is", View::Weights),
        (arguments.align_with.is_some(), "--align-with is", View::Embeddings),
        (changes, "--edit, --every-part and --other-prompt are", View::WhatIf),
        (draws, "--temperature, --top-k, --top-p, --min-p and --repetition-penalty are", View::NextToken),
    ] {
        if given && !views.contains(&view) {
            misuse!("{options} for the view {view}; add it to --view");
        }
    }
    let patches = arguments.edit.iter().any(|edit| matches!(edit, Edit::Patch { .. }));
    if patches && arguments.other_prompt.is_empty() {
        misuse!("--edit patch takes a position of another prompt; give that prompt with --other-prompt");
    }
    if arguments.head.is_some() && !views.contains(&View::Head) {
        if !views.contains(&View::Attention) {
            misuse!("--head is for the views attention and head; add one of them to --view");
        }
        if arguments.json || arguments.to.is_some() {
            misuse!(
                "with --json or --to, attention always has every head; leave --head out, or use the view head"
            );
        }
    }
    Ok(())
}

/// One answer as an object; several as a list in the order of their prompts.
fn json_of(answers: &[ViewsAnswer], json: impl Fn(&ViewsAnswer) -> Value) -> Value {
    match answers {
        [alone] => json(alone),
        several => json!({ "prompts": several.iter().map(json).collect::<Vec<_>>() }),
    }
}

pub(super) fn provenance(arguments: &ProvenanceArguments) -> Result<()> {
    let settings = InspectSettings { count: arguments.count, ..InspectSettings::default() };
    let asked = InspectionRequest {
        of: &arguments.of,
        checkpoint: CheckpointChoice::Best,
        prompts: std::slice::from_ref(&arguments.text),
        views: vec![View::Provenance],
        settings: settings.clone(),
        reference: None,
        options: session::Options { device: "cpu".to_owned(), ..session::Options::default() },
    };
    print(&asked.answers()?, arguments.json, &settings)
}

fn print(answers: &[ViewsAnswer], json: bool, settings: &InspectSettings) -> Result<()> {
    match json {
        true => Ok(say!("{}", json_of(answers, |answer| answer.json(ViewsAnswer::entries)))?),
        false => answers.iter().try_for_each(|answer| summary::print(answer, settings)),
    }
}

fn settings(arguments: &InspectArguments) -> Result<InspectSettings> {
    let sampling = checked(arguments.drawn.config())?;
    Ok(InspectSettings {
        layer: arguments.layer,
        head: arguments.head,
        position: arguments.position,
        token: arguments.token,
        count: arguments.count,
        sampling,
        edits: arguments.edit.clone(),
        every_part: arguments.every_part,
        other_prompt: arguments.other_prompt.clone(),
        along_run: arguments.along_run,
        ..InspectSettings::default()
    })
}

fn at_step(project: &Path, run: Option<&str>, step: u64) -> Result<CheckpointChoice> {
    let run = trained::find_run(project, run)?;
    let checkpoints = run.summary()?.checkpoints;
    if let Some(found) = checkpoints.iter().find(|checkpoint| checkpoint.step == step) {
        return Ok(found.choice());
    }
    let nearest = checkpoints.iter().map(|checkpoint| checkpoint.step).min_by_key(|at| at.abs_diff(step));
    let name = run.name();
    match nearest {
        Some(at) => misuse!("{name} has no checkpoint of step {step}; the nearest is that of step {at}"),
        None => misuse!("{name} has no checkpoint yet"),
    }
}

struct InspectionRequest<'a> {
    of: &'a RunArguments,
    checkpoint: CheckpointChoice,
    prompts: &'a [String],
    views: Vec<View>,
    settings: InspectSettings,
    /// The weights to align maps or to compare with; of the same run if none is named.
    reference: Option<(Option<String>, CheckpointChoice)>,
    options: session::Options,
}

impl InspectionRequest<'_> {
    fn answers(self) -> Result<Vec<ViewsAnswer>> {
        let [prompt, further @ ..] = self.prompts else {
            misuse!("the prompt is missing; give one with --prompt");
        };
        drive(self.options, async |engine| {
            let (run, _) = trained::settings_of(engine, self.of).await?;
            let source = WeightSource::Checkpoint { run: run.clone(), checkpoint: self.checkpoint.clone() };
            let reference = self.reference.map(|(other, checkpoint)| WeightSource::Checkpoint {
                run: other.unwrap_or(run),
                checkpoint,
            });
            let command = Command::Inspect {
                source,
                prompt: prompt.clone(),
                further: further.to_vec(),
                views: self.views.clone(),
                settings: Box::new(InspectSettings { reference, ..self.settings.clone() }),
            };
            let mut answers: Vec<ViewsAnswer> = Vec::new();
            let mut progress = bar::Progress::default();
            let on_event = |event, bytes| {
                if let Some(Event::Inspected { inspection }) = progress.receive(event) {
                    let number = (!further.is_empty()).then_some(answers.len());
                    answers.push(ViewsAnswer { number, head: *inspection, bytes });
                }
                Ok(())
            };
            engine.ask_with(command, Vec::new(), on_event).await?;
            anyhow::ensure!(answers.len() == self.prompts.len(), "the engine did not answer every prompt");
            Ok(answers)
        })
    }
}

/// The engine's answer: the views, and the entries of their tensors in order, little-endian.
struct ViewsAnswer {
    /// Index from 0 among several prompts.
    number: Option<usize>,
    head: Inspection,
    bytes: Vec<Vec<u8>>,
}

struct ViewTensor<'a> {
    /// Tensor name, prefixed with its scope if the view has several tensors of that name.
    name: String,
    number: Option<usize>,
    own: Tensor,
    bytes: &'a [u8],
}

impl ViewTensor<'_> {
    /// Name in JSON and files, prefixed with `prompts.N` if there are several prompts.
    fn key(&self) -> String {
        self.number.map_or_else(|| self.name.clone(), |number| format!("prompts.{number}.{}", self.name))
    }
}

impl ViewsAnswer {
    fn views<'a>(&'a self) -> impl Iterator<Item = (&'a Inspected, Vec<ViewTensor<'a>>)> {
        let mut rest = self.bytes.iter();
        self.head.views.iter().map(move |inspected| {
            let tensor = |(summary, bytes): (&'a TensorSummary, &'a Vec<u8>)| {
                let TensorSummary { name, scope, .. } = summary;
                let same = inspected.tensors.iter().filter(|own| own.name == *name).count();
                let name = if same > 1 { format!("{scope}.{name}") } else { name.clone() };
                ViewTensor { name, number: self.number, own: Tensor::new(summary, bytes), bytes }
            };
            (inspected, inspected.tensors.iter().zip(rest.by_ref()).map(tensor).collect())
        })
    }

    /// Adds a tensor's entries as JSON; non-finite numbers become `null`.
    fn entries(tensor: &ViewTensor<'_>, about: &mut Value) {
        about["data"] = match tensor.own.summary.element {
            ElementKind::F32 => json!(tensor.own.floats),
            ElementKind::U32 => json!(tensor.own.integers),
        };
    }

    /// The answer as JSON; `more` adds fields to a tensor's description.
    fn json(&self, more: impl Fn(&ViewTensor<'_>, &mut Value)) -> Value {
        let view = |(inspected, tensors): (&Inspected, Vec<ViewTensor<'_>>)| {
            let about = |tensor: &ViewTensor<'_>| {
                let TensorSummary { scope, axes, element, .. } = &tensor.own.summary;
                let named = axes.iter().filter(|axis| !axis.labels.is_empty());
                let labels: Map<String, Value> =
                    named.map(|axis| (axis.name.clone(), json!(axis.labels))).collect();
                let axes: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
                let mut about = json!({ "scope": scope, "axes": axes, "shape": tensor.own.summary.shape(), "element": element });
                if !labels.is_empty() {
                    about["labels"] = json!(labels);
                }
                more(tensor, &mut about);
                (tensor.key(), about)
            };
            let tensors: Map<String, Value> = tensors.iter().map(about).collect();
            let Inspected { view, details, notices, ms, .. } = inspected;
            let said = json!({ "tensors": tensors, "details": details, "notices": notices, "ms": ms });
            (view.name().to_owned(), said)
        };
        let Inspection { run, step, device, layers, heads, prompt, tokens, cut, position, .. } = &self.head;
        let views: Map<String, Value> = self.views().map(view).collect();
        json!({
            "run": run, "step": step, "device": device, "layers": layers, "heads": heads, "prompt": prompt, "tokens": tokens,
            "cut": cut, "position": position, "views": views,
        })
    }
}

#[derive(Args, Debug)]
pub struct InspectArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Step of a checkpoint or milestone, instead of --checkpoint
    #[arg(long, value_name = "N", conflicts_with = "checkpoint", allow_negative_numbers = true)]
    pub step: Option<u64>,
    /// Prompt; may be repeated, and each prompt is inspected separately
    #[arg(long, value_name = "TEXT", required = true)]
    pub prompt: Vec<String>,
    /// Views, separated by commas [default with --to: all]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = views())]
    pub view: Vec<View>,
    /// Layer index, from 0 [default: all, or the last for single-layer views]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub layer: Option<usize>,
    /// Head index, from 0
    ///
    /// Default: the first for the view head; for attention printed as text, the head with the highest score.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub head: Option<usize>,
    /// Position in the prompt, from 0 [default: the last]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub position: Option<usize>,
    /// Token id whose logit is attributed and whose neighbours are found
    ///
    /// Default: the most likely next token for attribution, the token at the position for neighbours.
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub token: Option<u32>,
    /// Number of candidates, neighbours or matches to list
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    pub count: usize,
    /// With the view what-if: scale or patch a part; may be repeated
    ///
    /// head:LAYER:HEAD:FACTOR, attention:LAYER:FACTOR, mlp:LAYER:FACTOR or layer:LAYER:FACTOR (0 ablates it), or patch:LAYER:POSITION (takes
    /// the residual stream there from --other-prompt)
    #[arg(long, value_name = "PART", value_parser = edit)]
    pub edit: Vec<Edit>,
    /// With the view what-if: also ablate each head and each MLP separately
    #[arg(long)]
    pub every_part: bool,
    /// With the view what-if: prompt that a patched residual comes from
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub other_prompt: String,
    /// With the view embeddings: align the map with that of this step
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub align_with: Option<u64>,
    /// With the view weights: also read the run's milestones
    #[arg(long)]
    pub along_run: bool,
    #[command(flatten, next_help_heading = "With the view next-token")]
    pub drawn: DrawnArguments,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Write a folder: a safetensors file per view, and inspection.json, which describes them
    #[arg(long, value_name = "FOLDER", conflicts_with = "json")]
    pub to: Option<PathBuf>,
    /// Replace an earlier inspection
    #[arg(long, requires = "to")]
    pub force: bool,
    /// Print one JSON object with all entries
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct ProvenanceArguments {
    #[command(flatten)]
    pub of: RunArguments,
    /// Text to search for
    #[arg(long, value_name = "TEXT")]
    pub text: String,
    /// Maximum number of spans, longest first
    #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
    pub count: usize,
    /// Print one JSON object
    ///
    /// Documents are counted from 0, and `longest` covers the tokens after the first `cut`.
    #[arg(long)]
    pub json: bool,
}

/// Parses a view; help, completions and errors list all of them.
fn views() -> impl TypedValueParser<Value = View> {
    PossibleValuesParser::new(View::ALL.map(View::name)).try_map(|name| name.parse::<View>())
}

fn edit(text: &str) -> Result<Edit, String> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text:?} is not a whole number"));
    let scale = |text: &str| match text.parse::<f32>() {
        Ok(factor) if factor.is_finite() => Ok(factor),
        _ => Err(format!("{text:?} is not a factor; 0 ablates a part")),
    };
    let parts: Vec<&str> = text.split(':').collect();
    Ok(match parts[..] {
        ["head", layer, head, factor] => {
            Edit::Head { layer: number(layer)?, head: number(head)?, factor: scale(factor)? }
        }
        ["attention", layer, factor] => Edit::Attention { layer: number(layer)?, factor: scale(factor)? },
        ["mlp", layer, factor] => Edit::Mlp { layer: number(layer)?, factor: scale(factor)? },
        ["layer", layer, factor] => Edit::Layer { layer: number(layer)?, factor: scale(factor)? },
        ["patch", layer, position] => Edit::Patch { layer: number(layer)?, position: number(position)? },
        _ => {
            return Err("expected head:LAYER:HEAD:FACTOR, attention:LAYER:FACTOR, mlp:LAYER:FACTOR, layer:LAYER:FACTOR or \
                        patch:LAYER:POSITION"
                .to_owned());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_read_and_what_is_none_is_told_how_it_would_be_one() {
        assert_eq!(edit("head:1:2:0"), Ok(Edit::Head { layer: 1, head: 2, factor: 0.0 }));
        assert_eq!(edit("mlp:0:-1.5"), Ok(Edit::Mlp { layer: 0, factor: -1.5 }));
        assert_eq!(edit("patch:3:4"), Ok(Edit::Patch { layer: 3, position: 4 }));
        for (typed, said) in [
            ("head:1:2", "head:LAYER:HEAD:FACTOR"),
            ("heads:1:2:0", "mlp:LAYER:FACTOR"),
            ("layer:x:0", "\"x\" is not a whole number"),
            ("layer:0:nan", "\"nan\" is not a factor"),
        ] {
            let problem = edit(typed).unwrap_err();
            assert!(problem.contains(said), "{typed}: {problem}");
        }
    }
}
