//! A scripted engine's answers, made up from a few sentences.

use super::{run, storage, tokenizer};
use glasshouse_protocol::config::Category;
use glasshouse_protocol::{
    Ablation, Candidate, ChatMessage, Command, Completion, Conversation, ConversationChange, Cut,
    DeviceSummary, DeviceType, DocumentSummary, DocumentsChange, DocumentsOverview, Drafts, Ending,
    ErrorKind, ErrorReport, Event, Feedback, Fit, Forecast, GenerateConfig, LadderSize, Law, LessonProgress,
    MemoryKind, MergeStep, Moderated, ModerationMode, OpenedProject, PlanSummary, Prediction,
    PreparationStage, ProjectSummary, Prompt, Proposal, RangeCurve, Role, RowFile, RuleEffect, RunConfig,
    RunLaunch, RunState, RunSummary, Scaling, SweepRow, SweepState, SweepSummary, TextVersion, TokenSummary,
    TokenizerSummary, Uncertainty, VocabularyEntry, WeightFormat, WeightSource, WrittenToken, answer,
    message, presets,
};
use std::collections::BTreeMap;

const STORY: &str = "Once upon a time there was a little fox named Mia. She lived at the edge of a quiet forest, where the rain fell \
    softly on the leaves. One day Mia found a small red ball under an old oak tree. \"Whose ball is this?\" she asked the owl. The owl \
    opened one eye and said, \"It belongs to the boy who lost it in spring.\" So Mia carried the ball through the tall grass.\n\nThe boy \
    was sad, but when he saw the fox he smiled. They played until the sun went down, and from that day on they were friends.";

/// State of the scripted engine.
#[derive(Clone, Debug)]
pub struct Engine {
    /// There is a project.
    pub project: bool,
    /// The project has its own documents.
    pub documents: bool,
    /// The tokenizer is trained.
    pub tokenizer: bool,
    /// There are runs.
    pub runs: bool,
    /// The models have a chat template.
    pub chats: bool,
    /// Labels of the latest run, a classifier if not empty.
    pub labels: Vec<String>,
    /// The runs were evaluated.
    pub evaluated: bool,
    /// The runs were audited.
    pub audited: bool,
    pub feedback: Vec<Feedback>,
    pub conversations: Vec<Conversation>,
    /// Of the latest run.
    pub dictionaries: Vec<answer::Dictionary>,
    /// Lines of the file of conversations that cannot be read.
    pub damaged: Vec<String>,
    pub lessons: BTreeMap<String, LessonProgress>,
    /// How trained runs end; `None` if training commands are answered without creating a run.
    pub trains: Option<RunState>,
    /// Number of trained runs.
    pub trained: usize,
    /// Commands that get no answer.
    pub silent: fn(&Command) -> bool,
    /// Commands that fail.
    pub failing: fn(&Command) -> bool,
}

impl Engine {
    pub fn empty() -> Self {
        Self {
            project: false,
            documents: false,
            tokenizer: false,
            runs: false,
            chats: true,
            labels: Vec::new(),
            evaluated: false,
            audited: false,
            feedback: Vec::new(),
            conversations: Vec::new(),
            dictionaries: Vec::new(),
            damaged: Vec::new(),
            lessons: BTreeMap::new(),
            trains: None,
            trained: 0,
            silent: |_| false,
            failing: |_| false,
        }
    }

    pub fn fresh() -> Self {
        Self { project: true, ..Self::empty() }
    }

    fn lessons(&self) -> Event {
        Event::Lessons { files: Vec::new(), progress: self.lessons.clone() }
    }

    pub fn full() -> Self {
        Self { project: true, documents: true, tokenizer: true, runs: true, ..Self::empty() }
    }

    pub fn answer(&mut self, command: &Command) -> Vec<Event> {
        if (self.silent)(command) {
            return Vec::new();
        }
        if (self.failing)(command) {
            let error = ErrorReport::new(ErrorKind::StorageFull, "the disk is full");
            return vec![Event::Failed { error }];
        }
        let mut events = self.events(command);
        events.push(Event::Finished);
        events
    }

    fn events(&mut self, command: &Command) -> Vec<Event> {
        match command {
            Command::Hello { .. } | Command::ChooseDevice { .. } => vec![Event::Ready(answer::Ready {
                version: message::VERSION,
                app_version: "0.1.0".to_owned(),
                device: device(),
                automatic: true,
                storage: storage(),
            })],
            Command::ListProjects => {
                let projects = if self.project { vec![project()] } else { Vec::new() };
                vec![Event::Projects { projects, storage: storage() }]
            }
            Command::OpenProject { .. } => {
                let (project, tokenizer) = (project(), self.tokenizer.then(tokenizer));
                let opened = OpenedProject {
                    opening: 1,
                    project,
                    drafts: Drafts::new(config()),
                    tokenizer,
                    runs: self.listed_runs(),
                };
                vec![Event::Project { opened: Some(Box::new(opened)) }]
            }
            Command::ListDocuments { search, offset, .. } => vec![self.documents(search, *offset)],
            Command::ChangeDocuments(DocumentsChange::Add { .. }) => {
                self.documents = true;
                vec![self.documents("", 0)]
            }
            Command::ChangeDocuments(DocumentsChange::Remove { .. }) => {
                self.documents = false;
                vec![self.documents("", 0)]
            }
            Command::ReadDocument { number } => {
                let text = format!("{STORY}\n\n{STORY}");
                vec![Event::Document(answer::Document {
                    number: *number,
                    text,
                    learned: Vec::new(),
                    tokens: Vec::new(),
                    cut: false,
                })]
            }
            Command::TrainTokenizer { tokenizer: wanted, .. } => {
                self.tokenizer = true;
                vec![
                    Event::Preparing { stage: PreparationStage::Training, done: 5, total: 10 },
                    Event::TokenizerReady {
                        tokenizer: TokenizerSummary { config: wanted.clone(), ..tokenizer() },
                    },
                ]
            }
            Command::Tokenize { text } => vec![Event::Tokens(answer::Tokens {
                text: text.clone(),
                tokens: tokens(text),
                lost: String::new(),
                merges: Some(merges(text)),
            })],
            Command::ListVocabulary { search, offset, .. } => vec![vocabulary(search, *offset)],
            Command::Plan { config } => match config.validate() {
                Ok(()) => vec![Event::Planned(Forecast::Run { plan: Box::new(plan(config)) })],
                Err(broken) => vec![Event::Failed { error: broken.into() }],
            },
            Command::Measure { config } => vec![Event::Planned(Forecast::Speed(answer::Speed {
                ms_per_step: 27.4,
                tokens_per_s: 56_000.0,
                flops_per_s: 1.9e11,
                device: "CPU, 2 threads".to_owned(),
                run_seconds: 0.0274 * config.train.steps as f64,
            }))],
            Command::Fit(Fit::ToDevice { config }) => {
                let mut config = config.clone();
                config.train.batch_size = 4;
                let changes = vec!["train.batch_size from 12 to 4".to_owned()];
                vec![answer::Fitted { config, changes }.into()]
            }
            Command::Generate { prompt: Prompt::Text { text }, config, .. } => written(text, config),
            Command::Generate { config, .. } => replied(config),
            Command::OpenModel { .. } => vec![Event::ModelOpened(answer::ModelOpened {
                run: "2-first-stories".to_owned(),
                step: 2400,
                device: device().name,
                weights: WeightFormat::F32,
                chats: self.chats,
                chatml: true,
            })],
            Command::ListLessons => vec![self.lessons()],
            Command::KeepLesson { lesson, progress } => {
                match progress {
                    Some(progress) => self.lessons.insert(lesson.clone(), (**progress).clone()),
                    None => self.lessons.remove(lesson),
                };
                vec![self.lessons()]
            }
            Command::ListConversations => vec![self.conversations(None)],
            Command::ReadConversation { id } => {
                let found = self.conversations.iter().find(|own| own.id == *id).cloned();
                found.into_iter().map(|own| Event::Conversation { conversation: Box::new(own) }).collect()
            }
            Command::KeepConversation { conversation } => {
                let mut kept = (**conversation).clone();
                let place = self.conversations.iter().position(|own| own.id == kept.id);
                let before = place.map(|place| self.conversations.remove(place));
                let known = before.as_ref().map_or(0, |own| own.revision);
                assert_eq!(kept.revision, known, "each save follows the one before");
                kept.title = before.map_or_else(String::new, |own| own.title);
                let newest = self.conversations.iter().map(|own| own.changed).max();
                (kept.revision, kept.changed) = (known + 1, newest.unwrap_or(1_700_000_000) + 60);
                let id = kept.id;
                self.conversations.push(kept);
                vec![self.conversations(Some(id))]
            }
            Command::ChangeConversation { id, change } => {
                if let Some(own) = self.conversations.iter_mut().find(|own| own.id == *id) {
                    match change {
                        ConversationChange::Title(title) => own.title.clone_from(title),
                        change => own.deleted = *change == ConversationChange::Delete,
                    }
                }
                vec![self.conversations(None)]
            }
            Command::ListFeedback => vec![Event::Feedback { rows: self.feedback.clone() }],
            Command::SpliceFeedback { at, removed, expected, rows } => {
                let at = at.unwrap_or(self.feedback.len()).min(self.feedback.len());
                assert_eq!(self.feedback[at..at + removed], expected[..], "what goes is what was seen");
                self.feedback.splice(at..at + removed, rows.clone());
                vec![Event::Feedback { rows: self.feedback.clone() }]
            }
            Command::Propose { settings, .. } => {
                vec![proposed(settings.measure.unwrap_or_default(), &self.labels)]
            }
            Command::ReadEvaluations { runs } => {
                let known = if self.evaluated { runs.as_slice() } else { &[] };
                vec![super::evaluation::kept(known, self.audited).into()]
            }
            Command::Evaluate { source, .. } => {
                self.evaluated = true;
                let run = evaluated(source);
                let evaluations = vec![super::evaluation::evaluation(&run, 0.84)];
                let at = |done| Event::Progress { what: "reading the text".to_owned(), done, total: 64_000 };
                let answer = answer::Evaluations { evaluations, ..answer::Evaluations::default() };
                vec![at(0), at(64_000), answer.into()]
            }
            Command::Audit { source, .. } => {
                self.audited = true;
                let audits = vec![super::evaluation::audit(&evaluated(source))];
                vec![answer::Evaluations { audits, ..answer::Evaluations::default() }.into()]
            }
            Command::ReadDictionaries { settings, .. } => {
                vec![super::dictionaries::overview(&self.dictionaries, settings).into()]
            }
            Command::TrainDictionary { settings, .. } => {
                let number = self.dictionaries.len() as u64 + 1;
                self.dictionaries.push(super::dictionaries::trained(number, settings));
                self.dictionaries.last().cloned().map(Event::Dictionary).into_iter().collect()
            }
            Command::NameFeature { dictionary, feature, name, .. } => {
                let own = self.dictionaries.iter_mut().find(|own| Some(own.number) == *dictionary).unwrap();
                own.set_name(*feature, name);
                vec![Event::Dictionary(own.clone())]
            }
            Command::ReadFeatures { dictionary, query, .. } => {
                let own = self.dictionaries.iter().find(|own| Some(own.number) == *dictionary).unwrap();
                vec![super::dictionaries::features(own, query).into()]
            }
            Command::GraphFeatures { .. } => vec![super::dictionaries::graph().into()],
            Command::Influence { query, .. } => vec![super::dictionaries::influence(query).into()],
            Command::SteerFeature { steering, .. } => vec![super::dictionaries::steered(steering).into()],
            Command::ReadRun { run: Some(run), .. } => vec![super::history(run, 1e-3).into()],
            Command::Explain { chosen, .. } => vec![distribution(chosen.unwrap_or(1))],
            Command::Inspect { source, prompt, views, settings, .. } => {
                vec![super::inspect::answer(source, prompt, views, settings)]
            }
            Command::Fit(Fit::LearningRate { test, .. }) => {
                let suggestion = Some(2.5e-3);
                let mut curve = RangeCurve { test: *test, suggestion, ended: true, ..RangeCurve::default() };
                let steps = test.steps;
                for step in 0..steps {
                    curve.push(test.rate_at(step), 6.0 - step as f64 / steps as f64);
                }
                vec![Event::RangeTested { curve: Box::new(curve) }]
            }
            Command::Train { launch: RunLaunch { sweep: Some(toml), .. }, .. } => vec![sweep(toml)],
            Command::Train { config, .. } => {
                let Some(state) = self.trains else { return Vec::new() };
                self.trained += 1;
                let (name, steps) = (format!("{}-trained", self.trained + 2), config.train.steps);
                let step = if state == RunState::Finished { steps } else { steps / 2 };
                vec![Event::TrainingEnded { run: run(&name, state, step, steps) }]
            }
            Command::ListRuns => vec![Event::Runs { runs: self.listed_runs() }],
            _ => Vec::new(),
        }
    }

    fn conversations(&self, kept: Option<u64>) -> Event {
        let there = self.conversations.iter().filter(|own| !own.deleted);
        let mut conversations: Vec<_> = there.map(Conversation::summary).collect();
        conversations.sort_by_key(|own| std::cmp::Reverse(own.changed));
        Event::Conversations(answer::Conversations { conversations, problems: self.damaged.clone(), kept })
    }

    fn listed_runs(&self) -> Vec<RunSummary> {
        let mut listed = if self.runs { runs() } else { Vec::new() };
        listed.last_mut().into_iter().for_each(|run| run.labels.clone_from(&self.labels));
        listed
    }

    fn documents(&self, search: &str, offset: usize) -> Event {
        let all: Vec<&str> = STORY.split_inclusive(". ").cycle().take(180).collect();
        let found: Vec<DocumentSummary> = all
            .iter()
            .enumerate()
            .filter(|(_, text)| text.to_lowercase().contains(&search.to_lowercase()))
            .map(|(number, text)| DocumentSummary {
                number: number as u64,
                id: None,
                file: if self.documents { "forest tales.txt" } else { "stories" }.to_owned(),
                characters: 840 + 17 * number as u64,
                preview: text.replace('\n', " ").trim().chars().take(160).collect(),
                validation: number >= 162,
            })
            .collect();
        let overview = DocumentsOverview {
            cleaned: false,
            problems: Vec::new(),
            rows: if self.documents { vec![letters()] } else { Vec::new() },
            embedded: !self.documents,
            files: if self.documents {
                vec![
                    ("forest tales.txt".to_owned(), 1_830_000),
                    ("letters-to-a-friend-2019.jsonl".to_owned(), 270_000),
                ]
            } else {
                Vec::new()
            },
            documents: 180,
            bytes: 2_100_000,
            characters: 2_080_000,
            train: (162, 1_890_000),
            validation: (18, 210_000),
            lengths: vec![
                (64, 3),
                (128, 11),
                (256, 24),
                (512, 51),
                (1024, 62),
                (2048, 22),
                (4096, 6),
                (8192, 1),
            ],
            distinct_characters: 71,
        };
        let page = found.iter().skip(offset).take(50).cloned().collect();
        Event::Documents { overview, search: search.to_owned(), offset, found: found.len(), documents: page }
    }
}

/// The run of some weights.
fn evaluated(source: &WeightSource) -> String {
    match source {
        WeightSource::Current => "2-first-stories".to_owned(),
        WeightSource::Checkpoint { run, .. } => run.clone(),
    }
}

fn config() -> RunConfig {
    presets::preset("first-stories").unwrap()
}

fn device() -> DeviceSummary {
    DeviceSummary {
        request: "cpu".to_owned(),
        name: "CPU, 2 threads".to_owned(),
        kind: DeviceType::Cpu,
        details: "x86-64, AVX2".to_owned(),
        why: "No GPU was found.".to_owned(),
        memory: Some(2_000_000_000),
        timestamps: true,
        ..DeviceSummary::default()
    }
}

fn project() -> ProjectSummary {
    super::project("forest-tales", "Forest tales", 2)
}

fn runs() -> Vec<RunSummary> {
    vec![
        run("1-first-stories", RunState::Finished, 2400, 2400),
        run("2-first-stories", RunState::Finished, 2400, 2400),
    ]
}

/// One token per word with its preceding space, and per punctuation mark.
pub fn tokens(text: &str) -> Vec<TokenSummary> {
    let mut pieces: Vec<String> = Vec::new();
    for letter in text.chars() {
        let joins = letter.is_alphanumeric()
            && pieces.last().is_some_and(|piece| {
                piece.chars().count() < 6
                    && piece.chars().last().is_some_and(|last| last.is_alphanumeric() || last == ' ')
            });
        match pieces.last_mut() {
            Some(piece) if joins => piece.push(letter),
            _ => pieces.push(letter.to_string()),
        }
    }
    let id = |piece: &str| piece.bytes().fold(7_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 1024);
    pieces.into_iter().map(|text| TokenSummary { id: id(&text), text, special: false }).collect()
}

fn vocabulary(search: &str, offset: usize) -> Event {
    let words = tokens(STORY);
    let entry = |(place, token): (usize, &TokenSummary)| VocabularyEntry {
        id: 257 + place as u32,
        text: token.text.clone(),
        count: 48_000 / (place as u64 + 1),
        parts: (token.text.chars().count() > 1).then(|| {
            let middle = token.text.char_indices().nth(1).map_or(0, |(at, _)| at);
            let (left, right) = token.text.split_at(middle);
            (left.to_owned(), right.to_owned())
        }),
    };
    let found: Vec<VocabularyEntry> =
        words.iter().enumerate().map(entry).filter(|entry| entry.text.contains(search)).collect();
    let entries = found.iter().skip(offset).take(50).cloned().collect();
    Event::Vocabulary(answer::Vocabulary { found: found.len(), offset, entries })
}

/// Merges the first two letters of each word, then the following ones.
fn merges(text: &str) -> (Vec<String>, Vec<MergeStep>) {
    let mut pieces: Vec<String> = text.chars().map(String::from).collect();
    let first = pieces.clone();
    let mut steps = Vec::new();
    for rank in 0..24 {
        let pair = pieces
            .windows(2)
            .find(|pair| !pair[1].starts_with(' ') && pair[0].chars().count() < 5)
            .map(|pair| (pair[0].clone(), pair[1].clone()));
        let Some((left, right)) = pair else { break };
        let mut at = Vec::new();
        let mut next = Vec::new();
        let mut place = 0;
        while place < pieces.len() {
            if pieces[place] == left && pieces.get(place + 1) == Some(&right) {
                at.push(place);
                next.push(format!("{left}{right}"));
                place += 2;
            } else {
                next.push(pieces[place].clone());
                place += 1;
            }
        }
        pieces = next;
        let whole = format!("{left}{right}");
        steps.push(MergeStep { rank: rank * 3, left, right, whole, at });
    }
    (first, steps)
}

fn plan(config: &RunConfig) -> PlanSummary {
    let model = &config.model;
    let weights = (model.vocabulary * model.width + model.layers * 12 * model.width * model.width) as u64;
    let activations =
        (config.train.batch_size * model.context_length * model.width * model.layers * 60) as u64;
    let bytes_by_kind = BTreeMap::from([
        (MemoryKind::Weights, 4 * weights),
        (MemoryKind::Gradients, 4 * weights),
        (MemoryKind::OptimizerState, 8 * weights),
        (MemoryKind::Activations, activations),
        (MemoryKind::TablesAndStaging, 800_000),
    ]);
    let bytes = bytes_by_kind.values().sum();
    let share = 0.84 / (2.0 * model.layers as f64);
    let blocks = (0..model.layers).flat_map(|block| {
        [(format!("blocks.{block}.attention"), share * 0.8), (format!("blocks.{block}.mlp"), share * 1.2)]
    });
    PlanSummary {
        parameters: weights,
        bytes_by_kind,
        bytes,
        largest_binding: 4 * weights,
        dispatches_per_step: 96,
        flops_per_token: 6.0 * weights as f64,
        tokens_per_step: (config.train.batch_size * config.train.accumulate * model.context_length) as u64,
        flops_by_scope: blocks
            .chain([("embedding".to_owned(), 0.0), ("head".to_owned(), 0.15), ("loss".to_owned(), 0.01)])
            .collect(),
        fits: Some(bytes < 2_000_000_000),
        run_seconds: Some(131.0),
        ..PlanSummary::default()
    }
}

/// A text after moderation, if `word` is a hit, and the hits.
fn moderated(said: &str, word: &str, config: &GenerateConfig) -> (String, Moderated) {
    let mode = config.moderation.mode;
    let left = match mode {
        ModerationMode::Replace => said.replace(word, &"█".repeat(word.len())),
        ModerationMode::Filter => said.replace(&format!("{word} "), ""),
        ModerationMode::Stop => said.split(word).next().unwrap().to_owned(),
        ModerationMode::Off | ModerationMode::Note => said.to_owned(),
    };
    let found = [(Category::Profanity, 2), (Category::SelfHarm, 1)];
    (left, found.into_iter().filter(|_| mode != ModerationMode::Off).collect())
}

fn written(prompt: &str, config: &GenerateConfig) -> Vec<Event> {
    let token = |token: TokenSummary| WrittenToken { id: token.id, text: token.text };
    let begin: Vec<WrittenToken> = tokens(prompt).into_iter().map(token).collect();
    let (rest, moderated) = moderated(STORY.get(16..).unwrap_or_default(), "little", config);
    let tokens: Vec<WrittenToken> = tokens(&rest).into_iter().map(token).collect();
    vec![
        Event::Written { tokens: begin, prompt: true, text: String::new() },
        Event::Written { tokens, prompt: false, text: rest.clone() },
        completed(rest, Ending::MaxTokens, moderated),
    ]
}

fn completed(text: String, ending: Ending, moderated: Moderated) -> Event {
    let completion = Completion { text, ending, tokens_per_s: 412.0, moderated, ..Completion::default() };
    Event::Completed { completion: Box::new(completion) }
}

/// A reply that differs by seed, with a moderation hit.
fn replied(config: &GenerateConfig) -> Vec<Event> {
    let seed = config.seed;
    let said = format!("It was Mia, who lives at house {seed} at the edge of the quiet forest.");
    let (said, moderated) = moderated(&said, "quiet", config);
    let token = |token: TokenSummary| WrittenToken { id: token.id, text: token.text };
    let begin = tokens("user Who? assistant ").into_iter().map(token).collect();
    let tokens = tokens(&said).into_iter().map(token).collect();
    vec![
        Event::Notice {
            text: "the oldest 2 of 5 messages were left out".to_owned(),
            hints: Vec::new(),
            problems: Vec::new(),
        },
        Event::Written { tokens: begin, prompt: true, text: String::new() },
        Event::Written { tokens, prompt: false, text: said.clone() },
        completed(said, Ending::EndOfText, moderated),
    ]
}

/// Two prompts, the second of which is a whole conversation; or two texts.
fn proposed(measure: Uncertainty, labels: &[String]) -> Event {
    let message = |role, text: &str| ChatMessage::new(role, text);
    let share = (measure == Uncertainty::Disagreement).then_some(0.25);
    let told = vec![
        message(Role::System, "Be brief."),
        message(Role::User, "Who lost the ball?"),
        message(Role::Assistant, "The boy."),
        message(Role::User, "And when was that?"),
    ];
    let row = |prompt, said: &str, uncertainty| Proposal {
        prompt,
        said: said.to_owned(),
        uncertainty,
        share,
        ..Proposal::default()
    };
    let asked = vec![message(Role::User, "Why was the boy sad?")];
    let text = |text: &str| Proposal {
        text: text.to_owned(),
        uncertainty: 0.9,
        said: "food".to_owned(),
        share: Some(0.55),
        ..Proposal::default()
    };
    let rows = match labels {
        [] => vec![row(asked, "He was sad in the tall grass.", 0.82), row(told, "In autumn.", 0.61)],
        _ => vec![text("Mia saw the rain."), text("The owl ate bread.")],
    };
    let (run, labels) = ("2-first-stories".to_owned(), labels.to_vec());
    Event::Proposed(answer::Proposed { run, measure, labels, rows, considered: 40 })
}

fn distribution(chosen: u32) -> Event {
    let words = [" little", " girl", " fox", " boy", " tiny", " big", " small", " man", " bear", " cat"];
    let mut left = 0.62_f32;
    let mut candidates = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let cut = place > 5;
        candidates.push(Candidate {
            id: if place == 1 { chosen } else { 5000 + place as u32 },
            text: (*word).to_owned(),
            rank: place + 1,
            probability: left * 0.55,
            tempered: left * if place == 0 { 0.68 } else { 0.5 },
            drawn: if cut { 0.0 } else { left * if place == 0 { 0.74 } else { 0.58 } },
            cut_by: cut.then_some(Cut::TopP),
        });
        left *= 0.55;
    }
    Event::Distribution(answer::Distribution { candidates, entropy_bits: 2.84, kept: 6 })
}

/// A ladder whose largest model is predicted and not yet trained.
fn ladder(toml: &str) -> Event {
    let law = Law {
        exponent: 0.2,
        exponent_interval: [0.1, 0.3],
        coefficient: 20.0,
        irreducible: None,
        irreducible_interval: None,
        runs: 3,
        ..Law::default()
    };
    let row = |(at, parameters): (usize, u64)| {
        let is_done = at < 3;
        let loss = law.loss(parameters as f64) as f32;
        SweepRow {
            values: vec![("parameters".to_owned(), parameters.to_string())],
            size: Some(LadderSize { parameters, tokens: 20 * parameters, flops: 1e9 }),
            state: if is_done { SweepState::Finished } else { SweepState::Waiting },
            losses: if is_done { vec![(50, loss + 0.3), (100, loss)] } else { Vec::new() },
            loss: is_done.then_some(loss),
            steps: 100,
            ..SweepRow::default()
        }
    };
    let prediction = Prediction { loss: 1.05, interval: [0.98, 1.13], runs: 3, measured: None, error: None };
    let sweep = SweepSummary {
        name: "scale".to_owned(),
        toml: toml.to_owned(),
        rows: [20_000, 80_000, 320_000, 1_280_000].into_iter().enumerate().map(row).collect(),
        best: Some(2),
        scaling: Some(Scaling { laws: vec![law], prediction: Some(prediction), missing: None }),
        ..SweepSummary::default()
    };
    Event::Sweep { sweep: Box::new(sweep) }
}

/// A sweep that was stopped after one of its two runs.
fn sweep(toml: &str) -> Event {
    let row = |rate: &str| SweepRow {
        values: [("train.learning_rate", rate), ("model.layers", "2")]
            .map(|(path, value)| (path.to_owned(), value.to_owned()))
            .to_vec(),
        steps: 100,
        ..SweepRow::default()
    };
    let done = SweepRow {
        run: Some("2-first-stories".to_owned()),
        state: SweepState::Finished,
        step: 100,
        losses: vec![(50, 1.8), (100, 1.5)],
        loss: Some(1.5),
        interval: Some([1.4, 1.6]),
        ..row("0.001")
    };
    if toml.contains("[ladder]") {
        return ladder(toml);
    }
    let effect = |title: &str, bought: [f64; 3]| RuleEffect {
        version: TextVersion {
            title: title.to_owned(),
            documents: 40,
            bytes: 31_000,
            acted: true,
            differs: true,
            ..TextVersion::default()
        },
        bought: Some(RuleEffect::metric(bought[0], Some([bought[1], bought[2]]), 3)),
    };
    let effects = vec![
        effect("Gopher quality", [0.021, 0.012, 0.03]),
        effect("Near duplicates", [0.004, -0.003, 0.01]),
    ];
    let ablation = toml.contains("[ablate]").then(|| Ablation { effects, ..Ablation::default() });
    let sweep = SweepSummary {
        ablation,
        name: "rates".to_owned(),
        toml: toml.to_owned(),
        rows: vec![done, row("0.01")],
        best: Some(0),
        ..SweepSummary::default()
    };
    Event::Sweep { sweep: Box::new(sweep) }
}

/// A file of conversations.
fn letters() -> RowFile {
    let preview = "Who wrote to whom? Ada wrote to Eva.".to_owned();
    RowFile { name: "letters-to-a-friend-2019.jsonl".to_owned(), rows: 20, characters: 4_000, preview }
}
