//! Settings of an objective in addition to its data: the preference loss, the source of rewards, noise, or the teacher.

use super::settings::follow_rate;
use super::*;
use glasshouse_protocol::config::{PreferenceSettings, RewardRule};

pub fn judge_ui(ui: &mut Ui, draft: &mut RunConfig, runs: &Runs, refused: Option<&ErrorReport>) {
    match draft.train.objective {
        Objective::Chat => form_ui(ui, draft, refused, "train.chat", &["neftune_alpha"]),
        Objective::Preference => loss_ui(ui, draft, refused),
        Objective::Reward => reward_ui(ui, draft, runs, refused),
        Objective::Text | Objective::Classify | Objective::Distil => {}
    }
}

/// Sets the draft's loss over pairs or single answers.
pub fn learn_by(draft: &mut RunConfig, loss: PreferenceLoss) {
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
    described_ui(ui, "Preference loss", &mut chosen);
    learn_by(draft, chosen);
    let own = if chosen == PreferenceLoss::BradleyTerry { "margin" } else { "beta" };
    form_ui(ui, draft, refused, "train.preference", &[own]);
    if chosen.judges_answers() {
        form_ui(ui, draft, refused, "train.preference", &["desirable_weight", "undesirable_weight"]);
    }
}

/// The reward rule, or the run that scores answers, and the sampling and comparison of answers.
fn reward_ui(ui: &mut Ui, draft: &mut RunConfig, runs: &Runs, refused: Option<&ErrorReport>) {
    const RULE: &str = "A rule";
    let reward = &mut draft.train.reward;
    let known = named(runs, &reward.named_model().run);
    // The model may be named by its number or title.
    let before = known.map_or_else(|| reward.model.clone(), |run| run.name.clone());
    let mut chosen = before.clone();
    let choices =
        std::iter::once((String::new(), RULE.to_owned())).chain(with_weights(runs, RunSummary::scores));
    choice_or(ui, ("Reward", &before), &mut chosen, None, &choices.collect::<Vec<_>>());
    if chosen != before {
        (reward.model, reward.rule) = (chosen, RewardRule::default());
    }
    if reward.model.is_empty() {
        described_ui(ui, "Rule", &mut reward.rule);
        match reward.rule {
            RewardRule::Contains | RewardRule::Regex | RewardRule::Format => {
                form_ui(ui, draft, refused, "train.reward", &["pattern"]);
            }
            RewardRule::Length => form_ui(ui, draft, refused, "train.reward", &["words"]),
            RewardRule::Check | RewardRule::Exact | RewardRule::Numeric => {}
        }
    } else {
        caption(ui, text::MODEL);
    }
    form_ui(ui, draft, refused, "train.reward", &["group", "max_tokens"]);
    if draft.train.reward.max_tokens == 0 {
        caption(ui, "0: half the context length, at most 512.");
    }
    form_ui(ui, draft, refused, "train.reward", &["temperature", "beta"]);
}

/// Names and titles of the runs of a kind that have weights, newest first.
fn with_weights(runs: &Runs, is: fn(&RunSummary) -> bool) -> impl Iterator<Item = (String, String)> {
    let runs = runs.list.iter().rev().filter(move |run| is(run) && !run.checkpoints.is_empty());
    runs.map(|run| (run.name.clone(), offered(run)))
}

/// Settings of the objective `distil`; nothing for other objectives.
pub fn teacher_ui(ui: &mut Ui, context: &mut Context<'_>, refused: Option<&ErrorReport>) {
    if !context.draft.train.objective.has_teacher() {
        return;
    }
    let runs = &context.state.runs;
    let settings = &mut context.draft.train.distil;
    let known = named(runs, &settings.teacher().run);
    let before = known.map_or_else(String::new, |run| run.name.clone());
    let (mut chosen, width) = (before.clone(), ui.available_width().min(360.0));
    let choices: Vec<_> = with_weights(runs, RunSummary::writes).collect();
    choice_or(ui, ("Teacher model", "Choose a teacher"), &mut chosen, Some(width), &choices);
    if chosen != before {
        settings.teacher = chosen;
    }
    caption(ui, "A larger model with the same tokenizer and at least the same context length.");
    form_ui(ui, context.draft, refused, "train.distil", &["temperature", "mix"]);
    caption(ui, "Mix 0 trains on the text only, 1 on the teacher only.");
}
