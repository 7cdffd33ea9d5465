//! A text of the person's own as coloured tokens.

use super::*;

/// Maximum characters to tokenize; the engine accepts no more.
const MAX_CHARACTERS: usize = 5_000;
/// Maximum height of the field in points; longer texts scroll.
const FIELD: f32 = 150.0;
const MAX_DRAWN: usize = 1200;

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
            let Some(answer::Tokens { text, tokens, lost, .. }) = &context.state.tokenizer.tokens else {
                return caption(ui, "Tokenizing…");
            };
            let bytes_per_token = text.len() as f64 / tokens.len().max(1) as f64;
            let (count, bytes) = (format::whole(tokens.len() as u64), format::whole(text.len() as u64));
            caption(ui, format!("{count} tokens for {bytes} bytes · {bytes_per_token:.2} bytes per token"));
            let chips: Vec<Chip> =
                tokens.iter().take(MAX_DRAWN).enumerate().map(|(place, token)| chip(place, token)).collect();
            if let Some(token) =
                chips_ui(ui, context.palette, "tokens", &chips).and_then(|place| tokens.get(place))
            {
                // Show its row in the vocabulary.
                self.search.clone_from(&token.text);
                self.offset = 0;
            }
            if tokens.len() > MAX_DRAWN {
                caption(ui, format!("and {} more", format::whole((tokens.len() - MAX_DRAWN) as u64)));
            }
            if !lost.is_empty() {
                hint_line(ui, &format!("Not in the vocabulary, and lost: {}", visible(lost)));
            }
        });
    }
}

fn chip(place: usize, token: &TokenSummary) -> Chip {
    let hover = format!("token {} · id {} · bytes {}", visible(&token.text), token.id, hex(token));
    Chip { below: token.id.to_string(), hover, ..Chip::of(place, &token.text, token.special) }
}

fn hex(token: &TokenSummary) -> String {
    if token.special {
        return "none: a special token".to_owned();
    }
    bytes_of(&token.text).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_text_or_the_ones_it_names() {
        let token = |text: &str| TokenSummary { id: 7, text: text.to_owned(), special: false };
        assert_eq!(hex(&token(" cat")), "20 63 61 74");
        assert_eq!(hex(&token("é")), "C3 A9");
        assert_eq!(hex(&token("a\\xE2")), "61 E2");
        assert_eq!(hex(&token("\\x")), "5C 78");
    }
}
