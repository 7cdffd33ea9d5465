//! Data: the text that a model learns from. Left, documents with search; middle, one of them to read; right, what the text is
//! made of. A bar above says how its bytes fall into training and validation.

mod documents;
mod leaves;
mod overview;
mod paste;
mod reading;

use super::parts::{Debounce, Room, column};
use super::{Context, PageName};
use crate::app::{Toast, Undo};
use crate::link::Outbox;
use crate::theme::space;
use crate::widgets::{self, what_is_this};
use egui::Ui;
use egui_material_icons::icons;
use glasshouse_protocol::Command;
use leaves::Leaves;
use overview::flow_ui;
use paste::Paste;

/// Documents listed at a time.
pub(super) const PAGE: usize = 50;
/// Seconds in which a removal can be undone.
const UNDO_SECONDS: f64 = 10.0;

const WHAT: &str = "A language model learns only from the text it is shown: here it is. Add stories, notes or articles of your own, read what \
     is in them, and choose how much is held out. The held-out part is never trained on; the loss on it tells whether the model \
     has learnt the language or only these sentences.";

/// What a person chose on the page.
#[derive(Debug, Default)]
pub struct DataPage {
    /// What is looked for.
    search: String,
    /// Documents passed over.
    offset: usize,
    listing: Debounce<(u64, String, usize, u64)>,
    /// The document that is read.
    open: Option<u64>,
    /// Take the first (`true`) or last document of the page that is on its way.
    turn_to: Option<bool>,
    leaves: Leaves,
    /// Which place of what is looked for is shown in the document.
    place: usize,
    /// The view has yet to be moved there.
    move_to_place: bool,
    /// Text to become a document.
    paste: Option<Paste>,
    /// A file that is going to be removed, and when.
    removal: Option<(String, f64)>,
    /// That is said on another page.
    told: bool,
    /// Changes of the files that were seen.
    changes: u64,
    opening: u64,
}

impl DataPage {
    /// Draws the page.
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let Some(opening) = context.state.projects.open.as_ref().map(|open| open.opening) else {
            widgets::page(ui, "data", |ui| {
                what_is_this(ui, context.preferences, "data", WHAT);
                let text = "A project keeps its text, its tokenizer and its runs together in one folder.";
                if widgets::empty(ui, icons::ICON_DESCRIPTION, "No project is open", text, "Choose a project")
                {
                    *context.go = Some(PageName::Home);
                }
            });
            return;
        };
        if self.opening != opening {
            *self = Self { opening, ..Self::default() };
        }
        self.ask(ui, context);
        self.paste_ui(ui, context);
        widgets::page(ui, "data", |ui| {
            what_is_this(ui, context.preferences, "data", WHAT);
            flow_ui(ui, context);
            let width = ui.available_width();
            let gap = space::LARGE;
            match Room::of(width) {
                Room::Phone => {
                    self.files_and_split_ui(ui, context);
                    self.documents_ui(ui, context, 360.0);
                    if self.open.is_some() {
                        self.reading_ui(ui, context, 480.0);
                    }
                    overview::histograms_ui(ui, context);
                }
                Room::Tablet => {
                    let height = 420.0;
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = gap;
                        let left = (width * 0.4).floor();
                        column(ui, left, |ui| self.documents_ui(ui, context, height));
                        column(ui, width - left - gap, |ui| self.reading_ui(ui, context, height));
                    });
                    self.overview_ui(ui, context);
                }
                Room::Desk => {
                    // What is left of the window, so that the lists and the text scroll in themselves.
                    let height =
                        (ui.clip_rect().bottom() - ui.cursor().top() - space::LARGE).clamp(420.0, 1600.0);
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = gap;
                        let (left, right) = (288.0, 304.0);
                        column(ui, left, |ui| self.documents_ui(ui, context, height));
                        column(ui, width - left - right - 2.0 * gap, |ui| {
                            self.reading_ui(ui, context, height);
                        });
                        column(ui, right, |ui| self.overview_ui(ui, context));
                    });
                }
            }
        });
    }

    /// Called while another page is drawn: a removal goes on waiting, and can be called off from there.
    pub fn away(&mut self, ui: &Ui, context: &mut Context<'_>) {
        self.remove_in_time(ui, context);
        if let Some((name, at)) = &self.removal
            && !std::mem::replace(&mut self.told, true)
        {
            let shown_at = Some(at - UNDO_SECONDS);
            let text = format!("Removed {name}");
            context.asks.toast = Some(Toast { text, undo: Some(Undo::Removal), shown_at });
        }
    }

    /// Calls off a removal that was not carried out yet.
    pub fn keep_file(&mut self) {
        self.removal = None;
    }

    /// Carries out a removal without waiting.
    pub fn remove_now(&mut self, outbox: &mut Outbox) {
        if let Some((name, _)) = self.removal.take() {
            outbox.send(Command::RemoveDocument { name });
        }
    }

    /// Carries out a removal whose time has come.
    fn remove_in_time(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let Some((_, at)) = &self.removal else { return };
        let left = at - ui.input(|input| input.time);
        if left <= 0.0 {
            self.remove_now(context.outbox);
        } else {
            ui.ctx().request_repaint_after_secs(left as f32);
        }
    }

    /// Sends what the page needs to know, and the removal whose time has come.
    fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        self.remove_in_time(ui, context);
        if std::mem::take(&mut self.told) {
            // Here the way back stands beside the file.
            context.asks.toast = None;
        }
        // The answer to a change of the files is a list of its own, which need not be the one that is looked at, and the
        // documents have other numbers.
        let changes = context.state.documents.changes;
        if self.changes != changes {
            self.changes = changes;
            self.open = None;
            self.listing.forget();
        }
        let validation = context.draft.data.validation;
        let wanted = (self.opening, self.search.trim().to_owned(), self.offset, validation.to_bits());
        if self.listing.due(ui, &wanted) {
            context.outbox.send(Command::ListDocuments {
                search: wanted.1,
                offset: self.offset,
                count: PAGE,
                validation,
            });
        }
        let documents = &context.state.documents;
        if let (Some(first), true) = (self.turn_to, documents.offset == self.offset) {
            let chosen = if first { documents.page.first() } else { documents.page.last() };
            if let Some(document) = chosen {
                self.turn_to = None;
                self.read(document.number, context);
            }
        }
    }

    /// Opens a document.
    fn read(&mut self, number: u64, context: &mut Context<'_>) {
        self.open = Some(number);
        self.place = 0;
        self.move_to_place = true;
        context.outbox.send(Command::ReadDocument { number });
    }
}
