//! A pasted text that becomes a document.

use super::*;

#[derive(Debug, Default)]
pub struct Paste {
    name: String,
    text: String,
    /// It was drawn before.
    shown: bool,
}

impl DataPage {
    pub(super) fn paste_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let decision = question(ui.ctx(), "paste text", 560.0, &mut self.paste, |ui, paste| {
            head(ui, "Add text as a document");
            quiet_text(ui, "One document per file. A .jsonl file adds many at once, one per line.");
            line_edit(ui, "Name", "Name", f32::INFINITY, &mut paste.name);
            ScrollArea::vertical().max_height(280.0).show(ui, |ui| {
                let (name, hint) = ("Text of the document", "Paste or type text");
                let field = ui.add(text_area(name, hint, 12, &mut paste.text)).accessible_name(name);
                // Focus the field, so that typed or pasted text goes there.
                if !std::mem::replace(&mut paste.shown, true) {
                    field.request_focus();
                }
            });
            (None, "Add document", !paste.text.trim().is_empty())
        });
        if let Some((paste, true)) = decision {
            let (names, bytes) = (vec![file_name(&paste.name)], vec![paste.text.into_bytes()]);
            context.outbox.send_with(DocumentsChange::Add { names }, bytes);
        }
    }
}

/// A file name derived from a title: letters, digits and dashes.
fn file_name(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_suffix(".txt").unwrap_or(name);
    let kept: String = name
        .chars()
        .map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '-' })
        .take(60)
        .collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "pasted.txt".to_owned() } else { format!("{kept}.txt") }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_file_name_holds_no_path() {
        assert_eq!(file_name("My story"), "My-story.txt");
        assert_eq!(file_name("../../etc/passwd"), "etc-passwd.txt");
        assert_eq!(file_name("notes.txt"), "notes.txt");
        assert_eq!(file_name("  "), "pasted.txt");
    }
}
