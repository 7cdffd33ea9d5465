//! The events the engine sends to a front end. A front end's state is a fold over these: the same events give the same state.

use crate::answer;
use crate::bench::BenchReport;
use crate::cleaning::{CleaningStep, ComparedDocument, RecipeSummary, SampleJudgement};
use crate::setting::choices;
use crate::summary::{
    CorpusSummary, DeviceSummary, DocumentSummary, DocumentsOverview, ErrorReport, FetchProgress,
    FileProblem, FoundModel, OpenedRun, PlanSummary, ProfileEntry, ProjectSummary, RunSummary,
    StorageSummary, TokenizerSummary, WrittenToken,
};
use crate::{Compressed, Drafts, Feedback, Hint, TrainEvent};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    // ---- The session --------------------------------------------------------------------------------------------------
    Ready(answer::Ready),
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
    Document(answer::Document),

    // ---- Cleaning -----------------------------------------------------------------------------------------------------
    Recipe {
        recipe: RecipeSummary,
    },
    Previewed(Preview),
    Cleaning(CleaningStep),
    Dropped(answer::Dropped),

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
    Tokens(answer::Tokens),
    Vocabulary(answer::Vocabulary),

    // ---- Model --------------------------------------------------------------------------------------------------------
    Planned(Forecast),
    Fitted(answer::Fitted),
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
    ModelOpened(answer::ModelOpened),
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
    Conversations(answer::Conversations),
    Conversation {
        conversation: Box<crate::Conversation>,
    },
    Feedback {
        /// Oldest first.
        rows: Vec<Feedback>,
    },
    Proposed(answer::Proposed),
    Distribution(answer::Distribution),
    /// A model's internals; the entries of each tensor are attached.
    Inspected {
        inspection: Box<crate::Inspection>,
    },
    Dictionaries(answer::Dictionaries),
    Dictionary(answer::Dictionary),
    Features(answer::Features),
    Steered(answer::Steered),
    FeatureGraph(answer::FeatureGraph),
    Influence(answer::Influence),
    Classified(answer::Classified),
    /// Progress of an evaluation, an audit or an import.
    Progress {
        /// The current work, in words.
        what: String,
        done: u64,
        /// Number of items or bytes; 0 if unknown.
        total: u64,
    },
    Evaluations(answer::Evaluations),

    // ---- Runs ---------------------------------------------------------------------------------------------------------
    Runs {
        /// Oldest first.
        runs: Vec<RunSummary>,
    },
    History(answer::History),
    Importing(ImportStep),
    /// A run of smaller weights was created from another.
    Compressed {
        compressed: Box<Compressed>,
    },
    RunAdded(answer::RunAdded),
    Exported(answer::Exported),
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
    Run {
        plan: Box<PlanSummary>,
    },
    /// The estimated resources of a run on many GPUs.
    Cluster {
        plan: Box<crate::cluster::ClusterPlan>,
    },
    Speed(answer::Speed),
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
