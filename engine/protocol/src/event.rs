//! Everything that the engine tells a front end. A front end's state is a fold over these: the same events give the same state.

use crate::bench::BenchReport;
use crate::cleaning::report::CleaningReport;
use crate::cleaning::{
    CleaningProgress, CleaningStart, ComparedDocument, DroppedDocument, RecipeSummary, SampleJudgement,
};
use crate::summary::{
    CheckpointSummary, CompressionSummary, CorpusSummary, DeviceSummary, DocumentSummary, DocumentsOverview,
    ErrorReport, FetchProgress, FileProblem, FoundModel, MergeStep, OpenedRun, PlanSummary, ProfileEntry,
    ProjectSummary, RunSummary, StorageSummary, TokenSummary, TokenizerSummary, VocabularyEntry,
    WrittenToken,
};
use crate::{Ending, Feedback, Precision, Proposal, RunConfig, TrainEvent, Uncertainty};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    // ---- The session --------------------------------------------------------------------------------------------------
    /// The engine listens.
    Ready {
        /// [`VERSION`](crate::message::VERSION) of the engine.
        version: u32,
        /// The program's version.
        app_version: String,
        /// The device that is used from now on.
        device: DeviceSummary,
        /// Where projects are kept.
        storage: StorageSummary,
    },
    /// Every second or so while work is going on, between its pieces: the engine lives. A browser's page pings its worker besides.
    Heartbeat {
        /// What it is busy with, in a word; empty when idle.
        busy: String,
    },
    /// What is being done for a request that takes longer than a moment, and how far it is. [`Command::Cancel`](crate::Command::Cancel)
    /// ends it.
    Underway {
        /// In a few words, as `measuring the speed`.
        work: String,
        /// Share that is done, where that is known.
        share: Option<f64>,
    },
    /// A request was met in full. Its last event.
    Finished,
    /// A request could not be met, or (without a request) something failed by itself. A request's last event.
    Failed {
        /// What, what it means, and what to do.
        error: ErrorReport,
    },
    /// Something to know that stops nothing.
    Notice {
        /// One line.
        text: String,
    },
    /// Answers `ListDevices`.
    Devices {
        /// The CPU first, then adapters, best first.
        devices: Vec<DeviceSummary>,
    },

    // ---- Projects -----------------------------------------------------------------------------------------------------
    /// The projects there are.
    Projects {
        /// Last used first.
        projects: Vec<ProjectSummary>,
        /// Where they are kept.
        storage: StorageSummary,
    },
    /// A project is open now.
    ProjectOpened {
        /// Which.
        project: ProjectSummary,
        /// Settings for its next run: its latest run's, or those of its first.
        config: Box<RunConfig>,
        /// Its tokenizer, where it has one.
        tokenizer: Option<TokenizerSummary>,
        /// Its runs, oldest first.
        runs: Vec<RunSummary>,
    },
    /// No project is open.
    ProjectClosed,
    /// A project was packed; in the browser its bytes are beside this event.
    ProjectExported {
        /// A file name for it.
        name: String,
        /// The path it was written to, natively.
        path: Option<String>,
        /// Bytes of the file.
        #[serde(default)]
        bytes: u64,
        /// Files in it.
        #[serde(default)]
        files: usize,
    },

    // ---- Documents ----------------------------------------------------------------------------------------------------
    /// A page of the project's documents.
    Documents {
        /// About all of them.
        overview: DocumentsOverview,
        /// What was searched for.
        search: String,
        /// Documents passed over.
        offset: usize,
        /// Documents that were found in all.
        found: usize,
        /// The page.
        documents: Vec<DocumentSummary>,
    },
    /// Public corpora.
    Corpora {
        /// The smallest of a kind first.
        corpora: Vec<CorpusSummary>,
    },
    /// How far a public corpus is.
    Fetching {
        /// Bytes, attempts, the checksum.
        #[serde(flatten)]
        progress: FetchProgress,
    },
    /// A public corpus is there, whole and right.
    Fetched {
        /// Its file.
        path: PathBuf,
    },
    /// A document's text.
    Document {
        /// Its number.
        number: u64,
        /// Its text, cut at 200,000 characters. A conversation stands as a chat template writes it.
        text: String,
        /// Bytes of a conversation that fine-tuning learns, in order; empty for a text, all of which is learned.
        #[serde(default)]
        learned: Vec<(usize, usize)>,
        /// The bytes at which a conversation's tokens end, in order, with whether fine-tuning learns each; empty where no tokenizer is known.
        #[serde(default)]
        tokens: Vec<(usize, bool)>,
        /// Whether it was cut.
        cut: bool,
    },

    // ---- Cleaning -----------------------------------------------------------------------------------------------------
    /// The project's recipe.
    Recipe {
        /// As it is now.
        recipe: RecipeSummary,
    },
    /// What the recipe makes of a sample.
    SampleJudged {
        /// Stage by stage and document by document.
        judgement: SampleJudgement,
    },
    /// A raw document beside what the recipe makes of it.
    DocumentCompared {
        /// By passages of text.
        document: ComparedDocument,
    },
    /// A cleaning begins.
    CleaningStarted {
        /// Whether it resumes one that was stopped.
        #[serde(flatten)]
        start: CleaningStart,
    },
    /// How far a cleaning is.
    Cleaning {
        /// Its phase, and how far that is.
        #[serde(flatten)]
        progress: CleaningProgress,
    },
    /// A cleaning was cancelled. `Failed` follows.
    CleaningStopped {
        /// The next one of the same files by the same recipe resumes it behind so many documents; `None` where it starts anew.
        documents: Option<u64>,
    },
    /// Documents are cleaned: the project's, or those of a folder.
    Cleaned {
        /// The whole account.
        report: Box<CleaningReport>,
    },
    /// Documents that the last cleaning dropped.
    Dropped {
        /// The stage that was asked for.
        stage: Option<String>,
        /// Documents passed over.
        offset: usize,
        /// Documents found in all.
        found: usize,
        /// A page of them.
        documents: Vec<DroppedDocument>,
    },
    /// The report as a page of HTML, with its bytes beside it or written to the path.
    ReportPage {
        /// Where it was written, natively.
        path: Option<String>,
    },

    // ---- Tokenizer ----------------------------------------------------------------------------------------------------
    /// How far the text's preparation is.
    Preparing {
        /// What is being done.
        stage: PreparationStage,
        /// Bytes done.
        done: u64,
        /// Bytes in all; 0 where not known.
        total: u64,
    },
    /// The project has a tokenizer, and its text is tokens.
    TokenizerReady {
        /// About it.
        tokenizer: TokenizerSummary,
    },
    /// A text, cut.
    Tokens {
        /// The text.
        text: String,
        /// Its tokens in order.
        tokens: Vec<TokenSummary>,
        /// Characters that the vocabulary lacks and that are lost, each once.
        lost: String,
    },
    /// A page of the vocabulary.
    Vocabulary {
        /// Entries found in all.
        found: usize,
        /// Entries passed over.
        offset: usize,
        /// The page.
        entries: Vec<VocabularyEntry>,
    },
    /// How BPE builds the tokens of a text.
    MergeReplay {
        /// The pieces to begin with: a byte each.
        pieces: Vec<String>,
        /// Merges in the order in which they apply.
        steps: Vec<MergeStep>,
    },
    /// How tokenizers compare on the project's text.
    Compression {
        /// A row each.
        rows: Vec<CompressionSummary>,
    },

    // ---- Model --------------------------------------------------------------------------------------------------------
    /// What a run would take.
    Planned {
        /// The needs.
        plan: Box<PlanSummary>,
    },
    /// How fast this device trains.
    Measured {
        /// Milliseconds per step, median.
        ms_per_step: f64,
        /// Training tokens per second.
        tokens_per_s: f64,
        /// FLOP/s reached.
        flops_per_s: f64,
        /// The device.
        device: String,
        /// Seconds that the whole run would take.
        run_seconds: f64,
    },
    /// Settings that fit this device.
    Fitted {
        /// The run.
        config: Box<RunConfig>,
        /// What was changed, a line each; empty where it fitted as it was.
        changes: Vec<String>,
    },

    // ---- Training -----------------------------------------------------------------------------------------------------
    /// What a run's text lacks. A project that is open is told by a `Notice`.
    LeftOut {
        /// Files that give no text, or not all of theirs.
        problems: Vec<FileProblem>,
    },
    /// What is about to be trained, where its project is used beside others. Nothing of a new run is on disk yet.
    RunOpened {
        /// Run, text and device.
        opened: Box<OpenedRun>,
    },
    /// Where the run is, once it is there and before it trains, where its project is used beside others.
    RunFolder {
        /// Its name.
        run: String,
        /// Its folder.
        folder: String,
    },
    /// A run trains.
    TrainingStarted {
        /// The run.
        run: RunSummary,
        /// The device that it is on.
        device: Box<DeviceSummary>,
        /// The step that it begins at.
        step: u64,
        /// Seconds that it was estimated to take, where that was measured.
        estimated_seconds: Option<f64>,
    },
    /// What the run did since the last such event, in order: many steps come in one.
    Training {
        /// Steps, evaluations, samples, checkpoints, notices.
        events: Vec<TrainEvent>,
    },
    /// How long the run takes, about every second, from its first steps or its first evaluation on.
    TrainingTime {
        /// Seconds so far, in all of its sessions.
        seconds: f64,
        /// Estimated seconds that are left.
        seconds_left: f64,
    },
    /// Whether it goes on.
    TrainingState {
        /// Which state.
        state: TrainingState,
        /// Steps done.
        step: u64,
        /// Steps in all.
        steps: u64,
    },
    /// A run ended, finished or stopped.
    TrainingEnded {
        /// As it stands.
        run: RunSummary,
    },
    /// Where a step's time goes.
    Profile {
        /// Entries by scope and kernel.
        entries: Vec<ProfileEntry>,
        /// Milliseconds of the whole step as it runs untimed.
        step_ms: f64,
        /// Of these, milliseconds that the CPU took to launch the kernels.
        launch_overhead_ms: f64,
        /// How it was measured.
        method: ProfileMethod,
    },

    // ---- Writing ------------------------------------------------------------------------------------------------------
    /// A model is there to write with.
    ModelOpened {
        /// Its run.
        run: String,
        /// Steps that its weights were trained for.
        step: u64,
        /// The device's name.
        device: String,
        /// What weights are read as.
        precision: Precision,
        /// It has a chat template.
        #[serde(default)]
        chats: bool,
        /// That is [`CHATML`](crate::CHATML), as models get it that come without one.
        #[serde(default)]
        chatml: bool,
    },
    /// What of a prompt the vocabulary lacks, and is left out.
    CharactersLost {
        /// Each once.
        characters: String,
    },
    /// Tokens of a generation. The first such event holds the prompt's.
    Written {
        /// In order.
        tokens: Vec<WrittenToken>,
        /// They are the prompt's.
        prompt: bool,
        /// Text that is certain by now, which no stop string takes back, and was not told before; not the prompt's.
        #[serde(default)]
        text: String,
    },
    /// A generation is over.
    WritingEnded {
        /// All that was written, without the prompt.
        text: String,
        /// Why.
        ending: Ending,
        /// Tokens per second, the reading of the prompt included.
        tokens_per_s: f64,
        /// Seconds that it took.
        #[serde(default)]
        seconds: f64,
        /// What moderation found, by category; empty where nothing, or where nobody looked.
        #[serde(default, skip_serializing_if = "crate::Moderated::is_empty")]
        moderated: crate::Moderated,
    },
    /// A sample is written.
    Sampled {
        /// Its number among the samples of the request, from 0.
        number: usize,
        /// The seed that writes it again.
        seed: u64,
        /// All that was written, without the prompt.
        text: String,
        /// The tokens behind it; after a stop string the last ones may reach past the text.
        tokens: Vec<u32>,
        /// Why it ended.
        ending: Ending,
        /// What moderation found, by category; empty where nothing, or where nobody looked.
        #[serde(default, skip_serializing_if = "crate::Moderated::is_empty")]
        moderated: crate::Moderated,
    },
    /// All samples of a request are written.
    SamplesEnded {
        /// Tokens of all of them.
        tokens: usize,
        /// Of all of them a second, the reading of the prompt included.
        tokens_per_s: f64,
        /// Seconds that it took.
        seconds: f64,
    },
    /// Lessons beside the program's.
    Lessons {
        /// Files of the open project, and of the folder that there is for every one.
        files: Vec<crate::LessonFile>,
        /// What was made of each lesson in the open project, by the lesson's name.
        progress: std::collections::BTreeMap<String, crate::LessonProgress>,
    },
    /// A piece of a completion.
    Completing {
        /// The run whose weights write it.
        #[serde(default)]
        run: String,
        /// Text that is certain by now, and was not told before.
        text: String,
    },
    /// A completion is written.
    Completed {
        /// All of it.
        completion: Box<crate::Completion>,
    },
    /// What was said of replies.
    Feedback {
        /// Oldest first.
        rows: Vec<Feedback>,
    },
    /// What to answer or label next.
    Proposed {
        /// The run that was asked.
        run: String,
        /// The measure.
        measure: Uncertainty,
        /// The labels of a model that classifies texts.
        labels: Vec<String>,
        /// The most worth an answer first: uncertain, and unlike those before.
        rows: Vec<Proposal>,
        /// Prompts or texts that were looked at.
        considered: usize,
    },
    /// What the model thought at one place.
    Distribution {
        /// The likeliest tokens, likeliest first, and after them the chosen one where it is not among them.
        candidates: Vec<crate::summary::Candidate>,
        /// Entropy in bits before any setting.
        entropy_bits: f32,
        /// Tokens that are left after every setting.
        kept: usize,
    },
    /// What goes on inside a model, with the entries of each tensor beside it.
    Inspected {
        /// Views and their tensors.
        inspection: Box<crate::Inspection>,
    },
    /// What texts were taken for.
    Classified {
        /// The labels.
        labels: Vec<String>,
        /// For each text the probability of each label; of a reward model, which has one, the score.
        probabilities: Vec<Vec<f32>>,
    },
    /// How far an evaluation or an audit is.
    Evaluating {
        /// What it is at, in words.
        what: String,
        /// Things of it that are done.
        done: u64,
        /// All of them; 0 where that is not known.
        total: u64,
    },
    /// How good a model is.
    Evaluated {
        /// All that was found.
        evaluation: Box<crate::Evaluation>,
    },
    /// What is kept of evaluations and audits, and how the runs compare.
    Evaluations {
        /// Of each run that was evaluated.
        evaluations: Vec<crate::Evaluation>,
        /// Of each run that was audited.
        audits: Vec<crate::Audit>,
        /// Each two of the runs, on all that both were evaluated on.
        comparisons: Vec<crate::Comparison>,
    },
    /// How safe a model is.
    Audited {
        /// All that was found.
        audit: Box<crate::Audit>,
    },
    /// A run's card is written.
    CardWritten {
        /// Where, natively; else the page is beside it.
        path: Option<std::path::PathBuf>,
    },

    // ---- Runs ---------------------------------------------------------------------------------------------------------
    /// The project's runs.
    Runs {
        /// Oldest first.
        runs: Vec<RunSummary>,
    },
    /// A run's settings.
    Settings {
        /// Its name.
        run: String,
        /// As its `run.toml` has them.
        config: Box<RunConfig>,
    },
    /// A run's past.
    History {
        /// Its name.
        run: String,
        /// Its settings.
        config: Box<RunConfig>,
        /// Steps (thinned), evaluations, samples, notices, in order.
        events: Vec<TrainEvent>,
        /// Its checkpoints, oldest first.
        checkpoints: Vec<CheckpointSummary>,
    },
    /// The files of a pretrained model in the network.
    ModelListed {
        /// Where they are fetched from.
        host: String,
        /// Their names.
        files: Vec<String>,
        /// Bytes of them all, where their server says.
        bytes: Option<u64>,
    },
    /// A pretrained model that can be imported.
    ModelFound {
        /// What is known of it.
        model: Box<FoundModel>,
    },
    /// A model that is looked at was fetched, or the weights of one that is imported were read.
    ImportProgress {
        /// Bytes so far.
        done: u64,
        /// In all.
        total: u64,
    },
    /// A run's adapter is in the weights of a new run.
    AdapterMerged {
        /// The new run's name.
        run: String,
    },
    /// A pretrained model is in the project.
    ModelImported {
        /// The run's name.
        run: String,
        /// Class of transformers that it is of.
        class: String,
        /// Weights.
        parameters: u64,
        /// Its shape in words.
        shape: String,
    },
    /// What a run would take on many GPUs.
    ClusterPlanned {
        /// All of it.
        plan: Box<crate::cluster::ClusterPlan>,
    },
    /// What was trained with a bundle is a run of the project.
    BroughtBack {
        /// The run.
        run: RunSummary,
    },
    /// A model was written for others to read; in the browser its zip is beside this event.
    Exported {
        /// A file name for it.
        name: String,
        /// The folder it was written to, natively.
        path: Option<String>,
        /// The files in it, natively.
        #[serde(default)]
        files: Vec<String>,
    },
    /// A timing.
    Bench {
        /// What `glasshouse bench --json` prints.
        report: BenchReport,
        /// What was timed to choose the device's kernels, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tuning: Option<String>,
    },
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainingState {
    /// Nothing trains.
    #[default]
    Idle,
    /// Text, tokenizer or device are being prepared.
    Preparing,
    /// Steps are done.
    Running,
    /// Held until `Continue`, `StepOnce` or `StopTraining`.
    Paused,
    /// The last step is being saved.
    Stopping,
}

/// What is done to a text before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreparationStage {
    /// The text is read.
    Reading,
    /// The tokenizer is trained.
    Training,
    /// The text is turned into tokens.
    Encoding,
    /// Tokens of an earlier preparation are there.
    Reused,
}

impl PreparationStage {
    /// What is done, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reading => "reading the text",
            Self::Training => "training the tokenizer",
            Self::Encoding => "tokenizing the text",
            Self::Reused => "the text was tokenized before",
        }
    }
}

/// How the times of a profile were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileMethod {
    /// By timestamps of the device.
    Timestamps,
    /// By the CPU's clock around each operation.
    Clock,
    /// By the clock of one of several workers, around the operations of its share.
    Worker,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_completion_that_an_earlier_version_recorded_is_read() {
        let piece = serde_json::json!({ "event": "completing", "text": "One" });
        let read: Event = serde_json::from_value(piece).unwrap();
        assert_eq!(read, Event::Completing { run: String::new(), text: "One".to_owned() });
    }
}
