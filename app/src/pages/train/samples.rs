//! Samples during training, always from the same prompt, so that progress is visible.

use crate::pages::prelude::*;
use crate::state::Sample;

/// Minimum height of a sample in points, so that longer ones do not move the page.
const ROOM: f32 = 124.0;
const EARLIER: usize = 8;

pub fn samples_ui(ui: &mut Ui, context: &Context<'_>, training: &Training, chosen: &mut Option<u64>) {
    card(ui, |ui| {
        let Some(newest) = training.samples.last() else {
            return quiet_text(ui, empty_line(context, training));
        };
        if chosen.is_some_and(|step| step == newest.step) {
            *chosen = None;
        }
        let shown = training.samples.iter().find(|sample| Some(sample.step) == *chosen);
        let lives = training.state != TrainingState::Idle;
        ui.horizontal(|ui| {
            let title = match (shown, lives) {
                (Some(sample), _) => format!("Sample at step {}", format::whole(sample.step)),
                (None, true) => "Current sample".to_owned(),
                (None, false) => "Last sample".to_owned(),
            };
            ui.label(RichText::new(title).text_style(theme::strong()));
            let step = shown.unwrap_or(newest).step;
            if shown.is_none() {
                let caption = RichText::new(format!("step {}", format::whole(step)));
                ui.label(caption.text_style(theme::caption()).color(context.palette.quiet));
            }
        });
        text_ui(ui, shown.unwrap_or(newest));
        if training.samples.len() > 1 {
            earlier_ui(ui, &training.samples, chosen);
        }
    });
}

/// The samples before the first step and of the latest weights, side by side; of a run that has ended, of the best checkpoint, which the
/// other pages use, if it was sampled.
pub fn before_and_after_ui(ui: &mut Ui, training: &Training) {
    let ended = training.run.as_ref().filter(|_| training.state == TrainingState::Idle);
    let is_best = |sample: &&Sample| ended.is_some_and(|run| run.best_step == Some(sample.step));
    let last = training.samples.iter().rev().find(is_best).or(training.samples.last());
    let (Some(first), Some(last)) = (training.samples.first(), last) else { return };
    let of = |ui: &mut Ui, name: &str, sample: &Sample| {
        card(ui, |ui| {
            let title = format!("{name}, step {}", format::whole(sample.step));
            ui.label(RichText::new(title).text_style(theme::strong()));
            text_ui(ui, sample);
        });
    };
    if first.step == last.step {
        of(ui, "Before", first);
    } else {
        halves(ui, space::LARGE, |ui, column| match column {
            0 => of(ui, "Before", first),
            _ => of(ui, "After", last),
        });
    }
}

/// Both samples of a run that has ended, with its model and time, as a picture to save.
pub fn picture_ui(ui: &mut Ui, context: &mut Context<'_>, training: &Training) {
    let Some(run) = training.run.as_ref().filter(|_| training.samples.len() > 1) else { return };
    if training.state != TrainingState::Idle {
        return;
    }
    let mut saves = false;
    ui.horizontal(|ui| {
        section(ui, "Before and after");
        saves = widgets::icon_button(ui, icons::ICON_IMAGE, "Save as a picture").clicked();
    });
    let (_, shown) = card_with(ui, context.palette.ground, |ui| {
        before_and_after_ui(ui, training);
        let parts = [
            run.shape.clone(),
            format!("{} parameters", format::count(run.parameters)),
            format!("{} on {}", format::duration(run.seconds), format::short_device(&run.device)),
            "trained with Glasshouse".to_owned(),
        ];
        caption(ui, parts.join(" · "));
    });
    if saves {
        context.asks.picture(ui, shown.rect, &run.name);
    }
}

fn text_ui(ui: &mut Ui, sample: &Sample) {
    ui.scope(|ui| {
        ui.set_min_height(ROOM);
        ui.set_max_width(ui.available_width().min(theme::PROSE * 1.45));
        ui.spacing_mut().extra_text_line_spacing = 4.0;
        let text = RichText::new(sample.text.trim()).text_style(theme::emphasis());
        ui.add(Label::new(text).wrap().selectable(true));
    });
}

/// Steps of earlier samples, newest first; always including the first of all, to show the progress.
fn earlier_ui(ui: &mut Ui, samples: &[Sample], chosen: &mut Option<u64>) {
    let newest = samples.len() - 1;
    let every = newest.div_ceil(EARLIER).max(1);
    let mut places: Vec<usize> = (0..newest).rev().step_by(every).collect();
    if places.last().is_some_and(|place| *place != 0) {
        places.push(0);
    }
    ui.add_space(space::TIGHT);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        if tab(ui, chosen.is_none(), "newest").clicked() {
            *chosen = None;
        }
        for place in places {
            let step = samples[place].step;
            if tab(ui, *chosen == Some(step), &format!("step {}", format::whole(step))).clicked() {
                *chosen = Some(step);
            }
        }
    });
}

fn empty_line(context: &Context<'_>, training: &Training) -> String {
    let lives = training.state != TrainingState::Idle;
    match context.draft.train.sample_interval {
        0 => "No samples: “Sample every” in the settings is 0.".to_owned(),
        _ if lives => {
            "The model's samples appear here within seconds, and regularly during training.".to_owned()
        }
        _ => "This run has no samples.".to_owned(),
    }
}
