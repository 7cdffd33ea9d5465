//! Byte-pair encoding merge by merge: from single bytes to the tokens of a text, in the order in which merges were learned.

use super::*;
use egui::{Align, TextWrapMode};

/// The pieces after some merges, and the indices of those that the last merge created.
pub fn joined(pieces: &[String], steps: &[MergeStep]) -> (Vec<String>, Vec<usize>) {
    let mut pieces = pieces.to_vec();
    let mut made = Vec::new();
    for step in steps {
        let mut places: Vec<usize> =
            step.at.iter().copied().filter(|place| place + 1 < pieces.len()).collect();
        places.sort_unstable();
        places.dedup();
        // From the end, so that earlier indices stay valid.
        for place in places.iter().rev() {
            if place + 1 < pieces.len() {
                pieces.remove(place + 1);
                pieces[*place].clone_from(&step.whole);
            }
        }
        // Each earlier join moves an index back by one.
        made = places.iter().enumerate().map(|(before, place)| place.saturating_sub(before)).collect();
    }
    (pieces, made)
}

/// The last applied merge in words, always on one line.
fn merge_ui(ui: &mut Ui, palette: &Palette, step: Option<&MergeStep>) {
    let small = TextFormat::simple(theme::caption().resolve(ui.style()), palette.quiet);
    let code = TextFormat::simple(FontId::monospace(13.0), palette.accent);
    let mut job = LayoutJob::default();
    match step {
        None => {
            job.append("Before any merge: one piece per byte. Move the slider to merge them.", 0.0, small);
        }
        Some(step) => {
            let (left, right) = (visible(&step.left), visible(&step.right));
            let both = visible(&step.whole);
            job.append(&format!("Merge {}:", format::whole(step.rank as u64 + 1)), 0.0, small.clone());
            for (text, format) in
                [(&left, &code), (&"+".to_owned(), &small), (&right, &code), (&"→".to_owned(), &small)]
            {
                job.append(text, 6.0, format.clone());
            }
            job.append(&both, 6.0, code);
        }
    }
    let size = vec2(ui.available_width(), 20.0);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(size.y);
        ui.add(Label::new(job).wrap_mode(TextWrapMode::Truncate));
    });
}

impl TokenizerPage {
    pub(super) fn replay_ui(&mut self, ui: &mut Ui, context: &Context<'_>) {
        if !context.state.tokenizer.summary.as_ref().is_some_and(|summary| summary.merges) {
            return;
        }
        card(ui, |ui| {
            head(ui, "How the tokens were built");
            let known = self.tokens.known(context.state);
            let Some((pieces, steps)) = known.and_then(|known| known.merges.as_ref()) else {
                return caption(ui, "Replaying…");
            };
            let last = steps.len();
            let mut step = self.step.unwrap_or(last).min(last);
            ui.horizontal(|ui| {
                if icon_button(ui, step > 0, icons::ICON_CHEVRON_LEFT, "One merge back") {
                    step -= 1;
                }
                ui.spacing_mut().slider_width = (ui.available_width() - 130.0).clamp(80.0, 460.0);
                let slider = Slider::new(&mut step, 0..=last.max(1)).show_value(false);
                ui.add_enabled_ui(last > 0, |ui| {
                    widgets::slider(ui, slider).accessible_name("Merges applied")
                });
                step = step.min(last);
                if icon_button(ui, step < last, icons::ICON_CHEVRON_RIGHT, "One merge on") {
                    step += 1;
                }
                ui.label(format!("{step} of {last}"));
            });
            self.step = (step < last).then_some(step);
            let applied = steps.get(..step).unwrap_or_default();
            merge_ui(ui, context.palette, applied.last());
            let (now, made) = joined(pieces, applied);
            let chip = |(place, piece): (usize, &String)| Chip {
                hover: format!("piece {}", visible(piece)),
                ..Chip::of(place, piece, made.contains(&place))
            };
            let chips: Vec<Chip> = now.iter().enumerate().map(chip).collect();
            chips_ui(ui, context.palette, "pieces", &chips);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(rank: usize, left: &str, right: &str, at: &[usize]) -> MergeStep {
        let whole = format!("{left}{right}");
        MergeStep { rank, left: left.to_owned(), right: right.to_owned(), whole, at: at.to_vec() }
    }

    #[test]
    fn pieces_join_step_by_step_at_every_place_of_a_merge() {
        let pieces: Vec<String> = "the the".chars().map(String::from).collect();
        let steps = [step(0, "t", "h", &[0, 4]), step(1, "th", "e", &[0, 3]), step(2, " ", "the", &[1])];
        assert_eq!(joined(&pieces, &[]), (pieces.clone(), vec![]));
        let (now, made) = joined(&pieces, &steps[..1]);
        assert_eq!((now.join("|").as_str(), made), ("th|e| |th|e", vec![0, 3]));
        let (now, made) = joined(&pieces, &steps[..2]);
        assert_eq!((now.join("|").as_str(), made), ("the| |the", vec![0, 2]));
        let (now, made) = joined(&pieces, &steps);
        assert_eq!((now.join("|").as_str(), made), ("the| the", vec![1]));
    }

    #[test]
    fn a_merge_beyond_the_end_changes_nothing() {
        let pieces = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(joined(&pieces, &[step(0, "b", "c", &[1])]), (pieces, vec![]));
    }
}
