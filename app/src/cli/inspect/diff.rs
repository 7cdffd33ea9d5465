//! `glasshouse diff`: what changed between two models, as text or JSON.

use super::*;

pub(in super::super) fn diff(arguments: &DiffArguments) -> Result<()> {
    let (project, count) = (&arguments.project, arguments.count);
    let (before, before_checkpoint) = model(project, &arguments.before)?;
    let (after, checkpoint) = model(project, &arguments.after)?;
    let given = match (&arguments.text, &arguments.prompt) {
        (Some(file), _) => Some(std::fs::read_to_string(file).with_context(|| file.display().to_string())?),
        (None, prompt) => prompt.clone(),
    };
    if given.as_ref().is_some_and(String::is_empty) {
        misuse!("the text is empty; give another, or none for held-out text of the project");
    }
    let sampling =
        GenerateConfig { max_tokens: arguments.max_tokens, seed: arguments.seed, ..Default::default() };
    let held_out = given.is_none();
    let settings = InspectSettings { count, sampling, held_out, ..InspectSettings::default() };
    let asked = InspectionRequest {
        of: &RunArguments { project: project.clone(), run: Some(after) },
        checkpoint,
        prompts: &[given.unwrap_or_default()],
        views: vec![View::Diff],
        settings: settings.clone(),
        reference: Some((Some(before), before_checkpoint)),
        options: arguments.device.options(),
    };
    print(&asked.answers()?, arguments.json, &settings)
}

/// The run and checkpoint of `RUN[:CHECKPOINT]`. An error names those that exist.
fn model(project: &Path, typed: &str) -> Result<(String, CheckpointChoice)> {
    let Start { run: word, checkpoint, .. } = Start::parse(typed, None);
    if word.is_empty() || checkpoint.as_str().is_empty() {
        misuse!("{typed:?} is no model; expected RUN or RUN:CHECKPOINT");
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
    let steps = steps.join(", ");
    misuse!("{name} has no checkpoint {file:?}; choose best, latest, or one of the steps {steps}")
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
    /// Number of tokens to list
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub count: usize,
    /// Seed of the samples
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Maximum tokens of a sample
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub max_tokens: usize,
    #[command(flatten)]
    pub device: DeviceArguments,
    /// Print one JSON object with all entries
    #[arg(long)]
    pub json: bool,
}
