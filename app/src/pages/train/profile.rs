//! Profile of a step: time by part of the model, and launch overhead.

use crate::pages::prelude::*;

/// Number of listed parts; the rest is summed up.
const LISTED: usize = 12;

pub fn fold_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let profile = context.state.training.profile.clone();
    let note = profile
        .as_ref()
        .map_or_else(String::new, |(_, step, ..)| format!("{} per step", format::milliseconds(*step)));
    let lives = matches!(context.state.training.state, TrainingState::Running | TrainingState::Paused);
    let waits = context.state.is_waiting(|command| matches!(command, Command::Steer(Steer::Profile)));
    let (outbox, palette) = (&mut *context.outbox, context.palette);
    let head = ("Where the time goes", note.as_str());
    fold(ui, context.preferences, "train:profile", head, false, |ui, _| {
        match &profile {
            Some((entries, step_ms, launch_overhead_ms, method)) => {
                summary_ui(ui, *step_ms, *launch_overhead_ms, *method);
                ui.add_space(space::SMALL);
                bars_ui(ui, palette, &by_scope(entries));
            }
            None if lives => quiet_text(ui, "Times one step part by part. The run then continues."),
            None => quiet_text(ui, "During training, a step can be timed part by part."),
        }
        let words = if waits { "Measuring" } else { "Measure a step" };
        if lives && pressed(ui, !waits, |ui| plain(ui, icons::ICON_TIMER, words)) {
            outbox.send(Steer::Profile);
        }
    });
}

fn summary_ui(ui: &mut Ui, step_ms: f64, launch_overhead_ms: f64, method: ProfileMethod) {
    let share = (launch_overhead_ms / step_ms.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    let how = match method {
        ProfileMethod::Timestamps => "measured by the device's own clock",
        ProfileMethod::Worker => "on several workers; these are the times of one, for its part of a batch",
        ProfileMethod::Clock => "measured by the CPU's clock",
    };
    let overhead = if launch_overhead_ms > 0.0 {
        let (ms, share) = (format::milliseconds(launch_overhead_ms), format::percent(share));
        format!("Of these, {ms} ({share}) are launch overhead")
    } else if method == ProfileMethod::Timestamps {
        "The step is too long to time its launch overhead".to_owned()
    } else {
        "The CPU has no launch overhead".to_owned()
    };
    quiet_text(ui, format!("{} per step. {overhead}, {how}.", format::milliseconds(step_ms)));
}

/// Entries summed by part of the model, slowest first.
fn by_scope(entries: &[ProfileEntry]) -> Vec<(String, f64, usize)> {
    let mut parts: Vec<(String, f64, usize)> = Vec::new();
    for entry in entries {
        match parts.iter_mut().find(|(scope, ..)| *scope == entry.scope) {
            Some((_, ms, count)) => {
                *ms += entry.ms;
                *count += entry.count;
            }
            None => parts.push((entry.scope.clone(), entry.ms, entry.count)),
        }
    }
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let rest: Vec<_> = parts.split_off(parts.len().min(LISTED));
    if !rest.is_empty() {
        let name = format!("{} other parts", rest.len());
        parts.push((name, rest.iter().map(|part| part.1).sum(), rest.iter().map(|part| part.2).sum()));
    }
    parts
}

fn bars_ui(ui: &mut Ui, palette: &theme::Palette, parts: &[(String, f64, usize)]) {
    let sum: f64 = parts.iter().map(|part| part.1).sum();
    let bar = |(scope, ms, count): &(String, f64, usize)| {
        let share = format::percent(ms / sum.max(f64::MIN_POSITIVE));
        let written = format!("{} ({share})", format::milliseconds(*ms));
        let hover = format!("{written}, {count} launches");
        let colour = theme::mix(palette.panel, palette.accent, 0.8);
        Ranked::bar(scope.clone(), *ms, colour, written, hover)
    };
    bar_rows(ui, &parts.iter().map(bar).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_summed_by_scope_and_the_rest_is_one_line() {
        let entry = |scope: String, ms| ProfileEntry { scope, kernel: "k".to_owned(), count: 2, ms };
        let mut entries: Vec<ProfileEntry> =
            (0..20).map(|place| entry(format!("blocks.{place}"), f64::from(place))).collect();
        entries.push(entry("blocks.3".to_owned(), 100.0));
        let parts = by_scope(&entries);
        assert_eq!(parts.len(), LISTED + 1);
        assert_eq!(parts[0], ("blocks.3".to_owned(), 103.0, 4));
        assert_eq!(parts[LISTED].0, "8 other parts");
        let sum: f64 = parts.iter().map(|part| part.1).sum();
        assert!((sum - 290.0).abs() < 1e-9);
    }
}
