//! The requests a front end can send to the engine. Each variant names the events that answer it; the last one is always
//! [`Event::Finished`](crate::Event::Finished) or [`Event::Failed`](crate::Event::Failed).

mod export;
mod launch;

pub use export::{ExportFormat, LINK_ENDING};
pub use launch::{LearnsFrom, RunLaunch};

use crate::cleaning::PersonalAction;
use crate::{
    CheckpointChoice, Feedback, GenerateConfig, InspectSettings, ModelSource, Output, Prompt,
    ProposalSettings, RunConfig, TokenizerConfig, View, WeightFormat, WeightSource,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A request to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    // ---- The session --------------------------------------------------------------------------------------------------
    /// The first command of a session. Answered by `Ready`.
    Hello {
        /// [`VERSION`](crate::message::VERSION) of the sender.
        version: u32,
        /// Preferred device: `auto`, `cpu`, `gpu`, or part of an adapter's name.
        device: String,
    },
    /// The window or tab was shown or hidden. While it is visible, GPU submissions are kept to about 8 ms.
    Visible { visible: bool },
    /// Cancels a running request within 0.2 s, or removes a queued one; results finished earlier are untouched. The request is answered
    /// by `Failed` of the kind `cancelled`. Training is stopped and saved as by [`Command::StopTraining`], a generation as by
    /// [`Command::StopWriting`]. Cancelling a finished request is not an error.
    Cancel { request: u64 },
    /// Lists devices. Answered by `Devices`.
    ListDevices,
    /// Chooses the device for all further work; a training run keeps its own. Answered by `Ready`.
    ChooseDevice { device: String },

    // ---- Projects -----------------------------------------------------------------------------------------------------
    /// Lists projects and their disk usage. Answered by `Projects`.
    ListProjects,
    /// Creates a project and opens it. Answered by `ProjectOpened`.
    CreateProject {
        /// Display name; if another project has it, a number is appended.
        name: String,
    },
    /// Opens a project. Answered by `ProjectOpened`; natively `id` may be the path of any project folder.
    OpenProject { id: String },
    /// Opens a project folder for a command-line program: other programs may have it open too, and its documents and runs are not
    /// loaded. A run reads its text from the source in its settings. Native only. Answered by `Finished` alone.
    UseProject {
        /// Any path, inside or outside the projects folder.
        folder: PathBuf,
        /// Create the folder if it does not exist. It is removed again if the run does not start.
        make: bool,
    },
    /// Closes the open project. Refused while a run trains, like opening another project. Answered by `ProjectClosed`.
    CloseProject,
    /// Renames a project. Answered by `Projects`.
    RenameProject { id: String, name: String },
    /// Copies a project with all its files. Answered by `Projects`.
    DuplicateProject { id: String, name: String },
    /// Deletes a project. [`Command::RestoreProject`] can undo this until the program ends or starts again. Answered by `Projects`.
    DeleteProject { id: String },
    /// Undoes a deletion. Answered by `Projects`.
    RestoreProject { id: String },
    /// Packs a project into one `.glasshouse` file. Answered by `ProjectExported`: after writing `to` natively, with the file's bytes
    /// attached in the browser.
    ExportProject {
        id: String,
        /// Output path (native).
        to: Option<PathBuf>,
        /// Fail if the file exists.
        #[serde(default)]
        keep: bool,
    },
    /// Unpacks a `.glasshouse` file, from the attached bytes or from a path, into a new project and opens it. Answered by
    /// `ProjectOpened`.
    ImportProject {
        /// Display name; `None` takes the name in the file.
        name: Option<String>,
        /// Input path (native).
        from: Option<String>,
    },

    /// Saves draft settings for the open project's next run; they are restored when the project is opened again.
    SaveDraft { config: Box<RunConfig> },

    // ---- Documents ----------------------------------------------------------------------------------------------------
    /// Copies files into the project's `documents` folder. Their bytes are attached in the order of the names; natively, a name without
    /// bytes is the path of a file or folder to copy. Answered by `Documents`.
    AddDocuments {
        /// File names of a kind that the data bench reads, or paths of files and folders.
        names: Vec<String>,
    },
    /// Replaces all of the project's files with the attached ones for the next run; if that run is refused, the old files are restored.
    /// Answered by `Documents`.
    ReplaceDocuments { names: Vec<String> },
    /// Removes a document file. A project without documents uses the embedded stories. Answered by `Documents`.
    RemoveDocument {
        /// File name in the `documents` folder.
        name: String,
    },
    /// Lists public corpora that can be added. Answered by `Corpora`.
    ListCorpora,
    /// Downloads a public corpus, verifies its checksum and adds it to the project's documents. Refused in a browser, where a page
    /// cannot read other sites. A cancelled download is kept and continued next time. Answered by `Fetching`s and `Documents`.
    FetchCorpus {
        /// [`CorpusSummary::name`](crate::CorpusSummary::name).
        name: String,
    },
    /// Downloads a public corpus into a folder, unless it is already there, without a project. Native only. Answered by `Fetching`s and
    /// `Fetched`.
    DownloadCorpus {
        /// [`CorpusSummary::name`](crate::CorpusSummary::name).
        name: String,
        /// Target folder; `None` means the user's cache folder.
        to: Option<PathBuf>,
    },
    /// Lists a page of the documents that contain a search text. Answered by `Documents`.
    ListDocuments {
        /// Search text; empty matches all documents.
        search: String,
        /// Number of documents to skip.
        offset: usize,
        /// Maximum number of documents to list.
        count: usize,
        /// Fraction held out for validation, to show each document's split.
        validation: f64,
    },
    /// Reads a document. Answered by `Document`.
    ReadDocument {
        /// Index in the unfiltered list, from 0.
        number: u64,
    },

    // ---- Cleaning -----------------------------------------------------------------------------------------------------
    /// Shows the project's recipe. Answered by `Recipe`, and by `Cleaned` if the project's documents were cleaned.
    ShowRecipe,
    /// Replaces the project's recipe with a preset: `fineweb`, `gopher`, `c4`, `light` or `raw`. Answered by `Recipe`.
    ChooseRecipe { name: String },
    /// Replaces the project's recipe. Answered by `Recipe`.
    SetRecipe { toml: String },
    /// Switches a stage of the recipe on or off. Answered by `Recipe`.
    SwitchStage {
        /// [`StageCard::name`](crate::cleaning::StageCard::name).
        stage: String,
        on: bool,
    },
    /// Sets a number of a stage. Answered by `Recipe`.
    SetThreshold {
        stage: String,
        /// The name of the threshold within the stage.
        threshold: String,
        value: f64,
    },
    /// Sets the action for a class of personal data. Answered by `Recipe`.
    SetPersonal { class: String, action: PersonalAction },
    /// Sets the mixture of sources. Answered by `Recipe`.
    SetMixture {
        weights: BTreeMap<String, f64>,
        /// Temperature, at least 1.
        temperature: f64,
    },
    /// Applies the recipe to a sample of the raw documents without writing anything. Answered by `SampleJudged`.
    JudgeSample {
        /// Maximum number of documents, up to [`MAX_JUDGED`](crate::cleaning::MAX_JUDGED).
        documents: usize,
    },
    /// Compares a raw document with its cleaned version. Answered by `DocumentCompared`.
    CompareDocument { id: String },
    /// Cleans the project's documents with its recipe; tokenizer and runs then read the kept documents. Answered by `CleaningStarted`,
    /// `Cleaning`s and `Cleaned`, or, after [`Command::Cancel`], by `CleaningStopped`: the previous result stays, and the next cleaning
    /// resumes the stopped one.
    Clean,
    /// Cleans files into a folder, without a project. Native only. Answered as `Clean` is.
    CleanFiles {
        /// Files and folders.
        inputs: Vec<PathBuf>,
        /// Output folder for the kept and dropped documents.
        out: PathBuf,
        recipe: String,
        /// Start over even if a stopped cleaning of the same files with the same recipe could be resumed.
        #[serde(default)]
        restart: bool,
        /// Overwrite another cleaning's output, or write into a folder that holds other files.
        #[serde(default)]
        force: bool,
    },
    /// Lists documents that the last cleaning dropped. Answered by `Dropped`.
    ListDropped {
        /// Only documents that this stage dropped; `None` for all stages.
        stage: Option<String>,
        /// Number of documents to skip.
        offset: usize,
        /// Maximum number of documents to list.
        count: usize,
    },
    /// Deletes the cleaned documents and uses the raw ones again. Answered by `Documents`.
    ForgetCleaning,
    /// Exports the last cleaning's report as an HTML page. Answered by `ReportPage`: after writing `to` natively, with the page's bytes
    /// attached in the browser.
    ExportReport {
        /// Output path (native).
        to: Option<String>,
    },

    // ---- Tokenizer ----------------------------------------------------------------------------------------------------
    /// Trains a tokenizer on the project's text and tokenizes the text. Answered by `Preparing`s and `TokenizerReady`.
    TrainTokenizer {
        tokenizer: TokenizerConfig,
        /// Fraction held out for validation.
        validation: f64,
    },
    /// Tokenizes a text with the project's tokenizer. Answered by `Tokens`.
    Tokenize { text: String },
    /// Lists vocabulary entries. Answered by `Vocabulary`.
    ListVocabulary {
        /// Search text; empty matches all entries.
        search: String,
        order: VocabularyOrder,
        /// Number of entries to skip.
        offset: usize,
        /// Maximum number of entries to list.
        count: usize,
    },
    /// Replays the BPE merges that build a text's tokens. Answered by `MergeReplay`.
    ReplayMerges {
        /// Only the first 400 characters are used.
        text: String,
    },
    /// Compares the bytes per token of several tokenizers on the project's text. Answered by `Compression`.
    CompareTokenizers {
        /// Tokenizers to compare with the project's own.
        candidates: Vec<TokenizerConfig>,
    },

    // ---- Model --------------------------------------------------------------------------------------------------------
    /// Estimates the resources of a run without touching a device. Answered by `Planned`.
    Plan { config: Box<RunConfig> },
    /// Trains on the device for about two seconds, on synthetic tokens, to estimate the run time. Answered by `Measured`.
    Measure { config: Box<RunConfig> },
    /// Reduces batch size, context length and layers until the run fits the device. Answered by `Fitted`.
    FitToDevice { config: Box<RunConfig> },

    /// Benchmarks the chosen device briefly and sizes a first run on the embedded stories to last about `seconds`. Answered by
    /// `Fitted`.
    FitFirst {
        /// Target training time in seconds.
        seconds: f64,
    },

    // ---- Training -----------------------------------------------------------------------------------------------------
    /// Starts a new run of the open project. Answered by `Preparing`s, `TokenizerReady` (plus `LeftOut` and `RunOpened` after
    /// [`Command::UseProject`]), `TrainingStarted`, `Training`s, `TrainingEnded`.
    Train {
        /// The run's settings. The engine fills in the vocabulary size and, if the project has documents, their path.
        config: Box<RunConfig>,
        #[serde(flatten)]
        launch: RunLaunch,
    },
    /// Creates and opens a project, and starts a run on the embedded stories that lasts about `seconds` on the chosen device. Model
    /// size and steps follow from a short benchmark of the device. Answered by `ProjectOpened` and as `Train` is.
    TrainFirst {
        /// Display name of the project.
        project: String,
        /// Target training time in seconds.
        seconds: f64,
    },
    /// Continues a run. Answered as `Train` is.
    Resume {
        run: Option<String>,
        #[serde(flatten)]
        launch: RunLaunch,
    },
    /// Pauses training after the current step. Answered at once by `TrainingState`.
    Pause,
    /// Resumes training after a pause. Answered by `TrainingState`.
    Continue,
    /// Trains one step, then pauses. Answered by `TrainingState`.
    StepOnce,
    /// Saves a checkpoint after the next step; training continues. Answered by `TrainingState`.
    SaveCheckpoint,
    /// Stops training after the current step and saves a resumable checkpoint. Answered by `TrainingState`, then by `TrainingEnded`.
    StopTraining,
    /// Changes settings of the training run; the change is recorded in the run's file and metrics. Answered by `TrainingState`.
    ChangeTraining {
        /// New peak learning rate; the schedule keeps its shape.
        learning_rate: Option<f64>,
        steps: Option<u64>,
    },
    /// Profiles one training step. Answered by `Profile`; the run continues afterwards.
    ProfileStep,

    // ---- Writing ------------------------------------------------------------------------------------------------------
    /// Loads a model for generation, so that the first text starts without delay. Answered by `ModelOpened`.
    OpenModel {
        source: WeightSource,
        /// Storage format of the matrices, as in [`GenerateConfig::weights`](crate::GenerateConfig::weights).
        #[serde(default)]
        weights: Option<WeightFormat>,
    },
    /// Generates texts after a prompt; works during training. Answered by `ModelOpened`, `CharactersLost` if the vocabulary lacks
    /// characters of the prompt, `Written`s unless samples are requested, and a `Completed` as each text ends.
    /// [`Command::StopWriting`] and [`Command::Cancel`] end it early.
    Generate {
        source: WeightSource,
        prompt: Prompt,
        config: GenerateConfig,
        #[serde(default)]
        output: Output,
    },
    /// Ends a generation. Answered by that generation's `Completed`s.
    StopWriting {
        /// The generation's request number; 0 ends all.
        request: u64,
    },
    /// Lists the lessons that are not built in, and the progress of all lessons in the open project. Answered by `Lessons`.
    ListLessons,
    /// Saves the progress of a lesson. Answered by `Lessons`.
    KeepLesson {
        lesson: String,
        /// `None` deletes the progress.
        progress: Option<Box<crate::LessonProgress>>,
    },
    /// Lists the feedback on replies. Answered by `Feedback`.
    ListFeedback,
    /// Replaces rows of feedback. Answered by `Feedback`.
    SpliceFeedback {
        /// Index of the first replaced row, from 0; `None` appends.
        #[serde(default)]
        at: Option<usize>,
        /// Number of rows to remove.
        #[serde(default)]
        removed: usize,
        /// The rows to be removed, as the sender last saw them: if they have changed since, nothing is replaced. Empty skips this
        /// check.
        #[serde(default)]
        expected: Vec<Feedback>,
        #[serde(default)]
        rows: Vec<Feedback>,
    },
    /// Exports the feedback to files in the formats of TRL's trainers; in the browser, packed as one zip. Answered by `Exported`.
    ExportFeedback {
        /// Output folder (native).
        to: Option<PathBuf>,
        /// Write all rows to one file in the project's own format.
        #[serde(default)]
        one: bool,
        /// Fail if the output exists.
        #[serde(default)]
        keep: bool,
    },
    /// Finds the prompts in a file about which a model is least certain (texts, for a classifier). Skips those already answered or
    /// labelled, and reports how many others were considered. Answered by `Proposed`.
    Propose {
        source: WeightSource,
        /// Path of the file natively, else its name, with the bytes attached. JSON Lines of prompts, or of texts with or without labels
        /// in the format that [`Command::Classify`]'s models are trained on.
        from: String,
        #[serde(flatten)]
        settings: ProposalSettings,
    },
    /// Returns the next-token distribution at one position, before and after each sampling setting. Answered by `Distribution`.
    Explain {
        source: WeightSource,
        tokens: Vec<u32>,
        /// The token generated at the position; its rank is included.
        chosen: Option<u32>,
        config: GenerateConfig,
        /// Number of most likely tokens to list.
        count: usize,
    },
    /// Inspects a model's internals on one or more prompts. Answered by an `Inspected` for each prompt.
    Inspect {
        source: WeightSource,
        /// The prompt, or the text to trace for [`View::Provenance`].
        prompt: String,
        /// Further prompts, answered in this order after the first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        further: Vec<String>,
        views: Vec<View>,
        #[serde(default)]
        settings: Box<InspectSettings>,
    },
    /// Classifies texts with a model that has a label head, or scores them with a reward model. Answered by `Classified`.
    Classify { source: WeightSource, texts: Vec<String> },
    /// Evaluates a model on its run's validation split and on tasks. In the browser, the bytes of task files are attached. Answered by
    /// `Evaluating`s and `Evaluated`.
    Evaluate { source: WeightSource, settings: Box<crate::EvaluateSettings> },
    /// Audits a model for bias, memorised text and personal data. Answered by `Evaluating`s and `Audited`.
    Audit { source: WeightSource, settings: Box<crate::AuditSettings> },
    /// Reads saved evaluations and audits. Answered by `Evaluations`.
    ReadEvaluations {
        /// Names of runs; runs without an evaluation are omitted.
        runs: Vec<String>,
    },
    /// Writes the model card of an evaluated run as one HTML page. Answered by `CardWritten`.
    WriteCard {
        run: String,
        /// Output path (native); otherwise the page is attached to the answer.
        to: Option<PathBuf>,
        /// Fail if the file exists.
        #[serde(default)]
        keep: bool,
    },

    // ---- Runs ---------------------------------------------------------------------------------------------------------
    /// Lists the project's runs. Answered by `Runs`.
    ListRuns,
    /// Reads a run's settings. Answered by `Settings`.
    ReadSettings { run: Option<String> },
    /// Reads a run's curves and samples. Answered by `History`.
    ReadHistory {
        run: String,
        /// Maximum number of points per curve; longer curves are thinned evenly.
        points: usize,
    },
    /// Saves a note for a run. Answered by `Runs`.
    SaveNotes { run: String, notes: String },
    /// Sets a run's title. Answered by `Runs`.
    RenameRun {
        run: String,
        /// Empty removes the title.
        title: String,
    },
    /// Replaces a run's tags. Answered by `Runs`.
    TagRun { run: String, tags: Vec<String> },
    /// Deletes a run. [`Command::RestoreRun`] can undo this until the project is opened again. Refused while it trains. Answered by
    /// `Runs`.
    DeleteRun { run: String },
    /// Undoes a run's deletion. Answered by `Runs`.
    RestoreRun { run: String },
    /// Creates a new run that starts at another run's checkpoint, with the same settings and schedule. Answered by `Runs`.
    RestoreCheckpoint { run: String, checkpoint: CheckpointChoice },
    /// Creates a new run, without steps, from a run's weights with its adapter merged into them. Answered by `AdapterMerged` and
    /// `Runs`.
    MergeAdapter {
        run: String,
        /// `None` means the best checkpoint.
        #[serde(default)]
        checkpoint: Option<CheckpointChoice>,
        /// Folder of a PEFT adapter to merge instead (native).
        #[serde(default)]
        adapter: Option<PathBuf>,
        /// Subtract that adapter from the weights instead of adding it.
        #[serde(default)]
        undo: bool,
    },
    /// Creates a new run, without steps, from a run's weights made smaller, and measures the loss before and after. Answered by
    /// `Compressed` and `Runs`.
    Compress {
        run: String,
        /// `None` means the best checkpoint.
        #[serde(default)]
        checkpoint: Option<CheckpointChoice>,
        method: crate::Compression,
        /// Maximum number of validation documents for the losses; `None` takes all.
        #[serde(default)]
        documents: Option<usize>,
    },
    /// Exports a run for other programs or as a web page; in the browser, a folder is packed as one zip. Answered by `Exported`.
    ExportModel {
        run: String,
        /// `None` means the best checkpoint.
        #[serde(default)]
        checkpoint: Option<CheckpointChoice>,
        #[serde(default)]
        format: ExportFormat,
        /// Output folder or file (native).
        to: Option<PathBuf>,
        /// Fail if the output exists.
        #[serde(default)]
        keep: bool,
    },
    /// Lists the files of a pretrained model on the network, so that their size is known before the download. Answered by
    /// `ModelListed`.
    ListModelFiles { address: String },
    /// Opens a pretrained model without reading its weights. Answered by `ModelFound`, with `ImportProgress` during the download.
    LookAtModel { from: ModelSource },
    /// Closes the model opened last and frees what was downloaded of it. Answered by `Finished` alone.
    ForgetModel,
    /// Imports a pretrained model into the project as a run without steps. Answered by `ModelImported`, with `ImportProgress` before
    /// it.
    ImportModel {
        from: ModelSource,
        /// Reduce the model's context length to this many tokens.
        #[serde(default)]
        context_length: Option<usize>,
        /// Import only for comparison: the run never counts as the project's latest.
        #[serde(default)]
        for_comparison: bool,
    },
    /// Estimates the resources of a run on many GPUs. Answered by `ClusterPlanned`.
    PlanCluster { config: Box<RunConfig>, request: crate::cluster::ClusterRequest },
    /// Exports a bundle for continuing a run on many GPUs; in the browser, packed as one zip. Answered by `Exported`.
    ExportBundle {
        run: Option<String>,
        /// Output folder (native).
        to: Option<PathBuf>,
        /// Fail if the bundle exists.
        #[serde(default)]
        keep: bool,
        /// Device that takes the verification steps; `None` means the chosen device.
        #[serde(default)]
        device: Option<String>,
        /// Number of verification steps.
        #[serde(default = "verified_steps")]
        steps: u64,
    },
    /// Imports the result of training with a bundle as a run. Answered by `BundleImported`.
    ImportBundle {
        /// The bundle's folder (native); `None` if the folder is attached as a zip.
        #[serde(default)]
        from: Option<PathBuf>,
        /// Folder of the metrics and checkpoints; `None` means `out` in the bundle.
        #[serde(default)]
        out: Option<PathBuf>,
    },
    /// Benchmarks a training step on synthetic tokens. Answered by `Bench`.
    BenchStep {
        config: Box<RunConfig>,
        /// Number of measured steps.
        repeats: usize,
    },
    /// Benchmarks prefill and decoding. Answered by a `Bench` for each batch size.
    BenchDecode {
        config: Box<RunConfig>,
        /// Number of measurements.
        repeats: usize,
        /// Prompt tokens; `None` means half the context length, at most 512.
        #[serde(default)]
        prompt_tokens: Option<usize>,
        /// Tokens to generate after the first; `None` means the rest of the context, at most 128.
        #[serde(default)]
        tokens: Option<usize>,
        /// Storage format of the matrices, as in [`GenerateConfig::weights`](crate::GenerateConfig::weights).
        #[serde(default)]
        weights: Option<WeightFormat>,
        /// Batch sizes, each measured separately; empty means 1.
        #[serde(default)]
        batches: Vec<usize>,
    },
    /// Benchmarks every kernel of a training step separately. Answered by a `Bench` for each kernel.
    BenchKernels {
        config: Box<RunConfig>,
        /// Only kernels with this text in their name; `matmul` selects the linear layers' kernels.
        filter: String,
    },
    /// Benchmarks lens views on a model with random weights. Answered by a `Bench`.
    BenchInspect {
        config: Box<RunConfig>,
        /// Number of measurements of each view.
        repeats: usize,
        /// Empty means all views.
        #[serde(default)]
        views: Vec<View>,
    },
    /// Benchmarks training steps of models of many sizes and compares them with their estimates. Answered by a `Bench` for each model
    /// and one for all.
    BenchScaling {
        /// Only small models, with less time for each.
        quick: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VocabularyOrder {
    #[default]
    Id,
    MostUsed,
    /// Least used first, starting with unused entries.
    LeastUsed,
    Longest,
}

/// Default number of verification steps of a bundle.
pub const VERIFIED_STEPS: u64 = 20;

fn verified_steps() -> u64 {
    VERIFIED_STEPS
}
