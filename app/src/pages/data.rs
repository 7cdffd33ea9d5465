//! Data: the training text, and the bench that cleans it. First the files, and a bar that shows how many bytes each stage keeps,
//! from raw to kept. Below, left, the documents with a search; middle, one document, with removed passages struck through and the
//! reasons; right, the recipe as cards, the split of the text, and the result of the cleaning.

mod bench;
mod catalogue;
mod comparison;
mod documents;
mod flow;
mod judged;
mod leaves;
mod next;
mod overview;
mod passages;
mod paste;
mod reading;
mod stages;

use crate::asks::{Toast, Undo};
use crate::link::Outbox;
use crate::pages::prelude::*;
use bench::Bench;
use comparison::Looked;
use leaves::Leaves;
use passages::Passages;
use paste::Paste;

/// Documents per page of the list.
pub(super) const PAGE: usize = 50;
/// Documents that a changed recipe is tried on.
const SAMPLE: usize = 100;

pub const WHAT: &str = "A language model learns only from its training text. Add stories, notes or articles, read them, and choose the share to hold \
    out. The held-out part is never trained on: the loss on it distinguishes learning the language from memorising sentences. A recipe cleans the \
    text; each rule is a card with what it removes and why.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// The training text: raw, or what the last cleaning kept.
    Text,
    Dropped,
    /// A sample of the raw documents, judged by the current recipe.
    Sample,
}

#[derive(Debug, Default)]
pub struct DataPage {
    search: String,
    /// Index of the first listed document.
    offset: usize,
    listing: Debounce<(String, usize, u64)>,
    open: Option<u64>,
    /// On arrival of the requested page, open its first (`true`) or last document.
    turn_to: Option<bool>,
    leaves: Leaves,
    /// Index of the search hit shown in the document.
    place: usize,
    /// The view still has to scroll to the hit.
    move_to_place: bool,
    corpora: bool,
    paste: Option<Paste>,
    /// The file pending removal.
    removal: Delayed<String>,
    /// The pending removal is announced on another page.
    told: bool,
    /// Change count of the files that the page has seen.
    changes: u64,
    asked: bool,
    list: Option<Listed>,
    /// The stage whose dropped documents are listed; `None` for all.
    dropped_by: Option<String>,
    /// Index of the first listed dropped document.
    dropped_offset: usize,
    dropping: Debounce<(Option<String>, usize, u64)>,
    sampling: Debounce<(String, u64)>,
    /// The document compared with its cleaned version.
    looked: Option<Looked>,
    comparing: Debounce<(String, String)>,
    passages: Passages,
    /// The cleaning is about to be discarded.
    forgetting: Delayed<()>,
    dismissed: Option<ErrorReport>,
    bench: Bench,
}

impl Page for DataPage {
    fn needs(&self) -> Needs {
        Needs::Project("A project keeps its text, its tokenizer and its runs together in one folder.")
    }

    fn for_project(self, is_same: bool) -> Self {
        match is_same {
            true => Self { search: self.search, paste: self.paste, ..Self::default() },
            false => Self::default(),
        }
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if let Some(words) = context.asks.document.take() {
            self.find(words);
        }
        self.ask(ui, context);
        self.ask_bench(ui, context);
        self.paste_ui(ui, context);
        self.catalogue_ui(ui, context);
        self.files_ui(ui, context);
        next::next_ui(ui, context);
        self.flow_ui(ui, context);
        let width = ui.available_width();
        let gap = space::LARGE;
        match Breakpoint::of(width) {
            Breakpoint::Phone => {
                self.documents_ui(ui, context, 360.0);
                if self.open.is_some() || self.looked.is_some() {
                    self.middle_ui(ui, context, 480.0);
                }
                self.side_ui(ui, context);
            }
            Breakpoint::Tablet => {
                let height = 420.0;
                let left = (width * 0.4).floor();
                columns_ui(ui, gap, &[left, width - left - gap], |ui, place| match place {
                    0 => self.documents_ui(ui, context, height),
                    _ => self.middle_ui(ui, context, height),
                });
                self.side_ui(ui, context);
            }
            Breakpoint::Desktop => {
                // Fit the rest of the window, so that the lists and the text scroll separately.
                let height =
                    (ui.clip_rect().bottom() - ui.cursor().top() - space::LARGE).clamp(420.0, 1600.0);
                let left = (width * 0.22).floor().clamp(288.0, 520.0);
                let right = (width * 0.2).floor().clamp(312.0, 420.0);
                let widths = [left, width - left - right - 2.0 * gap, right];
                columns_ui(ui, gap, &widths, |ui, place| match place {
                    0 => self.documents_ui(ui, context, height),
                    1 => self.middle_ui(ui, context, height),
                    _ => {
                        let area = scrolled("bench", height).auto_shrink([false, true]);
                        area.show(ui, |ui| self.side_ui(ui, context));
                    }
                });
            }
        }
    }

    /// A pending removal continues on other pages, and can be undone there.
    fn away(&mut self, ui: &Ui, context: &mut Context<'_>) {
        if let Some(name) = context.asks.remove.take() {
            self.remove_now(context.outbox);
            self.removal.begin(ui, name);
            self.told = false;
        }
        self.carry_out_due(ui, context);
        if let Some((name, since)) = self.removal.pending()
            && !std::mem::replace(&mut self.told, true)
        {
            let (text, shown_at) = (format!("Removed {name}"), Some(*since));
            context.asks.toast = Some(Toast { text, undo: Some(Undo::Removal), shown_at });
        }
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        match state.cleaning.progress {
            Some(_) => Some(Dot::Running),
            None => state.cleaning.failed.is_some().then_some(Dot::Attention),
        }
    }
}

impl DataPage {
    /// The document that is read or compared, or a hint if there is none.
    fn middle_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, height: f32) {
        if self.looked.is_some() {
            self.comparison_ui(ui, context, height);
        } else {
            self.reading_ui(ui, context, height);
        }
    }

    /// Whether the documents are the person's own, not the built-in ones: only these can be cleaned.
    fn own(&self, context: &Context<'_>) -> bool {
        let overview = context.state.documents.overview.as_ref();
        overview.is_some_and(|overview| !overview.embedded && !overview.files.is_empty())
    }

    /// The listed documents: the person's choice if that list exists.
    fn listed(&self, context: &Context<'_>) -> Listed {
        let state = context.state;
        match self.list {
            _ if !self.own(context) => Listed::Text,
            Some(Listed::Dropped) if state.cleaning.report.is_none() => Listed::Text,
            chosen => chosen.unwrap_or(Listed::Text),
        }
    }

    /// Requests data for the bench.
    fn ask_bench(&mut self, ui: &Ui, context: &mut Context<'_>) {
        if !std::mem::replace(&mut self.asked, true) {
            context.outbox.send(Command::ShowRecipe);
        }
        let cleaning = &context.state.cleaning;
        if cleaning.progress.is_some() || !self.own(context) {
            return;
        }
        if let Some(recipe) = &cleaning.recipe {
            if self.sampling.due(ui, &(recipe.toml.clone(), context.state.documents.changes)) {
                context.outbox.send(Command::JudgeSample { documents: SAMPLE });
            }
            if let Some(looked) = &self.looked
                && self.comparing.due(ui, &(looked.id.clone(), recipe.toml.clone()))
            {
                context.outbox.send(Command::CompareDocument { id: looked.id.clone() });
            }
        }
        if self.listed(context) == Listed::Dropped {
            let wanted = (self.dropped_by.clone(), self.dropped_offset, cleaning.reports);
            if self.dropping.due(ui, &wanted) {
                let (stage, offset, _) = wanted;
                context.outbox.send(Command::ListDropped { stage, offset, count: PAGE });
            }
        }
    }

    pub fn keep_file(&mut self) {
        self.removal.take();
    }

    /// Carries out pending removals at once, because the next command reads the text.
    pub fn settle(&mut self, outbox: &mut Outbox) {
        self.remove_now(outbox);
        if self.forgetting.take().is_some() {
            outbox.send(Command::ForgetCleaning);
        }
    }

    fn remove_now(&mut self, outbox: &mut Outbox) {
        if let Some(name) = self.removal.take() {
            outbox.send(DocumentsChange::Remove { name });
        }
    }

    /// Carries out what can no longer be undone.
    fn carry_out_due(&mut self, ui: &Ui, context: &mut Context<'_>) {
        if let Some(name) = self.removal.due(ui) {
            context.outbox.send(DocumentsChange::Remove { name });
        }
        if self.forgetting.due(ui).is_some() {
            context.outbox.send(Command::ForgetCleaning);
        }
    }

    /// Requests the data that the page needs, and carries out due actions.
    fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        self.carry_out_due(ui, context);
        if std::mem::take(&mut self.told) {
            // On this page, undo is shown next to the file.
            context.asks.toast = None;
        }
        // After a change of the files, the list in the answer may be another one, and documents are renumbered.
        let changes = context.state.documents.changes;
        if self.changes != changes {
            self.changes = changes;
            self.open = None;
            self.looked = None;
            self.listing.forget();
        }
        let validation = context.draft.data.validation;
        let wanted = (self.search.trim().to_owned(), self.offset, validation.to_bits());
        if self.listing.due(ui, &wanted) {
            let (search, offset, count) = (wanted.0, self.offset, PAGE);
            context.outbox.send(Command::ListDocuments { search, offset, count, validation });
        }
        let documents = &context.state.documents;
        let is_here = documents.offset == self.offset && documents.search == self.search.trim();
        if let (Some(first), true) = (self.turn_to, is_here) {
            self.turn_to = None;
            let chosen = if first { documents.page.first() } else { documents.page.last() };
            if let Some(document) = chosen {
                self.read(document.number, context);
            }
        }
    }

    /// Searches the text, and opens the first document with a hit.
    fn find(&mut self, words: String) {
        (self.search, self.offset, self.turn_to) = (words, 0, Some(true));
        (self.list, self.open, self.looked) = (Some(Listed::Text), None, None);
    }

    fn read(&mut self, number: u64, context: &mut Context<'_>) {
        self.looked = None;
        self.open = Some(number);
        self.place = 0;
        self.move_to_place = true;
        context.outbox.send(Command::ReadDocument { number });
    }
}
