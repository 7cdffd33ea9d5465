//! What if: parts of the model are ablated, scaled or patched, and the next-token distribution changes.

use super::{Chosen, Labelled, Shown, anchored, remembered};
use crate::pages::prelude::*;
use glasshouse_protocol::Inspection;
use glasshouse_protocol::inspect::Edit;

/// Maximum number of edits that can be read at a glance.
const MAX_EDITS: usize = 16;

/// The quantity that shades the table of all parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AblationMeasure {
    /// Divergence of the whole distribution.
    #[default]
    Divergence,
    /// Change of the chosen token's log-probability.
    Token,
}

pub fn ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    // Edits apply to both models; the second column could clamp them to a smaller model.
    if shown.column == 0 {
        edits_ui(ui, shown, chosen);
    } else {
        caption(ui, "Same changes as in the other model.");
    }
    ui.add_space(space::MEDIUM);
    distributions_ui(ui, shown, chosen);
    ui.add_space(space::MEDIUM);
    switch_line(ui, &mut chosen.set.every_part, "Ablate every head and MLP");
    if chosen.set.every_part {
        anchored(ui, "parts", |ui| parts_ui(ui, shown, chosen));
    }
}

fn edits_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let inspection = shown.inspection;
    head(ui, "Changes");
    let mut removed = None;
    for (place, edit) in chosen.set.edits.iter_mut().enumerate() {
        anchored(ui, &format!("edit {place}"), |ui| {
            if edit_ui(ui, inspection, place + 1, edit) {
                removed = Some(place);
            }
        });
    }
    if let Some(place) = removed {
        chosen.set.edits.remove(place);
    }
    if chosen.set.edits.is_empty() {
        caption(
            ui,
            "No changes yet. Ablate a head, an MLP or a layer, or patch in a value from another prompt.",
        );
    }
    let layer = chosen.set.layer.unwrap_or(0).min(inspection.layers.saturating_sub(1));
    let head = chosen.set.head.unwrap_or(0).min(inspection.heads.saturating_sub(1));
    let position = inspection.position;
    let factor = 0.0;
    let kinds = [
        ("Head", Edit::Head { layer, head, factor }),
        ("Attention", Edit::Attention { layer, factor }),
        ("MLP", Edit::Mlp { layer, factor }),
        ("Layer", Edit::Layer { layer, factor }),
        ("Patch", Edit::Patch { layer, position }),
    ];
    ui.add_enabled_ui(chosen.set.edits.len() < MAX_EDITS, |ui| {
        ui.horizontal_wrapped(|ui| {
            for (name, edit) in kinds {
                let means = match edit {
                    Edit::Patch { .. } => {
                        "Replace the residual stream before a layer, at a position, by that of another prompt"
                    }
                    _ => "Scale its contribution to the residual stream: 0 ablates it",
                };
                if plain(ui, icons::ICON_ADD, name).on_hover_text(means).clicked() {
                    chosen.set.edits.push(edit);
                }
            }
        });
    });
    if chosen.set.edits.iter().any(|edit| matches!(edit, Edit::Patch { .. })) {
        ui.label("The other prompt");
        let hint = "Source of the patched residual stream";
        line_edit(ui, "The other prompt", hint, f32::INFINITY, &mut chosen.set.other_prompt);
    }
}

/// An edit and its strength. Returns whether to remove it.
fn edit_ui(ui: &mut Ui, inspection: &Inspection, number: usize, edit: &mut Edit) -> bool {
    let palette = Palette::of(ui);
    let part = |ui: &mut Ui, name: &str, value: &mut usize, most: usize| {
        ui.label(RichText::new(name).color(palette.quiet));
        let dragged = whole_number(value).range(0..=most).speed(0.05);
        ui.add(dragged).accessible_name(format!("{name} of change {number}"));
    };
    let mut remove = false;
    ui.horizontal_wrapped(|ui| {
        let (name, layer, factor, within) = match edit {
            Edit::Head { layer, head, factor } => {
                ("Head", layer, Some(factor), Some(("head", head, inspection.heads)))
            }
            Edit::Attention { layer, factor } => ("Attention", layer, Some(factor), None),
            Edit::Mlp { layer, factor } => ("MLP", layer, Some(factor), None),
            Edit::Layer { layer, factor } => ("Layer", layer, Some(factor), None),
            Edit::Patch { layer, position } => {
                ("Patch", layer, None, Some(("position", position, inspection.tokens.len())))
            }
        };
        head(ui, name);
        match factor {
            Some(_) => part(ui, "layer", layer, inspection.layers.saturating_sub(1)),
            None => part(ui, "before layer", layer, inspection.layers),
        }
        if let Some((name, at, count)) = within {
            part(ui, name, at, count.saturating_sub(1));
        }
        if let Some(factor) = factor {
            ui.spacing_mut().slider_width = 96.0;
            let times = Slider::new(factor, 0.0..=2.0).fixed_decimals(2).step_by(0.05);
            slider(ui, times).accessible_name(format!("Factor of change {number}"));
        }
        remove = icon_button(ui, true, icons::ICON_CLOSE, &format!("Remove change {number}"));
    });
    remove
}

fn distributions_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let (data, palette) = (shown.data, shown.palette);
    let (before, after) = (data.floats("before_listed"), data.floats("after_listed"));
    if let Some(bits) = data.floats("divergence").first() {
        let (value, exact) = (format!("{bits:.3} bits"), format!("{bits} bits"));
        stat(ui, 220.0, Stat { name: "KL from before to after", value: &value, exact: &exact });
    }
    let ids = data.integers("ids");
    if ids.is_empty() {
        return caption(ui, "There is no distribution to show.");
    }
    let [first, ..] = palette.series;
    let names = [(first, "before"), (palette.accent, "after")];
    legend(ui, names.map(|(colour, name)| (colour, name, String::new())));
    let share = |value: f32| format::percent(f64::from(value));
    let row = |((id, before), after): ((&u32, &f32), &f32)| {
        let name = shown.text(*id);
        Ranked {
            label: format!("Inspect {name}, {} before, {} after", share(*before), share(*after)),
            name,
            bars: vec![(*before, first), (*after, palette.accent)],
            figure: format!("{} → {}", share(*before), share(*after)),
            hover: format!("id {id} · {before:.6} before, {after:.6} after"),
            chosen: chosen.set.token == Some(*id),
            ..Ranked::default()
        }
    };
    let rows: Vec<Ranked> = ids.iter().zip(before).zip(after).map(row).collect();
    let ranking = Ranking { font: FontId::monospace(14.0), figures: 110.0, presses: true };
    if let Some(id) = ranking.ui(ui, palette, &rows).and_then(|place| ids.get(place)) {
        chosen.set.token = Some(*id);
    }
}

/// The effect of ablating each part separately.
fn parts_ui(ui: &mut Ui, shown: &Shown<'_>, chosen: &mut Chosen) {
    let data = shown.data;
    let choices = [(AblationMeasure::Divergence, "Distribution"), (AblationMeasure::Token, "Chosen token")];
    let measure = remembered(ui, "measure", |ui, measure| {
        segmented(ui, measure, &choices);
        *measure
    });
    let (heads, mlps) = match measure {
        AblationMeasure::Divergence => ("heads", "mlps"),
        AblationMeasure::Token => ("token_heads", "token_mlps"),
    };
    let Some(heads) = data.tensor(heads) else {
        let words = match shown.settings.every_part {
            true => "There are no parts to show.",
            false => "Ablating one part after another…",
        };
        return caption(ui, words);
    };
    let (layers, count) = (heads.size(0), heads.size(1));
    let mlps = data.floats(mlps);
    // MLPs come after the heads of their layer.
    let row = |layer: usize| {
        heads.at(&[layer]).iter().copied().chain([mlps.get(layer).copied().unwrap_or(f32::NAN)])
    };
    let values: Vec<f32> = (0..layers).flat_map(row).collect();
    let rows: Vec<String> = (0..layers).map(|layer| format!("layer {layer}")).collect();
    let columns: Vec<String> = (0..count).map(|head| head.to_string()).chain(["MLP".to_owned()]).collect();
    let scale = match measure {
        AblationMeasure::Divergence => Scale::magnitude(&values),
        AblationMeasure::Token => Scale::signed(&values),
    };
    let map =
        Labelled { cell: 48.0, ..Labelled::new("Ablation of each part", &rows, &columns, &values, scale) };
    let touched = map.ui(ui, shown.palette, |layer, column, value| {
        let part = if column < count { format!("head {column}") } else { "MLP".to_owned() };
        match measure {
            AblationMeasure::Divergence => format!("Layer {layer}, {part} off: KL {value:.4} bits"),
            AblationMeasure::Token => {
                format!("Layer {layer}, {part} off: {} nats for the token", format::signed(value, 4))
            }
        }
    });
    if let Some((layer, column)) = touched.clicked {
        toggle(&mut chosen.set.edits, layer, (column < count).then_some(column));
    }
    caption(ui, "One column per head, the MLP last. Press a part to ablate it, and again to restore it.");
}

/// Adds or removes the ablation of a head or MLP.
fn toggle(edits: &mut Vec<Edit>, layer: usize, head: Option<usize>) {
    let factor = 0.0;
    let edit = match head {
        Some(head) => Edit::Head { layer, head, factor },
        None => Edit::Mlp { layer, factor },
    };
    match edits.iter().position(|known| *known == edit) {
        Some(place) => {
            edits.remove(place);
        }
        None if edits.len() < MAX_EDITS => edits.push(edit),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_switched_off_and_on_again() {
        let mut edits = Vec::new();
        toggle(&mut edits, 1, Some(3));
        toggle(&mut edits, 2, None);
        assert_eq!(
            edits,
            [Edit::Head { layer: 1, head: 3, factor: 0.0 }, Edit::Mlp { layer: 2, factor: 0.0 }]
        );
        toggle(&mut edits, 1, Some(3));
        assert_eq!(edits, [Edit::Mlp { layer: 2, factor: 0.0 }]);
        for head in 0..40 {
            toggle(&mut edits, 0, Some(head));
        }
        assert_eq!(edits.len(), MAX_EDITS);
    }
}
