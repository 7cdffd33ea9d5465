//! Settings of an objective in addition to its data: the preference loss, the source of rewards, noise, or the teacher.

use super::settings::follow_rate;
use super::{named, text};
use crate::pages::Context;
use crate::pages::parts::{called, caption, number};
use crate::state::Runs;
use crate::widgets::{choice, field};
use egui::{ComboBox, TextEdit, Ui};
use glasshouse_protocol::config::{PreferenceLoss, PreferenceSettings, RewardRule, RewardSettings};
use glasshouse_protocol::{ErrorReport, Objective, RunConfig};

pub(super) fn judge_ui(ui: &mut Ui, draft: &mut RunConfig, runs: &Runs, refused: Option<&ErrorReport>) {
    match draft.train.objective {
        Objective::Chat => {
            let alpha = &mut draft.train.chat.neftune_alpha;
            number(ui, ("NEFTune noise (α)", "train.chat.neftune_alpha"), alpha, 0.0..=100.0, refused);
        }
        Objective::Preference => loss_ui(ui, draft, refused),
        Objective::Reward => reward_ui(ui, &mut draft.train.reward, runs, refused),
        Objective::Text | Objective::Classify | Objective::Distil => {}
    }
}

/// Sets the draft's loss over pairs or single answers.
pub(in crate::pages) fn learn_by(draft: &mut RunConfig, loss: PreferenceLoss) {
    if loss != draft.train.preference.loss {
        let before = draft.tuning_rate();
        // Score centring, margin and thumb weights belong to one loss each.
        let beta = draft.train.preference.beta;
        draft.train.preference = PreferenceSettings { loss, beta, ..PreferenceSettings::default() };
        follow_rate(draft, before);
    }
}

/// The loss over pairs, and its settings.
fn loss_ui(ui: &mut Ui, draft: &mut RunConfig, refused: Option<&ErrorReport>) {
    let mut chosen = draft.train.preference.loss;
    let losses = PreferenceLoss::ALL.map(|loss| (loss, text::loss(loss).0));
    choice(ui, "Preference loss", &mut chosen, None, &losses);
    learn_by(draft, chosen);
    caption(ui, text::loss(chosen).1);
    let settings = &mut draft.train.preference;
    if chosen != PreferenceLoss::BradleyTerry {
        number(ui, ("β", "train.preference.beta"), &mut settings.beta, 0.0..=100.0, refused);
    }
    if chosen.judges_answers() {
        let weights = [
            ("Weight of good replies", "train.preference.desirable_weight", &mut settings.desirable_weight),
            (
                "Weight of bad replies",
                "train.preference.undesirable_weight",
                &mut settings.undesirable_weight,
            ),
        ];
        for (name, path, weight) in weights {
            number(ui, (name, path), weight, 0.01..=100.0, refused);
        }
    }
    if matches!(chosen, PreferenceLoss::Simpo | PreferenceLoss::BradleyTerry) {
        let mut margin = settings.margin();
        number(ui, ("Margin", "train.preference.margin"), &mut margin, 0.0..=100.0, refused);
        // An unchanged margin stays the loss's default.
        if margin.to_bits() != settings.margin().to_bits() {
            settings.margin = Some(margin);
        }
    }
}

/// The reward rule, or the run that scores answers, and the sampling and comparison of answers.
fn reward_ui(ui: &mut Ui, reward: &mut RewardSettings, runs: &Runs, refused: Option<&ErrorReport>) {
    const RULE: &str = "A rule";
    let mut chosen = reward.model.clone();
    let known = named(runs, &reward.named_model().run);
    let shown = match known {
        Some(run) => called(run),
        None if reward.model.is_empty() => RULE.to_owned(),
        None => reward.model.clone(),
    };
    let list = ComboBox::from_id_salt("judge").selected_text(shown).truncate();
    let list = list.show_ui(ui, |ui| {
        ui.selectable_value(&mut chosen, String::new(), RULE);
        for run in runs.list.iter().rev().filter(|run| run.scores() && !run.checkpoints.is_empty()) {
            let is_chosen = known.is_some_and(|known| known.name == run.name);
            if ui.selectable_label(is_chosen, called(run)).clicked() && !is_chosen {
                chosen.clone_from(&run.name);
            }
        }
    });
    list.response.accessible_name("Reward");
    if chosen != reward.model {
        (reward.model, reward.rule) = (chosen, RewardRule::default());
    }
    if reward.model.is_empty() {
        rule_ui(ui, reward, refused);
    } else {
        caption(ui, text::MODEL);
    }
    number(ui, ("Replies to each prompt", "train.reward.group"), &mut reward.group, 2..=4096, refused);
    number(
        ui,
        ("Max tokens of a reply", "train.reward.max_tokens"),
        &mut reward.max_tokens,
        0..=65_536,
        refused,
    );
    if reward.max_tokens == 0 {
        caption(ui, "0: half the context length, at most 512.");
    }
    number(ui, ("Temperature", "train.reward.temperature"), &mut reward.temperature, 0.01..=10.0, refused);
    number(ui, ("KL weight (β)", "train.reward.beta"), &mut reward.beta, 0.0..=100.0, refused);
}

/// The rule, and the pattern or number of words it needs.
fn rule_ui(ui: &mut Ui, reward: &mut RewardSettings, refused: Option<&ErrorReport>) {
    let rules = RewardRule::ALL.map(|rule| (rule, text::rule(rule).0));
    choice(ui, "Rule", &mut reward.rule, None, &rules);
    caption(ui, text::rule(reward.rule).1);
    match reward.rule {
        RewardRule::Contains | RewardRule::Regex | RewardRule::Format => {
            field(ui, "Pattern", "train.reward.pattern", refused, |ui| {
                ui.add(TextEdit::singleline(&mut reward.pattern).desired_width(220.0))
                    .accessible_name("Pattern")
            });
        }
        RewardRule::Length => {
            number(ui, ("Words", "train.reward.words"), &mut reward.words, 1..=65_536, refused);
        }
        RewardRule::Check | RewardRule::Exact | RewardRule::Numeric => {}
    }
}

/// Settings of the objective `distil`; nothing for other objectives.
pub(super) fn teacher_ui(ui: &mut Ui, context: &mut Context<'_>, refused: Option<&ErrorReport>) {
    if !context.draft.train.objective.has_teacher() {
        return;
    }
    let runs = &context.state.runs;
    let settings = &mut context.draft.train.distil;
    let known = named(runs, &settings.teacher().run);
    let shown = known.map_or_else(|| "Choose a teacher".to_owned(), called);
    let width = ui.available_width().min(360.0);
    let list = ComboBox::from_id_salt("teacher").selected_text(shown).width(width).truncate();
    let list = list.show_ui(ui, |ui| {
        for run in runs.list.iter().rev().filter(|run| run.writes() && !run.checkpoints.is_empty()) {
            let chosen = known.is_some_and(|known| known.name == run.name);
            if ui.selectable_label(chosen, called(run)).clicked() && !chosen {
                settings.teacher.clone_from(&run.name);
            }
        }
    });
    list.response.accessible_name("Teacher model");
    caption(ui, "A larger model with the same tokenizer and at least the same context length.");
    number(ui, ("Temperature", "train.distil.temperature"), &mut settings.temperature, 0.1..=100.0, refused);
    number(ui, ("Mix", "train.distil.mix"), &mut settings.mix, 0.0..=1.0, refused);
    caption(ui, "Mix 0 trains on the text only, 1 on the teacher only.");
}
