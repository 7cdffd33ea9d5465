//! The vocabulary as a table to search and sort.

use super::*;

pub const PAGE: usize = 50;

const ORDERS: [(VocabularyOrder, &str); 4] = [
    (VocabularyOrder::Id, "By id"),
    (VocabularyOrder::MostUsed, "Most used first"),
    (VocabularyOrder::LeastUsed, "Least used first"),
    (VocabularyOrder::Longest, "Longest first"),
];

impl TokenizerPage {
    pub(super) fn vocabulary_ui(&mut self, ui: &mut Ui, context: &Context<'_>) {
        card(ui, |ui| {
            let entries = context.state.tokenizer.vocabulary.as_ref();
            head(ui, "Vocabulary");
            ui.horizontal_wrapped(|ui| {
                let width = (ui.available_width() - 180.0).clamp(140.0, 320.0);
                let before = self.order;
                let search = line_edit(ui, "Search the vocabulary", "Search", width, &mut self.search);
                choice(ui, "Order of the vocabulary", &mut self.order, Some(150.0), &ORDERS);
                if search.changed() || self.order != before {
                    self.offset = 0;
                }
            });
            let Some(listed) = entries else { return caption(ui, "Listing…") };
            entries_ui(ui, &listed.entries);
            self.turning_ui(ui, listed.found, listed.offset, listed.entries.len());
        });
    }

    fn turning_ui(&mut self, ui: &mut Ui, found: usize, offset: usize, listed: usize) {
        ui.horizontal(|ui| {
            let (page, names) = (self.offset / PAGE, ["Earlier entries", "Later entries"]);
            let turned = turn_ui(ui, page, found.div_ceil(PAGE), names);
            self.offset = turned.map_or(self.offset, |page| page * PAGE);
            let first = if found == 0 { 0 } else { offset + 1 };
            let whole = |number: usize| format::whole(number as u64);
            caption(ui, format!("{}–{} of {}", whole(first), whole(offset + listed), whole(found)));
        });
    }
}

fn entries_ui(ui: &mut Ui, page: &[VocabularyEntry]) {
    let quiet = theme::Palette::of(ui).quiet;
    // A row extends a little beyond its columns.
    let room = ui.available_width() - 16.0;
    // On narrow pages the parts are left out, since the replay shows them.
    let parts = room >= 420.0;
    let text = if parts { (room - 64.0 - 84.0 - 48.0) * 0.5 } else { room - 64.0 - 84.0 - 32.0 };
    let column = |title, width, align| Column { title, width, align };
    let mut columns = vec![
        column("Id", 64.0, Align::Right),
        column("Token", text, Align::Left),
        column("Used", 84.0, Align::Right),
    ];
    if parts {
        columns.push(column("Made of", text, Align::Left));
    }
    let table = Table { columns: &columns, row: 24.0 };
    table.titles_ui(ui);
    scrolled("entries", 320.0).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if page.is_empty() {
            quiet_text(ui, "Nothing found.");
        }
        for entry in page {
            let name = format!("Entry {}: {}", entry.id, visible(&entry.text));
            table.row_ui(ui, &name, false, |ui, place| {
                match place {
                    0 => ui.label(RichText::new(entry.id.to_string()).color(quiet)),
                    1 => ui.label(RichText::new(visible(&entry.text)).monospace()),
                    2 => {
                        let text = RichText::new(format::whole(entry.count));
                        ui.label(if entry.count == 0 { text.color(quiet) } else { text })
                    }
                    _ => ui.label(RichText::new(parts_text(entry)).monospace().color(quiet)),
                };
            });
        }
    });
}

fn parts_text(entry: &VocabularyEntry) -> String {
    let both = |(left, right): &(String, String)| format!("{} + {}", visible(left), visible(right));
    entry.parts.as_ref().map(both).unwrap_or_default()
}
