//! The next token: the model's distribution, after temperature and penalty, and as sampled. Settings and bars are those of the
//! Write page.

use super::{Chosen, Shown};
use crate::pages::prelude::*;
use crate::pages::written::{candidates_ui, narrowing_ui};
use glasshouse_protocol::inspect::TokenText;
use glasshouse_protocol::{Candidate, Cut};

/// Width in points of the settings next to the bars.
const SETTINGS: f32 = 232.0;

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    beside_ui(ui, SETTINGS, space::SECTION, |ui, place| match place {
        0 => bars_ui(ui, shown, chosen),
        _ => settings_ui(ui, chosen),
    });
}

fn settings_ui(ui: &mut Ui, chosen: &mut Chosen) {
    let refused = chosen.set.sampling.validate().err().map(ErrorReport::from);
    narrowing_ui(ui, &mut chosen.set.sampling, refused.as_ref());
}

fn bars_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let data = shown.data;
    let bits = data.floats("entropy").first();
    let kept = data.integers("kept").first();
    ui.horizontal_wrapped(|ui| {
        if let Some(bits) = bits {
            let (value, exact) = (format!("{bits:.2} bits"), format!("{bits} bits"));
            stat(ui, 120.0, Stat { name: "Entropy", value: &value, exact: &exact });
        }
        if let Some(kept) = kept {
            let value = format::whole(u64::from(*kept));
            stat(ui, 140.0, Stat { name: "tokens left to draw from", value: &value, exact: "" });
        }
    });
    let candidates = candidates(data);
    // Only the first column's tokens can be chosen: another model may have other tokens.
    if shown.column == 0 {
        let listed = |Candidate { id, text, .. }: &Candidate| TokenText { id: *id, text: text.clone() };
        chosen.listed = candidates.iter().map(listed).collect();
    }
    if candidates.is_empty() {
        return caption(ui, "There is no distribution to show.");
    }
    let pressed = candidates_ui(ui, shown.palette, &candidates, chosen.set.token, Some("Inspect"));
    if let Some(candidate) = pressed.and_then(|place| candidates.get(place)) {
        chosen.set.token = Some(candidate.id);
    }
    ui.add_space(space::TIGHT);
    caption(ui, "The model's probability, and the sampling probability. Press a token to inspect it.");
}

/// The listed tokens, in the Write page's type.
fn candidates(data: &ViewData) -> Vec<Candidate> {
    let logits = data.floats("logits");
    let (ids, cuts) = (data.integers("ids"), data.integers("cut_by"));
    let names = ["probability", "tempered", "drawn"];
    let [probability, tempered, drawn] = names.map(|name| data.floats(name));
    let share = |shares: &[f32], place: usize| shares.get(place).copied().unwrap_or(f32::NAN);
    let candidate = |(place, id): (usize, &u32)| {
        let own = logits.get(*id as usize);
        let above = own.map(|own| logits.iter().filter(|logit| *logit > own).count());
        let cut_by = cuts.get(place).and_then(|cut| Cut::ALL.get((*cut as usize).checked_sub(1)?).copied());
        Candidate {
            id: *id,
            text: data.text_of(*id).map_or_else(|| format!("#{id}"), str::to_owned),
            rank: above.unwrap_or(place) + 1,
            probability: share(probability, place),
            tempered: share(tempered, place),
            drawn: share(drawn, place),
            cut_by,
        }
    };
    ids.iter().enumerate().map(candidate).collect()
}
