//! The application: the frame around the pages, and the flow of a frame: events in, state folded, page drawn, commands out.

use crate::link::{Link, Outbox};
use crate::pages::{Context, PageName};
use crate::pages::{data, home, model, runs, settings, tokenizer, train, write};
use crate::state::State;
use crate::theme;
use glasshouse_protocol::{RunConfig, presets};
use serde::{Deserialize, Serialize};

/// What a person prefers; remembered across starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// `dark`, `light` or `system`.
    pub theme: String,
    /// Scale of everything, 1 as designed.
    pub scale: f32,
    /// Device wish.
    pub device: String,
    /// What folds open or shut was left how, by the fold's name; also the hidden "what is this?" texts.
    pub folds: std::collections::BTreeMap<String, bool>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { theme: "system".to_owned(), scale: 1.0, device: "auto".to_owned(), folds: Default::default() }
    }
}

/// The application.
pub struct App {
    state: State,
    link: Link,
    outbox: Outbox,
    page: PageName,
    draft: RunConfig,
    preferences: Preferences,
    home: home::HomePage,
    data: data::DataPage,
    tokenizer: tokenizer::TokenizerPage,
    model: model::ModelPage,
    train: train::TrainPage,
    write: write::WritePage,
    runs: runs::RunsPage,
    settings: settings::SettingsPage,
}

impl App {
    /// An application on a link, with what the person preferred last time.
    ///
    /// # Errors
    /// The preset that a fresh draft begins with is missing: a fault of ours.
    pub fn new(link: Link, preferences: Preferences) -> Result<Self, String> {
        Ok(Self {
            state: State::default(),
            link,
            outbox: Outbox::default(),
            page: PageName::default(),
            draft: presets::preset("first-stories")?,
            preferences,
            home: Default::default(),
            data: Default::default(),
            tokenizer: Default::default(),
            model: Default::default(),
            train: Default::default(),
            write: Default::default(),
            runs: Default::default(),
            settings: Default::default(),
        })
    }

    /// Takes in what the engine told since the last frame.
    pub fn receive(&mut self) {
        while let Some(report) = self.link.receive() {
            self.state.apply(report);
        }
    }

    /// Draws the open page and sends what it asked for.
    pub fn ui(&mut self, ui: &mut egui::Ui) {
        let mut go = None;
        let mut context = Context {
            state: &self.state,
            palette: if ui.visuals().dark_mode { &theme::DARK } else { &theme::LIGHT },
            draft: &mut self.draft,
            outbox: &mut self.outbox,
            go: &mut go,
            preferences: &mut self.preferences,
        };
        match self.page {
            PageName::Home => self.home.ui(ui, &mut context),
            PageName::Data => self.data.ui(ui, &mut context),
            PageName::Tokenizer => self.tokenizer.ui(ui, &mut context),
            PageName::Model => self.model.ui(ui, &mut context),
            PageName::Train => self.train.ui(ui, &mut context),
            PageName::Write => self.write.ui(ui, &mut context),
            PageName::Runs => self.runs.ui(ui, &mut context),
            PageName::Settings => self.settings.ui(ui, &mut context),
        }
        self.page = go.unwrap_or(self.page);
        for request in self.outbox.take() {
            self.state.sent(request.body.id, &request.body.command);
            self.link.send(request);
        }
    }
}
