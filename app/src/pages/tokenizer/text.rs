//! A text of the person's own as coloured tokens.

use super::*;

/// Maximum characters to tokenize; the engine accepts no more.
const MAX_CHARACTERS: usize = 5_000;
/// Maximum height of the field in points; longer texts scroll.
const FIELD: f32 = 150.0;

impl TokenizerPage {
    pub(super) fn text_ui(&mut self, ui: &mut Ui, context: &Context<'_>) {
        card(ui, |ui| {
            head(ui, "Your text in tokens");
            ScrollArea::vertical().id_salt("text to cut").max_height(FIELD).show(ui, |ui| {
                let field = text_area("Text to tokenize", "Type anything", 2, &mut self.text);
                ui.add(field.char_limit(MAX_CHARACTERS)).accessible_name("Text to tokenize");
            });
            if self.text.chars().count() >= MAX_CHARACTERS {
                let most = format::whole(MAX_CHARACTERS as u64);
                caption(ui, format!("At most {most} characters are tokenized here."));
            }
            let Some(known) = self.tokens.known(context.state) else { return caption(ui, "Tokenizing…") };
            let answer::Tokens { text, tokens, .. } = known;
            let bytes_per_token = text.len() as f64 / tokens.len().max(1) as f64;
            let (count, bytes) = (format::whole(tokens.len() as u64), format::whole(text.len() as u64));
            caption(ui, format!("{count} tokens for {bytes} bytes · {bytes_per_token:.2} bytes per token"));
            if let Some(token) = tokens_ui(ui, context.palette, "tokens", known) {
                // Show its row in the vocabulary.
                self.search.clone_from(&token.text);
                self.offset = 0;
            }
        });
    }
}
