//! Settings of [`super::Objective::Distil`].

use super::Start;
use crate::setting::{Settings as _, settings};
use crate::{Invalid, ModelConfig, require, rules};

settings! {
    /// Settings of [`super::Objective::Distil`]. The loss of a token is (1 − m)·cross-entropy + m·T²·KL(softmax(t/T) ‖ softmax(x/T)), with
    /// the student's logits x and the teacher's logits t for the same tokens (Hinton et al. 2015, "Distilling the knowledge in a neural
    /// network", section 2; the targets here are the text's own tokens). The loss of a step is the mean over all its targets that count.
    pub struct DistilSettings: "train.distil." {
        /// The teacher, a run of the same project: its number or name, or `latest`, optionally followed by `:` and a checkpoint's file
        /// (default: the best one). The run's own record names both.
        pub teacher: String = String::new();
        /// Divisor T of both models' logits: a larger one gives more weight to the teacher's unlikely tokens.
        pub temperature: f32 = 2.0, "Temperature", 0.01..=1000.0;
        /// 0 learns only from the text, 1 only from the teacher.
        pub mix: f32 = 0.5, "Mix", 0.0..=1.0;
        /// The teacher's model; set when the run starts.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub model: Option<Box<ModelConfig>> = None;
    }
}

impl DistilSettings {
    /// The teacher's run and checkpoint, as typed.
    pub fn teacher(&self) -> Start {
        Start::parse(self.teacher.trim(), None)
    }

    /// Checks all rules for a run with this label smoothing and names the first broken one.
    pub fn validate(&self, label_smoothing: f32) -> Result<(), Invalid> {
        let rule = "name the teacher's run, by its number or name (train.distil.teacher=1)";
        require(
            self.teacher().validate().is_ok(),
            "train.distil.teacher",
            format!("{:?}", self.teacher),
            rule,
        )?;
        self.check()?;
        let rule = "be 0 with the objective distil: the teacher already sets the other tokens' probabilities";
        require(label_smoothing == 0.0, "train.label_smoothing", label_smoothing, rule)
    }

    /// Checks that the teacher's logits are comparable with the student's, if the teacher's model is known.
    pub(super) fn validate_teacher(&self, student: &ModelConfig) -> Result<(), Invalid> {
        let Some(teacher) = &self.model else { return Ok(()) };
        teacher.validate()?;
        let (field, named) = ("train.distil.teacher", &self.teacher);
        let [(has, wants), (length, least)] =
            [(teacher.vocabulary, student.vocabulary), (teacher.context_length, student.context_length)];
        rules! {
            teacher.labels.is_empty() => field, named, "be a run that generates text: this one has a head for labels";
            // Only a run that starts from weights has its own vocabulary size; other runs take the teacher's.
            has == wants => field, named,
                format!("have the same vocabulary size: it has {has}, and model.vocabulary is {wants}; an embedding's padding counts too, so \
                         name a teacher with {wants}, or begin with random weights, which take the teacher's size");
            length >= least => field, named,
                format!("have at least the same context length: it has {length}, and model.context_length is {least}; lower that");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{RunConfig, presets};

    #[test]
    fn a_teacher_is_named_and_fits_its_student() {
        let mut run = presets::preset("first-stories-small").unwrap();
        assert!(!run.to_toml().unwrap().contains("distil"));
        let prompt = run.train.sample_prompt.clone();
        run.set("train.objective=distil").unwrap();
        assert_eq!(run.train.sample_prompt, prompt, "it goes on writing texts");
        let reason = run.validate().unwrap_err().to_string();
        assert!(
            reason.contains("train.distil.teacher") && reason.contains("name the teacher's run"),
            "{reason}"
        );
        run.set("train.distil.teacher=1").unwrap();
        run.set("train.distil.temperature=4").unwrap();
        run.validate().unwrap();
        assert_eq!((run.train.distil.teacher.as_str(), run.train.distil.temperature), ("1", 4.0));
        let teacher = presets::preset("first-stories").unwrap().model;
        run.model.vocabulary = teacher.vocabulary;
        run.train.distil.model = Some(Box::new(teacher));
        run.validate().unwrap();
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        for (change, said) in [
            ("train.distil.temperature=0", "train.distil.temperature = 0 must be between 0.01 and 1000"),
            ("train.distil.temperature=0.001", "train.distil.temperature = 0.001 must be between"),
            ("train.distil.temperature=1001", "train.distil.temperature = 1001 must be between"),
            ("train.distil.temperature=nan", "train.distil.temperature = NaN must be between"),
            ("train.distil.mix=1.5", "train.distil.mix = 1.5 must be between 0 and 1"),
            ("train.distil.mix=nan", "train.distil.mix = NaN must be between 0 and 1"),
            ("train.label_smoothing=0.1", "train.label_smoothing = 0.1 must be 0"),
            ("train.distil.teacher=:best", "name the teacher's run"),
            ("model.vocabulary=77", "and model.vocabulary is 77"),
            ("model.context_length=4096", "and model.context_length is 4096; lower that"),
        ] {
            let mut run = run.clone();
            run.set(change).unwrap();
            let reason = run.validate().unwrap_err().to_string();
            assert!(reason.contains(said), "{change}: {reason}");
        }
    }
}
