//! Default settings of runs that start from a model, for the command line and the pages.

use super::OptimizerKind;
use crate::quantity::counted;
use crate::{Objective, RunConfig};

/// Learning rate for preferences and rewards, as in TRL's trainers.
const CAREFUL_RATE: f64 = 1e-6;
/// The same for an adapter, which starts at zero.
const ADAPTER_RATE: f64 = 1e-5;
/// The same for a reward model, whose head is new.
const SCORING_RATE: f64 = 1e-4;
/// Maximum learning rate of all other objectives, times the model's width: 5e-5 for GPT-2's 768, the default of `transformers`, and
/// 3e-4 for 128.
const RATE_TIMES_WIDTH: f64 = 0.0384;
/// Factor on that rate for an adapter, and its limit.
const ADAPTER_FACTOR: f64 = 10.0;
const HIGHEST_ADAPTER_RATE: f64 = 1e-3;
/// Warm-up as a percentage of the steps.
const WARMUP: u64 = 3;
/// The value in PyTorch and TRL.
const BETA2: f64 = 0.999;

impl RunConfig {
    /// Default learning rate of a run that starts from a model with this objective. Unless the objective compares answers, it is an
    /// upper limit: the model may have been trained at a lower rate.
    pub fn tuning_rate(&self) -> f64 {
        match (self.train.objective, &self.train.adapter) {
            (Objective::Preference, _) if self.train.learns_scores() => SCORING_RATE,
            (objective, Some(_)) if objective.compares_answers() => ADAPTER_RATE,
            (objective, None) if objective.compares_answers() => CAREFUL_RATE,
            (_, adapter) => {
                // Rounded to two digits, because the rate is an estimate and is displayed.
                let rate = RATE_TIMES_WIDTH / self.model.width.max(1) as f64;
                let rate = match adapter {
                    Some(_) => (ADAPTER_FACTOR * rate).min(HIGHEST_ADAPTER_RATE),
                    None => rate,
                };
                let digits = libm::pow(10.0, 1.0 - libm::floor(libm::log10(rate)));
                libm::round(rate * digits) / digits
            }
        }
    }

    /// Applies the defaults for a run that starts from a model: AdamW instead of Muon, whose rates are others; the rate of
    /// [`Self::tuning_rate`], or the model's own training rate if that is lower and the run neither compares answers nor trains an adapter;
    /// a warm-up of 3 % of the steps; β₂ = 0.999 for Adam. Runs that compare answers have no weight decay, as in TRL: it would change
    /// weights that learn nothing.
    pub fn take_tuning_defaults(&mut self) {
        let (rate, compares) = (self.tuning_rate(), self.train.objective.compares_answers());
        let is_own = compares || self.train.adapter.is_some();
        self.set_learning_rate(if is_own { rate } else { rate.min(self.train.learning_rate) });
        let train = &mut self.train;
        train.warmup_steps = tuning_warmup(train.steps);
        if train.optimizer == OptimizerKind::Muon {
            train.optimizer = OptimizerKind::Adamw;
        }
        if matches!(train.optimizer, OptimizerKind::Adam | OptimizerKind::Adamw) {
            train.beta2 = BETA2;
        }
        if compares {
            train.weight_decay = 0.0;
        }
    }

    /// A sentence that lists the settings at these defaults; `None` if the run starts from random weights or has none of them.
    pub fn tuning_sentence(&self) -> Option<String> {
        let train = &self.train;
        self.start.as_ref()?;
        let mut taken = Vec::new();
        if train.learning_rate.to_bits() == self.tuning_rate().to_bits() {
            taken.push(format!("learning rate {:e}", train.learning_rate));
        }
        if train.warmup_steps == tuning_warmup(train.steps) {
            let steps = counted(train.warmup_steps, "step");
            taken.push(format!("warm-up {WARMUP} % ({steps})"));
        }
        if train.beta2.to_bits() == BETA2.to_bits() {
            taken.push(format!("β₂ {BETA2}"));
        }
        if train.objective.compares_answers() && train.weight_decay == 0.0 {
            taken.push("no weight decay".to_owned());
        }
        (!taken.is_empty())
            .then(|| format!("defaults of tuning by the objective {}: {}", train.objective, taken.join(", ")))
    }
}

/// Default number of warm-up steps.
pub(super) fn tuning_warmup(steps: u64) -> u64 {
    steps.saturating_mul(WARMUP).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PreferenceLoss;
    use crate::{Adapter, Start, presets};

    fn begun() -> RunConfig {
        let mut run = presets::preset("first-stories").unwrap();
        run.start = Some(Start::best_of("1"));
        run
    }

    #[test]
    fn each_objective_has_its_defaults() {
        let of = |objective: Objective, change: fn(&mut RunConfig)| {
            let mut run = begun();
            change(&mut run);
            run.set_objective(objective);
            let train = run.train;
            (train.learning_rate, train.weight_decay, train.beta2, train.warmup_steps)
        };
        let (decay, steps) = (begun().train.weight_decay, begun().train.steps);
        let warmup = (3 * steps).div_ceil(100);
        assert!(decay > 0.0);
        assert_eq!(of(Objective::Chat, |_| ()), (3e-4, decay, 0.999, warmup));
        assert_eq!(of(Objective::Classify, |run| run.set_learning_rate(1e-4)).0, 1e-4, "a lower one stays");
        assert_eq!(of(Objective::Chat, |run| run.model.width = 768).0, 5e-5);
        let adapted = |run: &mut RunConfig| {
            run.train.adapter = Some(Adapter::default());
            run.model.width = 768;
            run.set_learning_rate(1e-5);
        };
        assert_eq!(of(Objective::Chat, adapted).0, 5e-4, "the base's rate says nothing of an adapter's");
        assert_eq!(of(Objective::Preference, |_| ()), (1e-6, 0.0, 0.999, warmup));
        assert_eq!(of(Objective::Reward, |run| run.train.adapter = Some(Adapter::default())).0, 1e-5);
        assert_eq!(of(Objective::Reward, |_| ()).1, 0.0);
        let scores = |run: &mut RunConfig| run.train.preference.loss = PreferenceLoss::BradleyTerry;
        assert_eq!(of(Objective::Preference, scores), (1e-4, 0.0, 0.999, warmup));
        // Training from random weights has its own defaults.
        let mut own = presets::preset("first-stories").unwrap();
        let before = own.train.clone();
        own.set_objective(Objective::Distil);
        assert_eq!((own.train.beta2, own.train.warmup_steps), (before.beta2, before.warmup_steps));
    }

    #[test]
    fn an_adapter_that_is_chosen_later_takes_its_rate_unless_another_was_chosen() {
        let mut run = begun();
        run.model.width = 768;
        run.set_objective(Objective::Chat);
        assert_eq!(run.train.learning_rate, 5e-5);
        run.set("adapter=lora").unwrap();
        assert_eq!(run.train.learning_rate, 5e-4);
        run.set("adapter=none").unwrap();
        assert_eq!(run.train.learning_rate, 5e-5);
        run.set("adapter.rank=4").unwrap();
        assert_eq!(run.train.learning_rate, 5e-4);
        run.model.width = 128;
        assert_eq!(run.tuning_rate(), 1e-3);
        run.set("train.learning_rate=2e-5").unwrap();
        run.set("adapter=none").unwrap();
        assert_eq!(run.train.learning_rate, 2e-5);
    }

    #[test]
    fn weight_decay_comes_back_after_comparing_answers() {
        let mut run = begun();
        run.set_objective(Objective::Preference);
        run.set_objective(Objective::Reward);
        assert_eq!(run.train.weight_decay, 0.0);
        run.set_objective(Objective::Chat);
        assert_eq!(run.train.weight_decay, crate::TrainConfig::default().weight_decay);
    }

    #[test]
    fn a_warm_up_is_a_share_of_the_steps_and_what_was_taken_is_said() {
        let mut run = begun();
        run.set_objective(Objective::Preference);
        run.set_steps(200);
        assert_eq!(run.train.warmup_steps, 6);
        run.set_steps(40);
        assert_eq!(run.train.warmup_steps, 2);
        let said = run.tuning_sentence().unwrap();
        for part in
            ["objective preference", "learning rate 1e-6", "3 % (2 steps)", "β₂ 0.999", "no weight decay"]
        {
            assert!(said.contains(part), "{said}");
        }
        run.set("train.weight_decay=0.01").unwrap();
        run.set("train.warmup_steps=9").unwrap();
        let said = run.tuning_sentence().unwrap();
        assert!(!said.contains("decay") && !said.contains("warm-up"), "{said}");
        run.set_steps(400);
        assert_eq!(run.train.warmup_steps, 9, "one that was chosen stays");
        assert_eq!(presets::preset("first-stories").unwrap().tuning_sentence(), None);
    }
}
