//! The requests a front end can send to the engine. Each variant names the events that answer it; the last one is always
//! [`Event::Finished`](crate::Event::Finished) or [`Event::Failed`](crate::Event::Failed).

mod bench;
mod change;
mod export;
mod launch;
mod steer;

pub use bench::Bench;
pub use change::{DocumentsChange, Fit, ProjectChange, RecipeChange, RunChange};
pub use export::{Export, ExportFormat, LINK_ENDING, VERIFIED_STEPS};
pub use launch::{LearnsFrom, RunLaunch};
pub use steer::Steer;

use crate::features::{DictionarySettings, FeatureQuery, GraphQuery, Steering};
use crate::influence::InfluenceQuery;
use crate::{
    Drafts, Feedback, GenerateConfig, InspectSettings, ModelSource, Output, Prompt, ProposalSettings,
    RunConfig, TokenizerConfig, View, WeightFormat, WeightSource,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// by `Failed` of the kind `cancelled`. Training is stopped and saved as by [`Steer::Stop`]. A generation ends with its
    /// `Completed`s; 0 ends all generations. Cancelling a finished request is not an error.
    Cancel { request: u64 },
    /// Lists devices. Answered by `Devices`.
    ListDevices,
    /// Chooses the device for all further work; a training run keeps its own. Answered by `Ready`.
    ChooseDevice { device: String },

    // ---- Projects -----------------------------------------------------------------------------------------------------
    /// Lists projects and their disk usage. Answered by `Projects`.
    ListProjects,
    /// Creates a project with these documents and opens it. If a document cannot be read, no project is created. Answered by `Project`, and
    /// with documents also by `Documents`.
    CreateProject {
        /// Display name; if another project has it, a number is appended.
        name: String,
        /// Its documents, as in [`DocumentsChange::Add`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<String>,
    },
    /// Opens a project. Answered by `Project`; natively `id` may be the path of any project folder. The open project may be opened again, also
    /// while a run trains, for another front end of the session; then also answered by `TrainingStarted` and `TrainingState`.
    OpenProject { id: String },
    /// Opens a project folder for a command-line program: other programs may have it open too, and its documents and runs are not
    /// loaded. A run reads its text from the source in its settings. Native only. Answered by `Finished` alone.
    UseProject {
        /// Any path, inside or outside the projects folder.
        folder: PathBuf,
        /// Create the folder if it does not exist. It is removed again if the run does not start.
        make: bool,
    },
    /// Closes the open project. Refused while a run trains, like opening another project. Answered by `Project`.
    CloseProject,
    /// Answered by `Projects`.
    ChangeProject { id: String, change: ProjectChange },
    /// Unpacks a `.glasshouse` file, from the attached bytes or from a path, into a new project and opens it. Answered by `Project`.
    ImportProject {
        /// Display name; `None` takes the name in the file.
        name: Option<String>,
        /// Input path (native).
        from: Option<String>,
    },

    /// Saves the settings of the open project's next runs; they are restored when the project is opened again.
    SaveDrafts { drafts: Box<Drafts> },

    // ---- Documents ----------------------------------------------------------------------------------------------------
    /// Changes the project's documents. A project without documents uses the built-in stories. Answered by `Documents`.
    ChangeDocuments(DocumentsChange),
    /// Lists public corpora that can be added. Answered by `Corpora`.
    ListCorpora,
    /// Downloads a public corpus or a dataset of the Hugging Face Hub, unless it is already there, and verifies its checksums. Refused in a browser, where a page cannot read
    /// other sites. A cancelled download is kept and continued next time. Answered by `Fetching`s, and by `Documents`.
    FetchCorpus {
        /// [`CorpusSummary::name`](crate::CorpusSummary::name), or `hf://OWNER/NAME[@REVISION][/PATH]`.
        name: String,
        /// Target folder; `None` means the user's cache folder.
        to: Option<PathBuf>,
        /// Add it to the project's documents.
        add: bool,
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
    /// Shows the project's recipe. Answered by `Recipe`, and by `Cleaning` if the project's documents were cleaned.
    ShowRecipe,
    /// Changes the project's recipe. Answered by `Recipe`.
    ChangeRecipe(RecipeChange),
    /// Applies the recipe to a sample of the raw documents without writing anything. Answered by `Previewed`.
    JudgeSample {
        /// Maximum number of documents, up to [`MAX_JUDGED`](crate::cleaning::MAX_JUDGED).
        documents: usize,
    },
    /// Compares a raw document with its cleaned version. Answered by `Previewed`.
    CompareDocument { id: String },
    /// Cleans the project's documents with its recipe; tokenizer and runs then read the kept documents. Answered by `Cleaning`s, the last
    /// of which has the report. After [`Command::Cancel`], the previous result stays, and the next cleaning resumes the stopped one.
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

    // ---- Model --------------------------------------------------------------------------------------------------------
    /// Estimates the resources of a run without touching a device. Answered by `Planned`.
    Plan { config: Box<RunConfig> },
    /// Trains on the device for about two seconds, on synthetic tokens, to estimate the run time. Answered by `Planned`.
    Measure { config: Box<RunConfig> },
    /// Finds settings for the device or the text. Answered by `Fitted`.
    Fit(Fit),

    // ---- Training -----------------------------------------------------------------------------------------------------
    /// Starts a new run of the open project. Answered by `Preparing`s, `TokenizerReady` (plus `RunOpened` after
    /// [`Command::UseProject`]), `TrainingStarted`, `Training`s, `TrainingEnded`.
    Train {
        /// The run's settings. The engine fills in the vocabulary size and, if the project has documents, their path.
        config: Box<RunConfig>,
        #[serde(flatten)]
        launch: RunLaunch,
    },
    /// Creates and opens a project, and starts a run on the built-in stories that lasts about `seconds` on the chosen device. Model
    /// size and steps follow from a short benchmark of the device. Answered by `Project` and as `Train` is.
    TrainFirst {
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
    /// Controls the run in training. Answered by `TrainingState`.
    Steer(Steer),

    // ---- Writing ------------------------------------------------------------------------------------------------------
    /// Loads a model for generation, so that the first text starts without delay. Answered by `ModelOpened`.
    OpenModel {
        source: WeightSource,
        /// Storage format of the matrices, as in [`GenerateConfig::weights`](crate::GenerateConfig::weights).
        weights: Option<WeightFormat>,
    },
    /// Generates texts after a prompt; works during training. Answered by `ModelOpened`, `CharactersLost` if the vocabulary lacks
    /// characters of the prompt, `Written`s unless samples are requested, and a `Completed` as each text ends.
    /// [`Command::Cancel`] ends it early.
    Generate {
        source: WeightSource,
        prompt: Prompt,
        config: GenerateConfig,
        #[serde(default)]
        output: Output,
    },
    /// Lists the lessons that are not built in, and the progress of all lessons in the open project. Answered by `Lessons`.
    ListLessons,
    /// Saves the progress of a lesson. Answered by `Lessons`.
    KeepLesson {
        lesson: String,
        /// `None` deletes the progress.
        progress: Option<Box<crate::LessonProgress>>,
    },
    /// Lists the conversations of the project. Answered by `Conversations`.
    ListConversations,
    /// Reads a conversation. Answered by `Conversation`.
    ReadConversation { id: u64 },
    /// Saves a conversation in place of its last revision. If that was deleted, or saved by another program since, both are kept, this
    /// one under a new id. Answered by `Conversations`.
    KeepConversation { conversation: Box<crate::Conversation> },
    /// Changes a conversation. Answered by `Conversations`.
    ChangeConversation { id: u64, change: crate::ConversationChange },
    /// Lists the feedback on replies. Answered by `Feedback`.
    ListFeedback,
    /// Replaces rows of feedback. Answered by `Feedback`.
    SpliceFeedback {
        /// Index of the first replaced row, from 0; `None` appends.
        at: Option<usize>,
        #[serde(default)]
        removed: usize,
        /// The rows to be removed, as the sender last saw them: if they have changed since, nothing is replaced. Empty skips this check.
        #[serde(default)]
        expected: Vec<Feedback>,
        #[serde(default)]
        rows: Vec<Feedback>,
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
    /// Trains a sparse dictionary on a hook point of a model, with the training text of its run. Answered by `Dictionary`s: the first before
    /// any step, the last when the dictionary is complete. It is saved before each, so that [`Command::Cancel`] keeps the dictionary so far.
    TrainDictionary { source: WeightSource, settings: Box<DictionarySettings> },
    /// Lists hook points of a model and dictionaries of its run, and plans another one. Answered by `Dictionaries`.
    ReadDictionaries { source: WeightSource, settings: Box<DictionarySettings> },
    /// Reads a dictionary in SAELens' format for a model, and measures it. `from` is a folder; without it, the bytes of `cfg.json` and
    /// `sae_weights.safetensors` are attached. `at` replaces the file's hook point. Answered by `Dictionary`.
    ImportDictionary { source: WeightSource, from: Option<PathBuf>, at: Option<String> },
    /// Names a feature; an empty name removes it. Answered by `Dictionary`.
    NameFeature { run: String, dictionary: Option<u64>, feature: usize, name: String },
    /// Lists a dictionary's features, or describes one. Answered by `Features`.
    ReadFeatures {
        run: String,
        /// Number of the dictionary in the run; `None` means the latest.
        dictionary: Option<u64>,
        #[serde(default)]
        query: FeatureQuery,
    },
    /// Continues a prompt with the model as it is, and with a feature added to its hook point. Answered by `Steered`.
    SteerFeature { run: String, dictionary: Option<u64>, steering: Box<Steering> },
    /// Finds the tokens and features that caused a prompt's next token, with the run's transcoders of all blocks. Answered by `FeatureGraph`.
    GraphFeatures { run: String, query: Box<GraphQuery> },
    /// Finds the passages of a run's training text that made a completion more or less likely. Answered by `Influence`.
    Influence { run: String, query: Box<InfluenceQuery> },
    /// Classifies texts with a model that has a label head, or scores them with a reward model. Answered by `Classified`.
    Classify { source: WeightSource, texts: Vec<String> },
    /// Evaluates a model on its run's validation split and on tasks. In the browser, the bytes of task files are attached. Answered by
    /// `Progress`s and `Evaluations`.
    Evaluate { source: WeightSource, settings: Box<crate::EvaluateSettings> },
    /// Audits a model for bias, memorised text and personal data. Answered by `Progress`s and `Evaluations`.
    Audit { source: WeightSource, settings: Box<crate::AuditSettings> },
    /// Reads saved evaluations and audits. Answered by `Evaluations`.
    ReadEvaluations {
        /// Names of runs; runs without an evaluation are omitted.
        runs: Vec<String>,
    },

    // ---- Runs ---------------------------------------------------------------------------------------------------------
    /// Lists the project's runs. Answered by `Runs`.
    ListRuns,
    /// Reads a run's settings, curves and samples. Answered by `History`.
    ReadRun {
        /// `None` means the latest.
        run: Option<String>,
        /// Maximum number of points per curve; longer curves are thinned evenly. 0 reads no curves or samples.
        points: usize,
    },
    /// Changes a run, or derives a new one from it. Answered by `Runs`.
    ChangeRun { run: String, change: RunChange },
    /// Exports to a file or folder. Answered by `Exported`: after writing `to` natively, with the file's bytes attached in the browser,
    /// where a folder is packed as one zip.
    Export {
        what: Export,
        /// Output path (native).
        to: Option<PathBuf>,
        /// Fail if the output exists.
        #[serde(default)]
        keep: bool,
    },
    /// Lists the files of a pretrained model on the network, so that their size is known before the download. Answered by `Importing`.
    ListModelFiles { address: String },
    /// Opens a pretrained model without reading its weights. Answered by `Importing`, with `Progress` during the download.
    LookAtModel {
        /// `None` only closes the model opened last and frees what was downloaded of it.
        from: Option<ModelSource>,
    },
    /// Imports a pretrained model into the project as a run without steps. Answered by `RunAdded`, with `Progress` before it.
    ImportModel {
        from: ModelSource,
        /// Reduce the model's context length to this many tokens.
        context_length: Option<usize>,
        /// Import only for comparison: the run never counts as the project's latest.
        #[serde(default)]
        for_comparison: bool,
    },
    /// Estimates the resources of a run on many GPUs. Answered by `Planned`.
    PlanCluster { config: Box<RunConfig>, request: crate::cluster::ClusterRequest },
    /// Imports the result of training with a bundle as a run. Answered by `RunAdded`.
    ImportBundle {
        /// The bundle's folder (native); `None` if the folder is attached as a zip.
        from: Option<PathBuf>,
        /// Folder of the metrics and checkpoints; `None` means `out` in the bundle.
        out: Option<PathBuf>,
    },
    /// Benchmarks the chosen device. Answered by `Bench`s.
    Bench(Bench),
}

impl Command {
    /// Creates a project without documents.
    pub fn create(name: impl Into<String>) -> Self {
        Self::CreateProject { name: name.into(), files: Vec::new() }
    }

    /// Whether the command reads or changes the open project, rather than the session, the device, the run in training, or a project that
    /// it names.
    pub fn is_about_open_project(&self) -> bool {
        !matches!(
            self,
            Self::Hello { .. }
                | Self::Visible { .. }
                | Self::Cancel { .. }
                | Self::ListDevices
                | Self::ChooseDevice { .. }
                | Self::ListProjects
                | Self::CreateProject { .. }
                | Self::OpenProject { .. }
                | Self::UseProject { .. }
                | Self::ChangeProject { .. }
                | Self::ImportProject { .. }
                | Self::ListCorpora
                | Self::FetchCorpus { add: false, .. }
                | Self::CleanFiles { .. }
                | Self::Fit(Fit::First { .. })
                | Self::Bench(_)
                | Self::TrainFirst { .. }
                | Self::Steer(_)
                | Self::Export { what: Export::Project { .. }, .. }
                | Self::ListModelFiles { .. }
                | Self::LookAtModel { .. }
        )
    }

    /// Whether a command that was made for one project makes sense in another: it brings all that it needs.
    pub fn is_portable(&self) -> bool {
        match self {
            Self::Train { config, launch } => config.start.is_none() && launch.sweep.is_none(),
            Self::SpliceFeedback { at, .. } => at.is_none(),
            Self::SaveDrafts { .. }
            | Self::ChangeDocuments(DocumentsChange::Add { .. })
            | Self::FetchCorpus { add: true, .. }
            | Self::ChangeRecipe(_)
            | Self::TrainTokenizer { .. }
            | Self::KeepConversation { .. }
            | Self::ImportModel { .. }
            | Self::ImportBundle { .. } => true,
            _ => false,
        }
    }

    /// Whether a command changes the open project, beyond caches.
    pub fn changes_project(&self) -> bool {
        self.is_portable()
            || matches!(
                self,
                Self::Train { .. }
                    | Self::Resume { .. }
                    | Self::ChangeDocuments(_)
                    | Self::Clean
                    | Self::ForgetCleaning
                    | Self::KeepLesson { .. }
                    | Self::KeepConversation { .. }
                    | Self::ChangeConversation { .. }
                    | Self::SpliceFeedback { .. }
                    | Self::ChangeRun { .. }
            )
    }

    /// What a command that [changes the project](Self::changes_project) is about, with its verb, as the beginning of a sentence:
    /// `the changed settings were`.
    pub fn was(&self) -> &'static str {
        match self {
            Self::SaveDrafts { .. } => "the changed settings were",
            Self::Train { .. } | Self::Resume { .. } => "the run to train was",
            Self::ChangeDocuments(DocumentsChange::Add { .. }) => "the added files were",
            Self::ChangeDocuments(_) => "the change of the documents was",
            Self::FetchCorpus { .. } => "the corpus was",
            Self::ChangeRecipe(_) => "the changed recipe was",
            Self::TrainTokenizer { .. } => "the tokenizer to train was",
            Self::KeepConversation { .. } | Self::ChangeConversation { .. } => "the conversation was",
            Self::SpliceFeedback { .. } => "the feedback was",
            Self::ImportModel { .. } | Self::ImportBundle { .. } => "the import was",
            Self::ChangeRun { .. } => "the change of a run was",
            _ => "this was",
        }
    }

    /// Whether a command changes nothing that another front end of the session shows, and does not take its device.
    pub fn only_reads(&self) -> bool {
        let changes_session = matches!(
            self,
            Self::ChooseDevice { .. }
                | Self::ChangeProject { .. }
                | Self::CloseProject
                | Self::CreateProject { .. }
                | Self::ImportProject { .. }
                | Self::FetchCorpus { .. }
                | Self::Measure { .. }
                | Self::Fit(Fit::First { .. } | Fit::LearningRate { .. })
                | Self::Bench(_)
                | Self::TrainFirst { .. }
                | Self::Steer(_)
                | Self::LookAtModel { .. }
                | Self::TrainDictionary { .. }
                | Self::ImportDictionary { .. }
                | Self::NameFeature { .. }
                | Self::Evaluate { .. }
                | Self::Audit { .. }
        );
        !self.changes_project() && !changes_session
    }

    /// Whether a command names files of the engine's machine, rather than bringing them; `attached` tells whether files came with it. The
    /// paths of a run's text are not among them: they are those of the open project.
    pub fn names_path(&self, attached: bool) -> bool {
        let names_file = match self {
            Self::UseProject { .. } | Self::CleanFiles { .. } => true,
            Self::CreateProject { files: names, .. }
            | Self::ChangeDocuments(DocumentsChange::Add { names } | DocumentsChange::Replace { names }) => {
                !attached && !names.is_empty()
            }
            Self::Propose { .. } => !attached,
            Self::Evaluate { settings, .. } => {
                !attached && settings.tasks.iter().any(|task| !task.file.is_empty())
            }
            Self::ImportProject { from, .. } => from.is_some(),
            Self::ImportDictionary { from, .. } => from.is_some(),
            Self::ImportModel { from, .. } | Self::LookAtModel { from: Some(from) } => {
                matches!(from, ModelSource::Path { .. })
            }
            Self::ImportBundle { from, out } => from.is_some() || out.is_some(),
            Self::FetchCorpus { to, .. } | Self::Export { to, .. } => to.is_some(),
            Self::ChangeRun { change: RunChange::MergeAdapter { adapter, .. }, .. } => adapter.is_some(),
            _ => false,
        };
        names_file || serde_json::to_value(self).is_ok_and(|value| has_path("", &value))
    }

    /// The work of a request that may take long and can be cancelled; `None` for the others.
    pub fn label(&self) -> Option<&'static str> {
        Some(match self {
            Self::TrainTokenizer { .. } => "training a tokenizer",
            Self::Measure { .. }
            | Self::Bench(_)
            | Self::Fit(Fit::First { .. })
            | Self::TrainFirst { .. } => "measuring the speed",
            Self::OpenProject { .. } => "opening the project",
            Self::Plan { .. } => "planning the run",
            Self::Fit(Fit::ToDevice { .. }) => "fitting the run to the device",
            Self::Fit(Fit::LearningRate { .. }) => "testing learning rates",
            Self::CreateProject { files, .. } if files.is_empty() => return None,
            Self::CreateProject { .. }
            | Self::ChangeDocuments(_)
            | Self::ListDocuments { .. }
            | Self::ReadDocument { .. } => "reading documents",
            Self::FetchCorpus { .. } => "downloading a corpus",
            Self::JudgeSample { .. } => "trying the recipe",
            Self::CompareDocument { .. } => "comparing a document",
            Self::ListDropped { .. } => "listing dropped documents",
            Self::Clean | Self::CleanFiles { .. } => "cleaning documents",
            Self::ImportProject { .. } => "unpacking the project",
            Self::ChangeProject { change: ProjectChange::Duplicate(_), .. } => "copying the project",
            Self::ChangeRun { change, .. } => return change.label(),
            Self::Export { what, .. } => return what.label(),
            Self::ListModelFiles { .. } => "requesting the model",
            Self::LookAtModel { from: Some(_) } => "reading the model",
            Self::ImportModel { .. } => "importing the model",
            Self::ImportBundle { .. } => "reading the bundle",
            Self::OpenModel { .. } | Self::Generate { .. } | Self::Explain { .. } => "loading the model",
            Self::Inspect { .. } => "inspecting the model",
            Self::TrainDictionary { .. } => "training the dictionary",
            Self::ReadDictionaries { .. } | Self::ImportDictionary { .. } => "reading the dictionaries",
            Self::ReadFeatures { .. } => "reading the features",
            Self::SteerFeature { .. } => "steering the model",
            Self::GraphFeatures { .. } => "tracing features",
            Self::Influence { .. } => "measuring influence",
            Self::Classify { .. } => "classifying texts",
            Self::Evaluate { .. } | Self::ReadEvaluations { .. } => EVALUATING,
            Self::Audit { .. } => AUDITING,
            Self::Propose { .. } => "searching for texts to label next",
            _ => return None,
        })
    }

    /// Whether the command is refused while a run trains: it opens another project, changes the run's text, or needs the device for itself.
    pub fn needs_idle(&self) -> bool {
        matches!(
            self,
            Self::CreateProject { .. }
                | Self::OpenProject { .. }
                | Self::UseProject { .. }
                | Self::CloseProject
                | Self::ImportProject { .. }
                | Self::ChangeDocuments(DocumentsChange::Add { .. } | DocumentsChange::Replace { .. })
                | Self::FetchCorpus { add: true, .. }
                | Self::Measure { .. }
                | Self::Fit(Fit::First { .. } | Fit::LearningRate { .. })
                | Self::Bench(_)
                | Self::Train { .. }
                | Self::TrainFirst { .. }
                | Self::Resume { .. }
                | Self::TrainDictionary { .. }
                | Self::ImportDictionary { .. }
                | Self::ReadFeatures { .. }
                | Self::SteerFeature { .. }
                | Self::GraphFeatures { .. }
                | Self::Influence { .. }
                | Self::Propose { .. }
                | Self::LookAtModel { from: Some(_) }
                | Self::ImportModel { .. }
        )
    }
}

crate::conversions! { Command:
    Bench: |kind| Self::Bench(kind);
    Steer: |kind| Self::Steer(kind);
    RecipeChange: |kind| Self::ChangeRecipe(kind);
    DocumentsChange: |kind| Self::ChangeDocuments(kind);
    Fit: |kind| Self::Fit(kind);
}

/// Whether a value has a path, in a field for names of files or folders, or in TOML: of a recipe or of a sweep.
fn has_path(key: &str, value: &serde_json::Value) -> bool {
    const KEYS: [&str; 11] = [
        "against",
        "checkpoint",
        "file",
        "hosts_file",
        "id",
        "names_file",
        "pairs",
        "path",
        "project",
        "task",
        "teacher",
    ];
    match value {
        serde_json::Value::String(text) if ["toml", "sweep", "recipe"].contains(&key) => {
            let parsed =
                toml::from_str::<toml::Table>(text).ok().and_then(|table| serde_json::to_value(table).ok());
            parsed.is_some_and(|parsed| has_path("", &parsed))
        }
        serde_json::Value::String(text) => {
            // A text of several lines brings the content of a file.
            KEYS.contains(&key) && !text.contains('\n') && (text.contains(['/', '\\']) || text == "..")
        }
        serde_json::Value::Array(values) => values.iter().any(|value| has_path(key, value)),
        serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| has_path(key, value)),
        _ => false,
    }
}

/// Labels of evaluations and audits in progress.
pub const EVALUATING: &str = "evaluating the model";
pub const AUDITING: &str = "auditing the model";

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CheckpointChoice;

    #[test]
    fn a_command_that_names_files_of_the_machine_is_told_from_one_that_brings_them() {
        let add = |name: &str| DocumentsChange::Add { names: vec![name.to_owned()] }.into();
        let from = |from: Option<&str>| Command::ImportProject { name: None, from: from.map(str::to_owned) };
        let open = |id: &str| Command::OpenProject { id: id.to_owned() };
        let card = |to: Option<&str>| Export::Card { run: "1-a".to_owned() }.to(to.map(PathBuf::from), true);
        let model = |checkpoint: &str| Command::OpenModel {
            source: WeightSource::Checkpoint {
                run: "1-a".to_owned(),
                checkpoint: CheckpointChoice::from(checkpoint.to_owned()),
            },
            weights: None,
        };
        let own: [Command; 4] = [from(None), open("stories"), card(None), model("latest")];
        assert!(own.iter().all(|command| !command.names_path(false)));
        let outer = [
            from(Some("a.glasshouse")),
            open("/etc"),
            open("C:\\Users"),
            open("../other"),
            card(Some("card.html")),
            model("/tmp/step-1.safetensors"),
            Command::UseProject { folder: "p".into(), make: false },
            RecipeChange::Toml { toml: "[contamination]\nagainst = [\"/etc\"]".to_owned() }.into(),
        ];
        for command in outer {
            assert!(command.names_path(true), "{command:?}");
        }
        let text: Command = add("a.txt");
        assert!(text.names_path(false) && !text.names_path(true));
    }

    #[test]
    fn scripts_name_a_command_and_its_kind() {
        let run = || "1-a".to_owned();
        for (text, command) in [
            (r#"{"command":"steer","action":"pause"}"#, Steer::Pause.into()),
            (
                r#"{"command":"steer","action":"change","steps":9}"#,
                Steer::Change { learning_rate: None, steps: Some(9) }.into(),
            ),
            (r#"{"command":"change_run","run":"1-a","change":"delete"}"#, RunChange::Delete.to(run())),
            (
                r#"{"command":"change_run","run":"1-a","change":{"title":"A"}}"#,
                RunChange::Title("A".to_owned()).to(run()),
            ),
            (
                r#"{"command":"change_documents","change":"add","names":["a.txt"]}"#,
                DocumentsChange::Add { names: vec!["a.txt".to_owned()] }.into(),
            ),
            (r#"{"command":"export","what":"report"}"#, Export::Report.to(None, false)),
            (
                r#"{"command":"export","what":{"card":{"run":"1-a"}}}"#,
                Export::Card { run: run() }.to(None, false),
            ),
        ] {
            let read = |text: &str| serde_json::from_str::<Command>(text).unwrap();
            assert_eq!(read(text), command);
            assert_eq!(read(&serde_json::to_string(&command).unwrap()), command);
        }
    }
}
