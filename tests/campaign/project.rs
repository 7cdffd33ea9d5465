//! A small project with a file of every kind, sessions on it, and its files before a fault.

use glasshouse_engine::session::{self, Options};
use glasshouse_protocol::evaluation::AuditTopic;
use glasshouse_protocol::features::DictionarySettings;
use glasshouse_protocol::{
    AuditSettings, CheckpointChoice, Command, Drafts, Envelope, ErrorKind, Event, Export, ExportFormat,
    Feedback, GenerateConfig, Milestones, Output, Report, Request, RunChange, RunConfig, RunLaunch,
    TrainEvent, WeightFormat, WeightSource, presets,
};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tempfile::TempDir;

pub const RUN: &str = "1-first-stories";
/// Steps of the sample's run: of its checkpoints, and in all.
pub const SAVED: [u64; 2] = [4, 8];
pub const STEPS: u64 = 12;

/// A folder in memory, if the system has one, because every trial writes and syncs.
pub fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs commands in a session, each after the end of the previous one, and returns all reports.
pub fn play(commands: Vec<Command>) -> Vec<Report> {
    let (requests, inbox) = async_channel::unbounded();
    let send = move |commands: &mut VecDeque<Command>, id: u64| match commands.pop_front() {
        Some(command) => drop(requests.try_send(Envelope::plain(Request::new(id, command)))),
        None => {
            requests.close();
        }
    };
    // Projects are opened by their paths, but a window has a list of projects.
    let shelf = commands.iter().find_map(|command| match command {
        Command::OpenProject { id } => Path::new(id).parent().map(Path::to_owned),
        _ => None,
    });
    let mut commands = VecDeque::from(commands);
    send(&mut commands, 1);
    let state = Rc::new(RefCell::new((commands, 1, Vec::new())));
    let own = state.clone();
    let options = Options {
        shelf: shelf.unwrap_or_default(),
        device: "cpu".to_owned(),
        threads: Some(1),
        autotune: false,
        cache: None,
        ..Options::default()
    };
    let heard = move |report: Envelope<Report>| {
        let (commands, sent, heard) = &mut *own.borrow_mut();
        let report = report.body;
        if report.request == Some(*sent) && matches!(report.event, Event::Finished | Event::Failed { .. }) {
            *sent += 1;
            send(commands, *sent);
        }
        heard.push(report);
    };
    pollster::block_on(session::run(options, inbox, heard));
    state.take().2
}

/// A command from its JSON.
pub fn command(value: Value) -> Command {
    serde_json::from_value(value).unwrap()
}

pub fn used(project: &Path) -> Command {
    Command::UseProject { folder: project.to_owned(), make: true }
}

pub fn opened(project: &Path) -> Command {
    Command::OpenProject { id: project.display().to_string() }
}

pub fn train(config: RunConfig, stop_after: Option<u64>) -> Command {
    Command::Train { config: Box::new(config), launch: RunLaunch { stop_after, ..RunLaunch::default() } }
}

pub fn resume() -> Command {
    Command::Resume { run: None, launch: RunLaunch::default() }
}

/// Those of the sample's last checkpoint.
fn weights() -> WeightSource {
    WeightSource::Checkpoint { run: RUN.to_owned(), checkpoint: CheckpointChoice::Latest }
}

/// Writes a few tokens, the most likely ones.
pub fn generate() -> Command {
    let config = GenerateConfig { max_tokens: 8, temperature: 0.0, ..GenerateConfig::default() };
    Command::Generate { source: weights(), prompt: "The".into(), config, output: Output::Tokens }
}

pub fn failures(heard: &[Report]) -> Vec<String> {
    let failed = |report: &Report| match &report.event {
        Event::Failed { error } => Some(format!("{:?}: {}", error.kind, error.message)),
        _ => None,
    };
    heard.iter().filter_map(failed).collect()
}

/// Fails if a session reports a bug of the program.
pub fn check_errors(heard: &[Report]) -> Result<(), String> {
    let bug = |report: &Report| match &report.event {
        Event::Failed { error } => {
            let is_named = !error.message.trim().is_empty() && error.message.len() < 4000;
            (error.kind == ErrorKind::Internal || !is_named)
                .then(|| format!("a bug is reported: {}", error.message))
        }
        _ => None,
    };
    heard.iter().find_map(bug).map_or(Ok(()), Err)
}

/// The bits of a session's losses by step: of training, and of evaluations on both splits.
pub fn losses(heard: &[Report]) -> BTreeMap<(u64, usize), u32> {
    let events = heard.iter().filter_map(|report| match &report.event {
        Event::Training { events, .. } => Some(events),
        _ => None,
    });
    let number = |event: &TrainEvent| match event {
        TrainEvent::Step { step, loss, .. } => vec![((*step, 0), loss.to_bits())],
        TrainEvent::Eval { step, train_loss, val_loss, .. } => {
            vec![((*step, 1), train_loss.to_bits()), ((*step, 2), val_loss.to_bits())]
        }
        _ => Vec::new(),
    };
    events.flatten().flat_map(number).collect()
}

/// Losses that differ from the expected ones.
pub fn check_losses(
    found: &BTreeMap<(u64, usize), u32>,
    expected: &BTreeMap<(u64, usize), u32>,
) -> Result<(), String> {
    let wrong = found.iter().find(|(place, bits)| expected.get(place) != Some(bits));
    wrong.map_or(Ok(()), |((step, kind), bits)| {
        let expected = expected.get(&(*step, *kind)).map(|bits| f32::from_bits(*bits));
        Err(format!("loss {kind} of step {step} is {}, not {expected:?}", f32::from_bits(*bits)))
    })
}

/// What a session generated: the checkpoint's step and the text.
pub fn text(heard: &[Report]) -> (Option<u64>, Option<String>) {
    let opened = heard.iter().find_map(|report| match &report.event {
        Event::ModelOpened(opened) => Some(opened.step),
        _ => None,
    });
    let text = heard.iter().find_map(|report| match &report.event {
        Event::Completed { completion } => Some(completion.text.clone()),
        _ => None,
    });
    (opened, text)
}

pub fn config(seed: u64) -> RunConfig {
    let mut config = presets::preset("first-stories").unwrap();
    config.seed = seed;
    config.data.corpus_bytes = 20_000;
    config.tokenizer.vocabulary = 280;
    let model = &mut config.model;
    (model.context_length, model.layers, model.width, model.heads, model.kv_heads, model.head_size) =
        (16, 1, 16, 2, 1, 8);
    model.mlp.hidden = 24;
    let train = &mut config.train;
    (train.steps, train.batch_size, train.warmup_steps) = (STEPS, 2, 2);
    (train.eval_interval, train.eval_batches, train.checkpoint_interval) = (SAVED[0], 1, SAVED[0]);
    (train.checkpoint_seconds, train.sample_interval, train.milestones) = (0, 0, Milestones::Log);
    config
}

/// Files by their paths in a folder.
pub type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

pub fn snapshot(folder: &Path) -> Snapshot {
    let (mut files, mut folders) = (Snapshot::new(), vec![folder.to_owned()]);
    while let Some(own) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(own) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            match std::fs::read(&path) {
                Ok(content) => drop(files.insert(path.strip_prefix(folder).unwrap().to_owned(), content)),
                Err(_) => folders.push(path),
            }
        }
    }
    files
}

/// Puts a folder back into an earlier state.
pub fn restore(folder: &Path, files: &Snapshot) {
    std::fs::remove_dir_all(folder).ok();
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// The project, and what sessions on it say when nothing is wrong.
pub struct Sample {
    pub folder: TempDir,
    pub files: Snapshot,
    /// Of the whole run.
    pub losses: BTreeMap<(u64, usize), u32>,
}

impl Sample {
    /// A project whose run was stopped at its second checkpoint.
    pub fn new() -> Self {
        let folder = folder();
        let project = folder.path().join("p");
        let mut heard = play(vec![used(&project), train(config(1), Some(SAVED[1]))]);
        let message = |role: &str, content: &str| json!({"role": role, "content": content});
        let messages = json!([message("user", "Who sat in the oak?"), message("assistant", "An owl.")]);
        let conversation = json!({"id": 7, "revision": 0, "changed": 8, "messages": messages});
        let row =
            json!({"prompt": [message("user", "Who?")], "completion": [message("assistant", "An owl.")]});
        let feedback = Feedback { label: Some(true), ..serde_json::from_value(row).unwrap() };
        let progress =
            json!({"question": "How low?", "prediction": "lower", "predicted": 2.5, "measurement": null});
        let audit = AuditSettings { sections: vec![AuditTopic::Personal], samples: 2, ..Default::default() };
        let dictionary = DictionarySettings {
            at: "blocks.0.mlp.output".to_owned(),
            width: 16,
            k: 2,
            tokens: 1_000,
            ..DictionarySettings::default()
        };
        heard.extend(play(vec![
            opened(&project),
            command(json!({"command": "keep_conversation", "conversation": conversation})),
            Command::SpliceFeedback { at: None, removed: 0, expected: Vec::new(), rows: vec![feedback] },
            command(json!({"command": "keep_lesson", "lesson": "loss", "progress": progress})),
            RunChange::Title("Owls".to_owned()).to(RUN),
            RunChange::Tags(vec!["night".to_owned()]).to(RUN),
            RunChange::Notes("It sang.".to_owned()).to(RUN),
            command(json!({"command": "change_recipe", "change": "preset", "name": "light"})),
            Command::SaveDrafts { drafts: Box::new(Drafts::new(config(2))) },
            Command::Evaluate { source: weights(), settings: Box::default() },
            Command::Audit { source: weights(), settings: Box::new(audit) },
            Command::TrainDictionary { source: weights(), settings: Box::new(dictionary) },
        ]));
        assert_eq!(failures(&heard), [""; 0]);
        let files = snapshot(&project);
        let rest = play(vec![used(&project), resume()]);
        assert_eq!(failures(&rest), [""; 0]);
        let mut losses = losses(&heard);
        losses.extend(self::losses(&rest));
        assert_eq!(losses.keys().filter(|(_, kind)| *kind == 0).count() as u64, STEPS);
        restore(&project, &files);
        Self { folder, files, losses }
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("p")
    }

    /// Exports the sample's model, and the project as a file; returns folder, GGUF file and archive.
    pub fn exports(&self) -> [PathBuf; 3] {
        let place = |name: &str| self.folder.path().join(name);
        let model = |format, name: &str| {
            let (run, checkpoint) = (RUN.to_owned(), Some(CheckpointChoice::Latest));
            Export::Model { run, checkpoint, format }.to(Some(place(name)), false)
        };
        let id = self.project().display().to_string();
        let heard = play(vec![
            opened(&self.project()),
            model(ExportFormat::default(), "model"),
            model(ExportFormat::Gguf { quantization: Some(WeightFormat::F16) }, "model.gguf"),
            Export::Project { id }.to(Some(place("p.glasshouse")), false),
        ]);
        assert_eq!(failures(&heard), [""; 0]);
        restore(&self.project(), &self.files);
        ["model", "model.gguf", "p.glasshouse"].map(place)
    }
}
