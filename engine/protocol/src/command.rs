//! Everything that a front end can ask of the engine. Each command is answered by the events that its text names and at last by
//! [`Event::Finished`](crate::Event::Finished) or [`Event::Failed`](crate::Event::Failed).

mod export;
mod launch;

pub use export::{ExportFormat, Quantization};
pub use launch::{LearnsFrom, RunLaunch};

use crate::cleaning::PersonalAction;
use crate::{
    ChatMessage, CheckpointChoice, CompletionPrompt, CompletionSettings, Feedback, GenerateConfig,
    InspectSettings, ModelSource, Precision, ProposalSettings, RunConfig, TokenizerConfig, View,
    WeightSource,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A request to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    // ---- The session --------------------------------------------------------------------------------------------------
    /// First of all. Answered by `Ready`.
    Hello {
        /// [`VERSION`](crate::message::VERSION) of the sender.
        version: u32,
        /// Device wish: `auto`, `cpu`, `gpu`, or part of an adapter's name.
        device: String,
    },
    /// The window or tab became visible, or stopped being so: while it is, no submission exceeds about 8 ms.
    Visible {
        /// It can be seen.
        visible: bool,
    },
    /// Ends a request that is under way, within a fifth of a second, or takes back one that still waits; what was whole before stays as
    /// it was. That request is answered by `Failed` of the kind `cancelled`. A run's training is stopped and saved instead, as
    /// [`Command::StopTraining`] does, a text as [`Command::StopWriting`] does. One that is over already is no error.
    Cancel {
        /// The number of the request.
        request: u64,
    },
    /// Lists devices. Answered by `Devices`.
    ListDevices,
    /// Chooses the device of what is done from now on; a run in training keeps its own. Answered by `Ready`.
    ChooseDevice {
        /// As in `Hello`.
        device: String,
    },

    // ---- Projects -----------------------------------------------------------------------------------------------------
    /// Lists projects and the room they take. Answered by `Projects`.
    ListProjects,
    /// Makes a project and opens it. Answered by `ProjectOpened`.
    CreateProject {
        /// What people call it; another project's name gets a number behind it.
        name: String,
    },
    /// Opens a project. Answered by `ProjectOpened`; natively `id` may be the path of any project folder.
    OpenProject {
        /// Its [`ProjectSummary::id`](crate::ProjectSummary::id).
        id: String,
    },
    /// Opens a project folder as a command line does: beside other programs, which may have it open too, and without looking into its
    /// documents and runs. A run's text is what its settings say, read where it lies. Natively only. Answered by `Finished` alone.
    UseProject {
        /// The folder, on the shelf or anywhere.
        folder: PathBuf,
        /// Make it where there is none. What is made for a run that does not begin goes again.
        make: bool,
    },
    /// Closes the open project. Refused, as opening another one is, while a run trains. Answered by `ProjectClosed`.
    CloseProject,
    /// Gives a project another name. Answered by `Projects`.
    RenameProject {
        /// Which.
        id: String,
        /// The new name.
        name: String,
    },
    /// Copies a project with everything in it. Answered by `Projects`.
    DuplicateProject {
        /// Which.
        id: String,
        /// The copy's name.
        name: String,
    },
    /// Deletes a project; [`Command::RestoreProject`] undoes it until the program ends or the next start. Answered by `Projects`.
    DeleteProject {
        /// Which.
        id: String,
    },
    /// Undoes a deletion. Answered by `Projects`.
    RestoreProject {
        /// Which.
        id: String,
    },
    /// Packs a project into one `.glasshouse` file. Answered by `ProjectExported`, natively after writing `to`, in the browser
    /// with the file's bytes beside it.
    ExportProject {
        /// Which.
        id: String,
        /// Path to write, natively.
        to: Option<PathBuf>,
        /// Refuse to take the place of a file that is there.
        #[serde(default)]
        keep: bool,
    },
    /// Unpacks a `.glasshouse` file into a new project and opens it. The bytes come with the command, or from the path. Answered by
    /// `ProjectOpened`.
    ImportProject {
        /// What people shall call it; `None` takes the name in the file.
        name: Option<String>,
        /// Path to read, natively.
        from: Option<String>,
    },

    /// Keeps the settings that the open project's next run would have: they are there again when it is opened.
    SaveDraft {
        /// All settings.
        config: Box<RunConfig>,
    },

    // ---- Documents ----------------------------------------------------------------------------------------------------
    /// Copies files into the project's `documents` folder. Their bytes come with the command in the order of the names; natively
    /// a name without bytes is a path of a file or folder to copy. Answered by `Documents`.
    AddDocuments {
        /// Names of files of kinds that the data bench reads, or paths, of folders too.
        names: Vec<String>,
    },
    /// Puts the files beside it in the place of all the project's files, for the next run: where that run is refused, the project
    /// has its own again. Answered by `Documents`.
    ReplaceDocuments {
        /// Their names, one a file.
        names: Vec<String>,
    },
    /// Removes a document file; the embedded stories are used while there is none. Answered by `Documents`.
    RemoveDocument {
        /// Its name in the folder.
        name: String,
    },
    /// Lists public corpora that can be added. Answered by `Corpora`.
    ListCorpora,
    /// Fetches a public corpus, proves it by its checksum, and adds it to the project's documents. In a browser it is refused, since a
    /// page may not read other sites. What arrived before [`Command::Cancel`] is kept and continued next time. Answered by `Fetching`s
    /// and `Documents`.
    FetchCorpus {
        /// [`CorpusSummary::name`](crate::CorpusSummary::name).
        name: String,
    },
    /// Fetches a public corpus into a folder, if it is not there already, beside any project. Natively only. Answered by `Fetching`s and
    /// `Fetched`.
    DownloadCorpus {
        /// [`CorpusSummary::name`](crate::CorpusSummary::name).
        name: String,
        /// The folder; `None` takes the person's cache folder.
        to: Option<PathBuf>,
    },
    /// Lists documents: a page of those that contain a text. Answered by `Documents`.
    ListDocuments {
        /// Text to look for; empty finds all.
        search: String,
        /// Documents to pass over.
        offset: usize,
        /// Documents to list at most.
        count: usize,
        /// Share held out for validation, to say where the split falls.
        validation: f64,
    },
    /// Reads a document. Answered by `Document`.
    ReadDocument {
        /// Its number in the whole list, from 0.
        number: u64,
    },

    // ---- Cleaning -----------------------------------------------------------------------------------------------------
    /// Shows the project's recipe. Answered by `Recipe`, and by `Cleaned` where the project's documents were cleaned.
    ShowRecipe,
    /// Begins anew from a published recipe: `fineweb`, `gopher`, `c4`, `light` or `raw`. Answered by `Recipe`.
    ChooseRecipe {
        /// Its name.
        name: String,
    },
    /// Replaces the project's recipe. Answered by `Recipe`.
    SetRecipe {
        /// The whole recipe as TOML.
        toml: String,
    },
    /// Switches a stage of the recipe on or off. Answered by `Recipe`.
    SwitchStage {
        /// [`StageCard::name`](crate::cleaning::StageCard::name).
        stage: String,
        /// Whether it works from now on.
        on: bool,
    },
    /// Sets a number of a stage. Answered by `Recipe`.
    SetThreshold {
        /// The stage.
        stage: String,
        /// The number's name.
        threshold: String,
        /// Its new value.
        value: f64,
    },
    /// Sets what is done with a class of personal data. Answered by `Recipe`.
    SetPersonal {
        /// The class.
        class: String,
        /// What becomes of it.
        action: PersonalAction,
    },
    /// Sets the mixture of sources. Answered by `Recipe`.
    SetMixture {
        /// Weights by source.
        weights: BTreeMap<String, f64>,
        /// Temperature, at least 1.
        temperature: f64,
    },
    /// Judges a sample of the raw documents by the recipe, without writing anything. Answered by `SampleJudged`.
    JudgeSample {
        /// Documents to judge at most, up to [`MAX_JUDGED`](crate::cleaning::MAX_JUDGED).
        documents: usize,
    },
    /// Compares a raw document with what the recipe makes of it. Answered by `DocumentCompared`.
    CompareDocument {
        /// Its id.
        id: String,
    },
    /// Cleans the project's documents by its recipe; what is kept is what tokenizer and runs read from then on. Answered by
    /// `CleaningStarted`, `Cleaning`s and `Cleaned`, after [`Command::Cancel`] by `CleaningStopped`: the result of the cleaning before
    /// stays, and the next one resumes what was stopped.
    Clean,
    /// Cleans files into a folder, beside any project. Natively only. Answered as `Clean` is.
    CleanFiles {
        /// Files, and folders of files.
        inputs: Vec<PathBuf>,
        /// The folder of what is kept and dropped.
        out: PathBuf,
        /// The whole recipe as TOML.
        recipe: String,
        /// Start over even where a stopped cleaning of the same files by the same recipe can be resumed.
        #[serde(default)]
        restart: bool,
        /// Take the place of another cleaning, or stand beside files that no cleaning wrote.
        #[serde(default)]
        force: bool,
    },
    /// Lists documents that the last cleaning dropped. Answered by `Dropped`.
    ListDropped {
        /// The stage that dropped them; `None` for all.
        stage: Option<String>,
        /// Documents to pass over.
        offset: usize,
        /// Documents to list at most.
        count: usize,
    },
    /// Goes back to the raw documents; the cleaned ones are removed. Answered by `Documents`.
    ForgetCleaning,
    /// Gives the last cleaning's report as a page. Answered by `ReportPage` with its bytes beside it, natively after writing `to`.
    ExportReport {
        /// Path to write, natively.
        to: Option<String>,
    },

    // ---- Tokenizer ----------------------------------------------------------------------------------------------------
    /// Trains a tokenizer on the project's text and turns the text into tokens. Answered by `Preparing`s and `TokenizerReady`.
    TrainTokenizer {
        /// Kind, size, special tokens.
        tokenizer: TokenizerConfig,
        /// Share held out for validation.
        validation: f64,
    },
    /// Cuts a text into tokens with the project's tokenizer. Answered by `Tokens`.
    Tokenize {
        /// The text.
        text: String,
    },
    /// Lists vocabulary entries. Answered by `Vocabulary`.
    ListVocabulary {
        /// Text that an entry must contain; empty finds all.
        search: String,
        /// The order.
        order: VocabularyOrder,
        /// Entries to pass over.
        offset: usize,
        /// Entries to list at most.
        count: usize,
    },
    /// The merges that build a text's tokens one after another, for BPE. Answered by `MergeReplay`.
    ReplayMerges {
        /// The text; at most its first 400 characters.
        text: String,
    },
    /// Bytes per token on the project's text under other tokenizers. Answered by `Compression`.
    CompareTokenizers {
        /// Those to try, beside the project's own.
        candidates: Vec<TokenizerConfig>,
    },

    // ---- Model --------------------------------------------------------------------------------------------------------
    /// What a run would take, without touching a device. Answered by `Planned`.
    Plan {
        /// The run.
        config: Box<RunConfig>,
    },
    /// Trains on the device for about two seconds, on made-up tokens, to estimate the time. Answered by `Measured`.
    Measure {
        /// The run.
        config: Box<RunConfig>,
    },
    /// Shrinks batch size, context length and layers until the run fits the device. Answered by `Fitted`.
    FitToDevice {
        /// The run.
        config: Box<RunConfig>,
    },

    /// Measures the chosen device for a moment and sizes a first run on the embedded stories to last about `seconds` on it. Answered
    /// by `Fitted`.
    FitFirst {
        /// Seconds of training.
        seconds: f64,
    },

    // ---- Training -----------------------------------------------------------------------------------------------------
    /// Starts a new run of the open project. Answered by `Preparing`s, `TokenizerReady` (`LeftOut` and `RunOpened` where the project
    /// is used beside others), `TrainingStarted`, `Training`s, `TrainingEnded`.
    Train {
        /// All of it. The engine fills in the vocabulary that the text gives and, where the project has documents, their place.
        config: Box<RunConfig>,
        /// What is not among a run's settings.
        #[serde(flatten)]
        launch: RunLaunch,
    },
    /// Makes a project, opens it, and starts a run on the embedded stories in it that is made to end after about so long on the chosen
    /// device: the device is measured for a moment, and size and steps are chosen by what it can do. Answered by `ProjectOpened`
    /// and as `Train` is.
    TrainFirst {
        /// What people call the project.
        project: String,
        /// Seconds of training.
        seconds: f64,
    },
    /// Continues a run. Answered as `Train` is.
    Resume {
        /// The run's name; `None` takes the latest.
        run: Option<String>,
        /// What is not among a run's settings.
        #[serde(flatten)]
        launch: RunLaunch,
    },
    /// Holds training after the step in flight. Answered at once by `TrainingState`.
    Pause,
    /// Goes on after a pause. Answered by `TrainingState`.
    Continue,
    /// One step, then pause. Answered by `TrainingState`.
    StepOnce,
    /// Saves a checkpoint of the next step; the run goes on. Answered by `TrainingState`.
    SaveCheckpoint,
    /// Ends training after the step in flight, saved and resumable. Answered by `TrainingState`; `TrainingEnded` follows.
    StopTraining,
    /// Changes a run while it trains; the run's file and metrics say so. Answered by `TrainingState`.
    ChangeTraining {
        /// New peak learning rate; the schedule keeps its shape.
        learning_rate: Option<f64>,
        /// New number of steps.
        steps: Option<u64>,
    },
    /// Where a step's time goes. Answered by `Profile`; the run goes on afterwards.
    ProfileStep,

    // ---- Writing ------------------------------------------------------------------------------------------------------
    /// Loads a model to write with, so that texts begin at once. Answered by `ModelOpened`.
    OpenModel {
        /// Whose weights.
        source: WeightSource,
        /// What a GPU reads them as.
        precision: Precision,
    },
    /// Writes on from a prompt. Answered by `Written`s, then `WritingEnded`; by `CharactersLost` before, where that is so. Works while training goes on.
    Generate {
        /// Whose weights.
        source: WeightSource,
        /// What the text begins with.
        prompt: String,
        /// How tokens are drawn.
        config: GenerateConfig,
    },
    /// Writes several texts after one prompt at once, under seeds that follow each other from that of the settings; each becomes what it
    /// would by itself: on the CPU bit for bit, on a GPU but for rounding. Answered by `ModelOpened`, by a `Sampled` for each text when it ends, and by `SamplesEnded`; by `CharactersLost`
    /// before, where that is so. [`Command::StopWriting`] ends it.
    Samples {
        /// Whose weights.
        source: WeightSource,
        /// What the texts begin with.
        prompt: String,
        /// How tokens are drawn, and the first text's seed.
        config: GenerateConfig,
        /// How many texts.
        count: usize,
    },
    /// Answers in a conversation, as the model's chat template writes it. Answered as [`Command::Generate`] is; by a notice where messages
    /// no longer fit the context and were left out.
    Reply {
        /// Whose weights.
        source: WeightSource,
        /// The conversation, the last message from the person.
        messages: Vec<ChatMessage>,
        /// How tokens are drawn.
        config: GenerateConfig,
    },
    /// Answers in several conversations at once, as the model's chat template writes each. Answered as [`Command::Samples`] is, a `Sampled` for
    /// each conversation, by its number; by a notice where some are longer than the context, which sees the end of those.
    Replies {
        /// Whose weights.
        source: WeightSource,
        /// The conversations, the last message of each from the person.
        conversations: Vec<Vec<ChatMessage>>,
        /// How tokens are drawn, and the first answer's seed.
        config: GenerateConfig,
    },
    /// Writes a text for a program: together with all others that are asked for of the same weights, each as soon as there is a place for
    /// it. [`Command::StopWriting`] and [`Command::Cancel`] end it where it stands. Answered by `Completing`s and `Completed`.
    Complete {
        /// Whose weights.
        source: WeightSource,
        /// What it goes on from.
        prompt: CompletionPrompt,
        /// How tokens are drawn.
        config: Box<GenerateConfig>,
        /// How it is answered.
        #[serde(default)]
        settings: CompletionSettings,
    },
    /// Ends a generation. Answered by that generation's `WritingEnded` or `Completed`.
    StopWriting {
        /// The number of its request; 0 ends all.
        request: u64,
    },
    /// Lists lessons that stand beside the program's, and what was made of lessons in the open project. Answered by `Lessons`.
    ListLessons,
    /// Keeps what was made of a lesson. Answered by `Lessons`.
    KeepLesson {
        /// The lesson's name.
        lesson: String,
        /// What was made of it; `None` forgets it.
        progress: Option<Box<crate::LessonProgress>>,
    },
    /// Lists what was said of replies. Answered by `Feedback`.
    ListFeedback,
    /// Puts rows of feedback in the place of others. Answered by `Feedback`.
    SpliceFeedback {
        /// The first that goes, from 0; the new ones stand there. Behind the last where none is named.
        #[serde(default)]
        at: Option<usize>,
        /// How many go.
        #[serde(default)]
        removed: usize,
        /// Those that go, as they were seen: where others stand there by now, nothing is changed. None where any may go.
        #[serde(default)]
        expected: Vec<Feedback>,
        /// The new ones.
        #[serde(default)]
        rows: Vec<Feedback>,
    },
    /// Writes the feedback to files, each as a trainer of TRL's reads it; packed as one zip in the browser. Answered by `Exported`.
    ExportFeedback {
        /// Folder to write, natively.
        to: Option<PathBuf>,
        /// All rows in one file, as the project has them.
        #[serde(default)]
        one: bool,
        /// Refuse to take the place of what is there.
        #[serde(default)]
        keep: bool,
    },
    /// Looks through a file for the prompts of which a model is least certain, or for such texts where it classifies texts; those that were
    /// answered or labelled are left out, and it is said of how many else. Answered by `Proposed`.
    Propose {
        /// Whose weights.
        source: WeightSource,
        /// The file: its path natively, its name where its bytes come with the command. JSON Lines of prompts, or texts with or without
        /// labels as [`Command::Classify`]'s models learn them.
        from: String,
        /// What is looked for.
        #[serde(flatten)]
        settings: ProposalSettings,
    },
    /// What the model thought at one place of a text: the distribution of the next token before and after each setting. Answered
    /// by `Distribution`.
    Explain {
        /// Whose weights.
        source: WeightSource,
        /// The tokens before the place.
        tokens: Vec<u32>,
        /// The token that was written there, to find its rank.
        chosen: Option<u32>,
        /// How tokens are drawn.
        config: GenerateConfig,
        /// Likeliest tokens to list.
        count: usize,
    },
    /// What goes on inside a model at work on a prompt, or on several. Answered by an `Inspected` for each.
    Inspect {
        /// Whose weights.
        source: WeightSource,
        /// The prompt; of [`View::Provenance`] the text.
        prompt: String,
        /// Further prompts, answered in this order behind the first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        further: Vec<String>,
        /// The views.
        views: Vec<View>,
        /// What is looked at within them.
        #[serde(default)]
        settings: Box<InspectSettings>,
    },
    /// What a model with a head for labels takes texts for, or what a reward model scores them. Answered by `Classified`.
    Classify {
        /// Whose weights.
        source: WeightSource,
        /// The texts.
        texts: Vec<String>,
    },
    /// Evaluates a model: on its run's validation split, and on tasks. Bytes of task files come with the command where it is no native
    /// one. Answered by `Evaluating`s and `Evaluated`.
    Evaluate {
        /// Whose weights.
        source: WeightSource,
        /// What on.
        settings: Box<crate::EvaluateSettings>,
    },
    /// Looks for bias, memorised and personal text. Answered by `Evaluating`s and `Audited`.
    Audit {
        /// Whose weights.
        source: WeightSource,
        /// What for.
        settings: Box<crate::AuditSettings>,
    },
    /// Reads what is kept of evaluations and audits. Answered by `Evaluations`.
    ReadEvaluations {
        /// Names of runs; those that were not evaluated are left out.
        runs: Vec<String>,
    },
    /// Writes the card of a run that was evaluated: one page of HTML. Answered by `CardWritten`.
    WriteCard {
        /// The run.
        run: String,
        /// The file, natively; else it comes with the answer.
        to: Option<PathBuf>,
        /// Refuse to take the place of a file that is there.
        #[serde(default)]
        keep: bool,
    },

    // ---- Runs ---------------------------------------------------------------------------------------------------------
    /// Lists the project's runs. Answered by `Runs`.
    ListRuns,
    /// A run's settings. Answered by `Settings`.
    ReadSettings {
        /// The run's name; `None` takes the latest.
        run: Option<String>,
    },
    /// A run's curves and samples. Answered by `History`.
    ReadHistory {
        /// The run's name.
        run: String,
        /// Points of each curve at most; longer ones are thinned evenly.
        points: usize,
    },
    /// Keeps a note with a run. Answered by `Runs`.
    SaveNotes {
        /// The run's name.
        run: String,
        /// The note.
        notes: String,
    },
    /// Gives a run a title. Answered by `Runs`.
    RenameRun {
        /// The run's name.
        run: String,
        /// The title; empty takes it away.
        title: String,
    },
    /// Sets a run's tags. Answered by `Runs`.
    TagRun {
        /// The run's name.
        run: String,
        /// All of its tags.
        tags: Vec<String>,
    },
    /// Deletes a run; [`Command::RestoreRun`] undoes it until the project is opened again. Refused while it trains. Answered by `Runs`.
    DeleteRun {
        /// The run's name.
        run: String,
    },
    /// Undoes a run's deletion. Answered by `Runs`.
    RestoreRun {
        /// The run's name.
        run: String,
    },
    /// Makes a new run that begins at a checkpoint of another, with its settings and schedule. Answered by `Runs`.
    RestoreCheckpoint {
        /// The run's name.
        run: String,
        /// Which of the run's.
        checkpoint: CheckpointChoice,
    },
    /// Makes a new run without steps whose weights are a run's with its adapter added to them. Answered by `AdapterMerged` and `Runs`.
    MergeAdapter {
        /// The run's name.
        run: String,
        /// Which of the run's; `None` takes the best.
        #[serde(default)]
        checkpoint: Option<CheckpointChoice>,
        /// Folder of an adapter that PEFT wrote, natively: that one is added.
        #[serde(default)]
        adapter: Option<PathBuf>,
        /// Remove the folder's adapter from the weights instead.
        #[serde(default)]
        undo: bool,
    },
    /// Writes a run for other programs; a Hugging Face folder is packed as one zip in the browser. Answered by `Exported`.
    ExportModel {
        /// The run's name.
        run: String,
        /// Which of the run's; `None` takes the best.
        #[serde(default)]
        checkpoint: Option<CheckpointChoice>,
        /// What to write.
        #[serde(default)]
        format: ExportFormat,
        /// Folder or file to write, natively.
        to: Option<PathBuf>,
        /// Refuse to take the place of what is there.
        #[serde(default)]
        keep: bool,
    },
    /// Lists the files of a pretrained model in the network, so that their size is known before they are fetched. Answered by
    /// `ModelListed`.
    ListModelFiles {
        /// As in [`ModelSource::Address`].
        address: String,
    },
    /// Looks at a pretrained model; its weights are not read yet. Answered by `ModelFound`, with `ImportProgress` while it is fetched.
    LookAtModel {
        /// Where it is.
        from: ModelSource,
    },
    /// Forgets the model that was looked at last, and frees what was fetched of it. Answered by `Finished` alone.
    ForgetModel,
    /// Takes a pretrained model into the project as a run without steps. Answered by `ModelImported`, with `ImportProgress` on the way.
    ImportModel {
        /// Where it is.
        from: ModelSource,
        /// Context length to shorten the model's to.
        #[serde(default)]
        context_length: Option<usize>,
        /// It is there to be compared with: nothing takes it for the project's latest run.
        #[serde(default)]
        for_comparison: bool,
    },
    /// What a run would take on many GPUs. Answered by `ClusterPlanned`.
    PlanCluster {
        /// The run.
        config: Box<RunConfig>,
        /// The GPUs.
        request: crate::cluster::ClusterRequest,
    },
    /// Writes a bundle with which a run goes on across many GPUs, packed as one zip in the browser. Answered by `Exported`.
    HandOver {
        /// The run's name; `None` takes the latest.
        run: Option<String>,
        /// Folder to write, natively.
        to: Option<PathBuf>,
        /// Refuse to take the place of a bundle that is there.
        #[serde(default)]
        keep: bool,
        /// Where the steps are taken that the bundle is verified by; `None` takes the chosen device.
        #[serde(default)]
        device: Option<String>,
        /// How many of them.
        #[serde(default = "verified_steps")]
        steps: u64,
    },
    /// Makes a run of what was trained with a bundle. Answered by `BroughtBack`.
    BringBack {
        /// The bundle, natively; `None` where its folder comes along as one zip.
        #[serde(default)]
        from: Option<PathBuf>,
        /// Where metrics and checkpoints went; `None` takes the bundle's folder `out`.
        #[serde(default)]
        out: Option<PathBuf>,
    },
    /// Times a training step on made-up tokens. Answered by `Bench`.
    BenchStep {
        /// The run.
        config: Box<RunConfig>,
        /// Measured steps.
        repeats: usize,
    },
    /// Times how a model reads a prompt and writes on. Answered by a `Bench` for each batch.
    BenchDecode {
        /// The run.
        config: Box<RunConfig>,
        /// Measured passages of prompt and text.
        repeats: usize,
        /// Tokens of the prompt; half of the context length, 512 at most, unless said.
        #[serde(default)]
        prompt_tokens: Option<usize>,
        /// Tokens to write after the first; what the context length has room for, 128 at most, unless said.
        #[serde(default)]
        tokens: Option<usize>,
        /// What weights are read as; what suits the device unless said.
        #[serde(default)]
        precision: Option<Precision>,
        /// Texts that are written at once, each number of them by itself; one unless said.
        #[serde(default)]
        batches: Vec<usize>,
    },
    /// Times every kernel of a training step by itself. Answered by a `Bench` a kernel.
    BenchKernels {
        /// The run.
        config: Box<RunConfig>,
        /// Only kernels with this in their name; `matmul` stands for all the linear layers'.
        filter: String,
    },
    /// Times views of the lens on a model with random weights. Answered by a `Bench`.
    BenchInspect {
        /// The run.
        config: Box<RunConfig>,
        /// Measured answers of each view.
        repeats: usize,
        /// The views; all where none is named.
        #[serde(default)]
        views: Vec<View>,
    },
    /// Times steps of models of many sizes, beside their estimates. Answered by a `Bench` a model, and one of all of them.
    BenchScaling {
        /// The small models only, and less time for each.
        quick: bool,
    },
}

/// The order of a vocabulary table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VocabularyOrder {
    /// By id.
    #[default]
    Id,
    /// Most used first.
    MostUsed,
    /// Least used first: unused entries lead.
    LeastUsed,
    /// Longest first.
    Longest,
}

/// Steps that a bundle is verified by, unless asked otherwise.
pub const VERIFIED_STEPS: u64 = 20;

fn verified_steps() -> u64 {
    VERIFIED_STEPS
}
