//! Scrubbing: the same text at every step whose weights the run has stored.

use super::{Chosen, InspectPage};
use crate::pages::prelude::*;
use crate::pages::written::{run_of, source_at};

/// Minimum seconds per step during playback.
const EACH: f64 = 1.0 / 3.0;

#[derive(Debug, Default)]
pub struct Scrub {
    playing: bool,
    /// When the step last changed, in seconds of egui's clock.
    moved: f64,
}

/// A run's stored weights, one per step, by step.
fn kept(run: &RunSummary) -> Vec<&CheckpointSummary> {
    let mut kept: Vec<&CheckpointSummary> = run.checkpoints.iter().collect();
    kept.sort_by_key(|checkpoint| checkpoint.step);
    kept.dedup_by_key(|checkpoint| checkpoint.step);
    kept
}

pub fn nearest(run: &RunSummary, step: u64) -> Option<WeightSource> {
    let nearest = kept(run).into_iter().min_by_key(|checkpoint| checkpoint.step.abs_diff(step))?;
    Some(source_at(run, nearest))
}

/// Index of weights among the stored ones, by step; the last index for weights that are not stored.
fn place_of(run: &RunSummary, kept: &[&CheckpointSummary], shown: &WeightSource) -> usize {
    let last = kept.len().saturating_sub(1);
    let WeightSource::Checkpoint { checkpoint, .. } = shown else { return last };
    let known = run.checkpoints.iter().find(|known| checkpoint.file() == Some(known.file.as_str()));
    let step = known.map(|known| known.step);
    kept.iter().position(|known| Some(known.step) == step).unwrap_or(last)
}

/// A run's first milestone, which stays unchanged while the run trains.
fn first(run: &RunSummary) -> Option<WeightSource> {
    let milestones = run.checkpoints.iter().filter(|checkpoint| !checkpoint.resumable && !checkpoint.best);
    Some(source_at(run, milestones.min_by_key(|checkpoint| checkpoint.step)?))
}

/// The weights that maps are aligned with, so that a map rotates as little as possible from step to step, and maps of two models
/// match: the run's last stored weights, or its first milestone while it trains. `None` if no other map is visible.
pub fn reference(chosen: &Chosen, state: &State) -> Option<WeightSource> {
    let beside = chosen.beside.is_some();
    let trains = state.training.state != TrainingState::Idle;
    if chosen.source == WeightSource::Current && !beside && !trains {
        return None;
    }
    let run = run_of(&chosen.source, state)?;
    let in_training = state.training.run.as_ref().filter(|_| trains);
    let fixed = match in_training {
        Some(training) if training.name == run.name => first(run),
        _ => kept(run).last().map(|last| source_at(run, last)),
    }?;
    (beside || fixed != chosen.source).then_some(fixed)
}

impl InspectPage {
    /// A slider over the steps with stored weights, and a playback button.
    pub(super) fn scrub_ui(&mut self, ui: &mut Ui, context: &Context<'_>, open: &[View]) {
        let Some(run) = run_of(&self.chosen.source, context.state) else { return };
        let kept = kept(run);
        let last = kept.len().saturating_sub(1);
        if last == 0 {
            let words = match kept.is_empty() {
                true => "The run has no saved weights yet: milestones save some.",
                false => "The run saved weights at only one step: milestones save more.",
            };
            return caption(ui, words);
        }
        let mut place = place_of(run, &kept, &self.chosen.source);
        let now = ui.input(|input| input.time);
        ui.horizontal_wrapped(|ui| {
            let (icon, name) = match self.scrub.playing {
                true => (icons::ICON_PAUSE, "Stop playing the run's steps"),
                false => (icons::ICON_PLAY_ARROW, "Go through the run"),
            };
            if icon_button(ui, true, icon, name) {
                self.scrub.playing = !self.scrub.playing;
                self.scrub.moved = now;
                if self.scrub.playing && place == last {
                    place = 0;
                }
            }
            let room = ui.available_width();
            ui.spacing_mut().slider_width = (room - 130.0).clamp(90.0, 420.0);
            let bar = slider(ui, Slider::new(&mut place, 0..=last).show_value(false));
            let bar = bar.accessible_name("Step of the run");
            self.scrub.playing &= !bar.changed();
            let step = kept.get(place).map_or(0, |checkpoint| checkpoint.step);
            ui.label(format!("step {}", format::whole(step)));
        });
        if self.scrub.playing && self.asking.has_drawn(0, &self.chosen.source, open) {
            let left = EACH - (now - self.scrub.moved);
            if left > 0.0 {
                ui.ctx().request_repaint_after_secs(left as f32);
            } else if place < last {
                place += 1;
                self.scrub.moved = now;
            } else {
                self.scrub.playing = false;
            }
        }
        if place != place_of(run, &kept, &self.chosen.source)
            && let Some(checkpoint) = kept.get(place)
        {
            self.chosen.source = source_at(run, checkpoint);
        }
        if open.is_empty() && self.scrub.playing {
            quiet_text(ui, "Open a part below to see it change.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunSummary {
        let checkpoint =
            |file: &str, step| CheckpointSummary { file: file.to_owned(), step, ..Default::default() };
        let checkpoints =
            vec![checkpoint("c", 300), checkpoint("b", 200), checkpoint("a", 0), checkpoint("best", 200)];
        RunSummary { name: "example".to_owned(), checkpoints, ..RunSummary::default() }
    }

    #[test]
    fn the_first_milestone_stays_what_it_is() {
        let mut run = run();
        assert_eq!(first(&run), Some(source_at(&run, &run.checkpoints[2])), "step 0");
        run.checkpoints.retain(|checkpoint| checkpoint.best);
        assert_eq!(first(&run), None, "the best moves on");
    }

    #[test]
    fn steps_are_in_order_and_each_stands_once() {
        let run = run();
        let kept = kept(&run);
        let steps: Vec<u64> = kept.iter().map(|checkpoint| checkpoint.step).collect();
        assert_eq!(steps, [0, 200, 300]);
        assert_eq!(place_of(&run, &kept, &source_at(&run, kept[0])), 0);
        assert_eq!(place_of(&run, &kept, &WeightSource::Current), 2);
        assert_eq!(
            place_of(&run, &kept, &source_at(&run, &run.checkpoints[3])),
            1,
            "the same step under another name"
        );
        assert_eq!(nearest(&run, 90), Some(source_at(&run, kept[0])));
        assert_eq!(nearest(&run, 130), Some(source_at(&run, kept[1])));
    }
}
