//! A card per run: the number that is comparable across tokenizers, the other metrics, and notes for the reader.

use super::compare::{evaluated, is_apart};
use super::*;
use crate::pages::parts::metric_line_ui as line_ui;
use glasshouse_protocol::evaluation::AuditTopic;

const MIN_CARD_WIDTH: f32 = 250.0;

pub fn cards_ui(ui: &mut Ui, context: &mut Context<'_>, results: &Results, shown: &[&RunSummary]) {
    let audits = &context.state.evaluation.audits;
    let compared = evaluated(&results.evaluations, shown);
    let all: Vec<Vec<Line>> = shown
        .iter()
        .map(|run| {
            let evaluation = results.evaluations.get(&run.name);
            // A loss over a few tokens does not go beside one over another text.
            let evaluation = evaluation.filter(|own| !is_apart(&compared, own));
            lines(evaluation, audits.get(&run.name))
        })
        .collect();
    let ranges = ranges(&all);
    let columns = columns_fit(ui.available_width(), MIN_CARD_WIDTH, space::MEDIUM, shown.len());
    let with_lines: Vec<(&RunSummary, &Vec<Line>)> = shown.iter().copied().zip(&all).collect();
    grid_ui(ui, columns, space::MEDIUM, &with_lines, |ui, (run, lines)| {
        let own = results.evaluations.get(&run.name);
        let of = (*run, &lines[..], own.map(|own| (own, is_apart(&compared, own))));
        ui.push_id(&run.name, |ui| card(ui, |ui| card_ui(ui, context, of, &ranges)));
    });
}

fn lines(evaluation: Option<&Evaluation>, audit: Option<&Audit>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |metric: &Metric| lines.push((metric_title(&metric.name), metric.clone()));
    let likelihood = evaluation.and_then(|evaluation| evaluation.likelihood.as_ref());
    if let Some(likelihood) = likelihood {
        let first = LossUnit::leading(&likelihood.metrics).map(|(unit, _)| unit.metric());
        likelihood.all_metrics().filter(|metric| Some(metric.name.as_str()) != first).for_each(&mut add);
    }
    for task in evaluation.map_or(&[][..], |evaluation| &evaluation.tasks) {
        let name = |metric: &Metric| format!("{}: {}", task.name, metric_title(&metric.name));
        lines.extend(task.metrics.first().map(|metric| (name(metric), metric.clone())));
    }
    for section in audit.map_or(&[][..], |audit| &audit.sections) {
        if section.name == AuditTopic::Memorisation {
            let first = section.metrics.first();
            lines.extend(first.map(|metric| (metric_title(&metric.name), metric.clone())));
        }
    }
    lines
}

fn card_ui(
    ui: &mut Ui,
    context: &mut Context<'_>,
    (run, lines, evaluation): (&RunSummary, &[Line], Option<(&Evaluation, bool)>),
    ranges: &BTreeMap<String, [f64; 2]>,
) {
    let palette = context.palette;
    let (colour, _) = run_colour(palette, &run.name);
    ui.horizontal(|ui| {
        let (mark, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
        ui.painter().circle_filled(mark.center(), 5.0, colour);
        ui.add(Label::new(RichText::new(called(run)).text_style(theme::strong())).truncate());
    });
    let lines = |ui: &mut Ui| lines_ui(ui, lines, ranges, colour);
    let Some((evaluation, is_apart)) = evaluation else {
        caption(ui, format!("{} · not evaluated yet: press Evaluate", run.shape));
        return lines(ui);
    };
    let step = format::whole(evaluation.step);
    let made = date(evaluation.made);
    caption(ui, format!("step {step} · {made} · {}", format::short_device(&evaluation.device)));
    if let Some(later) = later(context, run, evaluation) {
        caption(ui, later);
    }
    if is_apart {
        let tokens = evaluation.likelihood.as_ref().map_or(0, |likelihood| likelihood.tokens);
        let tokens = format::counted(tokens, "token");
        quiet_text(
            ui,
            format!("Evaluated on {tokens} of another text: choose only this run for its numbers."),
        );
        return lines(ui);
    }
    let (width, gap) = (ui.available_width(), space::SECTION);
    if width < 2.0 * MIN_CARD_WIDTH + gap {
        first_ui(ui, palette, evaluation);
        ui.add_space(space::TIGHT);
        return lines(ui);
    }
    columns_ui(ui, gap, &[MIN_CARD_WIDTH, width - MIN_CARD_WIDTH - gap], |ui, place| match place {
        0 => first_ui(ui, palette, evaluation),
        _ => lines(ui),
    });
}

fn first_ui(ui: &mut Ui, palette: &Palette, evaluation: &Evaluation) {
    let likelihood = evaluation.likelihood.as_ref();
    let leading = likelihood.and_then(|likelihood| LossUnit::leading(&likelihood.metrics));
    let Some((unit, first)) = leading else { return };
    let number = RichText::new(first.text()).text_style(theme::number());
    ui.label(number).on_hover_text(first.exactly());
    let between = first.between();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        term(ui, unit.name(), Some(palette.quiet));
        if let Some(between) = between {
            ui.label(RichText::new(format!(", {between}")).color(palette.quiet));
        }
    });
    if let Some(from) = likelihood.and_then(|likelihood| likelihood.kept_from) {
        caption(ui, format!("Kept from an evaluation of {}.", date(from)));
    }
}

/// Lines in as many columns as fit.
fn lines_ui(ui: &mut Ui, lines: &[Line], ranges: &BTreeMap<String, [f64; 2]>, colour: Color32) {
    let gap = space::SECTION;
    let (columns, width) = columns_fit(ui.available_width(), MIN_CARD_WIDTH, gap, 3);
    if columns == 1 {
        return lines.iter().for_each(|line| line_ui(ui, line, ranges, colour));
    }
    let parts: Vec<&[Line]> = lines.chunks(lines.len().div_ceil(columns).max(1)).collect();
    grid_ui(ui, (columns, width), gap, &parts, |ui, part| {
        part.iter().for_each(|line| line_ui(ui, line, ranges, colour));
    });
}

pub fn metric_of<'a>(metrics: &'a [Metric], name: &str) -> Option<&'a Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

/// A note that the run has been trained further since.
fn later(context: &Context<'_>, run: &RunSummary, evaluation: &Evaluation) -> Option<String> {
    let step = match checkpoint_of(run).filter(|_| !is_in_training(context.state, run)) {
        Some(checkpoint) => checkpoint.step,
        None => context.state.training.step(),
    };
    let step = Some(step).filter(|step| *step > evaluation.step)?;
    Some(format!("The run has trained on to step {} since: evaluate it again.", format::whole(step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::evaluation::{AuditSection, Calibration};

    #[test]
    fn a_card_has_what_was_measured_in_order_and_one_range_for_all_runs() {
        let metric = |name: &str, value: f64| Metric {
            name: name.to_owned(),
            value: Some(value),
            interval: Some([value - 1.0, value + 1.0]),
            ..Metric::default()
        };
        let calibration = Some(Calibration { ece: metric("ece", 0.03), ..Calibration::default() });
        let metrics = vec![metric("perplexity", 9.0), metric("bits_per_byte", 1.0)];
        let task = TaskReport {
            name: "qa.jsonl".to_owned(),
            metrics: vec![metric("exact_match", 0.5), metric("f1", 0.6)],
            ..TaskReport::default()
        };
        let evaluation = Evaluation {
            likelihood: Some(Likelihood { metrics, calibration, ..Likelihood::default() }),
            tasks: vec![task],
            ..Evaluation::default()
        };
        let section = AuditSection {
            name: AuditTopic::Memorisation,
            metrics: vec![metric("memorised", 0.01)],
            ..AuditSection::default()
        };
        let audit = Audit { sections: vec![AuditSection::default(), section], ..Audit::default() };
        let first = lines(Some(&evaluation), Some(&audit));
        let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Perplexity", "Expected calibration error", "qa.jsonl: Exact match", "Memorised"]);
        let second = vec![("Perplexity".to_owned(), metric("perplexity", 12.0))];
        let ranges = ranges(&[first, second]);
        let error = ranges["Expected calibration error"];
        assert_eq!((ranges["Perplexity"], error), ([0.0, 13.0], [-0.97, 1.03]));
        assert!(lines(None, None).is_empty());
    }
}
