//! A stage of the recipe as a card: its switch, its effect on the sample and in the last cleaning, and, folded, its purpose, the
//! source of its thresholds, and their values.

use super::*;
use crate::pages::data::stages::{colour, deeds};
use crate::theme::CARD_CORNER;
use glasshouse_protocol::cleaning::report::Victim;
use glasshouse_protocol::cleaning::{SampleStage, StageCard, Threshold, ThresholdKind};

/// Number of dropped documents shown as examples.
const VICTIMS: usize = 3;

pub fn small_card<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = Frame::new().fill(Palette::of(ui).panel).corner_radius(CARD_CORNER);
    frame
        .inner_margin(Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = space::TIGHT;
            contents(ui)
        })
        .inner
}

impl DataPage {
    pub(super) fn stage_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, card: &StageCard) {
        let state = context.state;
        ui.push_id(&card.name, |ui| {
            small_card(ui, |ui| {
                let fold = format!("stage:{}", card.name);
                let open = is_open(context.preferences, &fold, false);
                let pressed = line_ui(
                    ui,
                    |ui| switch(ui, card.on, &format!("{} works", card.title)).clicked(),
                    |ui| {
                        let mut is_open = open;
                        if fold_head(ui, &mut is_open, &card.title, "") {
                            context.preferences.folds.insert(fold, is_open);
                        }
                    },
                );
                if pressed {
                    let (stage, on) = (card.name.clone(), !card.on);
                    context.outbox.send(RecipeChange::Stage { stage, on });
                }
                if let (Some(sample), Some(judgement)) =
                    (state.cleaning.sample(&card.name), &state.cleaning.judgement)
                {
                    sample_ui(ui, card, sample, judgement.documents);
                }
                if let Some(stage) = state.cleaning.stage(&card.name) {
                    caption(ui, format!("Last cleaning: {}", deeds(stage)));
                }
                if open {
                    self.details_ui(ui, context, card);
                }
            });
        });
    }

    /// Purpose, sources, thresholds, and some dropped documents.
    fn details_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, card: &StageCard) {
        ui.add_space(space::TIGHT);
        prose(ui, &card.sentence);
        if !card.paper.is_empty() {
            caption(ui, &card.paper);
        }
        for threshold in &card.thresholds {
            threshold_ui(ui, context, card, threshold);
        }
        if let Some(file) = &card.file {
            rule_file_ui(ui, context, card, file);
        }
        let victims = context.state.cleaning.stage(&card.name).map_or(&[][..], |stage| &stage.victims);
        if !victims.is_empty() {
            ui.add_space(space::TIGHT);
            ui.label(RichText::new("Dropped, for example").text_style(theme::quiet_strong()));
        }
        for victim in victims.iter().take(VICTIMS) {
            if victim_ui(ui, victim) {
                self.look_at_victim(&card.name, victim);
            }
        }
    }

    fn look_at_victim(&mut self, stage: &str, victim: &Victim) {
        self.looked = Some(crate::pages::data::Looked {
            id: victim.id.clone(),
            source: victim.source.clone(),
            dropped: Some((stage.to_owned(), victim.reason.clone())),
        });
    }
}

/// The path of a stage's file.
fn rule_file_ui(ui: &mut Ui, context: &mut Context<'_>, card: &StageCard, file: &str) {
    let name = format!("{}: file", card.title);
    let field = |ui: &mut Ui| {
        committed(ui, &name, &file.to_owned(), |ui, text| line_edit(ui, &name, "path", 180.0, text))
    };
    if let Some(file) = line_ui(ui, field, |ui| ui.label("file")) {
        context.outbox.send(RecipeChange::File { stage: card.name.clone(), file });
    }
}

/// A threshold of a stage within its bounds, or a switch, with its explanation.
fn threshold_ui(ui: &mut Ui, context: &mut Context<'_>, card: &StageCard, own: &Threshold) {
    let name = own.name.replace('_', " ");
    let label = |ui: &mut Ui| ui.add(Label::new(name).truncate()).on_hover_text(&own.meaning);
    let accessible = format!("{}: {}", card.title, own.name);
    let control = |ui: &mut Ui| match own.kind {
        ThresholdKind::Switch => {
            let on = own.value != 0.0;
            switch(ui, on, &accessible).clicked().then_some(if on { 0.0 } else { 1.0 })
        }
        ThresholdKind::Count | ThresholdKind::Measure => {
            let whole = own.kind == ThresholdKind::Count;
            let slowest = if whole { 0.05 } else { 0.002 };
            let set = committed(ui, &accessible, &own.value, |ui, value| {
                let drag = DragValue::new(value)
                    .range(own.lowest..=own.highest)
                    .speed((own.value.abs() / 80.0).max(slowest))
                    .max_decimals(if whole { 0 } else { 3 })
                    .update_while_editing(false);
                ui.add(drag).accessible_name(&accessible)
            });
            set.map(|value| if whole { value.round() } else { value })
        }
    };
    if let Some(value) = line_ui(ui, control, label) {
        let (stage, threshold) = (card.name.clone(), own.name.clone());
        context.outbox.send(RecipeChange::Threshold { stage, threshold, value });
    }
    if !own.meaning.is_empty() {
        caption(ui, &own.meaning);
    }
}

/// Effect of a stage on the sample: documents dropped in its turn, and documents it would drop on its own.
fn sample_ui(ui: &mut Ui, card: &StageCard, sample: &SampleStage, documents: usize) {
    let palette = Palette::of(ui);
    let alone = sample.alone.max(sample.dropped);
    let silent = alone == 0 && sample.edited == 0;
    if silent && matches!(card.group, Group::Duplicates | Group::Contamination) {
        if card.on {
            caption(ui, "compares all documents: counted during cleaning");
        }
        return;
    }
    let words = sample_words(card.on, sample, documents);
    if alone > 0 {
        let colour = colour(palette, card.group);
        let part = |count: usize, colour| (count as f32 / documents.max(1) as f32, colour);
        let mut shares = vec![part(alone, theme::mix(palette.raised, colour, 0.45))];
        if sample.dropped > 0 {
            shares.push(part(sample.dropped, colour));
        }
        let response = share_bar(ui, vec2(ui.available_width(), 4.0), &shares);
        response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, &words));
    }
    caption(ui, words);
}

fn sample_words(on: bool, sample: &SampleStage, documents: usize) -> String {
    let of = format::whole(documents as u64);
    let mut words = Vec::new();
    match (on, sample.dropped, sample.alone) {
        (true, 0, 0) => {}
        (true, dropped, alone) if alone > dropped => {
            words.push(format!("drops {dropped} of {of} after earlier steps, {alone} on its own"));
        }
        (true, dropped, _) => words.push(format!("drops {dropped} of {of}")),
        (false, _, 0) => return format!("off · would drop none of {of}"),
        (false, _, alone) => return format!("off · would drop {alone} of {of}"),
    }
    if sample.edited > 0 {
        words.push(format!("changes {}", sample.edited));
    }
    if words.is_empty() { format!("drops none of {of}") } else { words.join(" · ") }
}

/// A dropped document. Returns whether it was clicked.
fn victim_ui(ui: &mut Ui, victim: &Victim) -> bool {
    let palette = Palette::of(ui);
    let excerpt: String = victim.excerpt.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = RichText::new(&excerpt).text_style(theme::caption());
    let name = format!("Look at {}, {}", victim.id, victim.reason);
    let response = ui.add(Label::new(text).truncate().sense(Sense::click()));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &name));
    let reason = RichText::new(&victim.reason).text_style(theme::caption()).color(palette.quiet);
    ui.add(Label::new(reason).truncate());
    response.on_hover_cursor(egui::CursorIcon::PointingHand).on_hover_text(name).clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_says_what_it_does_in_its_turn_and_alone() {
        let sample = |dropped, alone, edited| SampleStage { name: String::new(), dropped, alone, edited };
        assert_eq!(sample_words(true, &sample(0, 0, 0), 1000), "drops none of 1,000");
        assert_eq!(
            sample_words(true, &sample(3, 5, 0), 100),
            "drops 3 of 100 after earlier steps, 5 on its own"
        );
        assert_eq!(sample_words(true, &sample(3, 3, 0), 100), "drops 3 of 100");
        assert_eq!(sample_words(true, &sample(0, 0, 7), 100), "changes 7");
        assert_eq!(sample_words(true, &sample(2, 2, 7), 100), "drops 2 of 100 · changes 7");
        assert_eq!(sample_words(false, &sample(0, 4, 0), 100), "off · would drop 4 of 100");
        assert_eq!(sample_words(false, &sample(0, 0, 0), 100), "off · would drop none of 100");
    }
}
