//! The pages, in workflow order: one list. Each is a struct of the person's choices, and draws the engine's state.

pub mod chat;
pub mod data;
pub mod evaluate;
pub mod features;
pub mod home;
pub mod inspect;
pub mod lab;
pub mod learn;
pub mod model;
pub mod runs;
pub mod settings;
pub mod tokenizer;
pub mod train;
pub mod tune;
pub mod write;

mod parts;
pub(crate) mod prelude;
mod written;

use crate::asks::Asks;
use crate::link::Outbox;
use crate::state::State;
use crate::theme::Palette;
use crate::widgets;
use egui::Ui;
use egui_material_icons::{MaterialIcon, icons};
use glasshouse_protocol::{DraftOf, Drafts, RunConfig};

pub trait Page {
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    /// Name of the part that is open, if the page scrolls back to the top for another one.
    fn part(&self) -> &str {
        ""
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>);

    /// Whether the page has a part that stays at the bottom while the rest scrolls above it.
    fn has_foot(&self, _context: &Context<'_>) -> bool {
        false
    }

    fn foot_ui(&mut self, _ui: &mut Ui, _context: &mut Context<'_>) {}

    /// The page after a project was opened: without anything that belongs to the former one, but with what was typed
    /// if it `is_same`, as after a restart of the engine.
    fn for_project(self, _is_same: bool) -> Self
    where
        Self: Sized + Default,
    {
        Self::default()
    }

    /// Called in every frame in which another page is open.
    fn away(&mut self, _ui: &Ui, _context: &mut Context<'_>) {}

    /// The models that the top bar names.
    fn models(&self) -> Models<'_> {
        Models::Runs(Vec::new())
    }

    /// The dot in the rail.
    fn dot(&self, _state: &State) -> Option<Dot> {
        None
    }
}

/// What a page requires. Without it, the page shows the text instead.
#[derive(Clone, Copy, Debug)]
pub enum Needs {
    Nothing,
    /// An open project.
    Project(&'static str),
    /// An open project, and a model in it.
    Model(&'static str, &'static str),
}

#[derive(Clone, Debug)]
pub enum Models<'a> {
    /// That of the next run.
    Next,
    /// Chosen runs, else the run of the current weights.
    Weights(Vec<&'a str>),
    /// Chosen runs, else the run in training, else the latest.
    Runs(Vec<&'a str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dot {
    Running,
    Attention,
}

macro_rules! pages {
    ($($(#[$meta:meta])* $key:ident: $Name:ident($Page:ty), $title:literal, $icon:ident;)+) => {
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum PageName { $($(#[$meta])* $Name,)+ }

        impl PageName {
            pub const ALL: [Self; [$(stringify!($key)),+].len()] = [$(Self::$Name),+];

            pub fn title(self) -> &'static str {
                match self { $(Self::$Name => $title),+ }
            }

            /// The name in preferences and addresses.
            pub fn key(self) -> &'static str {
                match self { $(Self::$Name => stringify!($key)),+ }
            }

            /// The text at its top, until the person hides it.
            fn introduction(self) -> &'static str {
                match self { $(Self::$Name => $key::WHAT),+ }
            }

            pub fn icon(self) -> MaterialIcon {
                match self { $(Self::$Name => icons::$icon),+ }
            }
        }

        /// All pages, with the person's choices on them.
        #[derive(Debug, Default)]
        pub struct Pages {
            $(pub $key: $Page,)+
            /// Opening number and id of the project that the pages belong to.
            pub(crate) project: (u64, String),
        }

        impl Pages {
            fn follow_project(&mut self, state: &State) {
                let Some(open) = state.projects.open.as_ref().filter(|open| open.opening != self.project.0) else {
                    return;
                };
                let is_same = self.project.1 == open.summary.id;
                self.project = (open.opening, open.summary.id.clone());
                $(self.$key = std::mem::take(&mut self.$key).for_project(is_same);)+
            }

            pub fn get(&self, page: PageName) -> &dyn Page {
                match page { $(PageName::$Name => &self.$key),+ }
            }

            fn get_mut(&mut self, page: PageName) -> &mut dyn Page {
                match page { $(PageName::$Name => &mut self.$key),+ }
            }
        }
    };
}

pages! {
    #[default]
    home: Home(home::HomePage), "Home", ICON_HOME;
    data: Data(data::DataPage), "Data", ICON_DESCRIPTION;
    tokenizer: Tokenizer(tokenizer::TokenizerPage), "Tokenizer", ICON_SEGMENT;
    model: Model(model::ModelPage), "Model", ICON_LAYERS;
    train: Train(train::TrainPage), "Train", ICON_MONITORING;
    tune: Tune(tune::TunePage), "Fine-tune", ICON_SCHOOL;
    lab: Lab(lab::LabPage), "Search", ICON_SCIENCE;
    write: Write(write::WritePage), "Write", ICON_EDIT_NOTE;
    chat: Chat(chat::ChatPage), "Chat", ICON_FORUM;
    inspect: Inspect(inspect::InspectPage), "Inspect", ICON_BIOTECH;
    features: Features(features::FeaturesPage), "Features", ICON_CATEGORY;
    evaluate: Evaluate(evaluate::EvaluatePage), "Evaluate", ICON_FACT_CHECK;
    runs: Runs(runs::RunsPage), "Runs", ICON_TABLE_ROWS;
    learn: Learn(learn::LearnPage), "Learn", ICON_MENU_BOOK;
    settings: Settings(settings::SettingsPage), "Settings", ICON_SETTINGS;
}

impl Pages {
    /// Draws a page in its scroll area, below its introduction.
    pub fn ui(&mut self, name: PageName, ui: &mut Ui, context: &mut Context<'_>) {
        self.follow_project(context.state);
        let is_alone = name == PageName::Inspect && self.inspect.is_embedded();
        let page = self.get_mut(name);
        let id = format!("{} {}", name.key(), page.part());
        let has_model = context.state.projects.open.is_some() && written::has_model(context);
        if has_model && page.has_foot(context) {
            widgets::page_foot(ui, name.key(), |ui| page.foot_ui(ui, context));
        }
        widgets::page(ui, &id, |ui| {
            if !is_alone {
                tabs_ui(name, ui, context.go);
            }
            widgets::what_is_this(ui, context.preferences, name.key(), name.introduction());
            match page.needs() {
                Needs::Project(text) | Needs::Model(text, _) if context.state.projects.open.is_none() => {
                    if widgets::empty(ui, name.icon(), "No project is open", text, "Choose a project") {
                        *context.go = Some(PageName::Home);
                    }
                }
                Needs::Model(_, text) if !written::has_model(context) => {
                    parts::untrained_ui(ui, context, name.icon(), text);
                }
                _ => page.ui(ui, context),
            }
        });
        for other in PageName::ALL.into_iter().filter(|other| *other != name) {
            self.get_mut(other).away(ui, context);
        }
    }
}

/// The pages that share an entry of the rail, as tabs.
fn tabs_ui(open: PageName, ui: &mut Ui, go: &mut Option<PageName>) {
    if open.tabs().count() < 2 {
        return;
    }
    ui.horizontal(|ui| {
        for page in open.tabs() {
            if widgets::tab(ui, page == open, page.tab()).clicked() {
                *go = Some(page);
            }
        }
    });
    ui.add_space(crate::theme::space::SMALL);
}

impl PageName {
    /// The pages that share its entry of the rail, as tabs.
    pub fn tabs(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |page| page.entry() == self.entry())
    }

    /// The words of its tab: its title, unless that is the title of the whole entry.
    pub fn tab(self) -> &'static str {
        match self {
            Self::Data => "Documents",
            Self::Train => "Pretrain",
            Self::Write => "Text",
            Self::Inspect => "Views",
            _ => self.title(),
        }
    }

    /// Its entry of the rail, by the first of its tabs.
    pub fn entry(self) -> Self {
        match self {
            Self::Tokenizer => Self::Data,
            Self::Tune | Self::Lab => Self::Train,
            Self::Chat => Self::Write,
            Self::Features => Self::Inspect,
            _ => self,
        }
    }

    /// The entries of the rail.
    pub fn entries() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|page| page.entry() == *page)
    }

    /// The title above its entry and those that follow it.
    pub fn group(self) -> &'static str {
        match self.entry() {
            Self::Home => "",
            Self::Data | Self::Model | Self::Train => "Build",
            Self::Write => "Use",
            _ => "Understand",
        }
    }

    /// Whether it has something to show.
    pub fn is_useful(self, state: &State) -> bool {
        let has_runs = !state.runs.list.is_empty() || state.training.run.is_some();
        let has_text = || state.documents.overview.as_ref().is_some_and(|overview| !overview.embedded);
        match self {
            Self::Model => has_runs || has_text(),
            Self::Write | Self::Chat | Self::Inspect | Self::Features | Self::Evaluate | Self::Runs => {
                has_runs
            }
            _ => true,
        }
    }

    /// The draft that the page shows and edits.
    pub fn draft(self) -> DraftOf {
        match self {
            Self::Tune => DraftOf::Tune,
            Self::Lab => DraftOf::Search,
            _ => DraftOf::Train,
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.key() == key)
    }
}

/// What a page reads and writes while it draws.
pub struct Context<'a> {
    pub state: &'a State,
    pub palette: &'a Palette,
    /// Settings of what the page would begin. The app keeps [`Planning::plan`](crate::state::Planning::plan) up to date with them, and
    /// stores them as the [draft](PageName::draft) of the page.
    pub draft: &'a mut RunConfig,
    /// The drafts of other pages. That of the page itself is replaced by `draft`.
    pub drafts: &'a mut Drafts,
    pub outbox: &'a mut Outbox,
    /// The page to open after this frame.
    pub go: &'a mut Option<PageName>,
    /// The lesson to open on the Learn page after this frame, from 1.
    pub lesson: &'a mut Option<usize>,
    /// A request to the Inspect page after this frame.
    pub look: &'a mut Option<inspect::Wish>,
    pub preferences: &'a mut crate::preferences::Preferences,
    /// Requests to the window: choosing or saving files, toasts.
    pub asks: &'a mut Asks,
}
