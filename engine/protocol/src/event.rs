//! The events the engine sends to a front end. A front end's state is a fold over these: the same events give the same state.

use crate::bench::BenchReport;
use crate::cleaning::{CleaningStep, ComparedDocument, DroppedDocument, RecipeSummary, SampleJudgement};
use crate::setting::choices;
use crate::summary::{
    CheckpointSummary, CompressionSummary, CorpusSummary, DeviceSummary, DocumentSummary, DocumentsOverview,
    ErrorReport, FetchProgress, FileProblem, FoundModel, MergeStep, OpenedRun, PlanSummary, ProfileEntry,
    ProjectSummary, RunSummary, StorageSummary, TokenSummary, TokenizerSummary, VocabularyEntry,
    WrittenToken,
};
use crate::{
    Compressed, Drafts, Feedback, Hint, LogitDifference, Proposal, RunConfig, TrainEvent, Uncertainty,
    Verification, WeightFormat,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    // ---- The session --------------------------------------------------------------------------------------------------
    Ready {
        /// [`VERSION`](crate::message::VERSION) of the engine.
        version: u32,
        app_version: String,
        device: DeviceSummary,
        storage: StorageSummary,
    },
    /// Progress of a request that takes longer than a moment. [`Command::Cancel`](crate::Command::Cancel) ends it. Without a request, sent
    /// about every second to show that the engine is alive; a browser page also pings its worker.
    Underway {
        /// The current work; empty when idle.
        work: String,
        /// Fraction done, if known.
        share: Option<f64>,
    },
    /// A request succeeded. Its last event.
    Finished,
    /// A request failed (its last event), or, without a request, something else failed.
    Failed {
        error: ErrorReport,
    },
    /// Information that does not stop any work.
    Notice {
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hints: Vec<Hint>,
        /// Files that gave a run no text or only part of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        problems: Vec<FileProblem>,
    },
    Devices {
        /// The CPU first, then GPU adapters, best first.
        devices: Vec<DeviceSummary>,
    },

    // ---- Projects -----------------------------------------------------------------------------------------------------
    Projects {
        /// Last used first.
        projects: Vec<ProjectSummary>,
        storage: StorageSummary,
    },
    /// A project was opened, or the open one was closed.
    Project {
        opened: Option<Box<OpenedProject>>,
    },

    // ---- Documents ----------------------------------------------------------------------------------------------------
    /// A page of the project's documents.
    Documents {
        overview: DocumentsOverview,
        search: String,
        offset: usize,
        /// Number of documents that match the search.
        found: usize,
        documents: Vec<DocumentSummary>,
    },
    Corpora {
        /// Within each kind, the smallest first.
        corpora: Vec<CorpusSummary>,
    },
    Fetching {
        #[serde(flatten)]
        progress: FetchProgress,
    },
    Document {
        number: u64,
        /// The text, cut at 200,000 characters. A conversation is rendered with a chat template.
        text: String,
        /// Byte ranges of a conversation that fine-tuning learns, in order; empty for a text, all of which is learned.
        learned: Vec<(usize, usize)>,
        /// End byte of each token of a conversation, in order, and whether fine-tuning learns it; empty if no tokenizer is known.
        tokens: Vec<(usize, bool)>,
        cut: bool,
    },

    // ---- Cleaning -----------------------------------------------------------------------------------------------------
    Recipe {
        recipe: RecipeSummary,
    },
    Previewed(Preview),
    Cleaning(CleaningStep),
    /// Documents that the last cleaning dropped.
    Dropped {
        stage: Option<String>,
        offset: usize,
        found: usize,
        documents: Vec<DroppedDocument>,
    },

    // ---- Tokenizer ----------------------------------------------------------------------------------------------------
    /// Progress of the text's preparation.
    Preparing {
        stage: PreparationStage,
        done: u64,
        /// 0 if unknown.
        total: u64,
    },
    /// The tokenizer is trained and the project's text is tokenized.
    TokenizerReady {
        tokenizer: TokenizerSummary,
    },
    Tokens {
        text: String,
        tokens: Vec<TokenSummary>,
        /// Characters that the vocabulary lacks and that are dropped, each once.
        lost: String,
        /// How BPE builds the tokens of the first 400 characters: the initial pieces, one byte each, and the merges in order.
        merges: Option<(Vec<String>, Vec<MergeStep>)>,
    },
    Vocabulary {
        found: usize,
        offset: usize,
        entries: Vec<VocabularyEntry>,
    },
    /// A comparison of tokenizers on the project's text.
    Compression {
        /// One row per tokenizer.
        rows: Vec<CompressionSummary>,
    },

    // ---- Model --------------------------------------------------------------------------------------------------------
    Planned(Forecast),
    Fitted {
        config: Box<RunConfig>,
        /// What was changed, one line each; empty if the run fitted unchanged.
        changes: Vec<String>,
    },
    /// The range test so far; the last one has the suggestion.
    RangeTested {
        curve: Box<crate::RangeCurve>,
    },

    // ---- Training -----------------------------------------------------------------------------------------------------
    /// The run that is about to train, after [`Command::UseProject`](crate::Command::UseProject). Nothing of a new run is on disk yet.
    RunOpened {
        opened: Box<OpenedRun>,
    },
    TrainingStarted {
        run: RunSummary,
        device: Box<DeviceSummary>,
        step: u64,
        /// The run's folder, after [`Command::UseProject`](crate::Command::UseProject).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
        /// Estimated training time in seconds, if it was measured.
        estimated_seconds: Option<f64>,
    },
    /// The run's events since the last `Training`, in order; usually of several steps.
    Training {
        events: Vec<TrainEvent>,
        /// Seconds so far, over all sessions of the run, and estimated remaining seconds; about every second from its first steps or
        /// first evaluation on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<(f64, f64)>,
    },
    TrainingState {
        state: TrainingState,
        step: u64,
        steps: u64,
    },
    TrainingEnded {
        run: RunSummary,
    },
    /// The state of a sweep: before each of its runs, and at its end.
    Sweep {
        sweep: Box<crate::SweepSummary>,
    },
    Profile {
        entries: Vec<ProfileEntry>,
        /// Milliseconds of the whole step, without profiling.
        step_ms: f64,
        /// The part of `step_ms` that the CPU spent on launching kernels.
        launch_overhead_ms: f64,
        method: ProfileMethod,
    },

    // ---- Writing ------------------------------------------------------------------------------------------------------
    ModelOpened {
        run: String,
        step: u64,
        device: String,
        /// Storage format of the matrices on the device.
        weights: WeightFormat,
        /// Whether the model has a chat template.
        chats: bool,
        /// Whether that template is [`CHATML`](crate::CHATML), the default for models without one.
        chatml: bool,
    },
    /// Characters of a prompt that the vocabulary lacks and that were dropped.
    CharactersLost {
        /// Each once.
        characters: String,
    },
    /// Generated tokens. The first event of a streamed text holds the prompt's tokens.
    Written {
        /// Empty in a completion for another program.
        tokens: Vec<WrittenToken>,
        prompt: bool,
        /// New text that no stop string can remove any more; empty for the prompt.
        text: String,
    },
    Completed {
        completion: Box<crate::Completion>,
    },
    /// The lessons that are not built in.
    Lessons {
        /// Files of the open project and of the folder shared by all projects.
        files: Vec<crate::LessonFile>,
        /// Progress in the open project, by lesson name.
        progress: std::collections::BTreeMap<String, crate::LessonProgress>,
    },
    Conversations {
        /// Last changed first.
        conversations: Vec<crate::ConversationSummary>,
        /// The lines of the file that cannot be read, each with the reason.
        problems: Vec<String>,
        /// Id of the saved conversation.
        kept: Option<u64>,
    },
    Conversation {
        conversation: Box<crate::Conversation>,
    },
    Feedback {
        /// Oldest first.
        rows: Vec<Feedback>,
    },
    /// Prompts or texts to answer or label next.
    Proposed {
        run: String,
        measure: Uncertainty,
        labels: Vec<String>,
        /// The most useful to answer first: uncertain, and unlike those before it.
        rows: Vec<Proposal>,
        /// Number of prompts or texts considered.
        considered: usize,
    },
    /// The next-token distribution at one position.
    Distribution {
        /// The most likely tokens in descending order, then the chosen token if it is not among them.
        candidates: Vec<crate::summary::Candidate>,
        /// Entropy in bits, before any sampling setting.
        entropy_bits: f32,
        /// Number of tokens that remain after all sampling settings.
        kept: usize,
    },
    /// A model's internals; the entries of each tensor are attached.
    Inspected {
        inspection: Box<crate::Inspection>,
    },
    /// The classes or scores of texts.
    Classified {
        labels: Vec<String>,
        /// For each text, the probability of each label; for a reward model, one score.
        probabilities: Vec<Vec<f32>>,
    },
    /// Progress of an evaluation, an audit or an import.
    Progress {
        /// The current work, in words.
        what: String,
        done: u64,
        /// Number of items or bytes; 0 if unknown.
        total: u64,
    },
    /// The result of an evaluation or of an audit; or the saved ones of runs, and comparisons of these.
    Evaluations {
        /// One per evaluated run.
        evaluations: Vec<crate::Evaluation>,
        /// One per audited run.
        audits: Vec<crate::Audit>,
        /// Each pair of runs, on everything on which both were evaluated.
        comparisons: Vec<crate::Comparison>,
    },

    // ---- Runs ---------------------------------------------------------------------------------------------------------
    Runs {
        /// Oldest first.
        runs: Vec<RunSummary>,
    },
    History {
        run: String,
        /// As in its `run.toml`.
        config: Box<RunConfig>,
        /// Steps (thinned), evaluations, samples and notices, in order.
        events: Vec<TrainEvent>,
        /// Its checkpoints, oldest first.
        checkpoints: Vec<CheckpointSummary>,
    },
    Importing(ImportStep),
    /// A run of smaller weights was created from another.
    Compressed {
        compressed: Box<Compressed>,
    },
    /// A run was added without training: an imported model, a bundle's result, or the weights of a run with its adapter merged into them.
    RunAdded {
        run: RunSummary,
        /// What it is, in words.
        about: String,
        /// Difference between merged weights and the run with its separate adapter; for a folder's adapter, the difference from the
        /// weights before. `None` if it could not be computed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        difference: Option<LogitDifference>,
    },
    /// An export was written to `path`; in the browser, its file is attached to this event.
    Exported {
        /// A suggested file name.
        name: String,
        /// Output file or folder (native).
        path: Option<String>,
        /// Written files (native).
        files: Vec<String>,
        /// Number of files packed into a project's file.
        packed: usize,
        bytes: u64,
        /// Of a GGUF file that a second reader opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verification: Option<Box<Verification>>,
    },
    Bench {
        /// The report that `glasshouse bench --json` prints.
        report: BenchReport,
        /// Summary of the timings that chose the device's kernels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tuning: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "preview", rename_all = "snake_case")]
pub enum Preview {
    /// The recipe on a sample.
    Sample { judgement: SampleJudgement },
    /// A raw document compared with its cleaned version.
    Document { document: ComparedDocument },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "forecast", rename_all = "snake_case")]
pub enum Forecast {
    /// The estimated resources of a run.
    Run { plan: Box<PlanSummary> },
    /// The estimated resources of a run on many GPUs.
    Cluster { plan: Box<crate::cluster::ClusterPlan> },
    /// Measured training speed on this device.
    Speed {
        /// Milliseconds per step, median.
        ms_per_step: f64,
        tokens_per_s: f64,
        flops_per_s: f64,
        device: String,
        /// Estimated seconds for the whole run.
        run_seconds: f64,
    },
}

/// A pretrained model before its import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ImportStep {
    /// Its files on the network.
    Listed {
        /// The host they are downloaded from.
        host: String,
        files: Vec<String>,
        /// Total bytes, if the server reports them.
        bytes: Option<u64>,
    },
    /// It can be imported.
    Found { model: Box<FoundModel> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenedProject {
    /// Number of this opening in the session, for [`Request::opening`](crate::Request::opening).
    #[serde(default)]
    pub opening: u64,
    pub project: ProjectSummary,
    /// Settings of the next runs: as last saved, else those of the latest run of their kind, else the defaults for a first run.
    pub drafts: Drafts,
    /// `None` before the first tokenizer is trained.
    pub tokenizer: Option<TokenizerSummary>,
    /// Its runs, oldest first.
    pub runs: Vec<RunSummary>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainingState {
    /// No run is training.
    #[default]
    Idle,
    Preparing,
    Running,
    /// Until `Continue`, `StepOnce` or `Stop`.
    Paused,
    /// The last step is being saved.
    Stopping,
}

choices! {
    pub enum PreparationStage {
        Reading = "reading", "reading the text";
        Training = "training", "training the tokenizer";
        Encoding = "encoding", "tokenizing the text";
        /// Tokens of an earlier preparation are reused.
        Reused = "reused", "the text was tokenized before";
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileMethod {
    /// With the device's timestamps.
    Timestamps,
    /// With the CPU's clock around each operation.
    Clock,
    /// With the clock of one of several workers, around the operations of its share.
    Worker,
}
