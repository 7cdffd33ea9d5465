//! Personal data by class: the action taken, and the masked findings of the last cleaning.

use super::cards::small_card;
use super::*;
use glasshouse_protocol::cleaning::report::PersonalClass;
use glasshouse_protocol::cleaning::{PersonalAction, PersonalCard};

/// Actions on a class, with name and explanation.
const ACTIONS: [(PersonalAction, &str, &str); 4] = [
    (PersonalAction::Keep, "Keep", "The text is unchanged."),
    (PersonalAction::Replace, "Replace", "Replaced by a placeholder with the name of its class."),
    (PersonalAction::Mask, "Mask", "Letters and digits are masked; the format stays."),
    (PersonalAction::Drop, "Drop document", "Drops every document that contains any."),
];

pub fn classes_ui(ui: &mut Ui, context: &mut Context<'_>, recipe: &RecipeSummary) {
    if recipe.personal.is_empty() {
        return;
    }
    let state = context.state;
    let found = state.cleaning.report.as_ref().map(|report| report.personal.as_slice());
    small_card(ui, |ui| {
        for card in &recipe.personal {
            class_ui(ui, context, card, found);
        }
        let samples = || found.into_iter().flatten().filter(|class| !class.samples.is_empty());
        let places: u64 = samples().map(|class| class.found).sum();
        if places > 0 {
            let title = ("Places, masked", &*format::whole(places));
            fold(ui, context.preferences, "bench:personal", title, false, |ui, _| {
                samples().for_each(|class| samples_ui(ui, class, recipe));
            });
        }
        caption(ui, "Findings are never saved unmasked: this page and the report show masked excerpts only.");
    });
}

fn class_ui(ui: &mut Ui, context: &mut Context<'_>, card: &PersonalCard, found: Option<&[PersonalClass]>) {
    let title = sentence_case(&card.title);
    let mut chosen = None;
    line_ui(
        ui,
        |ui| {
            let own = ACTIONS.iter().find(|(action, ..)| *action == card.action);
            let shown = own.map_or("", |(_, words, _)| words);
            let list = ComboBox::from_id_salt(&card.class).selected_text(shown).width(112.0).truncate();
            let list = list.show_ui(ui, |ui| {
                for (action, words, meaning) in ACTIONS {
                    if closing(ui, |ui| {
                        ui.selectable_label(action == card.action, words).on_hover_text(meaning)
                    }) {
                        chosen = Some(action);
                    }
                }
            });
            list.response.accessible_name(format!("Action on {title}"));
        },
        |ui| ui.add(Label::new(&title).truncate()),
    );
    if let Some(found) = found {
        let class = found.iter().find(|found| found.class == card.class);
        match class.filter(|class| class.found > 0) {
            Some(class) => {
                let times = if class.found == 1 {
                    "1 place".to_owned()
                } else {
                    format!("{} places", format::whole(class.found))
                };
                caption(ui, format!("{times} in {}", counted(class.documents)));
            }
            None => caption(ui, "none found"),
        }
    }
    if let Some(action) = chosen.filter(|action| *action != card.action) {
        context.outbox.send(RecipeChange::Personal { class: card.class.clone(), action });
    }
}

fn samples_ui(ui: &mut Ui, class: &PersonalClass, recipe: &RecipeSummary) {
    let palette = Palette::of(ui);
    let card = recipe.personal.iter().find(|card| card.class == class.class);
    let title = sentence_case(card.map_or(class.class.as_str(), |card| card.title.as_str()));
    quiet_text(ui, format!("{title}, {}", class.treatment));
    for sample in &class.samples {
        let text = RichText::new(&sample.masked).monospace().size(11.0).color(palette.text);
        ui.add(Label::new(text).wrap()).on_hover_text(&sample.id);
    }
    ui.add_space(space::TIGHT);
}

/// A class's name in sentence case: `ip_address` becomes `IP address`.
fn sentence_case(name: &str) -> String {
    let words = name.replace('_', " ");
    let words = match words.split_once(' ') {
        Some(("ip", rest)) => format!("IP {rest}"),
        _ if words == "iban" => "IBAN".to_owned(),
        _ => words,
    };
    format::capitalized(&words)
}

#[cfg(test)]
mod tests {
    use super::sentence_case;

    #[test]
    fn names_of_classes_begin_a_line() {
        assert_eq!(sentence_case("email"), "Email");
        assert_eq!(sentence_case("ip_address"), "IP address");
        assert_eq!(sentence_case("iban"), "IBAN");
        assert_eq!(sentence_case("E-mail addresses"), "E-mail addresses");
        assert_eq!(sentence_case(""), "");
    }
}
