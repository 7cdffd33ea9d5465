//! The right side of the page: the split of the text, the recipe as cards with switches and settings, and the result of the last cleaning.

mod cards;
mod own;
mod personal;
mod tables;

use super::flow::counted;
use super::*;
use glasshouse_protocol::cleaning::SampleJudgement;

/// Published recipes: name, display name, and intended use.
const RECIPES: [(&str, &str, &str); 4] = [
    ("light", "Light", "Drops only empty texts, noise and copies. For files that you chose yourself."),
    (
        "fineweb",
        "FineWeb",
        "The filters of FineWeb, 15 trillion tokens of the web (Penedo et al. 2024). Strict: made for crawled pages.",
    ),
    (
        "gopher",
        "Gopher",
        "The filters of MassiveText (Rae et al. 2021): drops repetitive documents and anything unlike prose.",
    ),
    (
        "c4",
        "C4",
        "The filters of the Colossal Clean Crawled Corpus (Raffel et al. 2020): keeps whole sentences, drops menus and notices.",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Recipe,
    Split,
    Report,
}

#[derive(Debug, Default)]
pub struct Bench {
    side: Option<Side>,
    /// The recipe's text while it is edited.
    text: Option<String>,
    report: tables::ReportBlocks,
}

impl DataPage {
    pub(super) fn side_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let cleaning = &context.state.cleaning;
        let (recipe, report) = (cleaning.recipe.is_some(), cleaning.report.is_some());
        let first = if recipe && self.own(context) { Side::Recipe } else { Side::Split };
        let side = self.bench.side.filter(|side| *side != Side::Report || report).unwrap_or(first);
        let choices =
            [(Side::Recipe, "Recipe", true), (Side::Split, "Split", true), (Side::Report, "Report", report)];
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::TIGHT;
            for (choice, name, there) in choices {
                if there && tab(ui, side == choice, name).clicked() {
                    self.bench.side = Some(choice);
                }
            }
        });
        match side {
            Side::Split => self.overview_ui(ui, context),
            Side::Recipe => self.recipe_ui(ui, context),
            Side::Report => tables::report_ui(ui, context, &mut self.bench.report),
        }
    }

    fn recipe_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let state = context.state;
        let Some(recipe) = &state.cleaning.recipe else {
            working(ui, "Reading the recipe…", None, None);
            return;
        };
        if chooser_ui(ui, context, recipe, self.own(context)) {
            self.clean(context);
        }
        let mut groups: Vec<Group> = Vec::new();
        for card in &recipe.cards {
            if !groups.contains(&card.group) {
                groups.push(card.group);
            }
        }
        for group in groups {
            group_head_ui(ui, group);
            for card in recipe.cards.iter().filter(|card| card.group == group) {
                self.stage_ui(ui, context, card);
            }
            match group {
                Group::Personal => personal::classes_ui(ui, context, recipe),
                Group::Duplicates => tables::copies_ui(ui, context, &mut self.bench.report),
                _ => {}
            }
        }
        self.own_ui(ui, context, recipe);
    }
}

fn group_head_ui(ui: &mut Ui, group: Group) {
    let palette = Palette::of(ui);
    ui.add_space(space::TIGHT);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let (mark, _) = ui.allocate_exact_size(Vec2::splat(8.0), Sense::hover());
        ui.painter().rect_filled(mark, 2.0, super::stages::colour(palette, group));
        ui.label(RichText::new(group.title()).text_style(theme::strong()).color(palette.quiet));
    });
}

/// The recipe, how much of the sample it keeps, undo, and for the person's own text the cleaning. Returns whether that was requested.
fn chooser_ui(ui: &mut Ui, context: &mut Context<'_>, recipe: &RecipeSummary, own: bool) -> bool {
    let cleaning = &context.state.cleaning;
    card(ui, |ui| {
        let undo = line_ui(
            ui,
            |ui| {
                let back = !cleaning.before.is_empty();
                icon_button(ui, back, icons::ICON_UNDO, "Undo the last change of the recipe")
            },
            |ui| head(ui, "Recipe"),
        );
        let known = RECIPES.iter().find(|(name, ..)| *name == recipe.name);
        let shown = known.map_or(recipe.name.as_str(), |(_, title, _)| title);
        let mut chosen = None;
        let list =
            ComboBox::from_id_salt("recipe").selected_text(shown).width(ui.available_width()).truncate();
        let list = list.show_ui(ui, |ui| {
            for (name, title, sentence) in RECIPES {
                if closing(ui, |ui| ui.selectable_label(name == recipe.name, title).on_hover_text(sentence)) {
                    chosen = Some(name);
                }
            }
            if known.is_none() {
                ui.selectable_label(true, &recipe.name).on_hover_text("A recipe of your own");
            }
        });
        list.response.accessible_name("Recipe");
        let sentence = known.map_or("A custom recipe: its text is below.", |(.., sentence)| sentence);
        caption(ui, sentence);
        if let Some(sample) = &cleaning.judgement {
            let share = sample.kept as f32 / sample.documents.max(1) as f32;
            progress_bar(ui, share, ui.available_width());
            caption(ui, kept_words(sample));
            if let Some(warning) = drops_most(sample, recipe) {
                hint_line(ui, &warning);
            }
        } else if context.state.is_waiting(|command| matches!(command, Command::JudgeSample { .. })) {
            quiet_text(ui, "Judging a sample…");
        }
        let mut cleans = false;
        if own && cleaning.progress.is_none() {
            let stale = cleaning.report.as_ref().map(|report| report.recipe.toml != recipe.toml);
            let icon = icons::ICON_CLEANING_SERVICES;
            // The first cleaning has a plain button: the main action is training, which needs none.
            let button = match stale {
                Some(true) => {
                    hint_line(ui, "The recipe has changed since the last cleaning. Clean again to use it.");
                    primary(ui, icon, "Clean again")
                }
                Some(false) => plain(ui, icon, "Clean again"),
                None => plain(ui, icon, "Clean"),
            };
            let hint = "Applies the recipe to all documents. The raw files stay unchanged.";
            cleans = button.on_hover_text(hint).clicked();
        }
        if let Some(name) = chosen {
            context.outbox.send(RecipeChange::Preset { name: name.to_owned() });
        }
        if let (true, Some(toml)) = (undo, cleaning.before.last()) {
            context.outbox.send(RecipeChange::Toml { toml: toml.clone() });
        }
        cleans
    })
}

/// `Keeps 74 of 100 sampled documents`.
fn kept_words(sample: &SampleJudgement) -> String {
    let documents = format::whole(sample.documents as u64);
    match sample.documents {
        1 => (if sample.kept == 1 { "Keeps the document" } else { "Drops the document" }).to_owned(),
        all if all == sample.kept => format!("Keeps all {documents} sampled documents"),
        _ => format!("Keeps {} of {documents} sampled documents", format::whole(sample.kept as u64)),
    }
}

/// A warning if the recipe drops more than half of the sample.
fn drops_most(sample: &SampleJudgement, recipe: &RecipeSummary) -> Option<String> {
    let most = sample.stages.iter().filter(|_| sample.kept * 2 < sample.documents);
    let most = most.max_by_key(|stage| stage.dropped)?;
    let title =
        recipe.cards.iter().find(|card| card.name == most.name).map_or(&most.name, |card| &card.title);
    Some(format!(
        "This recipe drops more than half of the sample; the step \u{201c}{title}\u{201d} drops {} of it. To keep those documents, switch the step \
         off.",
        counted(most.dropped as u64)
    ))
}
