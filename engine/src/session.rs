//! The async loop that connects a front end's commands with executors and events: a thread natively, a Web Worker in a browser.
//!
//! ```text
//! requests ─► inbox ─► serve ──────────────► answers
//!                        │ Train, Resume
//!                        ▼
//!                      training ─► follow: a group of steps ─► served requests ─► a few tokens of each text
//!                                          ▲                                      a slice of an evaluation │
//!                                          └───────────────────────────────────────────────────────────────┘
//! ```
//!
//! While no run trains, requests are served one after another, and generation continues between them. While a run trains, its
//! loop does the same between groups of steps, so that everything except starting another run works meanwhile. A pause or stop
//! request is noticed within a step, because executors yield inside it, and within whatever is served between steps. Inspecting a
//! model is postponed until a stopping run has ended.
//!
//! Work that takes longer than a moment is a future that yields every few milliseconds. The inbox is read meanwhile, and a
//! cancelled request's future is dropped together with its partial results.

mod ablation;
mod audits;
mod batches;
mod benches;
#[cfg(feature = "cluster")]
mod bundle;
mod cleaning;
mod compression;
mod corpora;
mod device;
mod documents;
mod evaluation;
mod event_sink;
mod experiments;
mod features;
mod feedback;
mod generation;
mod imports;
mod inbox;
mod influence;
mod inspection;
mod ladder;
mod lessons;
mod models;
mod plans;
mod projects;
mod proposals;
mod replacement;
mod runs;
#[cfg(test)]
mod tests;
mod tokens;
mod training;
mod undo;
mod verification;

use crate::platform;
pub use crate::platform::show_life_by;
use crate::project::shelf::Shelf;
use crate::protocol::{Command, Envelope, Event, Export, Fit, Report, Request, Steer, message};
use crate::{Error, Result, refuse, storage};
use device::ChosenDevice;
use evaluation::Evaluations;
use event_sink::EventSink;
use glasshouse_corpus::pipeline::StartOptions;
use glasshouse_corpus::recipe::Recipe;
use inbox::{Ended, Inbox};
use models::Generations;
use plans::Speeds;
use projects::OpenProject;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use training::{ActiveRun, RunControl, RunRequest};

/// Seconds for which undoing a deletion is offered.
const UNDOING: f64 = 15.0;

#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of all projects; empty if projects are opened by their own paths only.
    pub shelf: PathBuf,
    /// Device until `Hello` names another: `auto`, `cpu`, `gpu`, or part of an adapter's name. If empty, each run's settings decide.
    pub device: String,
    /// Threads of the CPU executor; `None` means all cores.
    pub threads: Option<usize>,
    /// Texts generated on the CPU round the inputs of products with quantised weights to 16 bits instead of 8.
    pub precise: bool,
    /// Choose a GPU's kernels by measuring before it is first used for training or benchmarks.
    pub autotune: bool,
    /// Folder of what was measured on the devices; `None` to measure anew.
    pub cache: Option<PathBuf>,
    /// For benchmarks: a GPU runs every operation of a layer separately with the default kernels, without fusion or tuning.
    pub unfused: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (shelf, device, cache) = (PathBuf::new(), String::new(), platform::cache_folder());
        Self { shelf, device, threads: None, precise: false, autotune: true, cache, unfused: false }
    }
}

/// State of a session between requests.
struct Session {
    options: Options,
    sink: Rc<EventSink>,
    inbox: Inbox,
    evaluations: Rc<Evaluations>,
    shelf: Option<Shelf>,
    device: ChosenDevice,
    project: Option<OpenProject>,
    /// Names of the projects opened so far, by the number of their opening, from 1.
    openings: Vec<String>,
    generations: Generations,
    speeds: Speeds,
    visible: bool,
    /// The last model that was previewed but not imported.
    looked: Option<Rc<imports::Looked>>,
    reading: Option<features::KnownReading>,
    /// The run in training, or the last one that failed.
    current: Option<crate::project::Run>,
    /// The device and the estimated seconds of the run in training.
    trains_on: Option<(crate::protocol::DeviceSummary, Option<f64>)>,
    compared: evaluation::Compared,
    /// The recipe of the last preview, with the modification times of its files.
    preview: Option<(Vec<Option<u64>>, Rc<glasshouse_corpus::pipeline::PreparedRecipe>)>,
    /// Storage location and usage, as last seen.
    storage: crate::protocol::StorageSummary,
}

/// What follows a served request.
enum After {
    Nothing,
    Train(Box<RunRequest>),
}

/// Serves requests until their channel closes; a run in training is then stopped and saved. `on_report` receives every event in order.
///
/// The future is boxed so that it is compiled in this crate, not again in every program that runs a session.
pub fn run(
    options: Options,
    requests: async_channel::Receiver<Envelope<Request>>,
    on_report: impl Fn(Envelope<Report>) + 'static,
) -> Pin<Box<dyn Future<Output = ()>>> {
    boxed(options, Inbox::new(requests), EventSink::new(on_report))
}

fn boxed(options: Options, inbox: Inbox, sink: EventSink) -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(serve(options, inbox, sink))
}

async fn serve(options: Options, inbox: Inbox, sink: EventSink) {
    let opened = async {
        if options.shelf.as_os_str().is_empty() {
            return Ok((None, platform::persistence::summary(&options.shelf).await));
        }
        let storage = platform::persistence::open(&options.shelf).await?;
        Ok::<_, Error>((Some(Shelf::open(&options.shelf)?), storage))
    };
    let (shelf, storage) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return sink.failed(None, &error),
    };
    let device = ChosenDevice::unknown(&options.device, options.threads);
    let speeds = options.cache.as_deref().map(plans::stored_speeds).unwrap_or_default();
    let mut session = Session {
        options,
        sink: Rc::new(sink),
        inbox,
        evaluations: Rc::default(),
        shelf,
        device,
        project: None,
        openings: Vec::new(),
        generations: Generations::default(),
        speeds,
        visible: true,
        looked: None,
        reading: None,
        current: None,
        trains_on: None,
        compared: evaluation::Compared::default(),
        preview: None,
        storage,
    };
    session.serve_all().await;
}

impl Session {
    async fn serve_all(&mut self) {
        loop {
            let request = match self.inbox.try_next() {
                Some(request) => request,
                None if self.inbox.is_closed() => break,
                None if self.is_idle() => {
                    self.keep_files().await;
                    match self.inbox.next().await {
                        Some(request) => request,
                        None => break,
                    }
                }
                None => {
                    self.carry_on_writing().await;
                    self.carry_on_evaluating(false).await;
                    platform::yield_now().await;
                    continue;
                }
            };
            if let After::Train(run) = self.serve(request, None).await {
                self.train(*run).await;
            }
        }
        self.keep_files().await;
    }

    /// Whether no text and no evaluation is in progress.
    fn is_idle(&self) -> bool {
        self.generations.is_idle() && self.evaluations.is_empty()
    }

    /// Serves a request. `live` is the run in training, if any.
    async fn serve(&mut self, envelope: Envelope<Request>, live: Option<ActiveRun<'_, '_>>) -> After {
        let Envelope { body: Request { id, opening, command }, bytes } = envelope;
        if let Some(project) = opening.filter(|_| command.is_about_open_project())
            && !self.is_opening(project)
        {
            let project = self.name_of_opening(project);
            self.sink.refused(id, &Error::Stale { what: command.was(), project }, bytes);
            return After::Nothing;
        }
        let claims = matches!(command, Command::ImportModel { .. } | Command::Fit(Fit::LearningRate { .. }));
        let run_control = live.as_ref().map(ActiveRun::run_control);
        let again = (run_control.is_some() && training::is_put_off(&command)).then(|| command.clone());
        let answered = match command.label() {
            None => self.answer(id, command, bytes, live).await,
            Some(name) => {
                let trains = matches!(command, Command::TrainFirst { .. });
                let ends = move |other: &Command| trains && *other == Steer::Stop.into();
                // The inbox moves to `cancellable`, so that the request's own future does not borrow it.
                let mut inbox = std::mem::take(&mut self.inbox);
                let (sink, evaluations) = (self.sink.clone(), self.evaluations.clone());
                let answer = self.answer(id, command, bytes, live);
                let held = run_control.map(|run_control| (run_control, again.is_some()));
                let answered =
                    cancellable(&mut inbox, &sink, &evaluations, (id, name), ends, held, answer).await;
                self.inbox = inbox;
                answered
            }
        };
        match answered {
            // Nothing but progress was reported so far: restart the request after the run has ended.
            Err(Error::Cancelled(_))
                if run_control.is_some_and(|run_control| run_control.control.stopping())
                    && again.is_some() =>
            {
                if let Some(command) = again {
                    self.inbox.put_back(Envelope::plain(Request { id, opening, command }));
                }
            }
            Ok(RequestOutcome::Done) => self.sink.finished(id),
            Ok(RequestOutcome::Later) => {}
            Ok(RequestOutcome::Train(run)) => return After::Train(run),
            Err(error) => {
                if claims {
                    self.settle_claim(false);
                }
                self.sink.failed(Some(id), &error);
            }
        }
        After::Nothing
    }

    async fn answer(
        &mut self,
        id: u64,
        command: Command,
        bytes: Vec<Vec<u8>>,
        mut live: Option<ActiveRun<'_, '_>>,
    ) -> Result<RequestOutcome> {
        // The open project may be opened again.
        let opens_anew = !matches!(&command, Command::OpenProject { id } if self.is_open(id));
        if command.needs_idle() && opens_anew {
            idle(&live)?;
        }
        let sink = self.sink.clone();
        let answer = |event: Event| sink.answer(id, event);
        match command {
            Command::Hello { version, device } => {
                if version != message::VERSION {
                    refuse!(
                        "the page has version {version} and the engine {}; reload the page",
                        message::VERSION
                    );
                }
                let ready = match apart(self.choose_device(&device)).await {
                    Ok(ready) => ready,
                    Err(error) => {
                        // The device used last time may be gone; fall back to the best available one.
                        self.sink.notice(format!("{error}. Using the best available device instead"));
                        apart(self.choose_device("auto")).await?
                    }
                };
                answer(ready.into());
            }
            Command::Visible { visible } => {
                self.visible = visible;
                if let Some(live) = &mut live {
                    training::set_visible(live.trainer, visible);
                }
            }
            Command::Cancel { request } => {
                if self.inbox.withdraw(request) {
                    self.sink.failed(
                        Some(request),
                        &Error::Cancelled("a request that had not started".to_owned()),
                    );
                } else if !self.evaluations.cancel(request) {
                    self.stop_writing(request);
                }
                if let Some(ActiveRun { trainer, control }) = live
                    && control.obeys(&command)
                {
                    let (step, steps) = (trainer.step(), trainer.config().train.steps);
                    self.sink.answer(id, Event::TrainingState { state: control.state(), step, steps });
                }
            }
            Command::ListDevices => answer(apart(self.list_devices()).await),
            Command::ChooseDevice { device } => answer(apart(self.choose_device(&device)).await?.into()),

            Command::ListProjects => {
                let open = self.project.as_ref().map(|open| open.project.folder().to_owned());
                if let Err(error) = platform::persistence::refresh(&self.options.shelf, open.as_deref()).await
                {
                    // List the known ones anyway.
                    self.sink.notice(error.to_string());
                }
                answer(apart(self.list_projects()).await?);
            }
            Command::CreateProject { name, files } => {
                answer(apart(self.create_project(id, &name, None, (&files[..], bytes))).await?);
            }
            Command::OpenProject { id: project } => {
                apart(self.open_project(id, &project)).await?;
                if let Some(live) = &live {
                    self.report_training(id, live)?;
                }
            }
            Command::UseProject { folder, make } => self.use_project(&folder, make)?,
            Command::CloseProject => {
                self.close_project();
                answer(Event::Project { opened: None });
            }
            Command::ChangeProject { id: project, change } => {
                answer(apart(self.change_project(id, &project, change, &live)).await?);
            }
            Command::SaveDrafts { drafts } => self.save_drafts(*drafts)?,
            Command::ImportProject { name, from } => {
                answer(apart(self.import_project(id, name.as_deref(), from, bytes)).await?);
            }

            Command::ChangeDocuments(change) => apart(self.change_documents(id, change, bytes)).await?,
            Command::ListCorpora => answer(self.list_corpora()),
            Command::FetchCorpus { name, to, add } => apart(self.fetch_corpus(id, &name, to, add)).await?,
            Command::ListDocuments { search, offset, count, validation } => {
                answer(apart(self.list_documents(&search, offset, count, validation)).await?);
            }
            Command::ReadDocument { number } => answer(apart(self.read_document(number)).await?.into()),

            Command::ShowRecipe => self.show_recipe(id)?,
            Command::ChangeRecipe(change) => self.change_recipe(id, change)?,
            Command::JudgeSample { documents } => answer(apart(self.judge_sample(documents)).await?),
            Command::CompareDocument { id: document } => {
                answer(apart(self.compare_document(&document)).await?);
            }
            Command::Clean => answer(apart(self.clean(id)).await?),
            Command::CleanFiles { inputs, out, recipe, restart, force } => {
                let recipe = Recipe::from_toml(&recipe)?;
                apart(self.clean_files(id, recipe, &inputs, &out, StartOptions { restart, force })).await?;
            }
            Command::ListDropped { stage, offset, count } => {
                answer(apart(self.list_dropped(stage, offset, count)).await?.into());
            }
            Command::ForgetCleaning => answer(apart(self.forget_cleaning()).await?),

            Command::TrainTokenizer { tokenizer, validation } => {
                answer(apart(self.train_tokenizer(id, tokenizer, validation)).await?);
            }
            Command::Tokenize { text } => answer(self.tokenize(text)?.into()),
            Command::ListVocabulary { search, order, offset, count } => {
                answer(self.list_vocabulary(&search, order, offset, count)?.into());
            }

            Command::Plan { config } => answer(apart(self.plan(&config)).await?),
            Command::Measure { config } => answer(apart(self.measure(&config)).await?),
            Command::Fit(fit) => answer(apart(self.fit(id, fit)).await?),
            Command::Bench(bench) => apart(self.bench(id, bench)).await?,

            Command::Train { config, launch } => {
                return Ok(RequestOutcome::Train(Box::new(RunRequest::start(id, *config, launch))));
            }
            Command::TrainFirst { project, seconds } => {
                let config = apart(self.first_config(seconds)).await?;
                answer(apart(self.create_project(id, &project, Some(&config), (&[], Vec::new()))).await?);
                return Ok(RequestOutcome::Train(Box::new(RunRequest::first(id, config, seconds))));
            }
            Command::Resume { run, launch } => {
                return Ok(RequestOutcome::Train(Box::new(RunRequest::resume(id, run, launch))));
            }
            Command::Steer(steer) => {
                let missing = || Error::Refused("no run is training".to_owned());
                apart(self.steer(id, &steer, live.ok_or_else(missing)?)).await?;
            }

            Command::OpenModel { source, weights } => {
                apart(self.open_model(id, &source, weights, live)).await?;
            }
            Command::Generate { source, prompt, config, output } => {
                apart(self.generate(id, &source, prompt, config, output, live)).await?;
                return Ok(RequestOutcome::Later);
            }
            Command::ListLessons => answer(self.list_lessons()?),
            Command::KeepLesson { lesson, progress } => {
                answer(self.keep_lesson(&lesson, progress.map(|progress| *progress))?);
            }
            Command::ListConversations => answer(self.list_conversations(None)?.into()),
            Command::ReadConversation { id } => {
                let conversation = Box::new(self.opened()?.project.conversation(id)?);
                answer(Event::Conversation { conversation });
            }
            Command::KeepConversation { conversation } => {
                let kept = self.opened()?.project.keep_conversation(*conversation)?;
                answer(self.list_conversations(Some(kept))?.into());
            }
            Command::ChangeConversation { id, change } => {
                self.opened()?.project.change_conversation(id, change)?;
                answer(self.list_conversations(None)?.into());
            }
            Command::ListFeedback => answer(self.list_feedback()?),
            Command::SpliceFeedback { at, removed, expected, rows } => {
                self.opened()?.project.splice_feedback(at, removed, &expected, rows)?;
                answer(self.list_feedback()?);
            }
            Command::Propose { source, from, settings } => {
                let pool = proposals::Pool { name: &from, bytes: bytes.into_iter().next() };
                answer(apart(self.propose(&source, pool, &settings)).await?.into());
            }
            Command::Explain { source, tokens, chosen, config, count } => {
                let query = models::TokenQuery { tokens: &tokens, chosen, count };
                answer(apart(self.explain(&source, &query, &config, live)).await?.into());
            }
            Command::Inspect { source, prompt, further, views, settings } => {
                let prompts: Vec<&str> =
                    std::iter::once(&prompt).chain(&further).map(String::as_str).collect();
                apart(self.inspect(id, &source, &prompts, &views, &settings, live)).await?;
            }
            Command::TrainDictionary { source, settings } => {
                answer(apart(self.make_dictionary(id, &source, *settings, None)).await?.into());
            }
            Command::ReadDictionaries { source, settings } => {
                answer(apart(self.read_dictionaries(&source, &settings)).await?.into());
            }
            Command::ImportDictionary { source, from, at } => {
                answer(apart(self.import_dictionary(id, &source, from, at, bytes)).await?.into());
            }
            Command::NameFeature { run, dictionary, feature, name } => {
                answer(self.name_feature(&run, dictionary, feature, &name)?.into());
            }
            Command::ReadFeatures { run, dictionary, query } => {
                answer(apart(self.read_features(id, &run, dictionary, &query)).await?.into());
            }
            Command::Influence { run, query } => {
                answer(apart(self.influence(id, &run, *query)).await?.into());
            }
            Command::GraphFeatures { run, query } => {
                answer(apart(self.graph_features(id, &run, &query)).await?.into());
            }
            Command::SteerFeature { run, dictionary, steering } => {
                answer(apart(self.steer_feature(id, &run, dictionary, *steering)).await?.into());
            }
            Command::Classify { source, texts } => {
                answer(apart(self.classify(&source, &texts, live)).await?.into());
            }
            Command::Evaluate { source, settings } => {
                return apart(self.evaluate(id, &source, *settings, bytes, live)).await;
            }
            Command::Audit { source, settings } => {
                return apart(self.audit(id, &source, *settings, live)).await;
            }
            Command::ReadEvaluations { runs } => answer(apart(self.read_evaluations(&runs)).await?.into()),

            Command::ListRuns => answer(self.list_runs()?),
            Command::ReadRun { run, points } => answer(self.read_run(run.as_deref(), points)?.into()),
            Command::ChangeRun { run, change } => {
                let trains = live.map(|live| live.trainer.run().name());
                answer(apart(self.change_run(id, &run, change, trains.as_deref())).await?);
            }
            Command::Export { what, to, keep } => {
                let template = bytes.into_iter().next();
                apart(self.export(id, what, to, keep, template)).await?;
            }
            Command::ListModelFiles { address } => apart(self.list_model_files(id, &address)).await?,
            Command::LookAtModel { from: Some(from) } => apart(self.look_at_model(id, &from, bytes)).await?,
            Command::LookAtModel { from: None } => self.looked = None,
            Command::ImportModel { from, context_length, for_comparison } => {
                answer(apart(self.import_model(id, &from, bytes, context_length, for_comparison)).await?);
            }
            Command::PlanCluster { config, request } => answer(self.plan_cluster(&config, &request)?),
            #[cfg(not(feature = "cluster"))]
            Command::ImportBundle { .. } => return Err(without_bundles()),
            #[cfg(feature = "cluster")]
            Command::ImportBundle { from, out } => {
                answer(apart(self.import_bundle(id, from, out, bytes)).await?);
            }
        }
        Ok(RequestOutcome::Done)
    }

    /// `template` is that of a shared page.
    async fn export(
        &mut self,
        id: u64,
        what: Export,
        to: Option<PathBuf>,
        keep: bool,
        template: Option<Vec<u8>>,
    ) -> Result<()> {
        match what {
            Export::Project { id: project } => self.export_project(id, &project, to, keep).await,
            Export::Report => self.export_report(id, to, keep),
            Export::Feedback { one } => self.export_feedback(id, to, one, keep).await,
            Export::Card { run } => self.write_card(id, &run, to, keep).await,
            Export::Model { run, checkpoint, format } => {
                self.export_model(id, &run, checkpoint, (format, template), to, keep).await
            }
            Export::Dictionary { run, dictionary } => {
                self.export_dictionary(id, &run, dictionary, to, keep).await
            }
            #[cfg(not(feature = "cluster"))]
            Export::Bundle { .. } => Err(without_bundles()),
            #[cfg(feature = "cluster")]
            Export::Bundle { run, device, steps } => {
                self.export_bundle(id, (run.as_deref(), device, steps), to, keep).await
            }
        }
    }

    /// Flushes files to persistent storage in a browser. A failure is reported and ends nothing.
    async fn keep_files(&mut self) {
        let mut stored = platform::persistence::flush().await;
        let is_full = |error: &Error| matches!(error, Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::StorageFull);
        if stored.as_ref().is_err_and(is_full)
            && let Some(shelf) = &self.shelf
            && shelf.clear_trash(storage::unix_seconds() - UNDOING).is_ok()
        {
            // Deleted projects that can no longer be restored make room.
            stored = platform::persistence::flush().await;
        }
        if let Err(error) = stored {
            self.sink.failed(None, &error);
        }
    }
}

/// Awaits a request's work until it is done or cancelled; `(id, name)` are the request's number and the work's name. Evaluations
/// in progress can be cancelled meanwhile too. `held` is the run in training: it receives its requests, and if its flag is set,
/// the work is dropped once the run is to stop.
async fn cancellable<T>(
    inbox: &mut Inbox,
    sink: &EventSink,
    evaluations: &Evaluations,
    (id, name): (u64, &'static str),
    ends: impl Fn(&Command) -> bool,
    held: Option<(RunControl<'_>, bool)>,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let cancelled = |name: &str| Error::Cancelled(name.to_owned());
    let withdrawn = |request, by| {
        sink.failed(Some(request), &cancelled("a request that had not started"));
        sink.finished(by);
    };
    let urgent = |envelope| {
        let run_control = held.map(|(run_control, _)| run_control);
        let request = training::urgent(Some(envelope), evaluations, sink, run_control);
        match held {
            Some((RunControl { control, .. }, true)) if control.stopping() => ControlFlow::Break(()),
            _ => ControlFlow::Continue(request),
        }
    };
    sink.begin(id, Some(name));
    let ended = inbox.until_cancelled(id, work, ends, withdrawn, urgent, || sink.beat("")).await;
    sink.begin(id, None);
    match ended {
        Ended::Done(done) => done,
        Ended::Cancelled(by) => {
            by.into_iter().for_each(|by| sink.finished(by));
            Err(cancelled(name))
        }
    }
}

#[cfg(not(feature = "cluster"))]
fn without_bundles() -> Error {
    let reason = "this program was built without bundles for many GPUs; use a released package, or build with `--features cluster`";
    Error::Refused(reason.to_owned())
}

/// Boxes a request's future, so that it is compiled as a function of its own. Otherwise all requests become one function of 424 kB in
/// WebAssembly, in which half of the sessions that exported fourteen times in WebKitGTK 2.50.6 ended with an access out of bounds, each at a
/// different export. Chromium and Firefox were never affected.
#[inline(never)]
fn apart<'a, T>(work: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(work)
}

enum RequestOutcome {
    /// Completely.
    Done,
    /// More events will follow.
    Later,
    /// Training comes next.
    Train(Box<RunRequest>),
}

/// Fails while a run trains.
fn idle(live: &Option<ActiveRun<'_, '_>>) -> Result<()> {
    match live {
        None => Ok(()),
        Some(live) => Err(Error::Training { run: live.trainer.run().name(), advice: "stop it first" }),
    }
}
