//! Settings of [`super::Objective::Preference`].

use crate::setting::{Settings as _, above, choices, settings};
use crate::{Invalid, rules};

choices! {
    /// Loss over pairs of a chosen answer c and a rejected answer r. log π is the sum of the log-probabilities of an answer's tokens, π₀
    /// the initial weights, n the number of an answer's tokens, σ the logistic function; the loss is a mean over pairs. Dropout is off, as
    /// in TRL.
    pub enum PreferenceLoss = Sigmoid {
        /// Raises the probability of the better reply relative to the worse one.
        ///
        /// −log σ(β·((log π(c) − log π₀(c)) − (log π(r) − log π₀(r)))) (Rafailov et al. 2023, arXiv 2305.18290, equation 7; TRL's
        /// `DPOTrainer`).
        #[serde(alias = "dpo")]
        Sigmoid = "sigmoid", "DPO";
        /// Also trains on the better replies themselves, without a reference model.
        ///
        /// The mean loss of all chosen tokens − β·log σ(log odds(c) − log odds(r)), odds = p/(1 − p), p = exp(log π/n) (Hong et al. 2024,
        /// arXiv 2403.07691, equations 4 to 7, whose λ is β). TRL's `ORPOTrainer` also includes the prompt's tokens in the first term.
        Orpo = "orpo", "ORPO";
        /// A head that scores replies, for reinforcement learning; it generates no text.
        ///
        /// Bradley–Terry loss: −log σ(r(c) − r(r) − m) + k·(r(c) + r(r))² (Ouyang et al. 2022, "Training language models to follow
        /// instructions", equation 1; TRL's `RewardTrainer`). r is a text's score: the output, at its last token, of a head with one row that
        /// replaces the token head. m is `margin`, the same for all pairs (a column of the data in TRL); k is `center_rewards_coefficient`,
        /// which keeps scores near 0 (Eisenstein et al. 2023, arXiv 2312.09244). β is unused.
        #[serde(alias = "bradley-terry")]
        BradleyTerry = "bradley_terry", "Reward model";
        /// From single ratings: good replies become more likely, bad ones less likely.
        ///
        /// w·(1 − σ(±β·(log π(y) − log π₀(y) − z))), + for good answers, with w `desirable_weight` or `undesirable_weight`. z is the mean of
        /// log π − log π₀ over mismatched prompts and answers of a micro-batch, at least 0, without a gradient (Ethayarajh et al. 2024, arXiv
        /// 2402.01306, equation 8; TRL's `KTOTrainer`, `loss_type` kto). In a pair, the chosen answer is good and the rejected one bad.
        Kto = "kto", "KTO";
    }
}

impl PreferenceLoss {
    /// Whether it uses reference log-probabilities from the initial weights.
    pub fn has_reference(self) -> bool {
        matches!(self, Self::Sigmoid | Self::Kto)
    }

    /// Whether it takes single good or bad answers rather than pairs.
    pub fn judges_answers(self) -> bool {
        self == Self::Kto
    }

    /// Whether it compares scores from a separate head rather than likelihoods.
    pub fn is_of_scores(self) -> bool {
        self == Self::BradleyTerry
    }
}

settings! {
    /// Settings of [`super::Objective::Preference`], with TRL's defaults.
    pub struct PreferenceSettings: "train.preference." {
        pub loss: PreferenceLoss = PreferenceLoss::Sigmoid, "Preference loss";
        /// Weight of differences in the loss.
        pub beta: f32 = 0.1, "β", above(0.0);
        /// m of a reward model's Bradley–Terry loss: the target margin of the chosen answer.
        pub margin: f32 = 0.0, "Margin", 0.0..;
        /// k of Bradley–Terry, as named in TRL: the penalty on the squared sum of a pair's scores. 0.01 in the paper that TRL cites.
        pub center_rewards_coefficient: f32 = 0.0, "Score centring", 0.0..;
        /// Weight of good answers in KTO. The paper recommends counts times weights in ratios from 1:1 to 4:3 of good to bad answers.
        pub desirable_weight: f32 = 1.0, "Weight of good replies", above(0.0);
        /// Weight of bad answers in KTO.
        pub undesirable_weight: f32 = 1.0, "Weight of bad replies", above(0.0);
    }
}

impl PreferenceSettings {
    /// Checks all rules for a run with this batch size and label smoothing and names the first broken one.
    pub(super) fn validate(&self, batch_size: usize, label_smoothing: f32) -> Result<(), Invalid> {
        self.check()?;
        let (center, judges) = (self.center_rewards_coefficient, self.loss.judges_answers());
        let (good, bad) = (self.desirable_weight, self.undesirable_weight);
        rules! {
            self.loss.is_of_scores() || self.margin == 0.0 => "train.preference.margin", self.margin,
                "be 0, unless train.preference.loss is bradley_terry";
            self.loss.is_of_scores() || center == 0.0 => "train.preference.center_rewards_coefficient", center,
                "be 0, unless train.preference.loss is bradley_terry";
            batch_size.is_multiple_of(2) => "train.batch_size", batch_size,
                "be even with the objective preference: each pair takes two rows";
            batch_size >= 4 || !judges => "train.batch_size", batch_size,
                "be at least 4 with train.preference.loss = kto: the divergence is a mean over a micro-batch, half of whose rows are answers";
            good == 1.0 || judges => "train.preference.desirable_weight", good, "be 1, unless train.preference.loss is kto";
            bad == 1.0 || judges => "train.preference.undesirable_weight", bad, "be 1, unless train.preference.loss is kto";
            label_smoothing == 0.0 => "train.label_smoothing", label_smoothing, "be 0 with the objective preference";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::PreferenceLoss;
    use crate::{RunConfig, presets};

    #[test]
    fn pairs_need_even_batches_and_sensible_numbers() {
        let mut run = presets::preset("first-stories").unwrap();
        assert!(!run.to_toml().unwrap().contains("preference"));
        run.set("train.objective=preference").unwrap();
        run.set("train.preference.loss=orpo").unwrap();
        run.set("train.preference.beta=2.5").unwrap();
        run.set("train.batch_size=4").unwrap();
        run.train.validate().unwrap();
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        for (change, said) in [
            ("train.batch_size=5", "train.batch_size = 5 must be even"),
            ("train.preference.loss=kto;train.batch_size=2", "train.batch_size = 2 must be at least 4"),
            ("train.preference.beta=0", "train.preference.beta = 0 must be a number above 0"),
            ("train.preference.margin=-1", "train.preference.margin = -1 must be 0 or more"),
            ("train.label_smoothing=0.1", "train.label_smoothing = 0.1 must be 0"),
        ] {
            let mut run = run.clone();
            change.split(';').for_each(|change| run.set(change).unwrap());
            let reason = run.train.validate().unwrap_err().to_string();
            assert!(reason.contains(said), "{reason}");
        }
        assert!(run.set("train.preference.loss=kgo").unwrap_err().contains("kgo"));
        run.set("train.preference.loss=dpo").unwrap();
        assert_eq!(run.train.preference.loss, PreferenceLoss::Sigmoid, "by the paper's name and by TRL's");
        run.set("train.preference.center_rewards_coefficient=0.01").unwrap();
        let reason = run.train.validate().unwrap_err().to_string();
        assert!(reason.contains("must be 0, unless train.preference.loss is bradley_terry"), "{reason}");
    }

    #[test]
    fn a_reward_model_has_one_score_and_no_margin_unless_one_is_said() {
        let mut run = presets::preset("first-stories").unwrap();
        run.set("train.objective=preference").unwrap();
        run.set("train.preference.loss=orpo").unwrap();
        assert!(!run.train.learns_scores());
        for name in ["bradley_terry", "bradley-terry"] {
            run.set(&format!("train.preference.loss={name}")).unwrap();
            assert_eq!(run.train.preference.loss, PreferenceLoss::BradleyTerry);
        }
        assert_eq!((run.train.preference.margin, run.train.learns_scores()), (0.0, true));
        run.set("train.preference.margin=1").unwrap();
        run.set("train.preference.center_rewards_coefficient=0.01").unwrap();
        run.train.batch_size = 4;
        run.train.validate().unwrap();
        let text = run.to_toml().unwrap();
        assert!(text.contains("loss = \"bradley_terry\"") && text.contains("margin = 1.0"), "{text}");
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        run.train.objective = crate::Objective::Chat;
        assert!(!run.train.learns_scores());
    }
}
