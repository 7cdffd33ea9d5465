//! Tokenizer: how text becomes tokens. Settings and training on the left; on the right, a text of the person's own in coloured
//! tokens, the merges that built them, and the vocabulary.

mod replay;
mod settings;
mod text;
mod vocabulary;

pub(super) use settings::full_name;

use crate::pages::prelude::*;

pub const WHAT: &str = "A model reads numbers, so text is first cut into numbered tokens. Small tokens make long sequences; large tokens need a large \
    vocabulary. Train a tokenizer on your text (without the held-out part), then type below to see its tokens.";

#[derive(Debug)]
pub struct TokenizerPage {
    text: String,
    tokens: Tokenized,
    /// Number of applied merges; `None` for all.
    step: Option<usize>,
    search: String,
    order: VocabularyOrder,
    /// Index of the first listed entry.
    offset: usize,
    listing: Debounce<(u64, String, u8, usize)>,
}

impl Default for TokenizerPage {
    fn default() -> Self {
        Self {
            text: "Once upon a time there was a little fox who loved the rain.".to_owned(),
            tokens: Tokenized::default(),
            step: None,
            search: String::new(),
            order: VocabularyOrder::default(),
            offset: 0,
            listing: Debounce::default(),
        }
    }
}

impl Page for TokenizerPage {
    fn needs(&self) -> Needs {
        Needs::Project("A tokenizer is trained on the text of a project and saved with it.")
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        self.ask(ui, context);
        take_vocabulary(context);
        let width = ui.available_width();
        let left = if Breakpoint::of(width) == Breakpoint::Desktop { 320.0 } else { 260.0 };
        beside_ui(ui, width - left - space::LARGE, space::LARGE, |ui, place| match place {
            0 => settings::settings_ui(ui, context),
            _ => self.results_ui(ui, context),
        });
    }

    fn for_project(self, _: bool) -> Self {
        Self { text: self.text, ..Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Next
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        state.tokenizer.preparing.is_some().then_some(Dot::Running)
    }
}

impl TokenizerPage {
    fn results_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if context.state.tokenizer.summary.is_none() {
            card(ui, |ui| {
                section(ui, "No tokenizer yet");
                prose(
                    ui,
                    "After training the tokenizer, type a sentence here to see its tokens, replay their merges, and browse the whole vocabulary. \
                     Training takes seconds.",
                );
            });
            return;
        }
        self.text_ui(ui, context);
        self.replay_ui(ui, context);
        self.vocabulary_ui(ui, context);
    }

    /// Requests the data that the page needs.
    fn ask(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let state = context.state;
        // Answers of an older tokenizer are requested again.
        let trained = state.tokenizer.trained;
        let preparing = state.tokenizer.preparing.is_some();
        if preparing || state.tokenizer.summary.is_none() {
            return;
        }
        if self.tokens.ask(ui, context, &self.text) {
            self.step = None;
        }
        let search = self.search.clone();
        let wanted = (trained, search.clone(), self.order as u8, self.offset);
        if self.listing.due(ui, &wanted) {
            let (order, offset, count) = (self.order, self.offset, vocabulary::PAGE);
            context.outbox.send(Command::ListVocabulary { search, order, offset, count });
        }
    }
}
