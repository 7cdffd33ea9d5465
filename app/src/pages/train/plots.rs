//! The curves: loss, learning rate, gradient norm and speed, by steps or by time.

use super::*;
use crate::state::StepPoint;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Loss,
    Accuracy,
    LearningRate,
    GradientNorm,
    Speed,
}

impl Tab {
    /// Each tab with its title, and a shorter one for narrow windows.
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Loss, "Loss", "Loss"),
        (Self::Accuracy, "Accuracy", "Right"),
        (Self::LearningRate, "Learning rate", "Rate"),
        (Self::GradientNorm, "Gradient norm", "Gradient"),
        (Self::Speed, "Tokens/s", "Speed"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(tab, ..)| *tab == self).map_or("", |(_, name, _)| name)
    }

    /// Formats its values.
    pub fn write(self) -> fn(f64) -> String {
        match self {
            Self::Loss => |value| format::loss(value as f32),
            Self::Accuracy => format::percent,
            Self::LearningRate => format::scientific,
            Self::GradientNorm => |value| format!("{value:.2}"),
            Self::Speed => format::quantity,
        }
    }
}

/// Number of points up to which the curve of the loss begins at that of guessing.
const EARLY: usize = 60;
const GUESSING: &str = "from guessing (ln V)";

#[derive(Debug)]
pub struct Plots {
    tab: Tab,
    axis: Axis,
    log: bool,
    smooth: f64,
}

impl Default for Plots {
    fn default() -> Self {
        Self { tab: Tab::Loss, axis: Axis::Steps, log: false, smooth: 0.9 }
    }
}

impl Plots {
    /// The curves of a tab by steps, for a lesson.
    pub fn lesson_curves(context: &Context<'_>, tab: Tab, training: &Training) -> Vec<Curve> {
        let smooth = if tab == Tab::Loss { 0.8 } else { 0.0 };
        Self { tab, smooth, ..Self::default() }.curves(context, training, &StepClock::default())
    }

    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, training: &Training) {
        let clock = clock(context, training);
        let curves = self.curves(context, training, &clock);
        let place = |step: u64| clock.place(self.axis, step as f64);
        let marks = guard::marks(context.palette, None, training.guard.iter(), place);
        // From this width on, tabs and scales share a line.
        let narrow = ui.available_width() < 720.0;
        let slim = ui.available_width() < 400.0;
        let run = training.run.as_ref().map_or("", |run| run.name.as_str());
        let (saves, card) = card_with(ui, context.palette.panel, |ui| {
            let mut saves = false;
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::TIGHT;
                let has_accuracy = !training.accuracies.is_empty();
                if !has_accuracy && self.tab == Tab::Accuracy {
                    self.tab = Tab::Loss;
                }
                for (tab, name, short) in Tab::ALL {
                    if tab == Tab::Accuracy && !has_accuracy {
                        continue;
                    }
                    let words = if slim { short } else { name };
                    if widgets::tab(ui, self.tab == tab, words).clicked() {
                        self.tab = tab;
                    }
                }
                ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                    saves = self.more_ui(ui, narrow);
                    if !narrow {
                        self.scale_ui(ui);
                    }
                });
            });
            let id = format!("{run} {} {:?}", self.tab.name(), self.axis);
            // The curves grow with the window.
            let tall = ui.ctx().content_rect().height();
            let plot = CurvePlot {
                id: &id,
                axis: self.axis,
                height: if is_narrow(ui) { 220.0 } else { (tall * 0.36).clamp(240.0, 560.0) },
                log: self.log,
                write: self.tab.write(),
            };
            plot.ui(ui, &curves, &marks);
            saves
        });
        if saves {
            context.asks.picture(ui, card.rect, &format!("{run} {}", self.tab.name()));
        }
    }

    fn scale_ui(&mut self, ui: &mut Ui) {
        segmented(ui, &mut self.axis, &[(Axis::Steps, "Steps"), (Axis::Time, "Time")]);
        ui.add_space(space::SMALL);
        ui.checkbox(&mut self.log, "Log");
        ui.add_space(space::SMALL);
        let means = format!("Running mean, weight {:.2}", self.smooth);
        let slider = Slider::new(&mut self.smooth, 0.0..=0.99).show_value(false);
        ui.scope(|ui| {
            ui.spacing_mut().slider_width = 88.0;
            let response = widgets::slider(ui, slider).on_hover_text(means);
            let quiet = theme::Palette::of(ui).quiet;
            let label = ui.label(RichText::new("Smooth").color(quiet));
            response.labelled_by(label.id);
        });
    }

    /// The menu: saving, and on narrow pages the scales. Returns whether a picture is to be saved.
    fn more_ui(&mut self, ui: &mut Ui, narrow: bool) -> bool {
        let button = widgets::icon_button(ui, icons::ICON_MORE_VERT, "More about these curves");
        let menu = Popup::menu(&button).width(240.0).show(|ui| {
            if narrow {
                self.scale_ui(ui);
                ui.separator();
            }
            widgets::quiet(ui, icons::ICON_IMAGE, "Save as PNG").clicked()
        });
        menu.is_some_and(|menu| menu.inner)
    }

    fn curves(&self, context: &Context<'_>, training: &Training, clock: &StepClock) -> Vec<Curve> {
        let palette = context.palette;
        let place = |step: u64| clock.place(self.axis, step as f64);
        if self.tab == Tab::Accuracy {
            return accuracy_curves(training, palette, place);
        }
        let factor = match self.tab {
            Tab::Loss => format::loss_factor(training.run.as_ref().and_then(|run| run.bytes_per_token)),
            _ => 1.0,
        };
        let points: Vec<[f64; 2]> =
            training.points.iter().map(|point| [place(point.step), factor * self.value(point)]).collect();
        let evaluations: Vec<[f64; 2]> = training
            .evaluations
            .iter()
            .map(|point| [place(point.step), factor * f64::from(point.val_loss)])
            .collect();
        let mut curves = Vec::new();
        let [first, second, ..] = palette.series;
        let title = if self.tab == Tab::Loss { "training" } else { self.tab.name() };
        if self.tab == Tab::Loss
            && let Some(first) = points.iter().find(|[_, loss]| loss.is_finite())
            && points.len() < EARLY
            && let Some(loss) = guessing(context, training)
        {
            // A first fall, before two steps make a curve.
            let points = vec![[place(0), factor * loss], *first];
            curves.push(Curve { width: 1.5, dashed: true, ..Curve::new(GUESSING, palette.quiet, points) });
        }
        let even = self.tab == Tab::LearningRate || self.smooth <= 0.0;
        if !even {
            let faint = theme::mix(palette.panel, first, 0.38);
            curves.push(Curve { width: 1.0, ..Curve::new("", faint, points.clone()) });
        }
        let main = if even { points } else { smoothed(&points, self.weight(points.len())) };
        curves.push(Curve::new(title, first, main));
        if self.tab == Tab::Loss {
            let marks = evaluations.len() <= 64;
            curves.push(Curve { marks, ..Curve::new("validation", second, evaluations) });
        }
        curves
    }

    /// The moving average's weight for a number of points, reduced for short curves so that they do not lag behind.
    fn weight(&self, points: usize) -> f64 {
        self.smooth.min(1.0 - 1.0 / (1.0 + points as f64 / 40.0))
    }

    fn value(&self, point: &StepPoint) -> f64 {
        match self.tab {
            Tab::Loss | Tab::Accuracy => f64::from(point.loss),
            Tab::LearningRate => point.lr,
            Tab::GradientNorm => f64::from(point.grad_norm),
            Tab::Speed => point.tokens_per_s,
        }
    }
}

/// The loss of a uniform guess, ln V, with which a run from random weights begins; `None` for others, or before its settings are
/// known.
fn guessing(context: &Context<'_>, training: &Training) -> Option<f64> {
    let run = training.run.as_ref().filter(|run| run.start.is_none() && !run.scores())?;
    let model = &context.state.runs.histories.get(&run.name)?.config.model;
    let choices = if run.writes() { model.vocabulary } else { run.labels.len() };
    (choices > 1 && run.state != RunState::Imported).then(|| (choices as f64).ln())
}

fn clock(context: &Context<'_>, training: &Training) -> StepClock {
    let tokens = training.run.as_ref().map(|run| controls::tokens_per_step(context, run));
    let speeds = training.points.iter().map(|point| (point.step, point.tokens_per_s));
    StepClock::of(speeds, tokens.unwrap_or(1))
}

/// The step and validation loss of an evaluation.
pub fn evaluation(event: &TrainEvent) -> Option<[f64; 2]> {
    let TrainEvent::Eval { step, val_loss, .. } = event else { return None };
    Some([*step as f64, f64::from(*val_loss)])
}

/// Fractions right of the training and the held-out rows.
fn accuracy_curves(training: &Training, palette: &Palette, place: impl Fn(u64) -> f64) -> Vec<Curve> {
    let of = |split: usize| {
        let points = training.accuracies.iter().map(|(step, right)| [place(*step), f64::from(right[split])]);
        points.collect()
    };
    let [first, second, ..] = palette.series;
    vec![Curve::new("training rows", first, of(0)), Curve::new("held-out rows", second, of(1))]
}

/// The times of a past run's steps.
pub fn history_clock(history: &History) -> StepClock {
    let points = history.events.iter().filter_map(StepPoint::of).filter(|point| !point.lr.is_nan());
    StepClock::of(points.map(|point| (point.step, point.tokens_per_s)), history.config.tokens_per_step())
}

/// Points of a past run, placed on an axis by its own clock.
pub fn history_points(
    history: &History,
    axis: Axis,
    point: impl Fn(&TrainEvent) -> Option<[f64; 2]>,
) -> Vec<[f64; 2]> {
    let clock = history_clock(history);
    let placed = |[step, value]: [f64; 2]| [clock.place(axis, step), value];
    history.events.iter().filter_map(point).map(placed).collect()
}
